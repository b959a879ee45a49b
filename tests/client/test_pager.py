"""Paging: each record once, in order, at the price of the page, whatever is written meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat import AccessDenied, AsyncAdminChat, InvalidData, Unavailable
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.pager import (
    MessagePager,
    Pager,
    SessionPager,
    latest_sessions,
)
from imbari_chat.client.sync.clients import BlockingPager
from imbari_chat.client.sync.portal import Portal
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.rules import Ruleset
from imbari_chat.schema import paths, strict_rules
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.models import Status
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory

RULES = Ruleset.parse(strict_rules())
CHAT = SessionId("-Ochat")

# Ids as clients make them, one that differs in case alone, and some that sort as numbers.
IDS = ["-Oaa", "-Oab", "-OaB", "-Oac", "-Oad", "-Oae", "-Oaf", "-Oag", "-Oah", "7", "10", "-3"]
TIMES: list[Json] = [3, 4, 5, 5.5, None, "2024-01-01", "", False, True, {"x": 1}, {"y": 2}]


class Reading(InMemory):
    """Counts what it reads, and refuses what it is told to.

    Args:
        takes_key_bounds: Whether a bound may hold a key beside its value.
    """

    def __init__(
        self, namespace: Namespace, auth: Json = ADMIN, *, takes_key_bounds: bool = True
    ) -> None:
        super().__init__(namespace, auth)
        self.takes_key_bounds = takes_key_bounds
        self.away = False
        self.reads = 0
        self.read = 0
        self.key_bounds = 0

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.away:
            raise Unavailable("no network")
        assert query is not None
        assert query.limit is not None
        if any(bound is not None and bound.key is not None for bound in (query.start, query.end)):
            self.key_bounds += 1
            if not self.takes_key_bounds:
                raise InvalidData("the database refuses the request")
        await asyncio.sleep(0)
        answer = await super().get(path, query)
        self.reads += 1
        self.read += len(answer) if isinstance(answer, dict | list) else 0
        return answer


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return Namespace("t", RULES)


@pytest.fixture
def transport(namespace: Namespace) -> Reading:
    """An admin's way to it."""
    return Reading(namespace)


@pytest.fixture
def gateway(transport: Reading) -> Gateway:
    """An admin's gateway."""
    return Gateway(transport, on_rejected=lambda _: None)


def put(namespace: Namespace, path: Path, value: Json) -> None:
    """Write past the rules: whatever anybody may have left there."""
    namespace.write(Write.put(path, value), OWNER, 1_000_000)


def put_session(
    namespace: Namespace, name: str, time: Json, *, unread: int = 0, status: Status = "active"
) -> None:
    record: Json = {"lastMessageTime": time, "unreadCount": unread, "status": status}
    put(namespace, paths.session(SessionId(name)), record)


def put_message(namespace: Namespace, name: str) -> None:
    record: Json = {"text": name, "from": "admin", "timestamp": 1}
    put(namespace, paths.messages(CHAT) / name, record)


def ids(page: list[Any]) -> list[str]:
    return [one.id for one in page]


async def every(pager: Pager[Any]) -> list[str]:
    """The ids of whatever iterating gives, unless it has no end."""
    given = []
    async for one in pager:
        given.append(one.id)
        assert len(given) < 1000
    return given


async def test_pages_of_the_inbox_go_down_from_the_newest(
    namespace: Namespace, gateway: Gateway
) -> None:
    """Newest first, as lists are, until there are no more."""
    for number in range(5):
        put_session(namespace, f"-O{number}", number + 10)
    pager = SessionPager(gateway, page_size=2)
    assert ids(await pager.older()) == ["-O4", "-O3"]
    assert ids(await pager.older()) == ["-O2", "-O1"]
    assert ids(await pager.older()) == ["-O0"]
    assert await pager.older() == []
    assert await pager.older() == []


async def test_pages_of_a_conversation_are_read_from_top_to_bottom(
    namespace: Namespace, gateway: Gateway
) -> None:
    """Each page oldest first, the first one the latest."""
    for number in range(5):
        put_message(namespace, f"-O{number}")
    pager = MessagePager(gateway, CHAT, page_size=2)
    assert ids(await pager.older()) == ["-O3", "-O4"]
    assert ids(await pager.older()) == ["-O1", "-O2"]
    assert ids(await pager.newer()) == ["-O3", "-O4"]
    assert await pager.newer() == []
    assert ids(await pager.older()) == ["-O1", "-O2"]
    assert ids(await pager.older()) == ["-O0"]


async def test_pages_go_up_from_the_oldest(namespace: Namespace, gateway: Gateway) -> None:
    """For whoever reads from the beginning; nothing is before it."""
    for number in range(5):
        put_message(namespace, f"-O{number}")
    pager = MessagePager(gateway, CHAT, page_size=3, start="oldest")
    assert await pager.older() == []
    assert ids(await pager.newer()) == ["-O0", "-O1", "-O2"]
    assert ids(await pager.newer()) == ["-O3", "-O4"]
    assert await pager.newer() == []
    put_message(namespace, "-O5")
    assert ids(await pager.newer()) == ["-O5"]


async def test_what_comes_to_an_empty_list_is_newer(namespace: Namespace, gateway: Gateway) -> None:
    """An empty page is a place as well."""
    pager = SessionPager(gateway)
    assert await pager.newer() == []
    assert await pager.older() == []
    put_session(namespace, "-O1", 5)
    assert ids(await pager.newer()) == ["-O1"]
    assert await pager.older() == []


async def test_a_session_that_moves_up_is_found_above(
    namespace: Namespace, gateway: Gateway
) -> None:
    """Not twice on the way down, whether it was given before or not; and on the way up."""
    for number in range(4):
        put_session(namespace, f"-O{number}", number + 10)
    pager = SessionPager(gateway, page_size=2)
    assert ids(await pager.older()) == ["-O3", "-O2"]
    put_session(namespace, "-O1", 50)
    put_session(namespace, "-O3", 51)
    assert ids(await pager.older()) == ["-O0"]
    assert ids(await pager.newer()) == ["-O1", "-O2"]
    assert ids(await pager.newer()) == ["-O3"]


async def test_iterating_gives_one_by_one_away_from_the_start(
    namespace: Namespace, gateway: Gateway
) -> None:
    """Whatever the order on a page."""
    for number in range(5):
        put_session(namespace, f"-O{number}", number + 10)
        put_message(namespace, f"-O{number}")
    up = [f"-O{number}" for number in range(5)]
    for start, expected in (("newest", up[::-1]), ("oldest", up)):
        pagers: list[Pager[Any]] = [
            SessionPager(gateway, page_size=2, start=start),  # type: ignore[arg-type]  # two literals
            MessagePager(gateway, CHAT, page_size=2, start=start),  # type: ignore[arg-type]  # two literals
        ]
        for pager in pagers:
            assert await every(pager) == expected


async def test_iterating_again_goes_on(namespace: Namespace, gateway: Gateway) -> None:
    """Also in the middle of a page."""
    for number in range(5):
        put_session(namespace, f"-O{number}", number + 10)
    pager = SessionPager(gateway, page_size=3)
    async for one in pager:
        if one.id == "-O3":
            break
    assert await every(pager) == ["-O2", "-O1", "-O0"]


async def test_calls_that_overlap_give_different_pages(
    namespace: Namespace, gateway: Gateway
) -> None:
    """One page is turned at a time."""
    for number in range(4):
        put_message(namespace, f"-O{number}")
    pager = MessagePager(gateway, CHAT, page_size=2)
    first, second = await asyncio.gather(pager.older(), pager.older())
    assert (ids(first), ids(second)) == (["-O2", "-O3"], ["-O0", "-O1"])


async def test_a_page_that_could_not_be_read_can_be_asked_for_again(
    namespace: Namespace, transport: Reading, gateway: Gateway
) -> None:
    """The pager stays where it is."""
    for number in range(4):
        put_message(namespace, f"-O{number}")
    pager = MessagePager(gateway, CHAT, page_size=2)
    await pager.older()
    transport.away = True
    with pytest.raises(Unavailable):
        await pager.older()
    transport.away = False
    assert ids(await pager.older()) == ["-O0", "-O1"]


async def test_somebody_else_may_not_browse(namespace: Namespace) -> None:
    """The rules hold for pages as for lists."""
    with pytest.raises(AccessDenied):
        await SessionPager(Gateway(Reading(namespace, CUSTOMER))).older()


def test_a_page_of_nothing_is_refused(gateway: Gateway) -> None:
    """It would never end."""
    with pytest.raises(InvalidData, match="at least 1"):
        MessagePager(gateway, CHAT, page_size=0)


async def test_malformed_records_are_reported_and_passed(
    namespace: Namespace, transport: Reading
) -> None:
    """They neither end the paging nor shorten a page, and each is reported once on the way."""
    rejected: list[RecordRejected] = []
    for number in range(6):
        put_message(namespace, f"-O{number}")
    for number in (0, 1, 3):
        put(namespace, paths.messages(CHAT) / f"-O{number}", "junk")
    pager = MessagePager(Gateway(transport, on_rejected=rejected.append), CHAT, page_size=2)
    assert ids(await pager.older()) == ["-O4", "-O5"]
    assert ids(await pager.older()) == ["-O2"]
    assert await pager.older() == []
    assert sorted(one.path for one in rejected) == [
        f"/messages/{CHAT}/-O{number}" for number in (0, 1, 3)
    ]


@pytest.mark.parametrize("since", [12, datetime.fromtimestamp(0.012, UTC)])
async def test_a_filter_reads_on_until_the_page_is_full(
    namespace: Namespace, gateway: Gateway, since: datetime | int
) -> None:
    """Status, unread and since go together."""
    for number in range(20):
        put_session(
            namespace,
            f"-O{number:02}",
            number,
            unread=number % 2,
            status="resolved" if number % 3 == 0 else "active",
        )
    wanted = ["-O19", "-O17", "-O13"]  # odd, not divisible by three, at least 12
    pager = SessionPager(gateway, status="active", unread=True, since=since, page_size=2)
    assert ids(await pager.older()) == wanted[:2]
    assert ids(await pager.older()) == wanted[2:]
    assert await pager.older() == []
    first = await latest_sessions(gateway, status="active", unread=True, since=since, limit=2)
    assert ids(first) == wanted[:2]
    more = await latest_sessions(gateway, status="active", unread=True, since=since, limit=9)
    assert ids(more) == wanted


async def test_what_is_new_enough_is_read_in_both_directions(
    namespace: Namespace, gateway: Gateway
) -> None:
    """There and back, and what came meanwhile; what is older is beyond the end."""
    for number in range(10):
        put_session(namespace, f"-O{number}", number)
    pager = SessionPager(gateway, since=4, page_size=2)
    pages = [["-O9", "-O8"], ["-O7", "-O6"], ["-O5", "-O4"], []]
    assert [ids(await pager.older()) for _ in pages] == pages
    put_session(namespace, "-Onew", 10)
    back = [*pages[1::-1], ["-Onew"], []]
    assert [ids(await pager.newer()) for _ in back] == back

    upwards = SessionPager(gateway, since=4, page_size=2, start="oldest")
    pages = [*pages[2::-1], ["-Onew"], []]
    assert [ids(await upwards.newer()) for _ in pages] == pages
    back = [*pages[2::-1], []]
    assert [ids(await upwards.older()) for _ in back] == back


async def test_what_is_older_than_since_is_not_even_read(
    namespace: Namespace, transport: Reading, gateway: Gateway
) -> None:
    """A report on an hour does not cost a year."""
    for number in range(300):
        put_session(namespace, f"-O{number:03}", number)
    pager = SessionPager(gateway, since=290, unread=True, page_size=50)
    assert await pager.older() == []
    assert (transport.reads, transport.read) == (1, 10)


@pytest.mark.parametrize("start", ["newest", "oldest"])
async def test_nothing_older_than_since_is_read_at_the_end_either(
    namespace: Namespace, transport: Reading, gateway: Gateway, start: Literal["newest", "oldest"]
) -> None:
    """From whichever end: each page is what it gives, and where the one before ended."""
    for number in range(300):
        put_session(namespace, f"-O{number:03}", number)
    pager = SessionPager(gateway, since=290, page_size=5, start=start)
    turn = pager.older if start == "newest" else pager.newer
    assert [len(await turn()) for _ in range(3)] == [5, 5, 0]
    assert (transport.reads, transport.read) == (3, 5 + 6 + 1)


async def test_a_filter_that_little_passes_gives_a_short_page(
    namespace: Namespace, transport: Reading, gateway: Gateway
) -> None:
    """One call reads so far and no further, once it has something to give."""
    for number in range(300):
        put_session(namespace, f"-O{number:03}", number, unread=int(number in (10, 290)))
    pager = SessionPager(gateway, unread=True, page_size=10, scan=30)
    assert ids(await pager.older()) == ["-O290"]
    assert transport.read < 60
    assert ids(await pager.older()) == ["-O010"]
    assert await pager.older() == []
    found = await latest_sessions(gateway, status=None, unread=True, since=None, limit=10)
    assert ids(found) == ["-O290", "-O010"]


async def test_one_read_is_one_page_however_long_the_list(
    namespace: Namespace, transport: Reading, gateway: Gateway
) -> None:
    """And a limit that the list does not reach costs no second read."""
    for number in range(500):
        put_session(namespace, f"-O{number:03}", number)
    pager = SessionPager(gateway, page_size=20)
    for _ in range(5):
        await pager.older()
    assert transport.reads == 5
    assert transport.read <= 5 * 21
    transport.reads = 0
    await latest_sessions(gateway, status=None, unread=False, since=480, limit=50)
    assert transport.reads == 1


@pytest.mark.parametrize("time", [5, None, "soon"])
async def test_the_cost_of_a_page_follows_its_size_however_many_share_one_time(
    namespace: Namespace, transport: Reading, gateway: Gateway, time: Json
) -> None:
    """Rows given before are left out by their key as soon as there are many."""
    for number in range(400):
        put_session(namespace, f"-O{number:03}", time)
    assert await every(SessionPager(gateway, page_size=10)) == [
        f"-O{number:03}" for number in reversed(range(400))
    ]
    assert transport.read <= 41 * 21


@pytest.mark.parametrize("takes_key_bounds", [True, False])
async def test_turning_round_among_many_that_share_one_time(
    namespace: Namespace, transport: Reading, gateway: Gateway, takes_key_bounds: bool
) -> None:
    """How many are on the other side is not known, and more may have come to it."""
    transport.takes_key_bounds = takes_key_bounds
    names = [f"-O{number:02}" for number in range(0, 60, 2)]
    for name in names:
        put_session(namespace, name, 5)
    pager = SessionPager(gateway, page_size=3)
    for _ in range(4):
        await pager.older()
    assert ids(await pager.older()) == ["-O34", "-O32", "-O30"]
    for number in range(1, 59, 2):
        put_session(namespace, f"-O{number:02}", 5)
    assert ids(await pager.newer()) == ["-O37", "-O36", "-O35"]


@pytest.mark.parametrize("junk", [{"a": 1}, "soon"])
async def test_junk_above_all_does_not_make_newer_pages_dear(
    namespace: Namespace, transport: Reading, gateway: Gateway, junk: Json
) -> None:
    """Somebody who waits at the top reads what is there, not everything below."""
    for number in range(200):
        put_session(namespace, f"-O{number:03}", number)
    put_session(namespace, "-Ojunk", junk)
    pager = SessionPager(gateway, page_size=5)
    await pager.older()
    transport.read = 0
    assert await pager.newer() == []
    assert transport.read <= 2


async def test_a_service_that_refuses_key_bounds_is_asked_once(
    namespace: Namespace, transport: Reading, gateway: Gateway
) -> None:
    """Then the rows given before are read again, and everything is given all the same."""
    transport.takes_key_bounds = False
    for number in range(40):
        put_session(namespace, f"-O{number:03}", 5)
    assert await every(SessionPager(gateway, page_size=3)) == [
        f"-O{number:03}" for number in reversed(range(40))
    ]
    assert transport.key_bounds == 1


def test_a_blocking_pager_turns_and_iterates(namespace: Namespace, gateway: Gateway) -> None:
    """The same without ``await``."""
    for number in range(5):
        put_message(namespace, f"-O{number}")
    portal = Portal("pages")
    try:
        pager = BlockingPager(portal, MessagePager(gateway, CHAT, page_size=2))
        assert ids(pager.older()) == ["-O3", "-O4"]
        assert [one.id for one in pager] == ["-O2", "-O1", "-O0"]
        assert ids(pager.newer()) == ["-O1", "-O2"]
    finally:
        portal.close()


@pytest.mark.parametrize("takes_key_bounds", [True, False])
async def test_pages_over_rest(
    desk: AsyncAdminChat,
    seed: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    takes_key_bounds: bool,
) -> None:
    """The emulator takes key bounds, and what comes of it is the same without them."""
    transport = desk._gateway.transport
    read, bounds = transport.get, 0

    async def get(path: Path, query: Query | None = None) -> Json:
        nonlocal bounds
        if query is not None and query.end is not None and query.end.key is not None:
            bounds += 1
            if not takes_key_bounds:
                raise InvalidData("the database refuses the request")
        return await read(path, query)

    monkeypatch.setattr(transport, "get", get)
    names = [f"-O{number:018}" for number in range(20)]
    seed("/chatSessions", {name: {"lastMessageTime": 5} for name in names})
    assert await every(SessionPager(desk._gateway, page_size=3)) == names[::-1]
    assert bounds == (6 if takes_key_bounds else 1)


# What follows compares with a model that looks at everything there is.


def rank(time: Json) -> tuple[Any, ...]:
    """The order that the service documents: nothing, false, true, numbers, texts, objects."""
    match time:
        case None:
            return (0,)
        case bool():
            return (1, time)
        case int() | float():
            return (2, time)
        case str():
            return (3, time)
    return (4,)


def key_rank(key: str) -> tuple[Any, ...]:
    """Keys that are integers first."""
    return (0, int(key)) if key.lstrip("-").isdigit() else (1, key)


class Model:
    """A pager over a plain dictionary.

    Args:
        order: Where a record stands.
        admits: Which records are given.
    """

    def __init__(
        self,
        order: Callable[[str, Json], Any],
        admits: Callable[[Json], bool],
        *,
        goes_down: bool,
        size: int,
    ) -> None:
        self._order = order
        self._admits = admits
        self._goes_down = goes_down
        self._size = size
        self._edges: list[Any] = [None, None]  # the upper and the lower one
        self._has_looked = False

    def turn(self, stored: dict[str, Json], *, down: bool) -> list[str]:
        if not self._has_looked and down != self._goes_down:
            return []
        self._has_looked = True
        places = sorted(((self._order(k, v), k) for k, v in stored.items()), reverse=down)
        far = self._edges[down]
        beyond = [
            (place, key)
            for place, key in places
            if far is None or (place < far if down else place > far)
        ]
        page, span = [], []
        for place, key in beyond:
            span.append(place)
            if self._admits(stored[key]):
                page.append(key)
            if len(page) == self._size:
                break
        if span:
            self._edges[down] = span[-1]
            if page or self._edges[not down] is None:
                self._edges[not down] = span[0]
        return page


writes = st.tuples(
    st.sampled_from(IDS),
    st.one_of(
        st.sampled_from([*[5] * 12, 6, *TIMES]).map(
            lambda time: {"lastMessageTime": time, "unreadCount": 1}
        ),
        st.sampled_from([None, "junk", {"unreadCount": 0, "lastMessageTime": 5}]),
    ),
)
turns = st.booleans()


@pytest.mark.parametrize("takes_key_bounds", [True, False])
@given(
    before=st.lists(writes, max_size=24),
    steps=st.lists(st.one_of(turns, turns, writes), max_size=24),
    size=st.integers(1, 5),
    goes_down=st.booleans(),
    unread=st.booleans(),
)
@examples(150)
def test_pages_of_sessions_are_those_of_the_model(
    takes_key_bounds: bool,
    before: list[tuple[str, Any]],
    steps: list[Any],
    size: int,
    goes_down: bool,
    unread: bool,
) -> None:
    """Whatever times they share, whatever is written in between, in whichever direction."""

    def order(key: str, raw: Json) -> Any:
        return rank(raw.get("lastMessageTime") if isinstance(raw, dict) else None), key_rank(key)

    def admits(raw: Json) -> bool:
        return isinstance(raw, dict) and (not unread or raw.get("unreadCount") == 1)

    namespace = Namespace("t", RULES)
    stored: dict[str, Json] = {}

    def write(key: str, raw: Json) -> None:
        put(namespace, paths.session(SessionId(key)), raw)
        stored.pop(key, None)
        if raw is not None:
            stored[key] = raw

    async def compare() -> None:
        gateway = Gateway(
            Reading(namespace, takes_key_bounds=takes_key_bounds), on_rejected=lambda _: None
        )
        start = "newest" if goes_down else "oldest"
        pager = SessionPager(gateway, unread=unread, page_size=size, start=start)  # type: ignore[arg-type]  # two literals
        model = Model(order, admits, goes_down=goes_down, size=size)
        for step in steps:
            if isinstance(step, bool):
                page = await (pager.older() if step else pager.newer())
                expected = model.turn(stored, down=step)
                assert ids(page) == (expected if step else expected[::-1])
            else:
                write(*step)

    for key, raw in before:
        write(key, raw)
    asyncio.run(compare())


@given(
    before=st.sets(st.sampled_from(IDS)),
    steps=st.lists(st.one_of(turns, turns, st.sampled_from(IDS)), max_size=24),
    size=st.integers(1, 5),
    goes_down=st.booleans(),
)
@examples(150)
def test_pages_of_messages_are_those_of_the_model(
    before: set[str], steps: list[bool | str], size: int, goes_down: bool
) -> None:
    """They come and go, and keep their places."""
    namespace = Namespace("t", RULES)
    stored: dict[str, Json] = {}

    def toggle(key: str) -> None:
        if stored.pop(key, None) is None:
            stored[key] = key
            put_message(namespace, key)
        else:
            put(namespace, paths.messages(CHAT) / key, None)

    async def compare() -> None:
        start = "newest" if goes_down else "oldest"
        pager = MessagePager(Gateway(Reading(namespace)), CHAT, page_size=size, start=start)  # type: ignore[arg-type]  # two literals
        model = Model(lambda key, _: key_rank(key), lambda _: True, goes_down=goes_down, size=size)
        for step in steps:
            if isinstance(step, bool):
                page = await (pager.older() if step else pager.newer())
                expected = model.turn(stored, down=step)
                assert ids(page) == (expected[::-1] if step else expected)
            else:
                toggle(step)

    for key in before:
        toggle(key)
    asyncio.run(compare())


@given(
    resting=st.lists(st.sampled_from([5, 5, 6]), min_size=1, max_size=12),
    moves=st.lists(st.lists(st.sampled_from(IDS), max_size=3), max_size=20),
    size=st.integers(1, 4),
)
@examples(150)
def test_whoever_rests_is_given_once_while_others_move_up(
    resting: list[int], moves: list[list[str]], size: int
) -> None:
    """On the way down nobody is given twice; on the way up everybody is met."""
    namespace = Namespace("t", RULES)
    rest = [f"-Or{number:02}" for number in range(len(resting))]
    for name, time in zip(rest, resting, strict=True):
        put_session(namespace, name, time)
    for name in IDS:
        put_session(namespace, name, 5)

    async def browse() -> None:
        pager = SessionPager(Gateway(Reading(namespace)), page_size=size)
        down: list[str] = []
        clock = 10
        while page := await pager.older():
            down += ids(page)
            assert len(down) < 1000
            for name in moves.pop() if moves else []:
                clock += 1
                put_session(namespace, name, clock)
        assert len(down) == len(set(down))
        assert [name for name in down if name.startswith("-Or")] == [
            name for _, name in sorted(zip(resting, rest, strict=True), reverse=True)
        ]
        up: list[str] = []
        while page := await pager.newer():
            up += ids(page)
            assert len(up) < 1000
        # The page that the pager stood on at the bottom is not turned to again.
        assert set(up) | set(down[-size:]) >= {*rest, *IDS}
        assert len(up) == len(set(up))

    asyncio.run(browse())
