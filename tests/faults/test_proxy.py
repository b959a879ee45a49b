"""The proxy's own faults: each does what it says, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.client.cutting import CuttingProxy
from tests.faults.connection import Pauses
from tests.faults.proxy import TURNED_AWAY, Proxy, _answer
from tests.ports import own_port


class Echo:
    """A server that answers each line with itself, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.arrived = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.append(line)
            self.arrived.set()
            writer.write(line)
        writer.close()


@pytest.fixture
def echo() -> Echo:
    """Nothing heard so far."""
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    """A proxy before it."""
    server = await asyncio.start_server(echo.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Proxy(f"127.0.0.1:{port}") as running:
        yield running
    server.close()


class Line:
    """A client's connection."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def open(self) -> "Line":
        host, _, port = self._proxy.address.rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def say(self, text: bytes) -> None:
        self._writer.write(text + b"\n")
        await self._writer.drain()

    async def hear(self, patience: float = 30.0) -> bytes:
        async with asyncio.timeout(patience):
            return await self._reader.readline()

    async def ask(self, text: bytes) -> bytes:
        await self.say(text)
        return await self.hear()

    async def drain(self) -> bytes:
        """Hear everything there is."""
        return await self._reader.read()

    def close(self) -> None:
        self._writer.close()


async def test_it_passes_what_is_said(proxy: Proxy) -> None:
    """Both ways."""
    line = await Line(proxy).open()
    assert await line.ask(b"one") == b"one\n"
    assert len(proxy.connections) == 1
    line.close()


async def test_a_cut_breaks_what_is_open_and_lets_new_ones_through(proxy: Proxy) -> None:
    """As when a phone changes cells."""
    first = await Line(proxy).open()
    await first.ask(b"one")
    proxy.cut()
    with pytest.raises(ConnectionError):
        await first.hear()
    second = await Line(proxy).open()
    assert await second.ask(b"two") == b"two\n"
    second.close()


async def test_a_clean_cut_ends_connections_in_good_order(proxy: Proxy) -> None:
    """The other side reads to the end, and no error."""
    line = await Line(proxy).open()
    await line.ask(b"one")
    proxy.cut(clean=True)
    assert await line.hear() == b""


async def test_one_connection_can_be_cut_alone(proxy: Proxy) -> None:
    """The other does not notice."""
    first, second = await Line(proxy).open(), await Line(proxy).open()
    await first.ask(b"one")
    await second.ask(b"two")
    proxy.connections[0].cut()
    with pytest.raises(ConnectionError):
        await first.hear()
    assert await second.ask(b"three") == b"three\n"
    second.close()


async def test_refusing_breaks_and_refuses_until_it_is_mended(proxy: Proxy) -> None:
    """At the same address afterwards."""
    first = await Line(proxy).open()
    await first.ask(b"one")
    await proxy.refuse()
    with pytest.raises(ConnectionError):
        await first.hear()
    with pytest.raises(ConnectionRefusedError):
        await Line(proxy).open()
    await proxy.mend()
    second = await Line(proxy).open()
    assert await second.ask(b"two") == b"two\n"
    second.close()


async def test_the_plain_one_cuts_until_it_is_mended(echo: Echo) -> None:
    """It is found under its own name, and does what the other calls refusing."""
    server = await asyncio.start_server(echo.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with CuttingProxy(f"127.0.0.1:{port}") as proxy:
        host, _, number = proxy.address.rpartition(":")
        await proxy.cut()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(number))
        await proxy.mend()
        _, writer = await asyncio.open_connection(host, int(number))
        writer.close()
    server.close()


@pytest.mark.parametrize("turns", range(8))
async def test_no_connection_on_its_way_through_survives_a_refusal(
    proxy: Proxy, turns: int
) -> None:
    """Accepted, or about to reach the server: it is broken like the others."""
    line = await Line(proxy).open()
    for _ in range(turns):
        await asyncio.sleep(0)
    await proxy.refuse()
    with suppress(ConnectionError):
        assert await line.ask(b"one") == b""


async def test_a_stall_keeps_everything_open_and_delivers_it_late(proxy: Proxy, echo: Echo) -> None:
    """A request whose sender has given up may still arrive."""
    first = await Line(proxy).open()
    await first.ask(b"one")
    proxy.stall()
    second = await Line(proxy).open()
    for line in (first, second):
        await line.say(b"late")
        with pytest.raises(TimeoutError):
            await line.hear(0.05)
    second.close()
    assert echo.heard == [b"one\n"]
    await proxy.mend()
    assert await first.hear() == b"late\n"
    async with asyncio.timeout(30):
        while len(echo.heard) < 3:
            echo.arrived.clear()
            await echo.arrived.wait()
    first.close()


async def test_a_dropped_answer_leaves_the_request_made(proxy: Proxy, echo: Echo) -> None:
    """On what is open and on what comes, for as many as were asked."""
    first = await Line(proxy).open()
    await first.ask(b"one")
    proxy.drop_answers(2)
    for line in (first, await Line(proxy).open()):
        await line.say(b"lost")
        with pytest.raises(ConnectionError):
            await line.hear()
    assert echo.heard == [b"one\n", b"lost\n", b"lost\n"]
    third = await Line(proxy).open()
    assert await third.ask(b"two") == b"two\n"
    third.close()


async def test_a_muted_line_asks_and_is_told_nothing(proxy: Proxy, echo: Echo) -> None:
    """On what is open and on what comes, until it is mended; nothing breaks meanwhile."""
    line = await Line(proxy).open()
    await line.ask(b"one")
    proxy.mute()
    echo.arrived.clear()
    await line.say(b"two")
    await echo.arrived.wait()
    with pytest.raises(TimeoutError):
        await line.hear(0.05)
    await proxy.mend()
    assert await line.ask(b"three") == b"three\n"
    assert echo.heard == [b"one\n", b"two\n", b"three\n"]
    line.close()


async def test_a_delay_is_one(proxy: Proxy) -> None:
    """Each way."""
    line = await Line(proxy).open()
    proxy.delay(0.05)
    clock = asyncio.get_running_loop().time
    began = clock()
    await line.ask(b"slowly")
    assert clock() - began >= 0.1
    line.close()


async def test_a_server_that_is_away_breaks_the_connection() -> None:
    """Rather than keeping it open with nobody behind."""
    with own_port() as port:
        async with Proxy(f"127.0.0.1:{port}") as proxy:
            line = await Line(proxy).open()
            assert await line.hear() == b""


async def test_a_slow_line_is_one_for_answers(proxy: Proxy) -> None:
    """So many bytes a second and connection, in small pieces; mending lifts it."""
    line = await Line(proxy).open()
    proxy.limit(10_000)
    clock = asyncio.get_running_loop().time
    began = clock()
    await line.ask(b"x" * 2_000)
    assert clock() - began >= 0.15
    await proxy.mend()
    assert await line.ask(b"quick") == b"quick\n"
    line.close()


def test_a_process_that_is_busy_makes_a_slow_line_no_slower() -> None:
    """Whoever wakes late from a pause pauses less; a quick line is not hurried."""
    late, now = 0.25, 100.0
    pauses = Pauses(now)
    for _ in range(50):
        pause = pauses.pause(0.1, now)
        now += pause + (late if pause else 0.0)
    assert 100.0 + 50 * 0.1 <= now <= 100.0 + 50 * 0.1 + late
    pauses = Pauses(now)
    assert [pauses.pause(0.1, now + passed) for passed in (0.0, 0.1, 0.5)] == pytest.approx(
        [0.1, 0.1, 0.0]
    )


async def test_a_line_that_breaks_brings_so_much_and_no_more(proxy: Proxy) -> None:
    """Each connection anew."""
    proxy.limit(None, most=8)
    for _ in range(2):
        line = await Line(proxy).open()
        assert await line.ask(b"one") == b"one\n"
        await line.say(b"two")
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(line.drain(), 30)
        line.close()


async def test_a_stranger_answers_somebody_who_has_gone() -> None:
    """To whom it was the answer that showed that nobody is there any more."""
    came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    came = asyncio.get_running_loop().create_future()
    async with await asyncio.start_server(
        lambda reader, writer: came.set_result((reader, writer)), "127.0.0.1", 0
    ) as server:
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        reader, writer = await came
        await _answer(b"HTTP/1.1 204 No Content\r\n\r\n", reader, writer)
        writer.transport.abort()


async def test_a_stranger_answers_until_it_is_mended(proxy: Proxy, echo: Echo) -> None:
    """New connections and none of the old ones; the server hears nothing of it."""
    old = await Line(proxy).open()
    await old.ask(b"one")
    await proxy.spoil("stranger", seconds=1, amount=0)
    with suppress(ConnectionError):
        assert await old.hear() == b""
    line = await Line(proxy).open()
    await line.say(b"GET / HTTP/1.1\r\n\r")
    assert (await line.hear()).startswith(b"HTTP/1.1 200")
    line.close()
    await proxy.mend()
    line = await Line(proxy).open()
    assert await line.ask(b"two") == b"two\n"
    assert echo.heard == [b"one\n", b"two\n"]
    line.close()


@pytest.mark.parametrize("amount", range(len(TURNED_AWAY)))
async def test_no_socket_gets_through_and_everything_else_does(
    proxy: Proxy, echo: Echo, amount: int
) -> None:
    """Those there are break, whoever asks for one is told, or is told nothing; until mended."""
    ask = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r"
    socket, line = await Line(proxy).open(), await Line(proxy).open()
    assert await socket.ask(ask) == b"GET / HTTP/1.1\r\n"
    assert await line.ask(b"one") == b"one\n"
    await proxy.spoil("no sockets", seconds=1, amount=amount)
    with pytest.raises(ConnectionError):
        await socket.drain()
    heard = list(echo.heard)
    again = await Line(proxy).open()
    await again.say(ask)
    if TURNED_AWAY[amount]:
        assert await again.hear() + await again.drain() == TURNED_AWAY[amount]
    else:
        with pytest.raises(TimeoutError):
            await again.hear(0.02)
    assert await line.ask(b"two") == b"two\n"
    assert echo.heard == [*heard, b"two\n"]
    await proxy.mend()
    third = await Line(proxy).open()
    assert await third.ask(ask) == b"GET / HTTP/1.1\r\n"
    for one in (line, again, third):
        one.close()


async def test_a_slow_line_stays_slow_when_it_is_mended(echo: Echo) -> None:
    """It is not a fault of the moment."""
    server = await asyncio.start_server(echo.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Proxy(f"127.0.0.1:{port}", 10_000) as proxy:
        line = await Line(proxy).open()
        await proxy.mend()
        clock = asyncio.get_running_loop().time
        began = clock()
        await line.ask(b"x" * 2_000)
        assert clock() - began >= 0.15
        line.close()


@pytest.mark.parametrize("clean_or_not", [2, 3])
async def test_a_frame_is_cut_after_any_byte_of_an_answer(proxy: Proxy, clean_or_not: int) -> None:
    """What came before it is heard, and the server has been asked."""
    line = await Line(proxy).open()
    assert await line.ask(b"one") == b"one\n"
    proxy.cut_after(4 + clean_or_not, answers=True)
    assert await line.ask(b"two") == b"two\n"
    with suppress(ConnectionError):
        assert await line.ask(b"three") == b"three"[:clean_or_not]
    with suppress(ConnectionError):
        assert await line.hear() == b""
    again = await Line(proxy).open()
    assert await again.ask(b"four") == b"four\n"
    assert proxy.frames_cut == 1
    again.close()


async def test_a_frame_is_cut_after_any_byte_of_a_request(proxy: Proxy, echo: Echo) -> None:
    """The server hears no whole one."""
    line = await Line(proxy).open()
    assert await line.ask(b"one") == b"one\n"
    proxy.cut_after(2, answers=False)
    with suppress(ConnectionError):
        assert await line.ask(b"two") == b""
    assert echo.heard[1:] in ([], [b"tw"])


@pytest.mark.parametrize("asked", [True, False])
async def test_a_half_open_connection_stays_so(proxy: Proxy, echo: Echo, asked: bool) -> None:
    """One way, and when all is mended; nobody is told, and new ones pass."""
    line = await Line(proxy).open()
    assert await line.ask(b"one") == b"one\n"
    proxy.lose(asked=asked, answered=not asked)
    echo.arrived.clear()
    await line.say(b"two")
    await proxy.mend()
    other = await Line(proxy).open()
    assert await other.ask(b"three") == b"three\n"
    assert echo.heard == [b"one\n", *([] if asked else [b"two\n"]), b"three\n"]
    with pytest.raises(TimeoutError):
        await line.hear(0.02)
    assert proxy.half_open == 1
    line.close()
    other.close()
