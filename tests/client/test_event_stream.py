"""Events of a stream, and in between what becomes of the messages written here."""

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.client.events import event_stream, own_messages
from imbari_chat.client.events.diff import MessageDiff, SessionDiff
from imbari_chat.client.events.event_stream import (
    _enlarge,
    _patience,
    _Told,
    follow,
    message_events,
    with_deliveries,
)
from imbari_chat.client.events.new_messages import with_messages
from imbari_chat.client.events.pause import Batch, Pause
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.presence.watcher import team_places
from imbari_chat.client.reading.patient import Behind
from imbari_chat.engine.buffer import ChangeBuffer, ListenItem
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.subscription import BufferedSubscription
from imbari_chat.schema import paths, plans
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    TypingChanged,
)
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import ConnectionState, Delivery
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import ADMIN, InMemory, Silence, database
from tests.client.scenarios.faces import WAIT, eventually

LIVE = ConnectionChanged("live")
AWAY = ConnectionChanged("reconnecting", "the connection broke")
HERE, ELSEWHERE = SessionId("-Here"), SessionId("-Elsewhere")


def test_a_crowded_window_grows_to_what_a_window_may_hold_and_no_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Fourfold at first, so that little is read twice; then to the largest there is, of which it
    is said what may go by."""
    diff, sizes = MessageDiff(HERE, 50), []
    while _enlarge(diff, Path.parse("/messages/-Here")):
        sizes.append(diff.limit)
        assert len(caplog.records) == (diff.limit == 10_000)
    assert sizes == [200, 800, 3200, 10_000]


async def _silence(*states: ConnectionChanged) -> AsyncGenerator[Batch, None]:
    for state in states or (LIVE,):
        yield [state]
    while True:
        yield Pause.QUIET


def _became(session_id: SessionId, delivery: Delivery) -> DeliveryChanged:
    plan = plans.reply(session_id, MessageId(f"-Message{session_id:->12}"), "Hi", uid=None)
    return DeliveryChanged(session_id, plans.as_sent(plan), delivery)


def _sent(session_id: SessionId) -> DeliveryChanged:
    return _became(session_id, "sent")


def _added(session_id: SessionId) -> MessageAdded:
    return MessageAdded(session_id, _sent(session_id).message)


@pytest.mark.parametrize(
    ("session_id", "told"), [(HERE, [HERE]), (ELSEWHERE, [ELSEWHERE]), (None, [ELSEWHERE, HERE])]
)
async def test_a_conversation_is_told_of_its_own_messages_and_the_inbox_of_all(
    session_id: SessionId | None, told: list[SessionId]
) -> None:
    """Written, and under way. Whoever stops iterating is told no more, and is not held."""
    gateway = Gateway(InMemory(database(), ADMIN))
    events = with_deliveries(gateway, _silence(), Notifier(), session_id)
    assert await asyncio.wait_for(anext(events), WAIT) == LIVE
    for watcher in list(gateway.outbox._watchers):
        watcher(_sent(ELSEWHERE))
        watcher(_sent(HERE))
    wanted = [event for one in told for event in (_added(one), _sent(one))]
    given = [await asyncio.wait_for(anext(events), WAIT) for _ in wanted]
    assert given == wanted
    await events.aclose()
    assert gateway.outbox._watchers == []
    assert gateway.patient._watchers == []
    await gateway.close()


@pytest.mark.parametrize(
    ("session_id", "told"), [(HERE, [HERE]), (ELSEWHERE, [ELSEWHERE]), (None, [ELSEWHERE, HERE])]
)
async def test_what_was_on_its_way_before_is_told_after_what_was_there(
    monkeypatch: pytest.MonkeyPatch, session_id: SessionId | None, told: list[SessionId]
) -> None:
    """Of the conversation that is listened to, or of all."""
    gateway = Gateway(InMemory(database(), ADMIN))
    written = [(one, _sent(one).message) for one in (ELSEWHERE, HERE)]
    monkeypatch.setattr(type(gateway.outbox), "written", written)
    monkeypatch.setattr(gateway.outbox, "is_pending", lambda _: True)
    events = with_deliveries(gateway, _silence(), Notifier(), session_id)
    given = [await asyncio.wait_for(anext(events), WAIT) for _ in range(1 + len(told))]
    assert given == [*(_added(one) for one in told), LIVE]
    await events.aclose()
    await gateway.close()


@pytest.mark.parametrize(
    ("session_id", "told"), [(HERE, [HERE]), (ELSEWHERE, [ELSEWHERE]), (None, [ELSEWHERE, HERE])]
)
async def test_whoever_waits_is_told_of_who_is_there_and_of_what_is_sent(
    monkeypatch: pytest.MonkeyPatch, session_id: SessionId | None, told: list[SessionId]
) -> None:
    """At once, though the stream says nothing; how presence is heard concerns everybody."""
    gateway, hearers = Gateway(InMemory(database(), ADMIN)), list[Callable[[ChatEvent], None]]()
    monkeypatch.setattr(gateway.presence, "watch", hearers.append)
    monkeypatch.setattr(gateway.presence, "unwatch", hearers.remove)
    events = with_deliveries(gateway, _silence(), Notifier(), session_id)
    assert await asyncio.wait_for(anext(events), WAIT) == LIVE
    heard = RecordRejected("/presence", ("junk",), None)
    news: list[ChatEvent] = [*(TypingChanged(one, "customer", True) for one in told), heard]
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    (hearer,) = hearers
    for one in (ELSEWHERE, HERE):
        hearer(TypingChanged(one, "customer", True))
    hearer(heard)
    assert await asyncio.wait_for(following, WAIT) == news[0]
    assert [await asyncio.wait_for(anext(events), WAIT) for _ in news[1:]] == news[1:]
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for watcher in list(gateway.outbox._watchers):
        watcher(_sent(told[0]))
    assert await asyncio.wait_for(following, WAIT) == _added(told[0])
    await events.aclose()
    assert hearers == []
    await gateway.close()


async def test_what_the_stream_brings_is_told_in_its_order_and_to_whom_it_concerns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ids follow it, and whoever wrote it types no more."""
    gateway = Gateway(InMemory(database(), ADMIN))
    seen: list[object] = []
    monkeypatch.setattr(gateway.ids, "saw", lambda *given: seen.append(given))
    monkeypatch.setattr(gateway.presence, "heard", seen.append)
    theirs = _added(HERE)
    told: list[ChatEvent] = [theirs, MessageRemoved(HERE, theirs.message), LIVE]

    async def batches() -> AsyncGenerator[list[ChatEvent], None]:
        yield told

    events = [event async for event in with_deliveries(gateway, batches(), Notifier(), HERE)]
    assert events == told
    assert seen == [(HERE, theirs.message), theirs]
    await gateway.close()


@pytest.mark.parametrize("is_live", [True, False])
async def test_a_stored_message_that_a_live_stream_does_not_show_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, *, is_live: bool
) -> None:
    """Somebody deleted it in between; a stream that is away shows nothing of anything."""
    for module in (event_stream, own_messages):
        monkeypatch.setattr(module, "PATIENCE", 0.0)
    states, diff = ([LIVE] if is_live else [LIVE, AWAY]), MessageDiff(HERE, 50)
    diff.update({})
    gateway = Gateway(InMemory(database(), ADMIN))
    events = with_deliveries(gateway, _silence(*states), Notifier(), HERE, diff)
    for state in states:
        assert await asyncio.wait_for(anext(events), WAIT) == state
    stored = _became(HERE, "confirmed")
    for watcher in list(gateway.outbox._watchers):
        watcher(stored)
    told = [await asyncio.wait_for(anext(events), WAIT) for _ in range(2)]
    assert told == [MessageAdded(HERE, stored.message), stored]
    last = asyncio.ensure_future(anext(events))
    done, _ = await asyncio.wait({last}, timeout=WAIT if is_live else 0.1)
    assert [one.result() for one in done] == [MessageRemoved(HERE, stored.message)] * is_live
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
    await events.aclose()
    await gateway.close()


async def test_a_connection_that_is_back_is_not_called_away_while_what_was_missed_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither live: it says so when it has read that. One that is away says nothing of reading."""
    gateway = Gateway(InMemory(database(), ADMIN))
    has_read = asyncio.Event()

    async def batches() -> AsyncGenerator[Batch, None]:
        yield [LIVE]
        yield [AWAY]
        yield Pause.READING
        await has_read.wait()
        yield [LIVE]
        while True:
            yield Pause.QUIET

    mine = Silence()
    mine.state = "reconnecting"
    monkeypatch.setattr(InMemory, "subscriptions", (mine,))
    events = with_deliveries(gateway, batches(), Notifier(), HERE)
    assert [await asyncio.wait_for(anext(events), WAIT) for _ in range(2)] == [LIVE, AWAY]
    with gateway.patient._noticing(Path.parse("/messages/-Here")) as failed:
        failed("no answer")
        following = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not following.done()
        mine.state = "live"
        failed("slow")
        told = await asyncio.wait_for(following, WAIT)
    assert told == ConnectionChanged("stale", "catching up with /messages/-Here: slow")
    following = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    assert not following.done()
    has_read.set()
    assert await asyncio.wait_for(following, WAIT) == LIVE
    await events.aclose()
    await gateway.close()


class Saying(Silence):
    """A subscription to a service that says something, and then that it is over."""

    def __init__(self, *items: ListenItem) -> None:
        self._items = list(items)

    async def __anext__(self) -> ListenItem:
        if not self._items:
            raise StopAsyncIteration
        return self._items.pop(0)


class Told(InMemory):
    """Notes where it is listened, and says ``items`` of the inbox."""

    items: tuple[ListenItem, ...] = ()

    def __init__(self) -> None:
        super().__init__(database(), ADMIN)
        self.asked: list[Path] = []

    def listen(self, path: Path, query: Query | None = None, **_: object) -> Silence:
        self.asked.append(path)
        return Saying(*self.items) if path == paths.SESSIONS else Silence()


def _inbox(gateway: Gateway, limit: int) -> AsyncGenerator[ChatEvent, None]:
    diff, order = SessionDiff(limit), paths.sessions_in_order()
    notifier = Notifier()
    batches = follow(gateway, paths.SESSIONS, order, diff, notifier, buffer=9, overflow="coalesce")
    return with_deliveries(gateway, with_messages(gateway, diff, batches), notifier)


AHEAD = 2**50


def _window(*keys: str, since: int = 1) -> Changed:
    """A window of messages, or of conversations, which have each moved since the last was."""
    records: dict[str, Json] = {}
    for at, key in enumerate(keys, since):
        records[key] = {
            "text": key, "from": "customer", "timestamp": at,
            "customerName": key, "lastMessage": key, "lastMessageTime": at,
        }  # fmt: skip
    return Changed(records, None)


APART: list[ListenItem] = [_window("a", "b"), _window("y", "z", since=9)]


async def _listen(events: AsyncGenerator[ChatEvent, None], told: list[ChatEvent]) -> None:
    async for event in events:
        told += [event]


class Unanswered(InMemory):
    """A service that says this of a window, and answers so much of what it is asked besides."""

    def __init__(self, *items: ListenItem, answered: int) -> None:
        super().__init__(database(), ADMIN)
        self._items = items
        self._answered = answered
        self.is_busy = asyncio.Event()
        self.may_be_left = asyncio.Event()

    def listen(self, path: Path, query: Query | None = None, **_: object) -> Silence:
        return Leaving(self, *self._items) if query is not None else Silence()

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self._answered:
            self._answered -= 1
            return _window("c", "d", since=3).value
        self.is_busy.set()
        await asyncio.Event().wait()
        return None


class Leaving(Saying):
    """One that takes its time to be left."""

    def __init__(self, service: Unanswered, *items: ListenItem) -> None:
        super().__init__(*items)
        self._service = service

    async def __aexit__(self, *_: object) -> None:
        self._service.is_busy.set()
        await self._service.may_be_left.wait()


@pytest.mark.parametrize(
    ("inbox", "limit", "items", "answered"),
    [
        pytest.param(False, 2, APART, 0, id="a gap"),
        pytest.param(False, 2, APART, 1, id="a gap's second piece"),
        pytest.param(False, 2, [_window("a", "b", since=AHEAD)], 0, id="a larger window"),
        pytest.param(True, 9, [_window("a", since=AHEAD)], 0, id="what is old in the inbox"),
        pytest.param(True, 9, [_window(HERE, "b"), _window("b", HERE)], 0, id="what is new there"),
        pytest.param(True, 2, APART, 0, id="the inbox's gap"),
    ],
)
async def test_what_is_read_for_a_stream_delays_nothing_that_is_written_here(
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    items: list[ListenItem],
    answered: int,
    *,
    inbox: bool,
) -> None:
    """Whoever listens is told of that while the service is still silent, and can leave."""
    monkeypatch.setattr(event_stream, "STEP", 2)
    transport = Unanswered(StateChanged("live"), *items, answered=answered)
    gateway = Gateway(transport)
    if inbox:
        events = _inbox(gateway, limit)
    else:
        events = message_events(gateway, HERE, history=0, window=limit)
    told: list[ChatEvent] = []

    listening = asyncio.create_task(_listen(events, told))
    await asyncio.wait_for(transport.is_busy.wait(), WAIT)
    for watcher in list(gateway.outbox._watchers):
        watcher(_sent(HERE))
    await eventually(lambda: _sent(HERE) in told)
    transport.may_be_left.set()
    listening.cancel()
    await asyncio.wait({listening}, timeout=WAIT)
    assert listening.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await gateway.close()


class Heard(BufferedSubscription):
    """One that says what the test does, as a real one would."""

    def __init__(self) -> None:
        super().__init__(ChangeBuffer())

    def _begin(self) -> None: ...

    async def _end(self) -> None: ...

    retry_in = last_heard = None


async def test_what_a_stream_says_wakes_its_consumer_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each task in between would cost every message another turn of the loop."""
    said = Heard()
    monkeypatch.setattr(InMemory, "listen", lambda *_, **__: said)
    gateway = Gateway(InMemory(database(), ADMIN))
    events = message_events(gateway, HERE, history=0, window=9)
    told: list[ChatEvent] = []

    listening = asyncio.create_task(_listen(events, told))
    await asyncio.sleep(0)
    assert said.has_begun
    for item in (StateChanged("live"), _window("a")):
        said.tell(item)
    await asyncio.sleep(0)
    assert told == [LIVE]
    assert asyncio.all_tasks() == {asyncio.current_task(), listening}
    said.tell(_window("a", "b"))
    await asyncio.sleep(0)
    assert [type(event) for event in told] == [ConnectionChanged, MessageAdded]
    listening.cancel()
    await asyncio.wait({listening})
    await gateway.close()


async def test_what_waits_is_sent_when_the_stream_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time, though its consumer has something else to do, and waits for just that perhaps."""
    said, online = Heard(), list[str]()
    monkeypatch.setattr(InMemory, "listen", lambda *_, **__: said)
    gateway = Gateway(InMemory(database(), ADMIN))
    monkeypatch.setattr(type(gateway.outbox), "online", lambda _: online.append(said.state))
    events = message_events(gateway, HERE, history=0, window=9)
    said.tell(StateChanged("connecting"))
    assert await anext(events) == ConnectionChanged("connecting")
    states: list[ConnectionState] = ["live", "stale", "reconnecting", "live"]
    for at, state in enumerate(states):
        said.tell(StateChanged(state))
        assert len(online) == (at > 0)  # not in the midst of what the connection does
        await asyncio.sleep(0)
    assert online == ["live", "live"]
    await events.aclose()
    await gateway.close()


async def test_presence_is_asked_for_after_what_there_is_to_begin_with() -> None:
    """It is a courtesy, and delays nothing that somebody waits for."""
    transport = Told()
    first = Changed({HERE: {"lastMessageTime": 1}}, None)
    transport.items = (StateChanged("connecting"), StateChanged("live"), first)
    gateway = Gateway(transport, presence=True)
    async with aclosing(_inbox(gateway, 9)) as events:
        assert await anext(events) == ConnectionChanged("connecting")
        assert isinstance(await anext(events), SessionAdded)
        await asyncio.sleep(0)
        assert transport.asked == [paths.SESSIONS]
        assert await anext(events) == LIVE
        places = {path for path, _ in team_places().values()}
        await eventually(lambda: places < set(transport.asked))
    await gateway.close()


async def test_what_was_told_goes_with_the_listener() -> None:
    """No circle of references leaves a window to the garbage collector, which is slow over many."""
    records: dict[str, Json] = {HERE: {"lastMessageTime": 1}, ELSEWHERE: {"lastMessageTime": 2}}
    moved: dict[str, Json] = {**records, HERE: {"lastMessageTime": 3}}
    transport = Told()
    transport.items = (Changed(records, None), Changed(moved, frozenset({HERE})))
    gateway = Gateway(transport)
    told: list[weakref.ref[object]] = []
    gc.disable()
    try:
        async for event in _inbox(gateway, len(records)):
            assert isinstance(event, SessionAdded | SessionChanged)
            told.append(weakref.ref(event.session))
            del event
        assert [one() for one in told] == [None] * 3
    finally:
        gc.enable()
    await gateway.close()


class Way:
    """What is read, and how the listeners are."""

    def __init__(self, reason: str | None, *states: str) -> None:
        self.patient = self
        self.behind = None if reason is None else Behind(reason, 0.0)
        self.subscriptions = [SimpleNamespace(state=state) for state in states]


STALE = ConnectionChanged("stale", "slow")
SAYS: list[tuple[list[ConnectionChanged], str | None, list[str], ConnectionChanged | None]] = [
    ([], None, ["live"], None),
    ([], "slow", ["live"], None),
    ([LIVE], None, [], None),
    ([LIVE], "slow", [], STALE),
    ([AWAY], "slow", ["live", "live"], STALE),
    ([AWAY], "slow", ["live", "reconnecting"], None),
    ([AWAY], None, ["live"], None),
    ([ConnectionChanged("connecting")], "slow", ["live"], None),
    ([ConnectionChanged("stale", "silent")], "slow", ["live"], None),
]


@pytest.mark.parametrize(("heard", "reason", "states", "says"), SAYS)
def test_one_that_is_there_says_that_it_catches_up(
    heard: list[ConnectionChanged],
    reason: str | None,
    states: list[str],
    says: ConnectionChanged | None,
) -> None:
    """Once; and that it has, if it is live by then."""
    way: Any = Way(reason, *states)
    told = _Told(way)
    for event in heard:
        told.pass_on(event)
    assert told.next == says
    is_live = heard == [LIVE]
    assert told.is_live is is_live
    if says is None:
        return
    assert told.take() == says
    assert (told.next, told.is_live) == (None, False)
    way.behind = None
    assert told.next == (LIVE if is_live else None)
    if is_live:
        assert (told.take(), told.is_live, told.next) == (LIVE, True, None)
    way.behind = Behind("slow", 0.0)
    told.pass_on(LIVE)
    assert told.next == STALE


@pytest.mark.parametrize(
    ("since", "seconds"), [(None, None), (10.0, 5.0), (8.0, 3.0), (5.0, 0.1), (0.0, 0.1)]
)
def test_a_stream_is_waited_for_until_it_is_silent(
    monkeypatch: pytest.MonkeyPatch, since: float | None, seconds: float | None
) -> None:
    """For what it has left of its time, and for a moment at least."""
    monkeypatch.setattr(time, "monotonic", lambda: 10.0)
    assert _patience(since) == seconds


async def test_a_stream_that_is_left_is_closed() -> None:
    closed: list[str] = []

    async def batches(*events: ChatEvent) -> AsyncGenerator[list[ChatEvent], None]:
        try:
            yield [*events]
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    gateway = Gateway(InMemory(database(), ADMIN))
    events = with_deliveries(gateway, batches(LIVE), Notifier(), HERE)
    assert await anext(events) == LIVE
    await events.aclose()
    assert closed == ["closed"]
