"""What becomes of what a subscription says of a window, in a client that sends as well."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from types import coroutine
from typing import Any

import pytest

from imbari_chat.client.events import event_stream
from imbari_chat.client.events.diff import MessageDiff, SessionDiff
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.engine.buffer import DEFAULT_LIMIT, ListenItem, Overflow
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.schema import paths
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    SessionAdded,
    SessionRemoved,
)
from imbari_chat.schema.order import latest_time
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.batches import following
from tests.client.in_memory import ADMIN, InMemory, Silence, database
from tests.view.records import NOW

AMINA = SessionId("amina")
PLACE, ORDER = paths.messages(AMINA), paths.messages_in_order()
LIVE, AWAY = StateChanged("live"), StateChanged("reconnecting", "cut", 1.5)


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let others have theirs."""
    yield


class Said(Silence):
    """A subscription that says these things and ends, and whether it was closed."""

    def __init__(self, items: Sequence[ListenItem]) -> None:
        self._items = iter(items)
        self.is_closed = False

    async def __anext__(self) -> ListenItem:
        try:
            return next(self._items)
        except StopIteration:
            await _turn()  # whatever has begun meanwhile does something first
            raise StopAsyncIteration from None

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True


class Line(InMemory):
    """A transport whose subscriptions say what they are given, one after the other."""

    def __init__(self, *said: Sequence[ListenItem]) -> None:
        super().__init__(database(), ADMIN)
        self._said = [Said(items) for items in said]
        self.listened: list[tuple[Path, Query | None, int, Overflow]] = []
        self.subscribed: list[Said] = []
        self.reads = 0

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> Said:
        self.listened.append((path, query, buffer, overflow))
        if query is None:
            return Said(())  # of the session, once its window is full
        assert all(one.is_closed for one in self.subscribed)
        self.subscribed.append(self._said.pop(0))
        return self.subscribed[-1]

    async def get(self, path: Path, query: Query | None = None) -> Json:
        self.reads += 1
        return await super().get(path, query)

    def write(self, *keys: str) -> None:
        self.put(PLACE, _window(*keys))

    def put(self, path: Path, value: Json) -> None:
        self._namespace.write(Write.put(path, value), OWNER, 0)


def _window(*keys: str, ahead: int = 0) -> dict[str, Json]:
    """Messages that stand in the order of their ids; the last ones are ahead of their time."""
    late = keys[len(keys) - ahead :]
    return {
        key: {
            "text": key, "from": "customer",
            "timestamp": 1 + latest_time(Gateway(Line()).ids.now()) * 2 * (key in late),
        }
        for key in keys
    }  # fmt: skip


async def _told(line: Line, diff: MessageDiff, **options: Any) -> list[list[str]]:
    """What comes of it, in words."""
    options = {"buffer": 7, "overflow": "raise", **options}
    batches = following(Gateway(line), PLACE, ORDER, diff, **options)
    told = [[_word(event) for event in batch] async for batch in batches]
    assert all(one.is_closed for one in line.subscribed)
    return told


def _word(event: ChatEvent) -> str:
    match event:
        case ConnectionChanged(state, reason, retry_in):
            return " ".join(str(part) for part in (state, reason, retry_in) if part is not None)
        case MessageAdded(_, message):
            return f"+{message.id}"
        case MessageRemoved(_, message):
            return f"-{message.id}"
        case MessageChanged(_, message):
            return f"*{message.id}"
        case _:
            return type(event).__name__


async def test_it_is_not_live_before_what_there_is_has_been_given() -> None:
    """Which ends with an empty batch. Afterwards it is as soon as it says so."""
    line = Line(
        [
            StateChanged("connecting"), LIVE, Changed(_window("a"), None), AWAY, LIVE,
            Changed(_window("a", "b"), frozenset("b")),
        ]
    )  # fmt: skip
    assert await _told(line, MessageDiff(AMINA, 5)) == [
        ["connecting"], ["+a"], [], ["live"], ["reconnecting cut 1.5"], ["live"], ["+b"],
    ]  # fmt: skip
    assert line.listened == [(PLACE, ORDER.limit_to_last(5), 7, "raise")]


async def test_one_that_is_cut_before_anything_was_given_is_not_live() -> None:
    """Until it is again; and if it says so after what there is, it is at once."""
    line = Line([LIVE, AWAY, Changed(_window("a"), None), LIVE])
    assert await _told(line, MessageDiff(AMINA, 5)) == [
        ["reconnecting cut 1.5"], ["+a"], [], ["live"],
    ]  # fmt: skip


async def test_a_window_full_of_what_is_ahead_is_exchanged_for_a_larger_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of which nothing was given; one of the largest stays, and that is said once."""
    monkeypatch.setattr(event_stream, "_MOST_FOLLOWED", 6)
    crowd = Changed(_window(*"abcdef", ahead=5), None)
    few = Changed(_window("e", "f", ahead=2), None)
    line = Line([LIVE, few, Changed({}, None)], [AWAY, crowd, LIVE, crowd])
    caplog.set_level(logging.WARNING)
    assert await _told(line, MessageDiff(AMINA, 2)) == [
        ["reconnecting cut 1.5"], ["+a", "+b", "+c", "+d", "+e", "+f"], [], ["live"], [],
    ]  # fmt: skip
    assert [query for _, query, _, _ in line.listened] == [
        ORDER.limit_to_last(2), ORDER.limit_to_last(6),
    ]  # fmt: skip
    (said,) = caplog.messages
    assert said.startswith(f"{PLACE}: most of the newest records are stamped later than now")
    assert "more than 6 of them" in said


async def test_what_is_not_found_again_in_a_gap_was_deleted() -> None:
    """In a conversation; in the inbox as well, of which all above is read."""
    line = Line([Changed(_window("a", "b"), None), Changed(_window("d", "e"), None)])
    line.write(*"acde")
    told = await _told(line, MessageDiff(AMINA, 2))
    assert [word for batch in told for word in batch] == ["+a", "+b", "+c", "-b", "+d", "+e"]

    def sessions(keys: str) -> dict[str, Json]:
        return {key: {"customerName": key, "lastMessageTime": ord(key)} for key in keys}

    line = Line([Changed(sessions("ab"), None), Changed(sessions("de"), None)])
    line.put(paths.SESSIONS, sessions("acdef"))
    batches = following(
        Gateway(line), paths.SESSIONS, paths.sessions_in_order(), SessionDiff(2),
        buffer=7, overflow="raise",
    )  # fmt: skip
    events = [event async for batch in batches for event in batch]
    gone = [one for one in events if isinstance(one, SessionRemoved)]
    assert [(one.session.id, one.deleted) for one in gone if one.deleted] == [("b", True)]
    added = [one.session.id for one in events if isinstance(one, SessionAdded)]
    assert added == [*"abcfde"]


@pytest.mark.parametrize(("step", "reads"), [(2, 3), (3, 2), (9, 1)])
async def test_what_a_window_does_not_show_is_read_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch, step: int, reads: int
) -> None:
    """From the last that is known there, up to where the window begins, and each is told once."""
    monkeypatch.setattr(event_stream, "STEP", step)
    line = Line([Changed(_window("a", "b"), None), Changed(_window("g", "h"), None)])
    line.write(*"abcdefgh")
    told = await _told(line, MessageDiff(AMINA, 2))
    assert [word for batch in told for word in batch] == [f"+{key}" for key in "abcdefgh"]
    assert line.reads == reads


async def test_of_an_empty_list_a_gap_begins_at_its_beginning() -> None:
    """More came at once than the window holds."""
    line = Line([Changed(None, None), Changed(_window("c", "d"), None)])
    line.write(*"abcd")
    told = await _told(line, MessageDiff(AMINA, 2))
    assert [word for batch in told for word in batch] == ["+a", "+b", "+c", "+d"]


async def test_a_large_window_comes_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn in between."""
    turns: list[float] = []

    async def turn(seconds: float) -> None:
        turns.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", turn)
    line = Line([Changed(_window(*(f"m{at:03}" for at in range(450))), None)])
    told = await _told(line, MessageDiff(AMINA, 1000))
    assert [len(batch) for batch in told] == [200, 200, 50, 0]
    assert turns == [0, 0]


async def test_what_is_written_here_is_laid_over_the_window() -> None:
    """As long as it is listened to."""
    line = Line([Changed(_window("a"), None), Changed(_window("a"), frozenset("a"))])
    gateway = Gateway(line)
    batches = following(gateway, PLACE, ORDER, MessageDiff(AMINA, 5), buffer=7, overflow="raise")
    assert [_word(event) for event in await anext(batches)] == ["+a"]
    assert await anext(batches) == []
    with gateway.own_changes.carrying_out({PLACE / "a" / "read": True}, 0):
        (told,) = await anext(batches)
    assert isinstance(told, MessageChanged)
    assert (told.message.read, told.pending) == (True, True)
    await batches.aclose()
    assert gateway.own_changes._listeners == []


@pytest.mark.parametrize(
    ("history", "window", "given", "limit"), [(1, 3, "c", 3), (4, 2, "abc", 4), (0, 2, "", 2)]
)
async def test_a_conversation_is_followed_from_the_last_of_its_messages(
    history: int, window: int, given: str, limit: int
) -> None:
    """The window holds what is given at least; once it is full the session is followed, too."""
    line = Line([LIVE, Changed(_window(*"abc"), None)])
    events = message_events(Gateway(line), AMINA, history=history, window=window)
    told = [_word(event) async for event in events]
    assert told == [*(f"+{key}" for key in given), "live"]
    listened: list[object] = [(PLACE, ORDER.limit_to_last(limit), DEFAULT_LIMIT, "coalesce")]
    if limit <= len("abc"):
        listened.append((paths.session(AMINA), None, DEFAULT_LIMIT, "coalesce"))
    assert line.listened == listened


async def test_of_the_last_messages_half_may_be_ahead_of_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the server's clock, so that those that came since are given too."""
    stamps: dict[str, int] = {key: NOW + latest_time(0) * (key > "b") for key in "abcde"}
    said: Json = {
        key: {"text": key, "from": "customer", "timestamp": at + (key > "b")}
        for key, at in stamps.items()
    }
    monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: NOW))
    line = Line([LIVE, Changed(said, None)])
    events = message_events(Gateway(line), AMINA, history=4, window=9)
    assert [_word(event) async for event in events] == ["+a", "+b", "+d", "+e", "live"]
