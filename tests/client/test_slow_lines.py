"""Slow lines and lines that break: bytes put deadlines off, and what was missed comes in pieces."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, ConnectionChanged, MessageAdded
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading import patient
from imbari_chat.client.reading.patient import PatientReader
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.access import SocketAccess
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.errors import AccessDenied, Unavailable
from imbari_chat.net.auto import AutoTransport
from imbari_chat.net.base import GRACE
from imbari_chat.net.caller import Caller
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.schema.decode import as_mapping
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.client.in_memory import ADMIN, InMemory, database
from tests.client.scenarios.faces import eventually
from tests.client.uplink import uplink
from tests.faults.proxy import Proxy

SESSION = "-Nx1234567890abcdefg"
BEGIN = 1_700_000_000_000
PATIENCE = 60.0

TIMEOUT = 1.5
"""Of requests, in seconds: a slow line takes longer for an answer, a busy machine does not."""

Seed = Callable[[str, Any], None]


def _messages(count: int, size: int, first: int = 0) -> dict[str, Json]:
    make = PushIds(lambda: [0] * 12).make
    return {
        make(BEGIN + n): {"text": f"{n:0{size}}", "from": "customer", "timestamp": BEGIN + n}
        for n in range(first, first + count)
    }


def _seed(seed: Seed, messages: dict[str, Json]) -> None:
    session = {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": "Hi",
        "lastMessageTime": BEGIN,
        "unreadCount": 0,
        "status": "active",
    }
    seed(f"/chatSessions/{SESSION}", session)
    seed(f"/messages/{SESSION}", messages)


def _at(proxy: Proxy, flags: dict[str, Any], timeout: float) -> AsyncAdminChat:
    return AsyncAdminChat.from_env(
        **{**flags, "database_emulator": proxy.address, "timeout": timeout}
    )


async def test_a_snapshot_that_takes_longer_than_the_timeout_arrives(
    proxy: Proxy, flags: dict[str, Any], seed: Seed
) -> None:
    """With one connection, since bytes come all the time."""
    _seed(seed, _messages(60, 500))
    proxy.limit(9_000)
    async with _at(proxy, flags, timeout=TIMEOUT) as desk:
        conversation = desk.open(SESSION, peek=True)
        begin = time.monotonic()
        async with asyncio.timeout(PATIENCE), conversation:
            states, heard = [], 0
            async with aclosing(conversation.events(history=60)) as events:
                async for event in events:
                    heard += isinstance(event, MessageAdded)
                    if isinstance(event, ConnectionChanged):
                        states.append(event.state)
                        if event.state == "live":
                            break
        assert time.monotonic() - begin > 2 * TIMEOUT
        assert states == ["connecting", "live"]
        assert heard == 60


async def test_a_read_that_takes_longer_than_the_timeout_arrives(
    proxy: Proxy, flags: dict[str, Any], seed: Seed
) -> None:
    """Through the service's library, on a worker."""
    _seed(seed, _messages(60, 500))
    async with (
        _at(proxy, flags, timeout=TIMEOUT) as desk,
        desk.open(SESSION, peek=True) as conversation,
    ):
        proxy.limit(9_000)
        begin = time.monotonic()
        assert len(await conversation.history(limit=60)) == 60
        assert time.monotonic() - begin > TIMEOUT + GRACE


async def test_a_customers_read_that_takes_longer_than_the_timeout_arrives(
    proxy: Proxy, flags: dict[str, Any], seed: Seed, emulator: Any
) -> None:
    """Through the other library just as well."""
    chat = AsyncCustomerChat.from_env(
        **{**flags, "database_emulator": proxy.address, "timeout": TIMEOUT}
    )
    async with chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="Hello")
        seed(f"/messages/{session.id}", _messages(60, 500))
        proxy.limit(9_000)
        begin = time.monotonic()
        assert len(await chat.history(limit=60)) == 60
        assert time.monotonic() - begin > TIMEOUT + GRACE


async def test_a_read_of_a_line_that_falls_silent_ends(
    proxy: Proxy, flags: dict[str, Any], seed: Seed
) -> None:
    """The timeout is one on silence, wherever in an answer it falls."""
    _seed(seed, _messages(60, 500))
    async with (
        _at(proxy, flags, timeout=TIMEOUT) as desk,
        desk.open(SESSION, peek=True) as conversation,
    ):
        before = sum(one.passed for one in proxy.connections)
        proxy.limit(5_000)
        reading = asyncio.create_task(conversation.history(limit=60))
        await eventually(lambda: sum(one.passed for one in proxy.connections) > before + 2_000)
        proxy.stall()
        begin = time.monotonic()
        with pytest.raises(Unavailable):
            await reading
        assert time.monotonic() - begin < 10


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
async def test_a_strangers_page_without_an_end_puts_nothing_off(
    status: str, flags: dict[str, Any]
) -> None:
    """Only what may be the service's answer does."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n\r\n".encode())
        with suppress(ConnectionError):
            while True:
                writer.write(b"<p>log in</p>" * 200)
                await writer.drain()
                await asyncio.sleep(0.02)

    server = await asyncio.start_server(page, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    desk = AsyncAdminChat.from_env(**{**flags, "database_emulator": address, "timeout": TIMEOUT})
    async with asyncio.timeout(PATIENCE):
        with pytest.raises((Unavailable, AccessDenied)):
            await desk.sessions()
    await desk.close()
    server.close()


async def test_a_write_ends_at_its_deadline_however_slowly_its_answer_comes(
    proxy: Proxy, flags: dict[str, Any], seed: Seed
) -> None:
    """Somebody waits for it, and it can be asked later what became of it."""
    _seed(seed, {})
    async with (
        _at(proxy, flags, timeout=TIMEOUT) as desk,
        desk.open(SESSION, peek=True) as conversation,
    ):
        proxy.limit(20)
        begin = time.monotonic()
        reply = await conversation.reply("Hello")
        assert time.monotonic() - begin < 10
        assert reply.delivery == "sent"
        await proxy.mend()
        assert not await desk.flush(timeout=PATIENCE)


class Line(InMemory):
    """A transport whose reads bring so many records at most, and break otherwise."""

    def __init__(self, namespace: Namespace, most: int) -> None:
        super().__init__(namespace, ADMIN)
        self.most = most
        self.asked: list[int | None] = []

    async def get(self, path: Path, query: Query | None = None) -> Json:
        answer = await super().get(path, query)
        self.asked.append(None if query is None else query.limit)
        if len(as_mapping(answer)) > self.most:
            raise Unavailable("the connection broke")
        return answer


def _stored(records: dict[str, Json]) -> Namespace:
    from imbari_chat.emulator.database.changes import Write
    from imbari_chat.emulator.database.credentials import Caller

    namespace = database()
    namespace.write(
        Write.put(Path.parse("/chatSessions"), records), Caller(admin=True, auth=None), BEGIN
    )
    return namespace


_VALUES: st.SearchStrategy[Json] = st.none() | st.integers(0, 4) | st.sampled_from(["a", True])


@examples(60)
@given(
    values=st.lists(_VALUES, max_size=25),
    limit=st.integers(1, 25),
    most=st.integers(8, 12),
    by_key=st.booleans(),
    from_end=st.booleans(),
)
def test_whatever_a_line_brings_at_a_time_the_answer_is_that_of_one_read(
    values: list[Json], limit: int, most: int, by_key: bool, from_end: bool
) -> None:
    """In any order, with any number of records that share a value."""
    records: dict[str, Json] = {
        f"k{n}": {"status": "active", **({} if value is None else {"lastMessageTime": value})}
        for n, value in enumerate(values)
    }
    namespace = _stored(records)
    order = Query.by_key() if by_key else Query.by_child("lastMessageTime")
    query = order.limit_to_last(limit) if from_end else order.limit_to_first(limit)
    path = Path.parse("/chatSessions")
    # A value that more records share than one read brings cannot be passed by any bound.
    if not by_key and any(sum(a is b or a == b for b in values) >= most / 2 for a in values):
        most = 100

    async def read() -> tuple[Json, Json]:
        whole = await InMemory(namespace, ADMIN).get(path, query)
        return whole, await PatientReader(Line(namespace, most)).get(path, query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patient, "_PAUSE", 0.0)
        whole, found = asyncio.run(read())
    assert as_mapping(found) == as_mapping(whole)


async def test_pieces_shrink_with_failures_grow_with_success_and_what_came_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is read twice but what a bound cannot leave out."""
    monkeypatch.setattr(patient, "_PAUSE", 0.0)
    line = Line(_stored({f"k{n:02}": {"status": "active"} for n in range(60)}), most=20)
    reader = PatientReader(line)
    found = await reader.get(Path.parse("/chatSessions"), Query.by_key().limit_to_last(50))
    assert len(as_mapping(found)) == 50
    assert line.asked == [50, 25, 12, 25, 13, 25, 13, 15]


async def test_what_takes_long_is_being_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it does not fail: a slow line brings it bit by bit."""
    monkeypatch.setattr(patient, "_NOTICED", 0.0)
    arrived = asyncio.Event()

    class Slow(InMemory):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            await arrived.wait()
            return await super().get(path, query)

    reader = PatientReader(Slow(database(), ADMIN))
    reading = asyncio.create_task(reader.get(Path.parse("/chatSessions")))
    await eventually(lambda: reader.behind is not None)
    assert reader.behind is not None
    assert reader.behind.reason == "catching up with /chatSessions"
    arrived.set()
    await reading
    assert reader.behind is None


async def test_what_fails_is_being_caught_up() -> None:
    """And over as soon as it has come; most reads take no time, and nobody hears of them."""
    line = Line(_stored({"k": {"status": "active"}}), most=0)
    reader = PatientReader(line)
    changes: list[str | None] = []
    reader.watch(lambda: changes.append(reader.behind.reason if reader.behind else None))
    reading = asyncio.create_task(reader.get(Path.parse("/chatSessions")))
    await eventually(lambda: bool(changes))
    line.most = 1
    async with asyncio.timeout(PATIENCE):
        await reading
    assert changes == ["catching up with /chatSessions: the connection broke", None]
    await reader.get(Path.parse("/chatSessions"))
    assert len(changes) == 2


async def test_what_fails_is_tried_at_once_when_the_network_is_said_to_be_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever reads does not sit out the pause."""
    monkeypatch.setattr(patient, "_PAUSE", 600.0)
    line = Line(_stored({"k": {"status": "active"}}), most=0)
    gateway = Gateway(line)
    reading = asyncio.create_task(gateway.patient.get(Path.parse("/chatSessions")))
    await eventually(lambda: gateway.patient.behind is not None)
    line.most = 1
    gateway.reconnect_now()
    async with asyncio.timeout(PATIENCE):
        assert as_mapping(await reading) == {"k": {"status": "active"}}
    await gateway.close()


async def test_a_service_that_asks_to_be_left_alone_is_not_read_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until the network is said to be back."""
    monkeypatch.setattr(patient, "_PAUSE", 0.0)
    busy = Unavailable("busy")
    busy.retry_after = 600.0
    line = InMemory(_stored({"k": {"status": "active"}}), ADMIN)
    reads = 0

    class Busy(InMemory):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            nonlocal reads
            reads += 1
            if reads == 1:
                raise busy
            return await line.get(path, query)

    gateway = Gateway(Busy(database(), ADMIN))
    reading = asyncio.create_task(gateway.patient.get(Path.parse("/chatSessions")))
    await eventually(lambda: gateway.patient.behind is not None)
    for _ in range(100):
        await asyncio.sleep(0)
    assert reads == 1
    gateway.reconnect_now()
    async with asyncio.timeout(PATIENCE):
        assert as_mapping(await reading) == {"k": {"status": "active"}}
    await gateway.close()


@pytest.mark.parametrize("transport", ["rest", "auto"])
async def test_a_line_that_breaks_brings_what_was_missed_and_says_so_meanwhile(
    transport: str,
    proxy: Proxy,
    flags: dict[str, Any],
    seed: Seed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every message of an outage, over connections that bring a tenth of them each. A connection
    that is back meanwhile is not called away."""
    monkeypatch.setattr(patient, "_PAUSE", 0.02)
    defaults = AutoTransport.__init__.__kwdefaults__
    assert defaults is not None
    soon = LinkPolicy(hurry=0.02, backoff=BackoffPolicy(first=0.02, cap=0.02))
    monkeypatch.setitem(defaults, "link", soon)
    _seed(seed, _messages(5, 500))
    heard: list[int] = []
    states: list[tuple[str, int]] = []
    flags = {**flags, "transport": transport}
    async with asyncio.timeout(PATIENCE), _at(proxy, flags, timeout=2.0) as desk:
        events = message_events(desk._gateway, SessionId(SESSION), history=5, window=5)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, MessageAdded):
                    heard.append(int(event.message.text))
                elif isinstance(event, ConnectionChanged):
                    states.append((event.state, len(heard)))
                if states == [("connecting", 0), ("live", 5)] and len(heard) == 5:
                    await proxy.refuse()
                    seed(f"/messages/{SESSION}", _messages(105, 500))
                    await proxy.mend()
                    proxy.limit(None, most=9_000)
                if len(heard) == 105:
                    break
    assert heard == list(range(105))
    assert set(states[2:]) <= {("reconnecting", 5), ("stale", 5)}
    # Over a socket what is read breaks what listens, which is away then.
    assert transport == "auto" or states[-1] == ("stale", 5)


async def test_consumers_are_told_that_a_live_connection_catches_up(
    proxy: Proxy, flags: dict[str, Any], seed: Seed
) -> None:
    """Stale while it fails, live again when it has come; the status says the same."""
    _seed(seed, _messages(5, 20))
    async with (
        asyncio.timeout(PATIENCE),
        _at(proxy, flags, timeout=2.0) as desk,
        desk.open(SESSION, peek=True) as conversation,
        aclosing(conversation.events(history=5)) as events,
    ):
        async for event in events:
            if event == ConnectionChanged("live"):
                break
        line = Line(_stored({"k": {"status": "active"}}), most=0)
        reader = desk._gateway.patient
        reader._transport = line
        reading = asyncio.create_task(reader.get(Path.parse("/chatSessions")))
        told = await anext(events)
        assert isinstance(told, ConnectionChanged)
        assert told.state == "stale"
        assert (desk.status.state, desk.status.alive) == ("stale", False)
        assert desk.status.reason == told.reason
        line.most = 1
        assert await anext(events) == ConnectionChanged("live")
        assert desk.status.state == "live"
        await reading


@pytest.mark.parametrize("who", ["admin", "customer"])
async def test_a_write_that_takes_longer_than_the_timeout_to_leave_is_made_once(
    who: str, flags: dict[str, Any], emulator: Any, stored: Callable[[str], Any]
) -> None:
    """Over REST, through either library: bytes that leave put the deadline off."""
    emulator.load_rules('{"rules": {".write": true}}')
    flags = {**flags, "transport": "rest", "timeout": TIMEOUT}
    async with (
        uplink(emulator.database_host, 30_000) as line,
        AsyncAdminChat.from_env(**flags | {"database_emulator": line.address}) as desk,
        AsyncCustomerChat.from_env(**flags | {"database_emulator": line.address}) as customer,
    ):
        chat = desk if who == "admin" else customer
        transport = chat._gateway.transport
        await transport.open()
        begin, before = time.monotonic(), line.passed
        await transport.update({Path.parse("/long"): "x" * 150_000})
        assert time.monotonic() - begin > 2 * (TIMEOUT + GRACE)
        assert line.passed - before < 2 * 150_000
    assert stored("/long") == "x" * 150_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has left")
async def test_a_long_write_over_a_socket_is_waited_for_while_it_leaves(
    flags: dict[str, Any], emulator: Any, stored: Callable[[str], Any]
) -> None:
    """Neither the write's deadline nor the connection's silence ends it, nor a read behind it."""
    emulator.load_rules('{"rules": {".read": true, ".write": true}}')
    timeout, long = 2.5, "x" * 200_000  # of a busy machine's silence none is as long
    worried = PulsePolicy(probe_after=1.0, stale_after=0.5, dead_after=2.0, answer_within=3.0)
    async with (
        uplink(emulator.database_host, 30_000) as line,
        AsyncAdminChat.from_env(**flags | {"database_emulator": line.address}) as desk,
    ):
        transport = WebSocketTransport(
            cast("Caller[SocketAccess]", desk._gateway.transport._caller),  # type: ignore[attr-defined]
            timeout=timeout,
            policy=LinkPolicy(pulse=worried),
        )
        assert await transport.get(Path.parse("/long")) is None
        connections, begin = line.connections, time.monotonic()
        writing = asyncio.create_task(transport.update({Path.parse("/long"): long}))
        await asyncio.sleep(0)
        assert await transport.get(Path.parse("/long/behind")) is None
        await writing
        assert time.monotonic() - begin > 2 * (timeout + GRACE)
        assert line.connections == connections
        assert stored("/long") == long

        line.flows.clear()
        with pytest.raises(Unavailable) as caught:
            await transport.update({Path.parse("/long"): "y" * 150_000})
        assert caught.value.outcome_unknown
        line.flows.set()
        await transport.close()
