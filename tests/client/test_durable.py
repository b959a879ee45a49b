"""A durable outbox: what was accepted outlives the program, and goes out once and in order."""

import asyncio
import itertools
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, cast

import pytest

from imbari_chat import AccessDenied, AsyncAdminChat, AsyncCustomerChat
from imbari_chat.client import transports
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending import on_disk
from imbari_chat.client.sending.durable import DurableOutbox
from imbari_chat.client.sending.entry import OutboxEntry
from imbari_chat.config import Settings
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import ConfigError, ImbariError, InvalidData, NotFound, Unavailable
from imbari_chat.net import process
from imbari_chat.net.store import OutboxStore
from imbari_chat.net.store_file import Row, RowState, StoreFile, becoming
from imbari_chat.net.transport import Done, Withdraw
from imbari_chat.schema import plans
from imbari_chat.schema.outgoing import OutgoingMessage, progress_of
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.plans import as_sent
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.in_memory import (
    ADMIN,
    CUSTOMER,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    database,
)

PATIENTLY = OutboxPolicy(backoff=BackoffPolicy(first=1000.0, cap=1000.0), batch=50)
"""What could not be sent goes out when a test says so."""

OTHER_ADMIN: Json = {"uid": "other", "token": {"admin": True}}
WAIT = 60.0


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "_LOOK", 0.01)


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


@pytest.fixture
async def session_id(namespace: Namespace) -> str:
    """A conversation somebody has started."""
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        return (await chat.start(name="Amina", email="amina@example.com")).id


@pytest.fixture
def file(tmp_path: FilePath) -> FilePath:
    """Where the outbox is."""
    return tmp_path / "outbox" / "box.sqlite"


def _store(file: FilePath, **options: Any) -> OutboxStore:
    return OutboxStore(StoreFile(file, "test", **options))


Desks = Callable[..., AsyncAdminChat]


@pytest.fixture
async def desk(namespace: Namespace, file: FilePath) -> AsyncIterator[Desks]:
    """A maker of programs that write to one outbox; each is ended at the end."""
    async with AsyncExitStack() as ends:

        def make(
            transport: InMemory | None = None,
            store: OutboxStore | None = None,
            policy: OutboxPolicy | None = PATIENTLY,
        ) -> Any:
            gateway = Gateway(
                transport or InMemory(namespace, ADMIN),
                policy=policy,
                store=store or _store(file),
            )
            chat = AsyncAdminChat._over(gateway)
            ends.push_async_callback(chat.close)
            return chat

        yield make


class _Away(InMemory):
    """Cannot be reached until it is told so; keeps what was on disk when it was tried."""

    def __init__(self, namespace: Namespace, auth: Json, file: FilePath, *fates: str) -> None:
        super().__init__(namespace, auth, *fates)
        self.away = True
        self._file = file
        self.on_disk: list[list[tuple[str, int]]] = []

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.on_disk.append([(row.key, row.tries) for row in _rows(self._file)])
        if self.away:
            raise Unavailable("away")
        await super().update(changes)


class _Barred(InMemory):
    """Nobody may read, the first two times."""

    looks = 2

    async def get(self, path: Path, query: Query | None = None) -> Json:
        if self.looks:
            self.looks -= 1
            raise AccessDenied("no")
        return await super().get(path, query)


class _Unknown(InMemory):
    """Nobody knows who that is before it has been found out.

    Attributes:
        found_out: What finding it out comes to.
    """

    is_open = False
    found_out: ImbariError | asyncio.Event | None = None

    @property
    def uid(self) -> str | None:
        return super().uid if self.is_open else None

    async def open(self) -> None:
        if isinstance(self.found_out, asyncio.Event):
            await self.found_out.wait()
        elif self.found_out is not None:
            raise self.found_out
        self.is_open = True


class _Told:
    """Hears that a look is over."""

    looks = 0

    def looked(self) -> None:
        self.looks += 1


class _Noting(OutboxStore):
    """Keeps in :attr:`noted` what is written of messages."""

    def __init__(self, file: FilePath) -> None:
        super().__init__(StoreFile(file, "test"))
        self.noted: list[RowState] = []

    def note(self, key: str, state: RowState, reason: str | None = None) -> None:
        self.noted.append(state)
        super().note(key, state, reason)


class _Withheld(InMemory):
    """Keeps what it is given, and lets go of it unsent."""

    submitted = 0

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        self.submitted += 1
        return lambda: False


def _tries(file: FilePath) -> list[bool]:
    """Whether what is on disk may be there."""
    return [bool(row.tries) for row in _rows(file)]


def _rows(file: FilePath) -> list[Row]:
    """What is on disk for whoever comes after a kill at this moment."""
    other = StoreFile(file, "test")
    try:
        return other.rows()
    finally:
        other.close()


def _texts(namespace: Namespace, session_id: str) -> list[str]:
    stored = namespace.root.at(Path.parse(f"/messages/{session_id}")).to_json() or {}
    assert isinstance(stored, dict)
    messages = [one for one in stored.values() if isinstance(one, dict)]
    return [str(one["text"]) for one in sorted(messages, key=lambda one: str(one["timestamp"]))]


async def _at_rest(chat: AsyncAdminChat) -> tuple[OutgoingMessage, ...]:
    """What is left when nothing moves any more: what somebody holds back is not waited for."""
    async with asyncio.timeout(WAIT):
        return await chat.flush()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110  # nobody tells what is on disk
            await asyncio.sleep(0.005)


async def test_a_message_is_on_disk_as_tried_before_the_network_is(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """The first, and each of those that wait behind it; afterwards nothing is left."""
    transport = _Away(namespace, ADMIN, file)
    transport.away = False
    chat = desk(transport)
    sent = await asyncio.gather(*(chat.reply(session_id, f"{n}") for n in range(5)))
    assert [one.delivery for one in sent] == ["confirmed"] * 5
    seen = {key for rows in transport.on_disk for key, tries in rows if tries == 1}
    assert seen == {one.id for one in sent}
    first = transport.on_disk[0]
    assert first[0] == (sent[0].id, 1)
    await chat.close()
    assert _rows(file) == []
    assert _texts(namespace, session_id) == ["0", "1", "2", "3", "4"]


async def test_what_waits_outlives_the_program_and_goes_out_in_order(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Closing says where it is kept; nothing is lost, and leaving a block is no error."""
    transport = _Away(namespace, ADMIN, file)
    async with desk(transport) as chat:
        for n in range(3):
            await _in_vain(chat, session_id, f"{n}")
    assert str(file) in caplog.text
    assert len(_rows(file)) == 3
    async with desk() as again:
        assert await again.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["0", "1", "2"]
    assert _rows(file) == []


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST])
async def test_what_may_be_there_is_looked_for_by_the_next_program(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, fate: str
) -> None:
    """Whether the first had committed it or not."""
    store = _store(file)
    chat = desk(InMemory(namespace, ADMIN, fate), store)
    killed = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT))
    await _until(lambda: chat._gateway.transport.updates == 1)  # type: ignore[attr-defined]
    kept = _rows(file)
    await chat.close()
    await killed
    _leave(file, kept)
    assert [row.tries for row in kept] == [1]
    transport = InMemory(namespace, ADMIN)
    async with desk(transport) as again:
        assert await again.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["Hello"]


@pytest.mark.parametrize(
    "fates",
    [
        fates
        for n in (1, 2, 3)
        for fates in itertools.product([UNREACHABLE, LOST_REQUEST], repeat=n)
    ],
    ids=" ".join,
)
async def test_the_disk_says_that_it_may_be_there_only_while_it_may(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, fates: tuple[str, ...]
) -> None:
    """And always before it is tried: so nothing is looked for, or called sent, that never was."""
    transport = _Away(namespace, ADMIN, file, *fates)
    transport.away = False
    chat = desk(transport)
    await chat.reply(session_id, "Hello", timeout=0)
    for n in range(len(fates)):
        may_be_there = LOST_REQUEST in fates[: n + 1]
        await _until(lambda n=n: len(transport.on_disk) == n + 1)  # type: ignore[misc]
        await _until(lambda say=may_be_there: _tries(file) == [say])  # type: ignore[misc]
        chat.reconnect_now()
    assert await chat.flush(timeout=WAIT) == ()
    assert [[tries for _, tries in rows] for rows in transport.on_disk] == [[1]] * (len(fates) + 1)
    assert _texts(namespace, session_id) == ["Hello"]


async def test_what_is_taken_back_unsent_when_its_client_closes_is_not_said_to_be_sent(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """It was with the transport, which had sent nothing."""
    transport = _Withheld(namespace, ADMIN)
    chat = desk(transport)
    await chat.reply(session_id, "Hello", timeout=0)
    await _until(lambda: transport.submitted == 1)
    assert _tries(file) == [True]
    await chat.close()
    assert _tries(file) == [False]


async def test_what_is_stale_asks_before_it_goes(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Whatever a clock says; and holds up what comes after it in its conversation."""
    await _left_behind(namespace, session_id, file, desk, age=25 * 3600)
    async with desk() as chat:
        (held,) = await _at_rest(chat)
        assert held.delivery == "held"
        later = await chat.reply(session_id, "later", timeout=0)
        assert later.delivery == "queued"
    assert [row.state for row in _rows(file)] == ["held", "queued"]
    assert _texts(namespace, session_id) == []


@pytest.mark.parametrize(
    ("policy", "hours", "is_held"),
    [(None, 23, False), (None, 25, True), (replace(PATIENTLY, stale_after=3600.0), 2, True)],
)
async def test_what_is_stale_is_a_matter_of_policy(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    policy: OutboxPolicy | None,
    hours: int,
    is_held: bool,
) -> None:
    """A day, unless it says something else."""
    await _left_behind(namespace, session_id, file, desk, age=hours * 3600)
    async with desk(policy=policy) as chat:
        assert [one.delivery for one in await _at_rest(chat)] == ["held"] * is_held


@pytest.mark.parametrize("jump", [25, -25])
async def test_what_grows_stale_while_the_program_runs_asks_too(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    monkeypatch: pytest.MonkeyPatch,
    jump: int,
) -> None:
    """Also when only the clock was moved; a message that is written then goes out behind it."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport)
    old = await _in_vain(chat, session_id, "old")
    now = time.time_ns() // 1_000_000
    monkeypatch.setattr(on_disk, "local_time", lambda: now + jump * 3_600_000)
    transport.away = False
    assert await _at_rest(chat) == (old,)
    assert old.delivery == "held"
    new = await chat.reply(session_id, "new", timeout=0)
    await chat.release(old.id)
    assert await chat.flush(timeout=WAIT) == ()
    assert (old.delivery, new.delivery) == ("confirmed", "confirmed")
    assert _texts(namespace, session_id) == ["old", "new"]


async def test_a_look_makes_nothing_younger(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What others write in between is not a person's word that it may go however old it is."""
    transport, slow, other = _Away(namespace, ADMIN, file), _Slow(file), _store(file)
    slow.go_on.set()
    chat = desk(transport, slow)
    old = await _in_vain(chat, session_id, "old")
    for n in range(2):
        slow.was_read.clear()
        await other.append(Row(f"x{n}", "x", "{}", 0, "somebody else"))
        await slow.was_read.wait()
    now = time.time_ns() // 1_000_000
    monkeypatch.setattr(on_disk, "local_time", lambda: now + 25 * 3_600_000)
    transport.away = False
    assert await _at_rest(chat) == (old,)
    assert old.delivery == "held"
    await other.close()


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_others_write_meanwhile_confuses_nothing(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    """However often it is looked at, and whatever is being written and settled then."""
    monkeypatch.setattr(on_disk, "_LOOK", 0.0)
    other, sender = _store(file), desk()
    await sender.reply(session_id, "first")
    chat = desk() if elsewhere else sender
    told: list[str] = []
    chat._gateway.outbox.watch(lambda event: told.append(f"{event.message.text} {event.delivery}"))

    async def write_too() -> None:
        for n in range(100):
            await other.append(Row(f"x{n}", "x", "{}", 0, "somebody else"))

    writing = asyncio.create_task(write_too())
    sent = [await chat.reply(session_id, f"{n}", timeout=0) for n in range(100)]
    assert await chat.flush(timeout=WAIT) == ()
    await writing
    await other.close()
    assert [one.delivery for one in sent] == ["confirmed"] * 100
    assert _texts(namespace, session_id) == ["first", *(f"{n}" for n in range(100))]
    assert [one for one in told if one.endswith("confirmed")] == [
        f"{n} confirmed" for n in range(100)
    ]


class _Slow(OutboxStore):
    """Tells that it was read, and gives what it read when it is let."""

    def __init__(self, file: FilePath) -> None:
        super().__init__(StoreFile(file, "test"))
        self.was_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def rows(self) -> list[Row]:
        rows = await super().rows()
        self.was_read.set()
        await self.go_on.wait()
        return rows


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_is_accepted_during_a_look_is_not_taken_for_delivered(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, elsewhere: bool
) -> None:
    """Whether this process sends it or another, which cannot yet."""
    sender, slow, transport = (
        desk(_Away(namespace, ADMIN, file)),
        _Slow(file),
        InMemory(namespace, ADMIN),
    )
    if elsewhere:
        await _in_vain(sender, session_id, "first")
    async with desk(transport, slow) as chat:
        await slow.was_read.wait()
        sent = await chat.reply(session_id, "Hello", timeout=0)
        slow.go_on.set()
        await chat.flush(timeout=0.3 if elsewhere else WAIT)
        assert sent.delivery == ("queued" if elsewhere else "confirmed")


async def test_nothing_goes_out_before_it_is_known_what_earlier_programs_left(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Though no other process sends: what they left comes first."""
    await _left_behind(namespace, session_id, file, desk)
    transport, slow = InMemory(namespace, ADMIN), _Slow(file)
    async with desk(transport, slow) as chat:
        await slow.was_read.wait()
        sent = await chat.reply(session_id, "1", timeout=0)
        assert (sent.delivery, transport.updates) == ("queued", 0)
        assert _tries(file) == [False, False]
        slow.go_on.set()
        assert await chat.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["0", "1"]


async def test_what_is_settled_during_a_look_is_not_taken_up_again(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """What was read of it is older than its end."""
    gate, slow, other = asyncio.Event(), _Slow(file), _store(file)

    class Gated(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            await gate.wait()
            await super().update(changes)

    async def somebody_writes() -> None:
        slow.was_read.clear()
        await other.append(Row(f"x{time.monotonic_ns()}", "x", "{}", 0, "somebody else"))
        await slow.was_read.wait()

    slow.go_on.set()
    chat = desk(Gated(namespace, ADMIN), slow)
    told: list[str] = []
    chat._gateway.outbox.watch(lambda event: told.append(event.delivery))
    sent = await chat.reply(session_id, "Hello", timeout=0)
    await _until(lambda: sent.delivery == "sent")
    slow.go_on.clear()
    await somebody_writes()
    gate.set()
    await _until(lambda: sent.delivery == "confirmed")
    slow.go_on.set()
    await somebody_writes()
    assert chat.outbox == ()
    assert told[told.index("sent") :] == ["sent", "confirmed"]
    await other.close()


async def test_what_a_look_finds_before_it_is_known_to_be_accepted_is_taken_over_once(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """It is on disk, and nobody here has been told yet: who wrote it is, and it is sent once."""
    transport = InMemory(namespace, ADMIN)
    chat = desk(transport)
    await _at_rest(chat)
    outbox = chat._gateway.outbox
    assert isinstance(outbox, DurableOutbox)
    replying = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT))
    for _ in range(2):
        await asyncio.sleep(0)  # it is handed to the disk
    deadline = time.monotonic() + WAIT
    while not (rows := _rows(file)):  # nothing else goes on here meanwhile
        assert time.monotonic() < deadline
        time.sleep(0.005)  # noqa: ASYNC251
    outbox._disk._compare(outbox, rows)
    assert (await replying).delivery == "confirmed"
    assert (await chat.reply(session_id, "Again", timeout=WAIT)).delivery == "confirmed"
    assert await _at_rest(chat) == ()
    assert _texts(namespace, session_id) == ["Hello", "Again"]
    assert transport.updates == 2


async def test_another_process_may_say_that_a_held_message_goes_or_not(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """By what it writes beside it, which the sender sees."""
    await _left_behind(namespace, session_id, file, desk, age=25 * 3600)
    async with desk() as chat:
        (held,) = await _at_rest(chat)
        later = await chat.reply(session_id, "later", timeout=0.0)
        other = _store(file)
        await other.become(later.id, "dropped")
        await _until(lambda: later.delivery == "failed")
        assert "dropped" in str(later.error)
        await other.become(held.id, "queued")
        await _until(lambda: held.delivery == "confirmed")
        await other.close()
    assert _texts(namespace, session_id) == ["0"]
    assert _rows(file) == []


@pytest.mark.parametrize("durable", [True, False])
async def test_a_message_is_held_released_and_dropped_by_whoever_wrote_it(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, durable: bool
) -> None:
    """Also one that is in memory alone."""
    transport = _Away(namespace, ADMIN, file)
    chat = (
        desk(transport) if durable else AsyncAdminChat._over(Gateway(transport, policy=PATIENTLY))
    )
    first, second, third = [await _in_vain(chat, session_id, f"{n}") for n in range(3)]
    await chat.hold(second.id)
    transport.away = False
    assert await _at_rest(chat) == (second, third)
    assert (second.delivery, third.delivery) == ("held", "queued")
    await chat.drop(third.id)
    assert third.delivery == "failed"
    await chat.release(second.id)
    assert await chat.flush(timeout=WAIT) == ()
    for act in (chat.hold, chat.release, chat.drop):
        with pytest.raises(NotFound):
            await act(third.id)
    await chat.close()
    assert _texts(namespace, session_id) == ["0", "1"]
    assert first.delivery == "confirmed"
    assert _rows(file) == []


async def test_what_is_dropped_is_on_disk_no_more(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """By the time that it has been said: somebody may have wanted its text gone."""
    chat = desk(_Away(namespace, ADMIN, file))
    message = await _in_vain(chat, session_id, "Hello")
    await chat.drop(message.id)
    assert _rows(file) == []


async def test_what_was_dropped_while_nobody_sent_is_forgotten(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """By whoever sends next."""
    await _left_behind(namespace, session_id, file, desk)
    _leave(file, [replace(row, state="dropped") for row in _rows(file)])
    async with desk() as chat:
        assert await chat.flush(timeout=WAIT) == ()
    assert _rows(file) == []
    assert _texts(namespace, session_id) == []


async def test_what_was_held_on_disk_is_not_said_to_be_held_again(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """That would be written over a release from elsewhere."""
    await _left_behind(namespace, session_id, file, desk)
    _leave(file, [replace(row, state="held") for row in _rows(file)])
    store = _Noting(file)
    async with desk(store=store) as chat:
        (message,) = await _at_rest(chat)
        assert (message.delivery, store.noted) == ("held", [])


async def test_what_a_person_says_during_a_look_is_not_undone_by_it(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read is older; and what was said is on disk once."""
    monkeypatch.setattr(on_disk, "_LOOK", 1000.0)
    store, told = _Noting(file), list[str]()
    chat = desk(_Away(namespace, ADMIN, file), store)
    outbox = chat._gateway.outbox
    assert isinstance(outbox, DurableOutbox)
    message = await _in_vain(chat, session_id, "Hello")
    outbox.watch(lambda event: told.append(event.delivery))
    for say, state in ((chat.hold, "held"), (chat.release, "queued")):
        read = _rows(file)
        await say(message.id)
        outbox._disk._compare(outbox, read)
        assert [row.state for row in _rows(file)] == [state]
        assert (told[:1], told.count("held")) == (["held"], 1)
        assert (told[-1] == "held") == (state == "held")
    assert store.noted == []


class _Elsewhere(_Told):
    """An outbox of which another process sends what is in it."""

    uid = "desk"

    def __init__(self, *entries: OutboxEntry) -> None:
        self.heard_of: list[str] = []
        self._entries: dict[str, OutboxEntry] = {one.message.id: one for one in entries}

    async def identify(self) -> None: ...

    def taken(self) -> set[str]:
        return set()

    def kept(self) -> list[OutboxEntry]:
        return list(self._entries.values())

    def entry(self, key: str) -> OutboxEntry | None:
        return self._entries.get(key)

    def heard(self, entry: OutboxEntry, delivery: str, error: ImbariError | None) -> None:
        self.heard_of.append(delivery)

    def find_out(self, entry: OutboxEntry) -> None:
        self.heard_of.append("gone")

    def drop_here(self, entry: OutboxEntry) -> None:
        self.heard_of.append("dropped")


async def test_what_one_says_oneself_is_looked_at_though_nobody_else_wrote(file: FilePath) -> None:
    """One's own writes are no news to the file, and nothing is looked at twice."""
    plan = plans.reply(SessionId("s"), MessageId(f"-{0:019}"), "Hello", uid="desk", after=None)
    message = as_sent(plan)
    entry = OutboxEntry(message, plan, SessionId("s"), progress_of(message))
    sends, writes = (on_disk.Disk(_store(file), 60.0) for _ in range(2))
    sender: Any = _Elsewhere()
    await sends.look(sender)
    told: Any = _Elsewhere(entry)
    await writes.append(entry, "desk", tried=False)
    for _ in range(2):
        await writes.look(told)
    assert (sends.sends, writes.sends, told.heard_of, told.looks) == (True, False, ["queued"], 1)
    await writes.become(message.id, "held")
    for _ in range(2):
        await writes.look(told)
    assert (told.heard_of[1:], told.looks) == (["held"], 2)
    await writes.become(message.id, "dropped")
    for _ in range(2):
        await writes.look(told)
    assert [row.state for row in _rows(file)] == ["dropped"]  # whoever sends has to see it
    await sends.look(sender)
    await sends.look(sender)
    assert (told.heard_of[2:], _rows(file)) == (["dropped"], [])
    for disk in (sends, writes):
        await disk.close()


async def test_whoever_does_not_send_tells_the_one_that_does(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """And hears what became of it."""
    sender, writer = desk(_Away(namespace, ADMIN, file)), desk()
    await _in_vain(sender, session_id, "0")
    sent = await writer.reply(session_id, "1", timeout=0)
    await writer.hold(sent.id)
    await _until(lambda: sent.delivery == "held")
    await writer.drop(sent.id)
    await _until(lambda: sent.delivery == "failed")
    await _until(lambda: [one.text for one in sender.outbox] == ["0"])


async def test_whoever_does_not_send_is_told_of_changes_alone(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """However often it looks at what waits as it did."""
    slow, other, told = _Slow(file), _store(file), list[str]()
    slow.go_on.set()
    sender, writer = desk(_Away(namespace, ADMIN, file)), desk(store=slow)
    await _in_vain(sender, session_id, "0")
    writer._gateway.outbox.watch(lambda event: told.append(event.delivery))
    await writer.reply(session_id, "1", timeout=0)
    for n in range(3):
        slow.was_read.clear()
        await other.append(Row(f"x{n}", "x", "{}", 0, "somebody else"))
        await slow.was_read.wait()
    assert told == ["queued"]
    await other.close()


async def test_another_sign_in_never_sends_it(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """It stays for whoever wrote it."""
    await _left_behind(namespace, session_id, file, desk)
    async with desk(InMemory(namespace, OTHER_ADMIN)) as other:
        assert await other.flush(timeout=WAIT) == ()
        await other.reply(session_id, "mine")
    assert _texts(namespace, session_id) == ["mine"]
    async with desk() as chat:
        await chat.flush(timeout=WAIT)
    assert _texts(namespace, session_id) == ["mine", "0"]


async def test_one_process_sends_what_the_others_write(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Their calls hear what became of it; and once it ends, another sends."""
    first, second = desk(), desk(_Away(namespace, ADMIN, file))
    await first.reply(session_id, "first")
    sent = await second.reply(session_id, "second", timeout=WAIT)
    assert (sent.delivery, sent.error) == ("confirmed", None)
    assert second._gateway.transport.on_disk == []  # type: ignore[attr-defined]
    await first.close()
    third = desk()
    await _in_vain(second, session_id, "third")
    await second.close()
    await third.flush(timeout=WAIT)
    async with asyncio.timeout(WAIT):
        while len(_texts(namespace, session_id)) < 3:
            await third.flush(timeout=0.05)
    assert _texts(namespace, session_id) == ["first", "second", "third"]


async def test_what_another_process_sent_is_looked_for_until_somebody_may(
    namespace: Namespace, session_id: str, desk: Desks
) -> None:
    """That the rules let nobody look just now says nothing of it."""
    sender, writer = desk(), desk(_Barred(namespace, ADMIN))
    await sender.reply(session_id, "first")
    assert (await writer.reply(session_id, "second", timeout=WAIT)).delivery == "confirmed"
    assert writer._gateway.transport.looks == 0  # type: ignore[attr-defined]


async def test_what_was_refused_is_kept_with_the_reason(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Until somebody drops it; whoever wrote it elsewhere hears of it as well."""
    sender, writer = desk(), desk()
    await sender.reply(session_id, "hello")
    denied = InMemory(namespace, CUSTOMER)
    sender._gateway.transport._caller = denied._caller  # type: ignore[attr-defined]
    with pytest.raises(ImbariError) as mine:
        await sender.reply(session_id, "mine", timeout=WAIT)
    assert isinstance(mine.value, AccessDenied)
    await sender.close()
    (row,) = _rows(file)
    assert (row.state, (row.reason or "").partition(":")[0]) == ("failed", "AccessDenied")
    assert (await writer.reply(session_id, "theirs", timeout=WAIT)).delivery == "confirmed"
    assert [row.state for row in _rows(file)][:1] == ["failed"]
    assert await writer.refused() == ()  # it is somebody else's
    again = desk(denied)
    (kept,) = await again.refused()
    assert (kept.text, kept.delivery) == ("mine", "failed")
    assert isinstance(kept.error, AccessDenied)
    await again.drop(kept.id)
    assert await again.refused() == ()


LIVE: dict[str, Any] = {
    "project": "imbari",
    "database_url": "https://imbari.firebaseio.com",
    "api_key": "key",
}
EMULATED: dict[str, Any] = {"project": "demo-imbari", "database_emulator": "127.0.0.1:9"}


@pytest.mark.parametrize(
    ("where", "chosen", "comes_back", "is_durable"),
    [
        (LIVE, "auto", True, True),
        (LIVE, "auto", False, False),
        (LIVE, "memory", True, False),
        (LIVE, "durable", False, True),
        (EMULATED, "auto", True, False),
        (EMULATED, "durable", True, True),
    ],
)
def test_messages_are_kept_on_disk_where_a_later_program_can_send_them(
    tmp_path: FilePath, where: dict[str, Any], chosen: Any, *, comes_back: bool, is_durable: bool
) -> None:
    """By default: on a live project, for who comes back as the same person."""
    settings = Settings(**where, outbox=chosen, data_dir=tmp_path)
    store = transports.outbox_store(settings, "customer", comes_back=comes_back)
    assert (store is not None) == is_durable


def test_a_file_belongs_to_one_target_role_and_profile(tmp_path: FilePath) -> None:
    """Whoever copies one over another's finds that it is set aside."""
    elsewhere = LIVE | {"database_url": "https://other.firebaseio.com"}
    settings = [
        Settings(**where, profile=profile, data_dir=tmp_path)
        for where in (LIVE, elsewhere, EMULATED)
        for profile in ("default", "evening")
    ]
    files = [transports.outbox_file(one, "admin") for one in settings]
    files += [transports.outbox_file(one, "customer") for one in settings]
    assert len({one.file for one in files}) == len({one._binding for one in files}) == 12


def test_where_no_file_can_be_had_memory_has_to_do(
    tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    """By default, and it is said; whoever asks for a file is told that there is none."""
    (tmp_path / "taken").write_text("a file")
    settings = Settings(**LIVE, data_dir=tmp_path / "taken")
    assert transports.outbox_store(settings, "admin") is None
    assert "kept in memory alone" in caplog.text
    insisting = settings.model_copy(update={"outbox": "durable"})
    assert transports.outbox_store(insisting, "admin") is not None


async def test_a_full_disk_accepts_nothing_and_sends_nothing(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """The call says so, and the next one may succeed."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport, _store(file, most_pages=8))
    told: list[str] = []
    accepted = 0
    for _ in range(40):
        try:
            await chat.reply(session_id, "x" * 1500, timeout=0)
            accepted += 1
        except ConfigError as error:
            told.append(str(error))
    assert accepted
    assert "nothing was accepted" in told[0]
    transport.away = False
    assert await chat.flush(timeout=WAIT) == ()
    assert len(_texts(namespace, session_id)) == accepted


async def test_a_disk_that_cannot_be_read_does_not_keep_anybody_waiting(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Both who sends and who waits for the rest are told, and closing works."""
    _block(file)
    async with desk() as chat:
        with pytest.raises(ConfigError, match="cannot be used"):
            await chat.reply(session_id, "Hello")
        with pytest.raises(ConfigError, match="cannot be used"):
            await chat.flush()
    assert _texts(namespace, session_id) == []


async def test_a_disk_that_somebody_keeps_locked_keeps_nobody_beyond_the_deadline(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """The error says that the message may go out all the same, and it does, once."""
    async with desk() as chat:
        await chat.reply(session_id, "one")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Unavailable, match="did not take this message within") as caught:
                await chat.reply(session_id, "two", timeout=0.05)
            other.execute("ROLLBACK")
        assert caught.value.outcome_unknown
        await chat.reply(session_id, "three")
        assert await chat.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["one", "two", "three"]


async def test_a_damaged_file_is_no_end(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said, and the next message goes out."""
    _damage(file)
    with caplog.at_level(logging.WARNING):
        assert (await desk().reply(session_id, "Hello")).delivery == "confirmed"
    assert "damaged" in caplog.text


@pytest.mark.parametrize("plan", ["{", '{"changes": {}}', '{"changes": {"a": {}}, "marker": "a"}'])
async def test_what_is_no_message_keeps_nobody_waiting(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    caplog: pytest.LogCaptureFixture,
    plan: str,
) -> None:
    """Whoever put it there: whoever waits for the rest is told."""
    await _left_behind(namespace, session_id, file, desk)
    _leave(file, [replace(row, plan=plan) for row in _rows(file)])
    async with desk() as chat:
        with pytest.raises(ImbariError) as caught:
            await chat.flush(timeout=WAIT)
    assert f"waits: {caught.value}" in caplog.text
    assert isinstance(caught.value, InvalidData) or caught.value.__cause__ is not None


async def test_an_interrupted_call_leaves_its_message_to_go_out(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """As a kill would: it is on disk."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport)
    call = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT))
    await _until(lambda: len(chat.outbox) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    transport.away = False
    assert await chat.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["Hello"]


@pytest.mark.parametrize("on_disk", [True, False])
async def test_what_fails_after_its_call_was_interrupted_is_said_in_the_log(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    on_disk: bool,
) -> None:
    """No call is left that would raise it, also if it was still on its way to the disk."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport)
    outbox = cast("DurableOutbox", chat._gateway.outbox)
    append = outbox._disk.append

    def interrupted(*given: Any, **named: Any) -> asyncio.Future[None]:
        call.cancel()
        return append(*given, **named)

    if not on_disk:
        monkeypatch.setattr(outbox._disk, "append", interrupted)
    call = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT))
    if on_disk:
        await _until(lambda: [bool(one.error) for one in chat.outbox] == [True])
        call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await _until(lambda: len(chat.outbox) == 1)
    (message,) = chat.outbox
    transport._caller = InMemory(namespace, CUSTOMER)._caller
    transport.away = False
    await chat.flush(timeout=WAIT)
    assert message.delivery == "failed"
    assert message.id in caplog.text


async def test_whoever_waits_for_a_message_that_stays_on_disk_is_given_it_at_the_end(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Closing takes nothing from it: it is still to go out, and says what it waits for."""
    chat = desk(_Away(namespace, ADMIN, file))
    call = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT))
    await _until(lambda: [bool(one.error) for one in chat.outbox] == [True])
    await chat.close()
    message = await call
    assert (message.delivery, str(message.error)) == ("queued", "away")


async def test_what_cannot_be_noted_as_tried_is_not_tried(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """A kill would let it go out twice; it waits, and says for what."""

    class Full(OutboxStore):
        is_full = False

        async def tried(self, keys: Iterable[str]) -> None:
            if self.is_full:
                raise ConfigError("the disk is full")
            await super().tried(keys)

    transport, store = _Away(namespace, ADMIN, file), Full(StoreFile(file, "test"))
    chat = desk(transport, store)
    await _in_vain(chat, session_id, "one")
    second = await chat.reply(session_id, "two", timeout=0)
    transport.away, store.is_full = False, True
    chat._gateway.outbox.online()
    await _until(lambda: str(second.error) == "the disk is full")
    assert (second.delivery, "two" in _texts(namespace, session_id)) == ("queued", False)
    store.is_full = False
    assert await chat.flush(timeout=WAIT) == ()
    assert _texts(namespace, session_id) == ["one", "two"]


async def test_a_disk_is_looked_at_for_whoever_it_turns_out_to_be(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Which is found out first, though nobody has asked for anything."""
    await _left_behind(namespace, session_id, file, desk)
    chat = desk(_Unknown(namespace, ADMIN))
    assert await chat._gateway.outbox.flush(WAIT) == ()
    assert _texts(namespace, session_id) == ["0"]


async def test_what_is_kept_is_somebodys_though_it_is_the_first_that_is_asked_for(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """A later program of the same person would not send it otherwise."""

    class Away(_Unknown):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            raise Unavailable("away")

    chat = desk(Away(namespace, ADMIN))
    await chat.reply(session_id, "Hello", timeout=0)
    await chat.close()
    assert [row.uid for row in _rows(file)] == ["desk"]
    assert await desk()._gateway.outbox.flush(WAIT) == ()
    assert _texts(namespace, session_id) == ["Hello"]


@pytest.mark.parametrize("how", ["away", "too late", "closed"])
async def test_what_would_be_nobodys_is_not_accepted(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, how: str
) -> None:
    """Whoever writes it is told, and keeps it."""
    transport = _Unknown(namespace, ADMIN)
    transport.found_out = Unavailable("away") if how == "away" else asyncio.Event()
    chat = desk(transport)
    timeout = 0.05 if how == "too late" else WAIT
    writing = asyncio.create_task(chat.reply(session_id, "Hello", timeout=timeout))
    if how == "closed":
        await asyncio.sleep(0)
        await chat.close()
        assert isinstance(transport.found_out, asyncio.Event)
        transport.found_out.set()
    (error,) = await asyncio.gather(writing, return_exceptions=True)
    told = {
        "away": "away",
        "too late": "within 0.05 s, and this message was not",
        "closed": "closed",
    }
    assert isinstance(error, Unavailable)
    assert told[how] in str(error)
    assert not error.outcome_unknown
    assert (chat.outbox, _rows(file)) == ((), [])


async def test_what_is_not_to_be_queued_is_not_on_disk(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Whoever cannot wait is told at once, and nothing goes out later."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport)
    with pytest.raises(Unavailable):
        await chat.reply(session_id, "Hello", queue=False)
    assert transport.on_disk == [[]]


async def test_closing_takes_back_what_is_with_the_transport(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """It stays on disk, for whoever sends next."""
    taken_back: list[Done] = []

    class Silent(InMemory):
        def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
            def withdraw() -> bool:
                taken_back.append(done)
                return True

            return withdraw

    chat = desk(Silent(namespace, ADMIN))
    message = await chat.reply(session_id, "Hello", timeout=0)
    await _until(lambda: message.delivery == "sent")
    await chat.close()
    assert len(taken_back) == 1
    assert [row.key for row in _rows(file)] == [message.id]


async def test_closing_ends_a_flush_of_what_stays_on_disk(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks
) -> None:
    """Nothing of it is on its way any more."""
    transport = _Away(namespace, ADMIN, file)
    chat = desk(transport)
    await _in_vain(chat, session_id, "Hello")
    flushing = asyncio.create_task(chat.flush())
    await _until(lambda: len(transport.on_disk) > 1)
    await chat.close()
    assert await asyncio.wait_for(flushing, WAIT) == ()


async def test_what_is_not_on_disk_is_dropped_all_the_same(
    namespace: Namespace, session_id: str, desk: Desks
) -> None:
    """Whoever waits for it is told."""

    class Silent(InMemory):
        def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
            return lambda: False

    chat = desk(Silent(namespace, ADMIN))
    call = asyncio.create_task(chat.reply(session_id, "Hello", timeout=WAIT, queue=False))
    await _until(lambda: bool(chat.outbox))
    await chat.drop(chat.outbox[0].id)
    with pytest.raises(ImbariError, match="dropped"):
        await call


async def test_an_outbox_that_is_closed_or_another_processs_looks_at_no_disk(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for who flushes it, nor in a child."""

    def looks() -> list[str]:
        return [one.get_name() for one in asyncio.all_tasks() if "disk" in one.get_name()]

    chat = desk()
    with monkeypatch.context() as child:
        child.setattr(process._this, "pid", -1)
        with pytest.raises(RuntimeError, match="after forking"):
            chat._gateway.outbox.begin()
    assert looks() == []
    await chat.close()
    chat._gateway.outbox.begin()
    assert looks() == []
    desk()._gateway.outbox.begin()
    assert looks() == ["outbox on disk"]


async def _in_vain(chat: AsyncAdminChat, session_id: str, text: str) -> OutgoingMessage:
    """A message that waits: it was tried by whoever sends, which is this one, or is behind another.

    The transport is one that is :class:`_Away`.
    """
    message = await chat.reply(session_id, text, timeout=0)
    tried = chat._gateway.transport.on_disk  # type: ignore[attr-defined]
    await _until(lambda: bool(tried) and message.delivery == "queued")
    return message


async def _left_behind(
    namespace: Namespace, session_id: str, file: FilePath, desk: Desks, age: float = 0.0
) -> None:
    """One message, accepted ``age`` seconds ago by a program that has ended."""
    chat = desk(_Away(namespace, ADMIN, file))
    await chat.reply(session_id, "0", timeout=0.0)
    await chat.close()
    (row,) = _rows(file)
    _leave(file, [replace(row, created=time.time_ns() // 1_000_000 - int(age * 1000), tries=0)])


def _leave(file: FilePath, rows: list[Row]) -> None:
    """As a kill leaves it."""
    other = StoreFile(file, "test")
    other.write([("DELETE FROM message", ()), *(row.insertion() for row in rows)])
    other.close()


def _block(file: FilePath) -> None:
    """Its directory is a file."""
    file.parent.write_text("")


def _damage(file: FilePath) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database")


async def test_a_disk_that_fails_is_looked_at_ever_more_rarely_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, file: FilePath
) -> None:
    """Until it answers again; that nobody can be reached is no trouble of the disk's."""
    full, away = ConfigError("the disk is full"), Unavailable("nobody is signed in yet")
    found = iter([full, full, away, away, away, away, away, away, None, full, full])
    monkeypatch.setattr(on_disk, "_LOOK", 1.0)
    disk, pauses, troubles, told = on_disk.Disk(_store(file), 60.0), [], [], _Told()

    async def look(_: object) -> None:
        error = next(found, asyncio.CancelledError())
        if error is not None:
            raise error

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        troubles.append(disk.trouble)

    monkeypatch.setattr(disk, "look", look)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await disk.watch(told)  # type: ignore[arg-type]  # as much of it as is asked
    assert pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 1.0, 2.0, 4.0]
    assert troubles == [full, full, *[None] * 7, full, full]
    assert told.looks == 10
    said = [one.getMessage().partition(" waits: ")[2] for one in caplog.records]
    assert said == ["the disk is full", "nobody is signed in yet", "the disk is full"]


@pytest.mark.parametrize(
    ("reason", "kind", "what"),
    [
        ("AccessDenied: not yours", AccessDenied, "not yours"),
        ("InvalidData: too long: 5", InvalidData, "too long: 5"),
        ("SystemExit: 5", ImbariError, "5"),
        (None, ImbariError, "the service refused it"),
    ],
)
async def test_a_message_that_somebody_else_has_refused_is_told_here(
    namespace: Namespace,
    session_id: str,
    file: FilePath,
    desk: Desks,
    reason: str | None,
    kind: type[ImbariError],
    what: str,
) -> None:
    """With the reason, to whoever waits for it."""
    sender, writer = desk(), desk()
    await sender.reply(session_id, "first")
    away = _Away(namespace, ADMIN, file)
    sender._gateway.transport.update = away.update  # type: ignore[method-assign]
    waiting = await writer.reply(session_id, "second", timeout=0)
    other = StoreFile(file, "test")
    other.write([becoming(waiting.id, "failed", reason)])
    other.close()
    await writer.flush(timeout=WAIT)
    assert waiting.delivery == "failed"
    assert type(waiting.error) is kind
    assert waiting.error.what == what
