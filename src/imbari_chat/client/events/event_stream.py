"""Following a window through every outage: from what a subscription says to typed events."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from imbari_chat.client.events.diff import MessageDiff, WindowDiff
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.mirror import children
from imbari_chat.engine.stream import Changed, StateChanged
from imbari_chat.net.notifier import Notifier
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, DeliveryChanged, MessageAdded
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["follow", "message_events", "with_deliveries"]

_GROWTH = 4


async def follow(
    gateway: Gateway,
    path: Path,
    window: Callable[[int], Query],
    diff: WindowDiff,
    *,
    buffer: int,
    overflow: Overflow,
) -> AsyncGenerator[list[ChatEvent], None]:
    """Listen to a window and give what changed, batch by batch, for ever.

    After an outage in which more changed than the window holds, what the window no longer
    shows is read as well, so that nothing is passed over.
    """
    async with gateway.transport.listen(
        path, window(diff.limit), buffer=buffer, overflow=overflow
    ) as subscription:
        async for item in subscription:
            match item:
                case StateChanged():
                    if item.state == "live":
                        gateway.outbox.online()
                    yield [_connection(item)]
                case Changed(value, touched):
                    if diff.has_gap(value):
                        value = await _with_gap_filled(gateway, path, window, diff, value)
                        touched = None
                    for step, events in enumerate(diff.updates(value, touched)):
                        if step:
                            await asyncio.sleep(0)  # a long snapshot is not to hold up the loop
                        yield events


async def _with_gap_filled(
    gateway: Gateway, path: Path, window: Callable[[int], Query], diff: WindowDiff, value: Json
) -> Json:
    limit = diff.limit * _GROWTH
    while True:
        wider = await gateway.patiently(path, window(limit))
        if not diff.has_gap(wider) or len(children(wider)) < limit:
            return diff.fill(value, wider)
        limit *= _GROWTH


def message_events(
    gateway: Gateway,
    session_id: SessionId,
    *,
    history: int,
    window: int,
    buffer: int = DEFAULT_LIMIT,
    overflow: Overflow = "coalesce",
) -> AsyncGenerator[ChatEvent, None]:
    """Follow one conversation: its last ``history`` messages, then whatever happens."""
    diff = MessageDiff(session_id, max(history, window), history)
    batches = follow(
        gateway,
        paths.messages(session_id),
        paths.newest_messages,
        diff,
        buffer=buffer,
        overflow=overflow,
    )
    return with_deliveries(gateway, batches, session_id)


async def with_deliveries(
    gateway: Gateway,
    batches: AsyncGenerator[list[ChatEvent], None],
    session_id: SessionId | None = None,
) -> AsyncGenerator[ChatEvent, None]:
    """The events of ``batches``, and in between what becomes of messages written here.

    Args:
        gateway: Where they are written.
        batches: The stream; closed together with this.
        session_id: Only messages of this conversation; of all by default.
    """
    posted: list[DeliveryChanged] = []
    notifier = Notifier()

    def post(event: DeliveryChanged) -> None:
        if session_id is None or event.session_id == session_id:
            posted.append(event)
            notifier.notify()

    def follow_on() -> "asyncio.Task[list[ChatEvent] | None]":
        task = asyncio.get_running_loop().create_task(_next(batches))
        task.add_done_callback(notifier.notify)
        return task

    def ready() -> bool:
        return bool(posted) or following.done()

    gateway.outbox.watch(post)
    following = follow_on()
    try:
        while True:
            await notifier.until(ready)
            while posted:
                yield posted.pop(0)
            if following.done():
                batch = following.result()
                if batch is None:
                    return
                for event in batch:
                    if isinstance(event, MessageAdded):
                        gateway.ids.saw(event.session_id, event.message.timestamp)
                    yield event
                following = follow_on()
    finally:
        gateway.outbox.unwatch(post)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await batches.aclose()


async def _next(batches: AsyncGenerator[list[ChatEvent], None]) -> list[ChatEvent] | None:
    return await anext(batches, None)


def _connection(item: StateChanged) -> ConnectionChanged:
    return ConnectionChanged(item.state, item.reason, item.retry_in)
