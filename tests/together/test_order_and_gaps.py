"""Listeners that hear late, in memory: whoever wrote what by which clock, each message comes once.

A consumer is told of the window only when it asks, so an outage and a busy consumer are one thing
here: any number of writes goes by between two looks, more than a window holds.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.client.events import new_messages
from imbari_chat.client.events.diff import MessageDiff, SessionDiff
from imbari_chat.client.events.new_messages import with_messages
from imbari_chat.client.events.pause import Batch
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.newest import Newest
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.buffer import DEFAULT_LIMIT, ListenItem, Overflow
from imbari_chat.engine.stream import Changed, StateChanged
from imbari_chat.rules import Ruleset
from imbari_chat.schema import decode, paths, strict_rules
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    MessageRemoved,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message
from imbari_chat.schema.order import message_place
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.client.batches import following, without_pauses
from tests.client.in_memory import ADMIN, InMemory, Silence

NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
SESSION = SessionId("-S")


class Looks(Silence):
    """A subscription that says what its window holds, whenever it is looked at and has changed."""

    def __init__(self, read: Callable[[], Json], states: Mapping[int, StateChanged]) -> None:
        self._read = read
        self._states = states
        self._said = 0
        self._told: Json = None
        self._has_told = False
        self.look = asyncio.Event()
        self.waits = False

    async def __anext__(self) -> ListenItem:
        self._said += 1
        if self._said in self._states:
            return self._states[self._said]
        while self._has_told and same(self._read(), self._told):
            self.waits = True
            await self.look.wait()
            self.look.clear()
            self.waits = False
        self._told, self._has_told = self._read(), True
        return Changed(self._told, None)


class Late(InMemory):
    """A transport whose subscriptions hear late."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(namespace, ADMIN)
        self.heard: Looks | None = None
        self.reads = 0
        self.records = 0
        self.states: Mapping[int, StateChanged] = {2: StateChanged("live")}
        """What subscriptions say first, second and so on, where that is no value."""
        self.before_reading: dict[Path, Callable[[], None]] = {}
        """What happens once, before a place is read."""

    async def get(self, path: Path, query: Query | None = None) -> Json:
        self.reads += 1
        self.before_reading.pop(path, lambda: None)()
        answer = await super().get(path, query)
        self.records += len(decode.as_mapping(answer))
        return answer

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> Looks:
        self.heard = Looks(
            lambda: self._namespace.read(path, query, self._caller, self._now()).to_json(),
            self.states,
        )
        return self.heard


@dataclass
class World:
    """A database, the server's clock, and one consumer."""

    server: int = NOW
    events: list[ChatEvent] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    _consumer: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.database = Namespace("t", Ruleset.parse(strict_rules()))
        self.transport = Late(self.database)
        self.gateway = Gateway(self.transport)

    def put(self, changes: dict[Path, Json]) -> None:
        """Write past the rules, in one update."""
        body: Json = {"/".join(path): value for path, value in changes.items()}
        self.database.write(Write.patch(ROOT, body), OWNER, self.server)

    def message(
        self, session_id: SessionId, key: str, timestamp: int, uid: str | None = None
    ) -> dict[Path, Json]:
        """A message of its own text, by whoever is signed in so."""
        self.written.append(f"message {len(self.written)}")
        by: dict[str, Json] = {} if uid is None else {"senderUid": uid}
        record: Json = {"text": self.written[-1], "from": "customer", "timestamp": timestamp, **by}
        return {paths.messages(session_id) / key: record}

    def consume(self, batches: AsyncGenerator[Batch, None]) -> None:
        """Begin to consume these."""

        async def consuming() -> None:
            async for batch in without_pauses(batches):
                self.events += batch

        self._consumer = asyncio.create_task(consuming())

    async def look(self) -> list[ChatEvent]:
        """What the consumer is told of all that was written until now."""
        assert self._consumer is not None
        before = len(self.events)
        if self.transport.heard is not None:
            self.transport.heard.look.set()
        for _ in range(10_000):
            await asyncio.sleep(0)
            heard = self.transport.heard
            if self._consumer.done():
                self._consumer.result()
            if heard is not None and heard.waits and not heard.look.is_set():
                return self.events[before:]
        raise AssertionError("the consumer never came to rest")

    async def close(self) -> None:
        assert self._consumer is not None
        self._consumer.cancel()
        await asyncio.gather(self._consumer, return_exceptions=True)


def _texts(events: list[ChatEvent]) -> list[str]:
    return [one.message.text for one in events if isinstance(one, MessageAdded)]


def _in_order(events: list[ChatEvent]) -> bool:
    places = [message_place(one.message) for one in events if isinstance(one, MessageAdded)]
    return places == sorted(places)


def _run(shows: Callable[[], int], scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene on a machine whose clock shows this, ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerClock, "local", staticmethod(shows))
        asyncio.run(scene)


WRITERS = st.sampled_from(
    ["right", "an hour fast", "an hour slow", "junk id", "junk id and a day ahead", "ahead"]
)
BATCHES = st.lists(st.lists(WRITERS, max_size=14), min_size=1, max_size=6)


@dataclass
class Cast:
    """Writers, each with a clock of its own, who follow what they have seen or do not."""

    world: World
    ids: dict[str, Ids] = field(default_factory=dict)

    def write(self, who: str, session_id: SessionId, dice: int) -> dict[Path, Json]:
        wrong = {"an hour fast": HOUR, "an hour slow": -HOUR, "ahead": HOUR}.get(who, 0)
        key = PushIds(lambda: [dice % 64] * 12).make(self.world.server + wrong)
        if who.startswith("junk"):
            key = f"zzz{len(self.world.written):017d}"
        stamp = self.world.server
        if "ahead" in who:
            stamp += HOUR if who == "ahead" else DAY - 60_000 * (dice % 7)
        uid = None if who.startswith("junk") else who
        return self.world.message(session_id, key, stamp, uid)


@examples(100)
@given(
    before=st.lists(WRITERS, max_size=6),
    batches=BATCHES,
    limit=st.integers(1, 5),
    wrong=st.sampled_from([0, 30_000, -30_000, -HOUR]),
    dice=st.randoms(use_true_random=False),
)
def test_a_conversation_tells_each_message_once_and_in_order(
    before: list[str], batches: list[list[str]], limit: int, wrong: int, dice: Any
) -> None:
    """Wrong clocks, junk ids, stamps of tomorrow, and more at once than the window holds."""
    world = World()
    cast = Cast(world)

    def write(who: str) -> None:
        world.server += dice.randint(1, 4)
        world.put(cast.write(who, SESSION, dice.randint(0, 63)))

    async def scene() -> None:
        for who in before:
            write(who)
        old = len(world.written)
        order = paths.messages_in_order()
        diff = MessageDiff(SESSION, limit, history=0)
        place = paths.messages(SESSION)
        world.consume(
            following(world.gateway, place, order, diff, buffer=DEFAULT_LIMIT, overflow="coalesce")
        )
        await world.look()
        for batch in batches:
            for who in batch:
                write(who)
            assert _in_order(await world.look())
        await world.close()
        assert Counter(_texts(world.events)) == Counter(world.written[old:])
        assert not [one for one in world.events if isinstance(one, MessageRemoved)]

    _run(lambda: world.server + wrong, scene())


@pytest.mark.parametrize("limit", [3, 4])
@pytest.mark.parametrize("others", [1, 3])
def test_of_one_millisecond_the_lower_id_is_told_though_the_other_ends_the_window(
    limit: int, others: int
) -> None:
    """It came later and stands below what is known. A window that ends lower costs no look."""
    world = World()

    def write(key: str, *, later: int = 1) -> None:
        world.server += later
        world.put(world.message(SESSION, key, world.server))

    async def scene() -> None:
        for number in range(4):
            write(f"-M{number}")
        order, place = paths.messages_in_order(), paths.messages(SESSION)
        diff = MessageDiff(SESSION, limit, history=0)
        world.consume(
            following(world.gateway, place, order, diff, buffer=DEFAULT_LIMIT, overflow="coalesce")
        )
        await world.look()
        write("-A", later=0)
        for number in range(limit - others):
            write(f"-N{number}")
        before = world.transport.reads
        assert _texts(await world.look()) == world.written[4:]
        assert world.transport.reads - before == (others == 1)
        await world.close()

    _run(lambda: world.server, scene())


@examples(60)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.booleans(), st.integers(0, 63)), max_size=8), min_size=1, max_size=6
    ),
    inbox=st.booleans(),
    limit=st.integers(2, 5),
)
def test_what_comes_in_pairs_of_one_millisecond_is_told_once(
    batches: list[list[tuple[bool, int]]], inbox: bool, limit: int
) -> None:
    """In a conversation, and each in a conversation of its own in the inbox."""
    world = World()
    alone = True

    def write(with_the_last: bool, dice: int) -> None:
        nonlocal alone
        alone = not (alone and with_the_last)
        world.server += alone
        key = SessionId(f"-{dice:02}-{len(world.written):03}")
        changes = world.message(key if inbox else SESSION, key, world.server)
        if inbox:
            changes[paths.session(key) / "lastMessage"] = world.written[-1]
            changes[paths.session(key) / "lastMessageTime"] = world.server
        world.put(changes)

    async def scene() -> None:
        write(False, 0)
        sessions, messages = SessionDiff(limit), MessageDiff(SESSION, limit, history=0)
        where: tuple[Path, Query, SessionDiff | MessageDiff] = (
            (paths.SESSIONS, paths.sessions_in_order(), sessions)
            if inbox
            else (paths.messages(SESSION), paths.messages_in_order(), messages)
        )
        told = following(world.gateway, *where, buffer=DEFAULT_LIMIT, overflow="coalesce")
        world.consume(with_messages(world.gateway, sessions, told) if inbox else told)
        await world.look()
        for batch in batches:
            for one in batch:
                write(*one)
            await world.look()
        await world.close()
        assert Counter(_texts(world.events)) == Counter(world.written[1:])

    _run(lambda: world.server, scene())


@examples(60)
@given(
    steps=st.lists(
        st.lists(
            st.tuples(st.sampled_from(["write", "write", "delete"]), st.integers(0, 30)), max_size=8
        ),
        max_size=6,
    ),
    limit=st.integers(2, 5),
)
def test_what_is_deleted_is_told_once_and_what_slides_in_is_no_news(
    steps: list[list[tuple[str, int]]], limit: int
) -> None:
    """A consumer that keeps what it was told of holds nothing that was deleted before its eyes."""
    world, cast = World(), None
    cast = Cast(world)
    stored: dict[str, Path] = {}
    held: dict[str, str] = {}

    def step(what: str, which: int) -> None:
        world.server += 1
        if what == "write":
            ((place, record),) = cast.write("right", SESSION, which).items()
            world.put({place: record})
            stored[world.written[-1]] = place
        elif stored:
            newest = [*stored][-limit:]
            world.put({stored.pop(newest[which % len(newest)]): None})

    async def scene() -> None:
        for _ in range(8):
            step("write", 0)
        world.consume(
            following(
                world.gateway,
                paths.messages(SESSION),
                paths.messages_in_order(),
                MessageDiff(SESSION, limit, history=0),
                buffer=DEFAULT_LIMIT,
                overflow="coalesce",
            )
        )
        await world.look()
        for batch in steps:
            for what, which in batch:
                step(what, which)
            for event in await world.look():
                match event:
                    case MessageAdded(_, message):
                        assert message.text not in held
                        held[message.text] = message.id
                    case MessageRemoved(_, message):
                        assert message.text not in stored
                        held.pop(message.text, None)
        await world.close()
        given = set(_texts(world.events))
        assert {text for text in stored if text in world.written[8:]} <= given
        assert not given & set(world.written[:8])
        assert set(held) <= given

    _run(lambda: world.server, scene())


SESSIONS = [SessionId(f"-S{number}") for number in range(7)]
ACTS = st.tuples(
    st.sampled_from(["write", "write", "write", "touch", "delete"]),
    st.sampled_from(SESSIONS),
    st.sampled_from(["right", "an hour fast", "an hour slow", "junk id"]),
)


@examples(120)
@given(
    before=st.lists(ACTS, max_size=10),
    batches=st.lists(st.lists(ACTS, max_size=14), min_size=1, max_size=6),
    limit=st.integers(1, 4),
    dice=st.randoms(use_true_random=False),
)
def test_the_inbox_tells_each_message_once(
    before: list[tuple[str, SessionId, str]],
    batches: list[list[tuple[str, SessionId, str]]],
    limit: int,
    dice: Any,
) -> None:
    """More conversations move between two looks than the window holds; some are deleted."""
    world = World()
    cast = Cast(world)
    expected: dict[str, SessionId] = {}

    def act(what: str, session_id: SessionId, who: str) -> None:
        world.server += dice.randint(1, 4)
        session = paths.session(session_id)
        if what == "write":
            changes = cast.write(who, session_id, dice.randint(0, 63))
            expected[world.written[-1]] = session_id
            changes[session / "customerName"] = "Amina"
            changes[session / "lastMessage"] = world.written[-1]
            changes[session / "lastMessageTime"] = world.server
            changes[session / "unreadCount"] = 1
            world.put(changes)
        elif what == "delete":
            world.put({session: None, paths.messages(session_id): None})
            for text in [text for text, where in expected.items() if where == session_id]:
                del expected[text]
        elif world.database.root.at(session).exists:
            world.put({session / "unreadCount": 0})

    async def scene() -> None:
        for one in before:
            act(*one)
        expected.clear()
        old = set(world.written)
        diff = SessionDiff(limit)
        batches_of = following(
            world.gateway,
            paths.SESSIONS,
            paths.sessions_in_order(),
            diff,
            buffer=DEFAULT_LIMIT,
            overflow="coalesce",
        )
        world.consume(with_messages(world.gateway, diff, batches_of))
        held: set[str] = set()
        _replay(await world.look(), held)
        for batch in batches:
            for one in batch:
                act(*one)
            _replay(await world.look(), held)
            heard = _texts(world.events)
            assert expected.keys() <= set(heard)
            assert len(heard) == len(set(heard))
            assert not old & set(heard)
        await world.close()
        query = paths.sessions_in_order().limit_to_last(limit)
        raw = await world.transport.get(paths.SESSIONS, query)
        assert held == set(decode.as_mapping(raw))
        for session_id in SESSIONS:
            told = [
                one.message
                for one in world.events
                if isinstance(one, MessageAdded) and one.session_id == session_id
            ]
            assert [*map(_number, told)] == sorted(map(_number, told))

    _run(lambda: world.server, scene())


def _number(message: Message) -> int:
    return int(message.text.removeprefix("message "))


def _replay(events: list[ChatEvent], held: set[str]) -> None:
    """Apply what is told of sessions, as a consumer does."""
    for event in events:
        match event:
            case SessionAdded(session):
                assert session.id not in held
                held.add(session.id)
            case SessionChanged(session):
                assert session.id in held
            case SessionRemoved(session):
                held.remove(session.id)


def _of_one_session(world: World) -> Callable[[str, int], None]:
    """A writer of messages with their session, by ids of these."""

    def write(key: str, ahead: int = 0) -> None:
        world.server += 1
        changes = world.message(SESSION, key, world.server + ahead, "amina")
        session = paths.session(SESSION)
        changes[session / "lastMessage"] = world.written[-1]
        changes[session / "lastMessageTime"] = world.server + ahead
        world.put(changes)

    return write


async def _tells_what_is_written(world: World, count: int) -> None:
    """So many messages are written, and they are what the consumer is told."""
    write, told = _of_one_session(world), len(world.written)
    for _ in range(count):
        write(f"-M{len(world.written):03}", 0)
    assert _texts(await world.look()) == world.written[told:]


async def _follow_inbox(world: World) -> None:
    diff = SessionDiff(2)
    order = paths.sessions_in_order()
    batches = following(
        world.gateway, paths.SESSIONS, order, diff, buffer=DEFAULT_LIMIT, overflow="coalesce"
    )
    world.consume(with_messages(world.gateway, diff, batches))
    await world.look()


@pytest.mark.parametrize(
    "states",
    [
        {1: StateChanged("connecting"), 3: StateChanged("live")},
        {2: StateChanged("live", "the database has no index for this")},
        {1: StateChanged("live")},
        {2: StateChanged("stale", "no answer")},
    ],
    ids=["live", "live for a reason", "live before the first window", "stale"],
)
def test_what_comes_after_the_first_window_is_news(states: Mapping[int, StateChanged]) -> None:
    """And what came before is none, whatever is said of the connection, and when; if it is live,
    that is said in between."""
    world = World()
    world.transport.states = states
    write = _of_one_session(world)

    async def scene() -> None:
        write("-M0", 0)
        await _follow_inbox(world)
        assert _texts(world.events) == []
        kinds = [type(one) for one in world.events if getattr(one, "state", "live") == "live"]
        assert kinds in ([SessionAdded], [SessionAdded, ConnectionChanged])
        write("-M1", 0)
        assert _texts(await world.look()) == ["message 1"]
        await world.close()

    _run(lambda: world.server, scene())


def test_what_a_busy_consumer_has_read_already_is_not_read_again() -> None:
    """More messages than are remembered, and a session that comes to one after another."""
    world = World()
    write = _of_one_session(world)
    windows: list[Json] = []

    def note() -> None:
        query = paths.sessions_in_order().limit_to_last(2)
        windows.append(world.database.read(paths.SESSIONS, query, OWNER, NOW).to_json())

    async def scene() -> None:
        diff = SessionDiff(2)

        async def batches() -> AsyncGenerator[list[ChatEvent], None]:
            for window in windows:
                yield diff.update(window)

        write("-M", 0)
        note()
        for number in range(150):
            write(f"-M{number:03}", 0)
            note()
        events = [
            one
            async for some in without_pauses(with_messages(world.gateway, diff, batches()))
            for one in some
        ]
        assert _texts(events) == world.written[1:]
        assert len([one for one in events if isinstance(one, SessionChanged)]) == 150
        assert world.transport.reads == len(("10", "30", "120"))

    _run(lambda: world.server, scene())


MANY = ["a dozen replies"]


@examples(100)
@given(
    acts=st.lists(
        st.sampled_from(["reply", "a dozen replies", "page", "its session", "look"]), max_size=20
    ),
    most=st.sampled_from([5, 12, 100]),
)
@example(acts=["reply", "page", "look", "reply", "its session"], most=100)
@example(acts=["page", "reply", "look", *MANY, "look", "reply", "look", "its session"], most=100)
@example(acts=["page", "reply", "look", *MANY, "look", "reply", "look", "its session"], most=5)
def test_a_page_that_comes_to_the_session_late_hides_nothing(acts: list[str], most: int) -> None:
    """It writes its message first, and the session after somebody else's: of the two moves between
    which that one came, a listener may hear of the second alone. Nor does it have anything told
    again that has been forgotten."""
    world = World()
    write = _of_one_session(world)
    session = paths.session(SESSION)
    late: deque[dict[Path, Json]] = deque()

    async def scene() -> None:
        write("-M", 0)
        await _follow_inbox(world)
        replies: set[str] = set()
        for number, act in enumerate([*acts, "look"]):
            match act:
                case "reply" | "a dozen replies":
                    for _ in range(12 if act == "a dozen replies" else 1):
                        write(f"-M{len(world.written):03}", 0)
                        replies.add(world.written[-1])
                case "page":
                    world.server += 1
                    stamp = world.server
                    world.put(world.message(SESSION, f"-P{number:03}", stamp))
                    text = world.written[-1]
                    late.append({session / "lastMessage": text, session / "lastMessageTime": stamp})
                case "its session" if late:
                    world.put(late.popleft())
                case "look":
                    await world.look()
                    assert replies <= set(_texts(world.events))
        assert len(_texts(world.events)) == len(set(_texts(world.events)))
        await world.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new_messages, "_MOST_REMEMBERED", most)
        _run(lambda: world.server, scene())


def test_a_message_that_moves_up_because_others_were_deleted_is_no_news() -> None:
    """The inbox reads the newest ten of a conversation, and one more comes into view."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        for number in range(20):
            write(f"-M{number:03}", 0)
        await _follow_inbox(world)
        write("-M100", 0)
        assert _texts(await world.look()) == ["message 20"]
        world.put({paths.messages(SESSION) / f"-M{number:03}": None for number in (17, 18, 19)})
        write("-M101", 0)
        assert _texts(await world.look()) == ["message 21"]
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize("count", [3, 12, 60])
def test_the_inbox_hears_whatever_was_stamped_ahead_of_time(count: int) -> None:
    """What is stamped tomorrow, and what is written below it at its right time, each once."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        for number in range(15):
            write(f"-M{number:03}", 0)
        await _follow_inbox(world)
        for number in range(count):
            write(f"zz{number:03}", HOUR)
        write("-M100", 0)
        assert sorted(_texts(await world.look())) == sorted(world.written[15:])
        write("-M099", 0)
        write("zz999", HOUR)
        write("-M101", 0)
        assert sorted(_texts(await world.look())) == sorted(world.written[-3:])
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize("after", [12, 50])
@pytest.mark.parametrize("between", [0, 1])
@pytest.mark.parametrize("ahead", [12, 155])
def test_the_inbox_says_nothing_twice_however_deep_it_has_to_look(
    ahead: int, between: int, after: int
) -> None:
    """It looks deeper when more comes at once, and meets again what it has told long before."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        write("-M", 0)
        await _follow_inbox(world)
        for number in range(ahead):
            write(f"zz{number:03}", HOUR)
        assert sorted(_texts(await world.look())) == sorted(world.written[1:])
        for count in (between, after):
            await _tells_what_is_written(world, count)
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize(
    ("ahead", "records"),
    [(0, 10 + 31 + 121), (1, 10 + 10 + 31 + 121), (20, 10 + 10 + 31 + 11 + 121)],
)
def test_a_deep_look_reads_on_from_where_the_one_before_ended(ahead: int, records: int) -> None:
    """On a slow line that is what a listener waits for. What hides the timely ones has them looked
    for once more, and the record at an edge comes with those beyond it."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        for number in range(300):
            write(f"-M{number:03}", 0)
        await _follow_inbox(world)
        for number in range(ahead):
            write(f"zz{number:03}", HOUR)
        told, read = len(world.written) - ahead, world.transport.records
        for _ in range(60):
            write(f"-M{len(world.written):03}", 0)
        assert sorted(_texts(await world.look())) == sorted(world.written[told:])
        assert world.transport.records - read == records
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize("most", [30, 10_000])
def test_what_was_ahead_of_time_before_is_no_news_however_deep_the_inbox_looks(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people say meanwhile is. What it has forgotten may be told when its time has come."""
    monkeypatch.setattr(new_messages, "_MOST_AHEAD", most)
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        write("-M", 0)
        for number in range(45):
            write(f"zz{number:03}", HOUR)
        await _follow_inbox(world)
        for count in (12, 1, 45):
            told = len(world.written)
            for _ in range(count):
                write(f"-M{len(world.written):03}", 0)
            for _ in range(count):
                write(f"zz{len(world.written):03}", HOUR)
            assert sorted(_texts(await world.look())) == sorted(world.written[told:])
        world.server += 2 * HOUR
        for count in (1, 12):
            told = len(world.written)
            for _ in range(count):
                write(f"-M{len(world.written):03}", 0)
            heard = _texts(await world.look())
            assert heard[-count:] == world.written[told:]
            assert most == 30 or len(heard) == count
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize("timely", [0, 1, 20])
@pytest.mark.parametrize("there", [5, 45, 155])
def test_what_was_ahead_before_listening_began_is_no_news_when_its_time_has_come(
    there: int, timely: int
) -> None:
    """Though the first look after that goes down past it."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        for number in range(timely):
            write(f"-L{number:03}", 0)
        for number in range(there):
            write(f"zz{number:03}", HOUR)
        await _follow_inbox(world)
        world.server += 2 * HOUR
        write("-M", 0)
        assert _texts(await world.look()) == world.written[-1:]
        await world.close()

    _run(lambda: world.server, scene())


LEADS = st.sampled_from([0, 0, 3, 5_000, 50_000])


@examples(200)
@given(
    before=st.tuples(LEADS, st.integers(1, 20)),
    batches=st.lists(
        st.tuples(st.lists(LEADS, max_size=14), st.sampled_from([0, -3, -5_000])), max_size=5
    ),
)
@example(before=(3, 1), batches=[([3] * 9, 0), ([0, *[3] * 10], 0)])
@example(before=(0, 12), batches=[([50_000] * 12, 0), ([], 0), ([], 0)])
@example(before=(0, 20), batches=[([], 0), ([], -5_000)])
def test_whatever_browsers_clocks_say_each_message_is_news_once(
    before: tuple[int, int], batches: list[tuple[list[int], int]]
) -> None:
    """Some are fast, so that others stand below what is known; one that is slow stands below what
    was ever read, and only its session tells of it."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        lead, count = before
        for _ in range(count):
            write(f"-M{len(world.written):03}", lead)
        await _follow_inbox(world)
        for fast, last in batches:
            told = len(world.written)
            for lead in (*fast, last):
                world.server += 7
                write(f"-M{len(world.written):03}", lead)
            assert sorted(_texts(await world.look())) == sorted(world.written[told:])
        await world.close()

    _run(lambda: world.server, scene())


def test_a_clock_that_is_set_back_and_forth_makes_nothing_news_again() -> None:
    """In between, all that was timely a moment ago seems to be ahead of its time."""
    world = World()
    write = _of_one_session(world)
    clock = [0]

    async def scene() -> None:
        for number in range(30):
            write(f"-M{number:03}", 0)
        await _follow_inbox(world)
        for wrong, count in (
            (0, 12),
            (0, 12),
            (-HOUR, 1),
            (0, 15),
            (-HOUR, 15),
            (-HOUR, 1),
            (0, 45),
        ):
            clock[0] = wrong
            await _tells_what_is_written(world, count)
        await world.close()

    _run(lambda: world.server + clock[0], scene())


CLOCKS = st.sampled_from([0, -HOUR, HOUR, -90_000, -30_000])


@examples(100)
@given(
    first=CLOCKS,
    before=st.integers(1, 20),
    steps=st.lists(st.tuples(CLOCKS, st.integers(1, 45)), max_size=5),
)
@example(first=-HOUR, before=11, steps=[(0, 10)])
@example(first=0, before=1, steps=[(0, 8), (-HOUR, 10), (0, 10)])
def test_whatever_the_clock_is_set_to_each_message_is_news_once(
    first: int, before: int, steps: list[tuple[int, int]]
) -> None:
    """Also where it was wrong when listening began, and where all that there was is known."""
    world = World()
    write = _of_one_session(world)
    clock = [first]

    async def scene() -> None:
        for number in range(before):
            write(f"-M{number:03}", 0)
        await _follow_inbox(world)
        for wrong, count in steps:
            clock[0] = wrong
            await _tells_what_is_written(world, count)
        await world.close()

    _run(lambda: world.server + clock[0], scene())


def test_a_look_ends_where_the_clock_parts_what_is_known_from_what_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that is timely has been read and none of it is known; of what is ahead, not all has."""
    further, looks = Newest.further, 0

    async def at_most_a_few(newest: Newest, *wanted: Any, **more: Any) -> None:
        nonlocal looks
        looks += 1
        assert looks < 10, "it reads on and on, and there is nothing to read"
        await further(newest, *wanted, **more)

    monkeypatch.setattr(Newest, "further", at_most_a_few)
    world = World()
    write = _of_one_session(world)
    clock = [-2 * HOUR]

    async def scene() -> None:
        for number in range(9):
            write(f"-M{number:03}", 0)
        world.server += HOUR
        for number in range(50):
            write(f"-N{number:03}", 0)
        await _follow_inbox(world)
        for number in range(10):
            write(f"-O{number:03}", 0)
        assert _texts(await world.look()) == world.written[-10:]
        clock[0] = -HOUR // 2
        write("-P", 0)
        assert world.written[-1] in _texts(await world.look())
        await world.close()

    _run(lambda: world.server + clock[0], scene())


@pytest.mark.parametrize(
    ("behind", "session", "news"),
    [
        (1, 0, True),
        (85, 0, True),
        (95, 0, False),
        (95, 95, True),
        (170, 95, True),
        (200, 95, False),
    ],
)
def test_a_slow_dashboards_message_is_news_above_the_lowest_known(
    behind: int, session: int, news: bool
) -> None:
    """Which is the tenth; what stands below it had gone by before, for all one can know, unless it
    is what its session tells of, among the ten before the time that this tells."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        write("-M000", 0)
        await _follow_inbox(world)
        for number in range(1, 30):
            world.server += 9
            write(f"-M{number:03}", 0)
            await world.look()
        write("-N", -behind)
        world.put({paths.session(SESSION) / "lastMessageTime": world.server - session})
        assert _texts(await world.look()) == (world.written[-1:] if news else [])
        await world.close()

    _run(lambda: world.server, scene())


def test_an_old_session_that_slides_into_the_window_brings_nothing_and_costs_nothing() -> None:
    """It takes the place of one that was deleted."""
    world = World()

    async def scene() -> None:
        for session_id in SESSIONS:
            world.server += 1
            changes = world.message(session_id, "-M", world.server)
            changes[paths.session(session_id) / "lastMessageTime"] = world.server
            world.put(changes)
        await _follow_inbox(world)
        reads = world.transport.reads
        world.put({paths.session(SESSIONS[-1]): None, paths.messages(SESSIONS[-1]): None})
        events = await world.look()
        assert [type(one) for one in events] == [SessionRemoved, SessionAdded]
        assert world.transport.reads == reads
        await world.close()

    _run(lambda: world.server, scene())


def test_a_session_that_left_the_window_comes_back_with_all_that_was_said_meanwhile() -> None:
    """Also what a slow dashboard said, which did not bring it back."""
    world = World()
    away, *others = SESSIONS[:3]

    def write(session_id: SessionId, timestamp: int) -> None:
        key = f"-M{len(world.written):03}"
        changes = world.message(session_id, key, timestamp)
        changes[paths.session(session_id) / "lastMessage"] = world.written[-1]
        changes[paths.session(session_id) / "lastMessageTime"] = timestamp
        world.put(changes)

    async def scene() -> None:
        for number, session_id in enumerate((away, others[0])):
            write(session_id, NOW + 100 * number)
        await _follow_inbox(world)
        world.server = NOW + 1000
        write(others[1], NOW + 200)
        assert _texts(await world.look()) == ["message 2"]
        write(away, NOW + 50)
        assert _texts(await world.look()) == []
        write(away, NOW + 300)
        assert _texts(await world.look()) == ["message 3", "message 4"]
        await world.close()

    _run(lambda: world.server, scene())


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_a_session_that_moves_up_before_its_gap_is_read_brings_all_its_messages(known: int) -> None:
    """It is in the gap no more, and not in the window that is being told; it was not deleted."""
    world = World()
    first, *others = SESSIONS[:4]

    def write(session_id: SessionId) -> None:
        world.server += 1
        changes = world.message(session_id, f"-M{len(world.written):03}", world.server)
        session = paths.session(session_id)
        changes[session / "customerName"] = "Amina"
        changes[session / "lastMessage"] = world.written[-1]
        changes[session / "lastMessageTime"] = world.server
        world.put(changes)

    async def scene() -> None:
        for session_id in SESSIONS[:known]:
            write(session_id)
        await _follow_inbox(world)
        write(first)
        for session_id in others:
            write(session_id)
        world.transport.before_reading[paths.SESSIONS] = lambda: write(first)
        events = [*await world.look(), *await world.look()]
        assert sorted(_texts(events)) == sorted(world.written[known:])
        assert not any(one.deleted for one in events if isinstance(one, SessionRemoved))
        held: set[str] = set()
        _replay(world.events, held)
        assert held == {SESSIONS[3], first}
        await world.close()

    _run(lambda: world.server, scene())


def test_of_two_messages_that_read_alike_the_one_that_a_session_moved_with_is_news() -> None:
    """Said by a slow dashboard in a conversation nothing was known of: only the preview tells."""
    world = World()

    def write(key: str, text: str, timestamp: int) -> None:
        record: Json = {"text": text, "from": "admin", "timestamp": timestamp}
        session = paths.session(SESSION)
        world.put(
            {
                paths.messages(SESSION) / key: record,
                session / "lastMessage": text,
                session / "lastMessageTime": timestamp,
            }
        )

    async def scene() -> None:
        write("-M1", "Yes", NOW)
        write("-M2", "Are you sure?", NOW + 2000)
        world.server = NOW + 3000
        await _follow_inbox(world)
        write("-M3", "Yes", NOW + 1500)
        added = [one.message.id for one in await world.look() if isinstance(one, MessageAdded)]
        assert added == ["-M3"]
        await world.close()

    _run(lambda: world.server, scene())


def test_a_gap_longer_than_one_piece_is_read_piece_by_piece() -> None:
    """And what was known below the window is not told again."""
    world = World()
    write = _of_one_session(world)

    async def scene() -> None:
        for number in range(5):
            write(f"-A{number:04}", 0)
        diff = MessageDiff(SESSION, 3)
        order, place = paths.messages_in_order(), paths.messages(SESSION)
        world.consume(
            following(world.gateway, place, order, diff, buffer=DEFAULT_LIMIT, overflow="coalesce")
        )
        await world.look()
        for number in range(950):
            write(f"-B{number:04}", 0)
        reads = world.transport.reads
        assert _texts(await world.look()) == world.written[5:]
        assert world.transport.reads - reads == 5
        await world.close()

    _run(lambda: world.server, scene())
