"""What ``watch`` reads of one conversation, and of what was missed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat.cli import watch_streams
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.watch_streams import (
    as_long_as_it_goes,
    joined,
    missed_messages,
    missed_of,
    only,
)
from imbari_chat.errors import AccessDenied
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    PresenceChanged,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
    TypingChanged,
)
from imbari_chat.schema.models import Message, Session
from tests.view.records import NOW, message, session

AMINA, BRIAN = session("amina"), session("brian")


def _about(one: Session) -> list[ChatEvent]:
    return [
        SessionAdded(one),
        SessionChanged(one, one),
        SessionRemoved(one, deleted=True),
        MessageAdded(one.id, message("m", "x")),
        PresenceChanged(one.id, "customer", "online"),
        TypingChanged(one.id, "customer", True),
    ]


class Stream:
    """Events, and whether whoever read them has closed it."""

    def __init__(self, *events: ChatEvent, error: Exception | None = None) -> None:
        self.events, self.error, self.is_closed = events, error, False

    async def read(self) -> AsyncGenerator[ChatEvent]:
        try:
            for event in self.events:
                yield event
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


async def test_of_one_conversation_all_is_told_and_of_others_nothing() -> None:
    """What is about the stream itself is told as well."""
    stream: list[ChatEvent] = [ConnectionChanged("live"), RecordRejected("/x", ("bad",), None)]
    told = Stream(*_about(BRIAN), *_about(AMINA), *stream)
    kept = [event async for event in only(told.read(), AMINA.id)]
    assert kept == [*_about(AMINA), *stream]
    assert told.is_closed


async def test_a_stream_of_changes_may_end_without_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is said what is not seen any more; a mistake of ours is raised."""
    stderr = Stderr()
    for error in (None, AccessDenied("no index")):
        stream = Stream(*_about(AMINA), error=error)
        told = [event async for event in as_long_as_it_goes(stream.read(), stderr)]
        assert (told, stream.is_closed) == (_about(AMINA), True)
        said = "warning: only the 200 conversations that moved last are seen to be resolved"
        assert capsys.readouterr().err == ("" if error is None else f"{said}: no index\n")
    with pytest.raises(OSError, match="gone"):
        _ = [one async for one in as_long_as_it_goes(Stream(error=OSError("gone")).read(), stderr)]


async def _heard(queue: "asyncio.Queue[ChatEvent | None]") -> AsyncGenerator[ChatEvent]:
    """What is put there, up to a None."""
    while (event := await queue.get()) is not None:
        yield event


LIVE, LOST = ConnectionChanged("live"), ConnectionChanged("reconnecting")
TOLD, RESOLVED = MessageAdded(AMINA.id, message("m", "x")), SessionChanged(AMINA, AMINA)


@pytest.mark.parametrize(
    ("changes", "patience", "told"),
    [
        ([], 600.0, [LOST, TOLD]),
        ([LOST, RESOLVED], 600.0, [LOST, TOLD, RESOLVED]),
        ([LIVE], 600.0, [LOST, TOLD, LIVE, TOLD]),
        ([RESOLVED, LIVE], 600.0, [LOST, TOLD, RESOLVED, LIVE, TOLD]),
        ([None], 600.0, [LOST, TOLD, LIVE, TOLD]),
        ([], 0.0, [LOST, TOLD, LIVE, TOLD]),
        ([LOST], 0.0, [LOST, TOLD, LIVE, TOLD]),
    ],
)
async def test_it_is_live_once_changes_are_or_have_ended_or_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
    changes: Sequence[ChatEvent | None],
    patience: float,
    told: list[ChatEvent],
) -> None:
    """How the connection for changes is, nobody is told; what comes before is not held up."""
    monkeypatch.setattr(watch_streams, "_PATIENCE", patience)
    first: asyncio.Queue[ChatEvent | None] = asyncio.Queue()
    second: asyncio.Queue[ChatEvent | None] = asyncio.Queue()
    for one in (LOST, TOLD, LIVE, TOLD):
        first.put_nowait(one)
    for other in changes:
        second.put_nowait(other)
    found: list[ChatEvent] = []

    async def read() -> None:
        async with aclosing(joined(_heard(first), _heard(second))) as both:
            async for event in both:
                found.append(event)  # noqa: PERF401  # it does not end

    reading = asyncio.create_task(read())
    async with asyncio.timeout(60):
        while len(found) < len(told):  # noqa: ASYNC110  # the double sets no event
            await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    is_in_order = [one for one in found if one is not RESOLVED]
    assert is_in_order == [one for one in told if one is not RESOLVED]
    assert found.count(RESOLVED) == told.count(RESOLVED)


class Conversation:
    """Messages, the newest first, page by page."""

    def __init__(self, one: Session, *at: int) -> None:
        self.session = one
        self.messages = [message(f"{one.id} {t}", "x", timestamp=NOW + t) for t in at]
        self.asked: list[int] = []
        self.read = 0

    async def __aenter__(self) -> "Conversation":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def browse(self, *, page_size: int) -> AsyncIterator[Message]:
        self.asked.append(page_size)
        for one in reversed(self.messages):
            self.read += 1
            yield one


def _ids(found: Sequence[tuple[Session, Message]]) -> list[str]:
    return [one.id for _, one in found]


@pytest.mark.parametrize(
    ("since", "latest", "found", "asked", "read"),
    [
        (None, 0, [], [], 0),
        (NOW + 2, 0, ["amina 2", "amina 3"], [200], 3),
        (NOW + 9, 0, [], [200], 1),
        (0, 0, ["amina 0", "amina 1", "amina 2", "amina 3"], [200], 4),
        (None, 2, ["amina 2", "amina 3"], [2], 2),
        (None, 9, ["amina 0", "amina 1", "amina 2", "amina 3"], [9], 4),
        (NOW + 3, 2, ["amina 3"], [2], 2),
    ],
)
async def test_what_was_missed_is_read_from_its_end(
    since: int | None, latest: int, found: list[str], asked: list[int], read: int
) -> None:
    """No further than need be, and told from its beginning."""
    conversation: Any = Conversation(AMINA, 0, 1, 2, 3)
    missed = await missed_of(conversation, since, latest)
    assert _ids(missed) == found
    assert {one.id for one, _ in missed} <= {"amina"}
    assert (conversation.asked, conversation.read) == (asked, read)


async def test_what_was_missed_of_all_is_told_in_the_order_of_its_times() -> None:
    """Nothing is marked read, and only those that moved since are looked at."""
    opened: list[str] = []

    class Chat:
        async def browse(self, *, since: int, page_size: int) -> AsyncIterator[Session]:
            assert (since, page_size) == (NOW + 1, 200)
            for one in (AMINA, BRIAN):
                yield one

        def open(self, session_id: str, *, peek: bool) -> Conversation:
            opened.append(f"{session_id} {peek}")
            return Conversation(*((AMINA, 1, 3) if session_id == AMINA.id else (BRIAN, 0, 2)))

    chat: Any = Chat()
    found = await missed_messages(chat, NOW + 1)
    assert _ids(found) == ["amina 1", "brian 2", "amina 3"]
    assert opened == ["amina True", "brian True"]
