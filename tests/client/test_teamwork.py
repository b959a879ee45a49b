"""Teamwork where things go wrong: lost answers, ends that come, rules of before, junk."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, Conflict, Unavailable
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.teamwork import live
from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.buffer import ListenItem
from imbari_chat.engine.effects import Changed
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData, SessionNotFound
from imbari_chat.schema import paths
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import TeamSnapshot
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.conftest import RULES
from tests.client.in_memory import (
    ADMIN,
    CUSTOMER,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    Silence,
    database,
)
from tests.client.scenarios.faces import WAIT
from tests.faults.proxy import Proxy

NOW = 1_800_000_000_000
NOOR: Json = {"uid": "noor", "token": {"admin": True}}

over_rest = pytest.mark.parametrize("transport_name", ["rest"], indirect=True)


async def _started(namespace: Namespace) -> SessionId:
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        return (await chat.start(name="Amina", email="amina@example.com")).id


def _desk(namespace: Namespace, auth: Json, *fates: str | ImbariError) -> AsyncAdminChat:
    return AsyncAdminChat._over(Gateway(InMemory(namespace, auth, *fates)))


async def test_a_claim_whose_answer_is_lost_is_looked_at() -> None:
    """Made, it is ours; never made, nobody knows, and nothing is claimed to be."""
    namespace = database()
    session = await _started(namespace)
    desk = _desk(namespace, ADMIN, LOST_ANSWER)
    assert (await desk.team.claim(session)).to == "desk"
    other = await _started(namespace)
    for fate, unknown in ((LOST_REQUEST, True), (UNREACHABLE, False)):
        with pytest.raises(Unavailable) as caught:
            await _desk(namespace, ADMIN, fate).team.claim(other)
        assert caught.value.outcome_unknown is unknown
    assert (await desk.team.read(other)).assignment_of(other) is None


class Gone(InMemory):
    """Answers nothing any more after the first write, which it has made."""

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.updates:
            raise Unavailable("away")
        return await super().get(path, query)


async def test_a_claim_of_which_nobody_can_tell_says_that_nobody_can() -> None:
    """Though the look that was to find out failed for certain."""
    namespace = database()
    session = await _started(namespace)
    desk = AsyncAdminChat._over(Gateway(Gone(namespace, ADMIN, LOST_ANSWER)))
    with pytest.raises(Unavailable) as caught:
        await desk.team.claim(session)
    assert caught.value.outcome_unknown
    assert (await _desk(namespace, ADMIN).team.claim(session)).to == "desk"


class Between(InMemory):
    """Lets a colleague be faster, once, after the look and before the write."""

    def __init__(self, namespace: Namespace, auth: Json, colleague: Any) -> None:
        super().__init__(namespace, auth)
        self._colleague = colleague

    async def update(self, changes: Any) -> None:
        colleague, self._colleague = self._colleague, None
        if colleague is not None:
            await colleague()
        await super().update(changes)


async def test_whoever_puts_down_what_was_taken_over_is_told_by_whom() -> None:
    """The colleague's stays."""
    namespace = database()
    session = await _started(namespace)
    await _desk(namespace, ADMIN).team.claim(session)
    noor = _desk(namespace, NOOR)
    transport = Between(namespace, ADMIN, lambda: noor.team.claim(session, instead_of="desk"))
    with pytest.raises(Conflict, match="noor has this conversation"):
        await AsyncAdminChat._over(Gateway(transport)).team.unassign(session)
    held = (await noor.team.read()).assignment_of(session)
    assert held is not None
    assert held.to == "noor"


async def test_whoever_is_given_what_they_have_keeps_it_as_it_was() -> None:
    """Whoever gives it: nothing is written, so it stands as of when it was given."""
    namespace = database()
    session = await _started(namespace)
    noor = _desk(namespace, NOOR)
    await noor.team.claim(session)
    held = (await noor.team.read()).assignment_of(session)
    transport = InMemory(namespace, ADMIN)
    team = AsyncAdminChat._over(Gateway(transport)).team
    assert await team.assign(session, "noor", name="Another") == held
    assert transport.updates == 0


async def test_of_two_who_mark_unread_one_does() -> None:
    """The other looks again, and finds it done."""
    namespace = database()
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        session = (await chat.start(name="A", email="a@example.com", text="Hello")).id
    noor = _desk(namespace, NOOR)
    assert await noor.open(session).mark_read() == 1
    transport = Between(namespace, ADMIN, lambda: noor.mark_unread(session))
    assert not await AsyncAdminChat._over(Gateway(transport)).mark_unread(session)
    assert (await noor.get_session(session)).unread_count == 1
    assert await noor.recount(session) is None


@pytest.mark.parametrize(("read", "count"), [(True, 1), (False, 0)])
async def test_nothing_is_marked_where_something_is_unread_already(
    *, read: bool, count: int
) -> None:
    """By the count or by the message, which may have drifted apart: a mark would not mend that."""
    namespace = database()
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        session = (await chat.start(name="A", email="a@example.com", text="Hello")).id
    desk = _desk(namespace, ADMIN)
    if read:
        await desk.open(session).mark_read()
    namespace.write(Write.put(paths.unread_count(session), count), OWNER, 0)
    assert not await desk.mark_unread(session)


class Said(Silence):
    """A subscription that says what it is given, and then waits."""

    def __init__(self, value: Json, more: "asyncio.Queue[Json]") -> None:
        self._more = more
        self._more.put_nowait(value)

    async def __anext__(self) -> ListenItem:
        return Changed(await self._more.get(), None)


class Told(InMemory):
    """Listeners hear what the test says."""

    def __init__(self, **values: Json) -> None:
        super().__init__(database(), ADMIN)
        self._values = values
        self.queues: dict[str, asyncio.Queue[Json]] = {}

    def listen(self, path: Path, *_: Any, **__: Any) -> Any:
        queue = self.queues[path[0]] = asyncio.Queue()
        return Said(self._values.get(path[0]), queue)


@pytest.fixture
def told() -> Told:
    """A block that ends soon, and labels that are none."""
    return Told(blocks={"amina": {"reason": "x", "until": NOW + 1000}}, labels={"s": "junk"})


async def _next(source: Any) -> TeamSnapshot:
    async with asyncio.timeout(WAIT):
        found = await anext(source)
    assert isinstance(found, TeamSnapshot)
    return found


async def test_an_end_is_told_when_it_comes(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, though nothing changed, by the server's clock; and no sooner."""
    gateway = Gateway(told)
    began = asyncio.get_running_loop().time()
    clock = asyncio.get_running_loop().time
    monkeypatch.setattr(gateway.ids, "now", lambda: NOW + int((clock() - began) * 1000))
    async with aclosing(live.follow(gateway)) as snapshots:
        first = await _next(snapshots)
        second = await _next(snapshots)
        assert first.at < NOW + 1000 <= second.at
        assert second.next_end() is None
        told.queues["blocks"].put_nowait(None)
        assert (await _next(snapshots)).blocks == {}


async def test_the_clock_is_looked_at_though_the_end_is_far(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be set, or the machine may sleep. As long as nothing has ended nothing is told."""
    gateway = Gateway(told)
    times = iter([NOW] * 20)
    monkeypatch.setattr(live, "_LONGEST", 0.001)
    monkeypatch.setattr(gateway.ids, "now", lambda: next(times, NOW + 10**9))
    told._values["blocks"] = {"amina": {"until": NOW + 10**6}}
    async with aclosing(live.follow(gateway)) as snapshots:
        assert (await _next(snapshots)).next_end() == NOW + 10**6
        assert (await _next(snapshots)).next_end() is None


async def test_junk_is_told_once_however_often_something_changes(told: Told) -> None:
    """And the rest is followed."""
    rejected: list[RecordRejected] = []
    gateway = Gateway(told, on_rejected=rejected.append)
    async with aclosing(live.follow(gateway)) as snapshots:
        await _next(snapshots)
        told.queues["labels"].put_nowait({"s": "junk", "t": {"names": {"vip": True}}})
        snapshot = await _next(snapshots)
        assert snapshot.labels_of("t") == ("vip",)
    assert [one.path for one in rejected] == ["/labels/s"]


async def test_whoever_stops_following_leaves_no_task() -> None:
    """Nor does whoever is stopped before there is anything."""
    told = Told()
    gateway = Gateway(told)
    before = asyncio.all_tasks()
    async with aclosing(live.follow(gateway)) as snapshots:
        await _next(snapshots)
        assert len(asyncio.all_tasks() - before) == 5
    assert asyncio.all_tasks() == before


both = pytest.mark.parametrize("transport_name", ["rest", "websocket"], indirect=True)


@both
async def test_what_happened_in_an_outage_is_told_after_it(
    flags: dict[str, Any], session: str, proxy: Proxy
) -> None:
    """As it stands then, once the network is back."""
    async with (
        AsyncAdminChat.from_env(**{**flags, "database_emulator": proxy.address}) as desk,
        AsyncAdminChat.from_env(**flags) as colleague,
        aclosing(desk.team.follow()) as snapshots,
    ):
        assert (await _next(snapshots)).labels_of(session) == ()
        await proxy.refuse()
        await colleague.team.label(session, "vip")
        await colleague.team.label(session, "urgent")
        await proxy.mend()
        desk.reconnect_now()
        snapshot = await _next(snapshots)
        while snapshot.labels_of(session) != ("urgent", "vip"):
            snapshot = await _next(snapshots)


@both
async def test_closing_the_client_ends_what_follows(flags: dict[str, Any]) -> None:
    """Without an error, whoever waits."""
    desk = AsyncAdminChat.from_env(**flags)
    async with aclosing(desk.team.follow()) as snapshots:
        await _next(snapshots)
        waiting = asyncio.create_task(anext(snapshots, None))
        await asyncio.sleep(0)
        await desk.close()
        async with asyncio.timeout(WAIT):
            assert await waiting is None


OLD_RULES = RULES.replace('".indexOn": "at",\n      ".read"', '".read"')


@over_rest
async def test_rules_of_before_are_told(emulator: Emulator, flags: dict[str, Any]) -> None:
    """REST asks nothing without an index, and it is said so at once; a socket does without."""
    assert OLD_RULES != RULES
    emulator.load_rules(OLD_RULES)
    async with AsyncAdminChat.from_env(**flags) as desk:
        with pytest.raises(ImbariError, match="index"):
            async with aclosing(desk.team.follow()) as snapshots:
                await _next(snapshots)
        with pytest.raises(ImbariError, match="index"):
            await desk.team.read()


async def test_a_snapshot_shows_those_written_last() -> None:
    """A thousand of each kind."""
    namespace = database()
    rows: Json = {f"s{n:04}": {"to": "desk", "at": n} for n in range(live.WINDOW + 1)}
    namespace.write(Write.put(paths.ASSIGNMENTS, rows), OWNER, 0)
    snapshot = await _desk(namespace, ADMIN).team.read()
    assert len(snapshot.assignments) == live.WINDOW
    assert snapshot.assignment_of("s0000") is None
    assert (await _desk(namespace, ADMIN).team.read("s0000")).assignment_of("s0000") is not None


@pytest.mark.parametrize("act", ["claim", "unassign"])
async def test_a_refusal_that_no_colleague_explains_is_raised(act: str) -> None:
    """The rules have their own reasons."""
    namespace = database()
    session = await _started(namespace)
    if act == "unassign":
        await _desk(namespace, ADMIN).team.claim(session)
    desk = _desk(namespace, ADMIN, AccessDenied("not any more"))
    with pytest.raises(AccessDenied, match="not any more"):
        await getattr(desk.team, act)(session)


async def test_whoever_marks_unread_against_the_rules_gives_up_after_some_looks() -> None:
    """It looks as if colleagues got in between each time."""
    namespace = database()
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        session = (await chat.start(name="A", email="a@example.com", text="Hello")).id
    await _desk(namespace, ADMIN).open(session).mark_read()
    transport = InMemory(namespace, ADMIN, *[AccessDenied("no")] * 10)
    with pytest.raises(Conflict) as caught:
        await AsyncAdminChat._over(Gateway(transport)).mark_unread(session)
    assert isinstance(caught.value.__cause__, AccessDenied)
    assert 1 < transport.updates < 10


async def test_a_canned_reply_needs_its_text_and_its_reader() -> None:
    """Neither is made up."""
    namespace = database()
    session = await _started(namespace)
    desk = _desk(namespace, ADMIN)
    await desk.team.save_canned_reply("hi", "Hello {first_name}")
    assert await desk.team.fill("hi", session) == "Hello Amina"
    with pytest.raises(SessionNotFound, match="-Nowhere"):
        await desk.team.fill("hi", "-Nowhere")
    namespace.write(Write.put(paths.canned_reply("bad"), {"by": "desk"}), OWNER, 0)
    with pytest.raises(InvalidData, match="'bad' has no text"):
        await desk.team.fill("bad", session)


async def test_junk_among_notes_is_told_and_the_rest_is_read() -> None:
    """Oldest first, whatever their ids."""
    namespace, rejected = database(), list[RecordRejected]()
    session = await _started(namespace)
    stored: dict[str, Json] = {
        "z": {"text": "One", "at": 1},
        "a": {"text": "Two", "at": 2},
        "junk": {"at": 3},
    }
    namespace.write(Write.put(paths.notes(session), stored), OWNER, 0)
    gateway = Gateway(InMemory(namespace, ADMIN), on_rejected=rejected.append)
    notes = await live.read_notes(gateway, session)
    assert [one.text for one in notes] == ["One", "Two"]
    assert [one.path for one in rejected] == [f"{paths.notes(session)}/junk"]
