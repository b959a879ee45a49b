"""What ``watch`` listens to: streams beside each other, and what was missed before."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import ImbariError

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat, AsyncConversation
    from imbari_chat.schema.events import ChatEvent
    from imbari_chat.schema.models import Message, Session

__all__ = [
    "WINDOW",
    "as_long_as_it_goes",
    "joined",
    "missed_messages",
    "missed_of",
    "only",
]

WINDOW: Final = 200
"""Conversations that are followed in all: those that moved last."""

_PAGE: Final = 200

_PATIENCE: Final = 2.0
"""Seconds that one stream waits for the other."""


async def missed_messages(
    chat: "AsyncAdminChat", since: int
) -> "Sequence[tuple[Session, Message]]":
    """All messages since then, in the order of their times."""
    found: list[tuple[Session, Message]] = []
    async for session in chat.browse(since=since, page_size=_PAGE):
        async with chat.open(session.id, peek=True) as conversation:
            found += await missed_of(conversation, since)
    return sorted(found, key=lambda one: one[1].timestamp)


async def missed_of(
    conversation: "AsyncConversation", since: int | None, latest: int = 0
) -> "Sequence[tuple[Session, Message]]":
    """The messages of one conversation since then, or else the latest so many, oldest first."""
    found: list[tuple[Session, Message]] = []
    if since is None and not latest:
        return found
    async for message in conversation.browse(page_size=latest or _PAGE):
        if message.timestamp < (since or 0):
            break
        found.append((conversation.session, message))
        if len(found) == latest:
            break
    return found[::-1]


async def as_long_as_it_goes(
    changes: "AsyncGenerator[ChatEvent, None]", stderr: Stderr
) -> "AsyncGenerator[ChatEvent, None]":
    """The same; its end is narrated, and is not the end of everything."""
    try:
        async with aclosing(changes):
            async for event in changes:
                yield event
    except ImbariError as error:
        few = f"only the {WINDOW} conversations that moved last are seen to be resolved"
        stderr.warn(f"{few}: {error}")


async def joined(
    events: "AsyncGenerator[ChatEvent, None]", changes: "AsyncGenerator[ChatEvent, None]"
) -> "AsyncGenerator[ChatEvent, None]":
    """What ``events`` tell, and what is resolved and reopened as ``changes`` tell it.

    It is not called live before both are, or one of them takes too long. What either fails with
    ends it.
    """
    from imbari_chat.schema.events import ConnectionChanged

    told: asyncio.Queue[ChatEvent | Exception] = asyncio.Queue(1)  # nothing is read ahead
    are_known = asyncio.Event()

    async def read_events() -> None:
        async for event in events:
            if isinstance(event, ConnectionChanged) and event.state == "live":
                with suppress(TimeoutError):
                    await asyncio.wait_for(are_known.wait(), _PATIENCE)
            await told.put(event)

    async def read_changes() -> None:
        try:
            async for event in changes:
                if not isinstance(event, ConnectionChanged):
                    await told.put(event)
                elif event.state == "live":
                    are_known.set()
        finally:
            are_known.set()

    async def read(work: Awaitable[None], stream: "AsyncGenerator[ChatEvent, None]") -> None:
        try:
            async with aclosing(stream):
                await work
        except Exception as error:  # noqa: BLE001  # raised where the stream is read
            await told.put(error)

    tasks = [
        asyncio.create_task(read(work(), stream), name="watch")
        for work, stream in ((read_events, events), (read_changes, changes))
    ]
    try:
        while True:
            item = await told.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def only(
    events: "AsyncGenerator[ChatEvent, None]", session_id: str
) -> "AsyncGenerator[ChatEvent, None]":
    """What is about one conversation, or about the stream."""
    async with aclosing(events):
        async for event in events:
            about = getattr(event, "session_id", session_id)
            if getattr(getattr(event, "session", None), "id", about) == session_id == about:
                yield event
