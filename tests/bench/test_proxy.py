"""The proxy that goes wrong on demand: each way of it, seen from both sides."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.proxy import Mode, Proxy
from tests import plain_http

STREAM = {"Accept": "text/event-stream"}


class Service:
    """A server behind the proxy: answers at once, or streams what it is given."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.streams: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, until it ends."""
        while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
            _, _, length = head.partition("content-length: ")
            await reader.readexactly(int(length.split()[0]) if length else 0)
            self.seen.append(head.split()[0])
            if "text/event-stream" in head:
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                self.streams.append(writer)
                self.say("hello")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def say(self, text: str) -> None:
        """On every stream."""
        for writer in self.streams:
            writer.write(f"{len(text) + 1:x}\r\n{text}\n\r\n".encode())


class Stage:
    """A proxy before a service, and a client before the proxy."""

    def __init__(self, service: Service, proxy: Proxy, client: httpx.AsyncClient) -> None:
        self.service = service
        self.proxy = proxy
        self.client = client

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[str]]:
        """A stream whose first line has come."""
        async with self.client.stream("GET", "/", headers=STREAM) as response:
            lines = response.aiter_lines()
            assert await anext(lines) == "hello"
            yield lines


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Stopped at the end of the test."""
    service = Service()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await service.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await proxy.start()
    url = f"http://127.0.0.1:{proxy.port}"
    async with plain_http.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        yield Stage(service, proxy, client)
    await proxy.stop()
    server.close()


async def test_requests_and_streams_pass(stage: Stage) -> None:
    """Several on one connection, and an event when it is said."""
    assert [(await stage.client.put("/", content=b"x")).text for _ in range(2)] == ["ok", "ok"]
    async with stage.stream() as lines:
        stage.service.say("event")
        assert await anext(lines) == "event"


async def test_what_is_late_arrives_whole_and_in_order(stage: Stage) -> None:
    """Delay moves bytes in time alone."""
    stage.proxy.delay = 0.001
    async with stage.stream() as lines:
        for number in range(50):
            stage.service.say(f"event {number}")
        assert [await anext(lines) for _ in range(50)] == [f"event {n}" for n in range(50)]


@pytest.mark.parametrize("mode", ["refuse", "end"])
async def test_nobody_listens_until_it_passes_again(stage: Stage, mode: Mode) -> None:
    """At the same port as before."""
    port = stage.proxy.port
    await stage.proxy.become(mode)
    with pytest.raises(httpx.ConnectError):
        await stage.client.get("/")
    await stage.proxy.become("pass")
    assert ((await stage.client.get("/")).text, stage.proxy.port) == ("ok", port)


async def test_an_open_stream_ends_as_it_should(stage: Stage) -> None:
    """With the last chunk that HTTP asks for: the client sees an end, not a fault."""
    async with stage.stream() as lines:
        await stage.proxy.become("end")
        assert [line async for line in lines] == []


@pytest.mark.parametrize("mode", ["refuse", "reset"])
async def test_an_open_stream_breaks(stage: Stage, mode: Mode) -> None:
    """Without an end."""
    async with stage.stream() as lines:
        await stage.proxy.become(mode)
        with pytest.raises(httpx.ReadError):
            await anext(lines)


async def test_a_new_connection_is_reset(stage: Stage) -> None:
    """It is taken, and then broken."""
    await stage.proxy.become("reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await stage.client.get("/")


@pytest.mark.parametrize("mode", ["401", "429", "503"])
async def test_it_answers_in_the_services_place(stage: Stage, mode: Mode) -> None:
    """Which sees nothing of the request."""
    await stage.proxy.become(mode)
    assert (await stage.client.get("/")).status_code == int(mode)
    assert stage.service.seen == []


async def test_the_first_answer_to_each_write_is_lost(stage: Stage) -> None:
    """The write is carried out; the same again is answered; reads always are."""
    await stage.proxy.become("lose")
    assert (await stage.client.get("/")).text == "ok"
    for text in (b"one", b"two"):
        with pytest.raises(httpx.RemoteProtocolError):
            await stage.client.put("/", content=text)
        assert (await stage.client.put("/", content=text)).text == "ok"
    assert stage.service.seen == ["get", "put", "put", "put", "put"]


async def test_nothing_comes_of_a_request_in_a_hole(stage: Stage) -> None:
    """It is neither carried out nor answered; later ones on new connections are."""
    await stage.proxy.become("hole")
    waiting = asyncio.create_task(stage.client.put("/", content=b"x"))
    await asyncio.wait_for(stage.proxy.swallowed.wait(), 60)
    await stage.proxy.become("pass")
    assert (await stage.client.get("/")).text == "ok"
    assert (stage.service.seen, waiting.done()) == (["get"], False)
    waiting.cancel()


async def test_an_open_stream_goes_silent_while_new_ones_work(stage: Stage) -> None:
    """What is said then never reaches it, and it is not told that it is deaf."""
    async with stage.stream() as deaf:
        listening = asyncio.ensure_future(anext(deaf))
        await stage.proxy.become("silent")
        async with stage.stream() as lines:
            stage.service.say("event")
            assert await anext(lines) == "event"
        assert not listening.done()
        listening.cancel()


@asynccontextmanager
async def socket_through(proxy: Proxy) -> AsyncIterator[ClientConnection]:
    """A WebSocket that says what it hears, behind a proxy of its own."""

    async def echo(connection: ServerConnection) -> None:
        async for text in connection:
            await connection.send(text)

    async with serve(echo, "127.0.0.1", 0) as server:
        proxy._target = next(iter(server.sockets)).getsockname()
        async with connect(f"ws://127.0.0.1:{proxy.port}", proxy=None, compression=None) as client:
            yield client


def a_write(number: int, text: str) -> str:
    """A request to write."""
    return json.dumps({"t": "d", "d": {"r": number, "a": "m", "b": {"p": "/", "d": text}}})


async def test_a_websocket_passes_and_its_first_answer_to_a_write_is_lost(stage: Stage) -> None:
    """The same again, under another number, is answered."""
    await stage.proxy.become("lose")
    async with socket_through(stage.proxy) as client:
        await client.send("0")
        assert await client.recv() == "0"
        await client.send(a_write(1, "one"))
        with pytest.raises(ConnectionClosed):
            await client.recv()
    async with socket_through(stage.proxy) as client:
        await client.send(a_write(2, "one"))
        assert await client.recv() == a_write(2, "one")


async def test_nothing_comes_of_what_is_said_on_a_websocket_in_a_hole(stage: Stage) -> None:
    """It is open all the same."""
    async with socket_through(stage.proxy) as client:
        await stage.proxy.become("hole")
        await client.send(a_write(1, "one"))
        await asyncio.wait_for(stage.proxy.swallowed.wait(), 60)
        await stage.proxy.become("pass")
        await client.send(a_write(2, "two"))
        assert await client.recv() == a_write(2, "two")
