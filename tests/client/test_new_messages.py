"""Which messages a conversation that moved is told with, and what is read to find them."""

from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.client.events import new_messages
from imbari_chat.client.events.new_messages import stamped, with_messages
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.schema import paths
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.batches import without_pauses
from tests.client.in_memory import ADMIN, InMemory, database
from tests.view.records import NOW, session

AMINA = SessionId("amina")
FAR = 3_600_000
"""Milliseconds after NOW: ahead of any clock that is about right."""

LIVE = ConnectionChanged("live")


class Stored(InMemory):
    """Amina's messages, and how many are asked for by each read."""

    def __init__(self) -> None:
        super().__init__(database(), ADMIN)
        self.asked: list[int | None] = []

    def write(self, *at: int, uid: str | None = None) -> None:
        """Messages of these times after NOW, ms, each with its time for an id and a text."""
        by: dict[str, Json] = {} if uid is None else {"senderUid": uid}
        for time in at:
            record: Json = {
                "text": f"{time}", "from": "customer", "timestamp": NOW + time, **by,
            }  # fmt: skip
            place = paths.messages(AMINA) / f"m{time}"
            self._namespace.write(Write.put(place, record), OWNER, NOW)

    async def get(self, path: Path, query: Query | None = None) -> Json:
        assert query is not None
        self.asked.append(query.limit)
        return await super().get(path, query)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    """Where this machine's clock shows NOW."""
    monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: NOW))
    return Stored()


async def _told(
    stored: Stored, *batches: list[ChatEvent], horizon: int = 0, before_it_begins: int = 0
) -> list[list[str]]:
    """What comes of these batches, in words; the window begins with the one after so many."""
    diff: Any = SimpleNamespace(has_begun=False, horizon=NOW + horizon)

    async def told() -> AsyncGenerator[list[ChatEvent], None]:
        for number, batch in enumerate(batches):
            diff.has_begun = number >= before_it_begins
            yield batch

    return await _words(stored, told(), diff)


async def _words(
    stored: Stored, batches: AsyncGenerator[list[ChatEvent], None], diff: Any = None
) -> list[list[str]]:
    """What comes of these batches, of a window that begins with the first."""
    diff = diff or SimpleNamespace(has_begun=True, horizon=0)
    found = without_pauses(with_messages(Gateway(stored), diff, batches))
    return [[_word(event) for event in batch] async for batch in found]


def _word(event: ChatEvent) -> str:
    match event:
        case MessageAdded(_, message):
            return str(message.id)
        case SessionAdded(one) | SessionChanged(one) | SessionRemoved(one):
            return f"{type(event).__name__} {one.id}"
        case _:
            return type(event).__name__


def _moved(before: int, after: int, **fields: Any) -> SessionChanged:
    """Amina's conversation comes from one time to another, ms after NOW; it tells of its last."""
    return SessionChanged(
        session("amina", at=after, **{"lastMessage": f"{after}", **fields}),
        session("amina", at=before, lastMessage=f"{before}"),
    )


def _messages(told: list[list[str]]) -> list[str]:
    return [word for batch in told for word in batch if word.startswith("m")]


async def test_each_that_moved_is_followed_by_what_it_moved_with(stored: Stored) -> None:
    """What is there to begin with is given as it comes, and brings no messages."""
    stored.write(0, 1, 2)
    told = await _told(
        stored,
        [SessionAdded(session("amina"))],
        [SessionAdded(session("brian", at=-1)), LIVE],
        [LIVE, SessionRemoved(session("brian"), deleted=True), _moved(0, 2)],
        before_it_begins=1,
    )
    assert told == [
        ["SessionAdded amina"],
        ["SessionAdded brian", "ConnectionChanged"],
        ["ConnectionChanged"],
        ["SessionRemoved brian"],
        ["SessionChanged amina"],
        ["m1", "m2"],
    ]
    assert stored.asked == [10]


SEEN_FIRST: list[tuple[ChatEvent, list[str], int]] = [
    (_moved(2, 4), ["m3", "m4"], 1),
    (_moved(2, 2, unreadCount=7), [], 0),
    (_moved(4, 4, lastMessage="1"), ["m1"], 1),
    (_moved(4, 4, lastCustomerMessageId="m1"), ["m1"], 1),
    (SessionAdded(session("amina", at=4)), ["m4"], 1),
    (SessionAdded(session("amina", at=3)), [], 0),
    (SessionRemoved(session("amina", at=4), deleted=False), [], 0),
]


@pytest.mark.parametrize(("event", "new", "reads"), SEEN_FIRST)
async def test_of_one_that_was_never_read_its_time_tells(
    stored: Stored, event: ChatEvent, new: list[str], reads: int
) -> None:
    """The time before it moved, or that of the window it was not in; and what it names is new."""
    stored.write(0, 1, 2, 3, 4)
    assert _messages(await _told(stored, [], [event], horizon=3)) == new
    assert len(stored.asked) == reads


async def test_one_that_comes_back_brings_what_was_said_since_it_left(stored: Stored) -> None:
    """Since it was read, if it ever was; the window says nothing of that."""
    stored.write(1, 2)
    out = [SessionRemoved(session("amina", at=1), deleted=False)]
    back: list[ChatEvent] = [SessionAdded(session("amina", at=2, lastMessage="2"))]
    assert _messages(await _told(stored, [], [*out], back, horizon=9)) == ["m2"]
    again: list[ChatEvent] = [_moved(1, 2), *out]
    stored.write(3)
    back = [SessionAdded(session("amina", at=3, lastMessage="3"))]
    assert _messages(await _told(stored, [], again, back, horizon=9)) == ["m2", "m3"]


async def test_one_that_moves_again_brings_what_was_not_known(stored: Stored) -> None:
    """By whichever clock; what was read before is not told again, nor is what names it."""
    stored.write(-9, 1, 2)

    async def moves() -> AsyncGenerator[list[ChatEvent], None]:
        yield []
        yield [_moved(0, 2)]
        stored.write(-5, 3)
        yield [_moved(2, 3)]
        yield [_moved(3, 3, lastMessage="1"), _moved(3, 3, lastCustomerMessageId="m2")]

    assert _messages(await _words(stored, moves())) == ["m1", "m2", "m-5", "m3"]


@pytest.mark.parametrize(
    ("uid", "named", "reads"), [("amina", None, 1), (None, None, 2), ("amina", "m9", 2)]
)
async def test_what_was_read_ahead_of_its_session_costs_no_look(
    stored: Stored, uid: str | None, named: str | None, reads: int
) -> None:
    """If it came together with it: who is signed in writes so, and a page does not. One that names
    a message that nobody knows is looked at."""
    stored.write(1, uid=uid)
    stored.write(2, uid=uid)
    named_by: dict[str, Any] = {} if named is None else {"lastCustomerMessageId": named}
    moves: list[ChatEvent] = [_moved(0, 1), _moved(1, 2, **named_by)]
    assert _messages(await _told(stored, [], moves)) == ["m1", "m2"]
    assert len(stored.asked) == reads


async def test_one_that_names_what_was_read_costs_no_look(stored: Stored) -> None:
    """Then, and when it moves on to the next."""
    stored.write(1, 2, 3, uid="amina")
    moves: list[ChatEvent] = [
        _moved(0, 1),
        _moved(1, 2, lastCustomerMessageId="m2"),
        _moved(2, 3, lastCustomerMessageId="m2"),
    ]
    assert _messages(await _told(stored, [], moves)) == ["m1", "m2", "m3"]
    assert len(stored.asked) == 1


async def test_the_newest_are_foreseen_of_many(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than are kept in mind the first are looked at again, and told once."""
    monkeypatch.setattr(new_messages, "_MOST_FORESEEN", 2)
    stored.write(1, 2, 3, 4, uid="amina")
    moves: list[ChatEvent] = [_moved(0, 1), _moved(1, 2)]
    assert _messages(await _told(stored, [], moves)) == ["m1", "m2", "m3", "m4"]
    assert len(stored.asked) == 2
    stored.asked.clear()
    moves = [_moved(0, 1), _moved(1, 3), _moved(3, 4)]
    assert _messages(await _told(stored, [], moves)) == ["m1", "m2", "m3", "m4"]
    assert len(stored.asked) == 1


@pytest.mark.parametrize(
    ("begin", "count", "asked"),
    [
        (0, 9, [10]),
        (0, 10, [10, 31]),
        (0, 39, [10, 31]),
        (0, 40, [10, 31, 121]),
        (FAR, 9, [10, 10]),
        (FAR, 39, [10, 10, 31]),
        (FAR, 40, [10, 10, 31, 121]),
    ],
)
async def test_a_look_goes_as_deep_as_what_is_new(
    stored: Stored, begin: int, count: int, asked: list[int]
) -> None:
    """In steps that grow, each from where the one before ended; so does one at what is ahead of
    its time, and what is not is looked at then as well."""
    new = range(begin + 1, begin + count + 1)
    stored.write(*range(-60, 1), *new)
    moved: list[ChatEvent] = [_moved(0, new[-1])]
    assert _messages(await _told(stored, [], moved)) == [f"m{at}" for at in new]
    assert stored.asked == asked


async def test_a_look_ends_where_a_conversation_does(stored: Stored) -> None:
    """All of it is ahead of its time, and new."""
    stored.write(FAR, FAR + 1)
    assert _messages(await _told(stored, [], [_moved(0, FAR + 1)])) == [f"m{FAR}", f"m{FAR + 1}"]


async def test_what_a_slow_clock_stamped_is_looked_for_where_its_session_says(
    stored: Stored,
) -> None:
    """Below all that is read: among the ten up to the time that it names."""
    stored.write(*range(-900, -800), *range(-50, 1))
    assert _messages(await _told(stored, [], [_moved(0, -850)])) == ["m-850"]
    assert stored.asked == [10, 10]


@pytest.mark.parametrize(("most", "asked"), [(10, [10, 10]), (15, [10, 10, 31])])
async def test_what_is_ahead_of_its_time_to_begin_with_is_known(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, most: int, asked: list[int]
) -> None:
    """Of each that says so, and so many of them that it is read at once; others are not read."""
    monkeypatch.setattr(new_messages, "_MOST_AHEAD_AT_FIRST", most)
    stored.write(*range(-3, 1), *range(FAR, FAR + 90, 2))
    last = FAR + 88
    first: list[ChatEvent] = [
        LIVE,
        SessionAdded(session("amina", at=last, lastMessage=f"{last}")),
        SessionAdded(session("brian")),
    ]
    assert await _told(stored, first) == [["ConnectionChanged", *(_word(one) for one in first[1:])]]
    assert stored.asked == asked

    async def moves() -> AsyncGenerator[list[ChatEvent], None]:
        yield first
        stored.write(FAR + 87, 1)
        yield [_moved(last, 1)]

    assert _messages(await _words(stored, moves())) == ["m1", f"m{FAR + 87}"]


@pytest.mark.parametrize("between", [0, 1, 60])
@pytest.mark.parametrize("time_first", [False, True])
async def test_a_dashboards_text_and_time_are_one_message_whatever_comes_between(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, between: int, time_first: bool
) -> None:
    """By a slow clock; each is told once, and nothing that was there before."""
    stored.write(-1000, -900, -800, *range(-400, -300), 0)
    last = session("amina", lastMessage="0")

    async def batches() -> AsyncGenerator[list[ChatEvent], None]:
        nonlocal last
        yield [SessionAdded(last)]

        def becomes(**fields: Any) -> list[ChatEvent]:
            nonlocal last
            before, last = last, last.model_copy(update=fields)
            return [SessionChanged(last, before)]

        stored.write(-850)
        halves: list[dict[str, Any]] = [{"last_message": "-850"}, {"last_message_time": NOW - 850}]
        if time_first:
            halves.reverse()
        yield becomes(**halves[0])
        for time in range(1, between + 1):
            clock = NOW + time
            monkeypatch.setattr(ServerClock, "local", staticmethod(lambda now=clock: now))
            stored.write(time)
            yield becomes(last_message=f"{time}", last_message_time=NOW + time)
        yield becomes(**halves[1])

    told = _messages(await _words(stored, batches()))
    assert sorted(told) == sorted(["m-850", *(f"m{time}" for time in range(1, between + 1))])


NAMING = {
    # what is stored: (text, stamp); what the session tells; whose time that is
    "a step that writes the time alone": ([("old", 9_000), ("late", 500)], ("old", 500), {"late"}),
    "the message itself": ([("old", 9_000), ("late", 500)], ("late", 500), {"late"}),
    "a widget's, by chance another's": ([("old", 500), ("late", 497)], ("late", 500), set()),
    "the same text, long ago": ([("late", 500), ("ok", 9_000)], ("ok", 500), {"late"}),
    "two of one moment": ([("a", 500), ("b", 500)], ("c", 500), set()),
    "nobody's": ([("a", 500)], ("a", 501), set()),
}


@pytest.mark.parametrize("case", NAMING)
def test_a_time_tells_of_a_message_only_where_it_cannot_be_by_chance(case: str) -> None:
    """Some message in a busy conversation has any given millisecond."""
    stored, (text, time), wanted = NAMING[case]
    messages = [
        Message.model_validate({"$id": name, "text": name, "from": "admin", "timestamp": stamp})
        for name, stamp in stored
    ]
    told = {
        "$id": "-S", "customerName": "Amina", "customerEmail": "a@example.com", "status": "active",
        "lastMessage": text, "lastMessageTime": time, "unreadCount": 0,
    }  # fmt: skip
    assert stamped(Session.model_validate(told), messages) == wanted
