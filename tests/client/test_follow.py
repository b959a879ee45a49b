"""Following a window: where it listens, what it reads besides, and when it calls itself live."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat.client.events import event_stream
from imbari_chat.client.events.diff import STEP, MessageDiff, SessionDiff
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.ids import Ids
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.engine.buffer import ListenItem
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.net.notifier import Notifier
from imbari_chat.schema import paths, plans
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
    SessionAdded,
)
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import Delivery
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import from_json
from tests.client.batches import following
from tests.client.in_memory import ADMIN, InMemory, Silence, database
from tests.client.scenarios.faces import WAIT, eventually

HERE = SessionId("-Here")
PLACE = paths.messages(HERE)
NOW = 1_800_000_000_000
HOUR = 3_600_000
CONNECTING, LIVE = StateChanged("connecting"), StateChanged("live")
AWAY = StateChanged("reconnecting", "the connection broke", 2.0)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ids, "now", lambda _: NOW)


def _rows(*numbers: int, since: int = NOW - HOUR) -> dict[str, Json]:
    """Messages that are their numbers, each stamped later than the one before."""
    return {
        f"-M{n:018}": {"text": str(n), "from": "customer", "timestamp": since + n} for n in numbers
    }


class Saying(Silence):
    """A subscription that says so much, and then that it is over."""

    def __init__(self, items: list[ListenItem]) -> None:
        self._items = items
        self.closed = False

    async def __anext__(self) -> ListenItem:
        if not self._items:
            raise StopAsyncIteration
        return self._items.pop(0)

    async def __aexit__(self, *_: object) -> None:
        self.closed = True


class Window(InMemory):
    """Says something to each that listens, and notes where that is."""

    def __init__(self, *said: list[ListenItem], stored: Json = None) -> None:
        namespace = database()
        super().__init__(namespace, ADMIN)
        namespace.write(Write.put(PLACE, stored), OWNER, NOW)
        self._said = list(said)
        self.listening: list[Saying] = []
        self.asked: list[tuple[Path, int | None, int, str]] = []
        self.reads = 0

    def listen(
        self, path: Path, query: Query | None = None, *, buffer: int = 1, overflow: Any = "fail"
    ) -> Saying:
        assert query is not None
        assert query.from_end
        assert all(one.closed for one in self.listening)
        self.asked.append((path, query.limit, buffer, overflow))
        self.listening.append(Saying(self._said.pop(0)))
        return self.listening[-1]

    async def get(self, path: Path, query: Query | None = None) -> Json:
        self.reads += 1
        return await super().get(path, query)


def _word(event: ChatEvent) -> str:
    match event:
        case ConnectionChanged(state):
            return state
        case MessageAdded(_, message):
            return f"+{message.text}"
        case MessageRemoved(_, message):
            return f"-{message.text}"
        case _:
            return type(event).__name__


async def _told(window: Window, diff: MessageDiff) -> list[str]:
    """What is told, a batch a word or several."""
    gateway = Gateway(window)
    batches = following(
        gateway, PLACE, paths.messages_in_order(), diff, buffer=7, overflow="coalesce"
    )
    async with aclosing(batches) as given:
        told = [" ".join(map(_word, batch)) async for batch in given]
    assert all(one.closed for one in window.listening)
    await gateway.close()
    return told


FIRST = Changed(_rows(1), None)
SECOND = Changed(_rows(1, 2), frozenset(_rows(2)))


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([CONNECTING, LIVE, FIRST], ["connecting", "+1", "", "live"]),
        ([LIVE, FIRST, SECOND], ["+1", "", "live", "+2"]),
        ([FIRST, LIVE, SECOND], ["+1", "", "live", "+2"]),
        ([LIVE, Changed(None, None), FIRST], ["", "live", "+1"]),
        ([LIVE, AWAY, FIRST], ["reconnecting", "+1", ""]),
        ([LIVE, AWAY, LIVE, FIRST], ["reconnecting", "+1", "", "live"]),
        ([LIVE, FIRST, AWAY, LIVE, SECOND], ["+1", "", "live", "reconnecting", "live", "+2"]),
        ([LIVE, FIRST, AWAY, SECOND], ["+1", "", "live", "reconnecting", "+2"]),
    ],
)
async def test_it_is_live_once_what_there_is_has_been_given(
    items: list[ListenItem], told: list[str]
) -> None:
    """And each time that it comes back; a connection that broke meanwhile is not called so."""
    assert await _told(Window(list(items)), MessageDiff(HERE, 3)) == told


async def test_it_is_listened_where_the_window_is_and_with_what_was_asked_for() -> None:
    """The last so many of the list."""
    window = Window([FIRST])
    await _told(window, MessageDiff(HERE, 3))
    assert window.asked == [(PLACE, 3, 7, "coalesce")]


async def test_a_window_of_what_is_ahead_of_its_time_is_exchanged_for_a_larger_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of which nothing is given before; one that is crowded and may be no larger stays."""
    ahead, all_of_it = _rows(7, 8, 9, since=NOW + HOUR), _rows(1, 2, 3)
    large = Changed({**all_of_it, **ahead}, None)
    window = Window([LIVE, Changed(ahead, None), FIRST], [LIVE, large])
    assert await _told(window, MessageDiff(HERE, 3)) == [
        "+1 +2 +3 +7 +8 +9",
        "",
        "live",
    ]
    assert [limit for _, limit, *_ in window.asked] == [3, 12]
    monkeypatch.setattr(event_stream, "_MOST_FOLLOWED", 3)
    window = Window([LIVE, Changed(ahead, None)])
    assert await _told(window, MessageDiff(HERE, 3)) == ["+7 +8 +9", "", "live"]


@pytest.mark.parametrize("missed", [1, 5, STEP - 3, STEP - 2, STEP - 1, 2 * STEP])
async def test_what_went_by_below_the_window_is_read_in_pieces(missed: int) -> None:
    """Upwards, before what the window shows; and nothing is read where nothing can be missed."""
    last = 3 + missed
    before, after = _rows(1, 2, 3), _rows(last + 1, last + 2, last + 3)
    stored = _rows(*range(1, last + 4))
    window = Window([LIVE, Changed(before, None), AWAY, LIVE, Changed(after, None)], stored=stored)
    told = await _told(window, MessageDiff(HERE, 3))
    assert told[:5] == ["+1 +2 +3", "", "live", "reconnecting", "live"]
    assert " ".join(told[5:]).split() == [f"+{n}" for n in range(4, last + 4)]
    assert len(told[5].split()) == min(missed, STEP - 2)  # 2 and 3 are read once more
    assert window.reads == (missed + 2) // STEP + 1
    window = Window([LIVE, Changed(before, None), AWAY, LIVE, Changed(before, None)], stored=stored)
    assert (await _told(window, MessageDiff(HERE, 3)))[3:] == ["reconnecting", "live", ""]
    assert window.reads == 0


@pytest.mark.parametrize("count", [5, STEP, 2 * STEP])
async def test_below_a_window_that_had_room_is_read_from_the_beginning(count: int) -> None:
    """Whatever was written there meanwhile, by whatever clock."""
    stored = _rows(*range(count))
    before, after = _rows(1, 2), _rows(count - 3, count - 2, count - 1)
    items: list[ListenItem] = [Changed(before, None), AWAY, Changed(after, None)]
    told = await _told(Window(items, stored=stored), MessageDiff(HERE, 3))
    assert told[:3] == ["+1 +2", "", "reconnecting"]
    news = " ".join(told[3:]).split()
    assert news == [f"+{n}" for n in range(count) if n not in (1, 2)]


async def test_a_window_that_becomes_full_is_noted() -> None:
    """As is the first one; what else comes is given by itself."""
    steps = [_rows(1), _rows(1, 2), _rows(1, 2, 3), _rows(2, 3, 4)]
    items: list[ListenItem] = [Changed(one, None) for one in steps]
    stored = _rows(1, 2, 3, 4)
    assert await _told(Window(items, stored=stored), MessageDiff(HERE, 3)) == [
        "+1", "", "+2", "+3", "", "+4",
    ]  # fmt: skip


async def test_between_the_steps_of_a_large_window_others_have_their_turn() -> None:
    """It is given in several; a small one at once."""
    turns = itertools.count()
    last = next(turns)

    async def others() -> None:
        nonlocal last
        while True:
            last = next(turns)
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    gateway, diff = (
        Gateway(Window([Changed(_rows(*range(3 * STEP)), None)])),
        MessageDiff(HERE, 999),
    )
    order = paths.messages_in_order()
    batches = following(gateway, PLACE, order, diff, buffer=7, overflow="coalesce")
    seen = [last async for batch in batches if batch]
    assert len(seen) >= 3
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await gateway.close()


class Endless(Saying):
    """A subscription that may say more."""

    def __init__(self, items: list[ListenItem]) -> None:
        super().__init__(items)
        self._more = Notifier()
        self.is_waited_for = False

    @property
    def is_ready(self) -> bool:
        return bool(self._items)

    def share(self, notifier: Notifier, on_live: Callable[[], None]) -> None:
        self._more = notifier

    def say(self, item: ListenItem) -> None:
        self._items.append(item)
        self._more.notify()

    async def __anext__(self) -> ListenItem:
        self.is_waited_for = not self._items
        await self._more.until(lambda: self._items)
        return await super().__anext__()


class WithSession(Window):
    """Says so much of the messages, and so much of their session."""

    def __init__(self, *said: ListenItem, session: list[Json], stored: Json) -> None:
        super().__init__(stored=stored)
        self.window = Endless(list(said))
        self.session = Endless([Changed(one, None) for one in session])
        self.hears_session = False

    def listen(self, path: Path, query: Query | None = None, **_: Any) -> Saying:
        if path == PLACE:
            return self.window
        assert path == paths.session(HERE)
        self.hears_session = True
        return self.session


@pytest.mark.parametrize(("window", "is_full"), [(3, True), (4, False)])
async def test_below_a_full_window_a_session_is_heard_as_long_as_its_messages(
    window: int, *, is_full: bool
) -> None:
    """What is written there by a slow clock is told; when nobody hears any more, nothing runs."""
    shown, late = _rows(7, 8, 9), _rows(1, since=NOW - 2 * HOUR)
    said: list[Json] = [
        {"lastMessage": "9", "lastMessageTime": NOW - HOUR + 9},
        {"lastMessage": "1", "lastMessageTime": NOW - 2 * HOUR + 1},
    ]
    here = WithSession(LIVE, Changed(shown, None), session=said, stored={**shown, **late})
    gateway, before = Gateway(here), asyncio.all_tasks()
    events = message_events(gateway, HERE, history=0, window=window)
    told = {_word(await asyncio.wait_for(anext(events), WAIT)) for _ in range(1 + is_full)}
    assert told == ({"live", "+1"} if is_full else {"live"})
    following = asyncio.ensure_future(anext(events))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not following.done()
    here.window.say(Changed({**late, **_rows(8, 9)}, None))
    here.window.say(CONNECTING)
    rest = [_word(await following)]
    while rest[-1] != "connecting":
        rest.append(_word(await anext(events)))
    assert rest == [*([] if is_full else ["+1"]), "-7", "connecting"]
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    following.cancel()
    await asyncio.wait({following})
    assert here.hears_session == is_full
    await events.aclose()
    assert asyncio.all_tasks() == before
    assert here.window.closed
    assert here.session.closed == is_full
    await gateway.close()


@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([(1, 2)], id="it was there when the window filled"),
        pytest.param([(1,), (1, 2)], id="it filled it"),
        pytest.param([(1,)], id="the window filled without it"),
        pytest.param([(1, 2), (1, 2), (2, 3), (5, 6)], id="a gap was read"),
    ],
)
async def test_what_has_left_a_full_window_is_not_told_when_its_session_names_it_late(
    windows: list[tuple[int, ...]], history: int
) -> None:
    """A website writes the session after the message, and others may write in between."""
    first: Json = {"lastMessage": "0", "lastMessageTime": NOW - HOUR}
    late: Json = {"lastMessage": "1", "lastMessageTime": NOW - HOUR + 1}
    last: Json = {"lastMessage": "0", "lastMessageTime": NOW - HOUR}
    changes = [Changed(_rows(*one), None) for one in [*windows, (7, 8)]]
    here = WithSession(LIVE, *changes, session=[first], stored=_rows(*range(1, 9)))
    gateway = Gateway(here)
    events = message_events(gateway, HERE, history=history, window=2)
    told: list[str] = []

    async def listen() -> None:
        async for event in events:
            told[len(told) :] = [_word(event)]

    listening = asyncio.create_task(listen())
    await eventually(lambda: "+8" in told and here.session.is_waited_for)
    for session in (late, last):
        reads = here.reads
        here.session.say(Changed(session, None))
        await eventually(lambda before=reads: here.reads > before)  # type: ignore[misc]  # bound at once
    await eventually(lambda: here.session.is_waited_for)
    listening.cancel()
    await asyncio.wait({listening})
    assert told.count("+1") == (history > 0 or 1 not in windows[0])
    await gateway.close()


@pytest.mark.parametrize("delivery", ["sent", "confirmed"])
async def test_what_is_written_here_and_found_below_the_window_is_told_once(
    delivery: Delivery,
) -> None:
    """Its session names it, where it stands below what clocks that are fast have written."""
    here = WithSession(
        LIVE, Changed(_rows(7, 8), None),
        session=[{"lastMessage": "8", "lastMessageTime": NOW - HOUR + 8}],
        stored=_rows(3, 4, 7, 8),
    )  # fmt: skip
    gateway = Gateway(here)
    events = message_events(gateway, HERE, history=0, window=2)
    told: list[str] = []

    async def listen() -> None:
        async for event in events:
            told[len(told) :] = [_word(event)]

    listening = asyncio.create_task(listen())
    await eventually(lambda: here.session.is_waited_for)
    (key,) = _rows(3)
    mine = plans.as_sent(plans.reply(HERE, MessageId(key), "3", uid=None))
    for watcher in list(gateway.outbox._watchers):
        watcher(DeliveryChanged(HERE, mine, delivery))
    for text in ("3", "4"):
        raw: Json = {"lastMessage": text, "lastMessageTime": NOW - HOUR + int(text)}
        here.session.say(Changed(raw, None))
    await eventually(lambda: "+4" in told)
    listening.cancel()
    await asyncio.wait({listening})
    assert told == ["live", "+3", "DeliveryChanged", "+4"]
    await gateway.close()


async def test_below_an_inboxs_window_is_read_to_the_end_of_the_list() -> None:
    """A conversation that stood there may have moved up meanwhile."""

    def sessions(*numbers: int) -> dict[str, Json]:
        return {
            f"-S{n:018}": {"customerName": str(n), "lastMessageTime": NOW - HOUR + n}
            for n in numbers
        }

    class Inbox(Window):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            assert query is not None
            tree = from_json(sessions(*range(1, 10)))
            return query.window(tree).to_json()

    items: list[ListenItem] = [
        Changed(sessions(1, 2, 3), None),
        AWAY,
        Changed(sessions(7, 8, 9), None),
    ]
    gateway = Gateway(Inbox(items))
    batches = following(
        gateway, paths.SESSIONS, paths.sessions_in_order(), SessionDiff(3), buffer=7,
        overflow="coalesce",
    )  # fmt: skip
    added = [
        event.session.customer_name
        async for batch in batches
        for event in batch
        if isinstance(event, SessionAdded)
    ]
    assert added == [str(n) for n in range(1, 10)]
    await gateway.close()
