"""The end of a connection that has become a WebSocket, whatever it is doing when all are ended."""

import asyncio
import struct
from typing import Any, Final

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from imbari_chat.emulator.connections import ConnectionLimits, Connections
from imbari_chat.emulator.websocket_server import WebSocket
from tests.virtual_time import in_virtual_time

HANDSHAKE: Final = (
    b"GET /.ws?v=5 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASK: Final = bytes(4)  # which changes nothing
PING: Final = b"\x89\x80" + MASK
CLOSE: Final = b"\x88\x80" + MASK
NO_TEXT: Final = b"\x81\x81" + MASK + b"\xff"
NO_FRAME: Final = b"\xff\x80" + MASK


class Slow(asyncio.Transport):
    """A transport whose peer takes nothing, so that it is closing for as long as it is asked.

    Attributes:
        written: What was sent.
        closing: Whether it is to end.
        aborted: Whether it was cut off.
        reads: Whether it is to read on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = self.aborted = False
        self.reads = True

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return len(self.written)


class Prompt(Slow):
    """One whose peer takes everything at once.

    Attributes:
        ended: When it was to end; seconds of the loop's clock.
    """

    ended: float | None = None

    def close(self) -> None:
        super().close()
        if self.ended is None:
            self.ended = asyncio.get_running_loop().time()

    def get_write_buffer_size(self) -> int:
        return 0


async def _accept(_scope: Scope, receive: Receive, send: Send) -> None:
    """Talks until the peer has gone, or ends it itself at a message."""
    await receive()
    await send({"type": "websocket.accept"})
    if (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.close", "code": 1000})
        while (await receive())["type"] != "websocket.disconnect":
            pass


def _connected(
    app: ASGIApp, transport: asyncio.Transport, limits: ConnectionLimits | None = None
) -> WebSocket:
    """A connection that nothing has come over yet."""
    return _among(Connections(limits or ConnectionLimits()), app, transport)


def _among(everyone: Connections, app: ASGIApp, transport: asyncio.Transport) -> WebSocket:
    """One more of them."""
    config = Config(app, ws_ping_interval=None, log_config=None)
    config.load()
    connection = WebSocket(everyone, config, ServerState(), {})
    connection.connection_made(transport)
    return connection


async def _turns() -> None:
    """Let the application do what it can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], b"500"),
        ([b"GET / HTTP/1.1\r\nnone\r\n\r\n"], b"400"),
        ([HANDSHAKE.replace(b"13", b"12")], b"400"),
        ([HANDSHAKE], 1012),
        ([HANDSHAKE, CLOSE], 1005),
        ([HANDSHAKE, NO_TEXT], 1007),
        ([HANDSHAKE, NO_FRAME], 1002),
        ([HANDSHAKE, b"\x81\x80" + MASK], 1000),
    ],
    ids=["nothing", "no request", "refused", "open", "left", "no text", "no frame", "sent away"],
)
@pytest.mark.parametrize("waits", [True, False], ids=["in turn", "at once"])
async def test_it_can_be_ended_whatever_it_is_doing(
    said: list[bytes], code: int | bytes, waits: bool
) -> None:
    """Who is open is told why, who is not has been told something else, and none goes on. Whether
    what was said came after the socket was open, or before."""
    transport = Slow()
    connection = _connected(_accept, transport)
    try:
        for count, data in enumerate(said, 1):
            connection.data_received(data)
            if waits or count == len(said):
                await _turns()
        assert transport.closing or code != b"400"
        connection.shutdown()
        assert transport.closing
        status = code if isinstance(code, bytes) else b"101"
        assert transport.written.startswith(b"HTTP/1.1 " + status)
        assert transport.written.count(b"HTTP/1.1") == 1
        told = transport.written.partition(b"\r\n\r\n")[2]
        if code == 1005:
            assert told == b"\x88\x00"
        elif isinstance(code, int):
            assert told[:1] == b"\x88"
            assert struct.unpack("!H", told[2:4]) == (code,)
    finally:
        connection.connection_lost(None)
        await asyncio.gather(*connection.tasks)


async def test_what_comes_before_the_socket_is_open_is_taken_after_that() -> None:
    """Meanwhile no more of it is read; and whoever is refused is told that alone."""
    for kind, told in (("accept", b"\x8a\x00\x8a\x00"), ("close", b"")):
        opens = asyncio.Event()

        async def app(
            _scope: Scope, receive: Receive, send: Send, kind: str = kind, opens: Any = opens
        ) -> None:
            await opens.wait()
            await send({"type": f"websocket.{kind}"})
            while (await receive())["type"] != "websocket.disconnect":
                pass

        transport = Slow()
        connection = _connected(app, transport)
        connection.data_received(HANDSHAKE)
        await _turns()
        reads = [transport.reads]
        for early in (PING[:3], PING[3:] + PING):
            connection.data_received(early)
            reads.append(transport.reads)
        assert transport.written == b""
        opens.set()
        await _turns()
        assert transport.written.partition(b"\r\n\r\n")[2] == told
        assert [*reads, transport.reads] == [True, False, False, True]
        connection.connection_lost(None)
        await asyncio.gather(*connection.tasks)


@pytest.mark.parametrize("cut", [1, len(HANDSHAKE) // 2, len(HANDSHAKE) - 1])
async def test_a_handshake_may_come_in_pieces(cut: int) -> None:
    """Half of one is no wrong one. And whoever serves it may cut it off."""
    aborts: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        aborts.append(scope["state"]["abort"])
        await _accept(scope, receive, send)

    transport = Slow()
    connection = _connected(app, transport)
    connection.data_received(HANDSHAKE[:cut])
    connection.data_received(HANDSHAKE[cut:])
    await _turns()
    assert transport.written.startswith(b"HTTP/1.1 101 ")
    assert not transport.closing
    aborts[0]()
    assert transport.aborted
    connection.connection_lost(None)
    await asyncio.gather(*connection.tasks)


@pytest.mark.parametrize(
    ("said", "makes_room"),
    [([], True), ([HANDSHAKE], True), ([HANDSHAKE, PING], False)],
)
async def test_who_has_said_nothing_makes_room(said: list[bytes], makes_room: bool) -> None:
    """However much it was told; and whoever has gone takes none."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    everyone = Connections(ConnectionLimits(connections=1))
    transport, other = Slow(), Slow()
    connection = _among(everyone, app, transport)
    for data in said:
        connection.data_received(data)
        await _turns()
    assert (b"hello" in transport.written) == bool(said)
    second = _among(everyone, app, other)
    assert transport.aborted == makes_room
    for each in (second, connection):
        each.connection_lost(None)
        await asyncio.gather(*each.tasks)
    third = _among(everyone, app, Slow())
    fourth = _among(everyone, app, Slow())
    assert third.transport.is_closing()
    for each in (third, fourth):
        each.connection_lost(None)


FIRST = b"\x81\xfe\x00\xc8" + MASK  # of a frame of 200 bytes
PIECE = b"\x01\xbc" + MASK + b"x" * 60  # a frame of 60 that others follow
LAST = b"\x80\xb0" + MASK + b"x" * 48


@pytest.mark.parametrize(
    "course",
    [
        # who, what it sends, what is held of both then, and who is cut off
        [(0, FIRST + b"x" * 60, 60, ""), (1, FIRST + b"x" * 40, 100, ""), (0, b"x", 100, "0")],
        [(0, FIRST + b"x" * 60, 60, ""), (1, FIRST + b"x" * 41, 60, "1")],
        [(0, FIRST + b"x" * 199, 199, ""), (1, FIRST, 199, ""), (1, b"x", 199, "1")],
        [(0, FIRST + b"x" * 199, 199, ""), (0, b"x", 0, ""), (1, FIRST + b"x" * 80, 80, "")],
        [(0, FIRST + b"x" * 60, 60, ""), (0, None, 0, ""), (1, FIRST + b"x" * 80, 80, "")],
        [(0, PIECE, 60, ""), (0, PING, 60, ""), (0, LAST[:-8], 100, ""), (0, LAST[-8:], 0, "")],
        [(0, PIECE, 60, ""), (1, PIECE, 60, "1"), (1, None, 60, "1"), (0, LAST, 0, "1")],
    ],
)
async def test_what_is_not_complete_is_counted_over_all(
    course: list[tuple[int, bytes | None, int, str]],
) -> None:
    """And as soon as it is, or its connection has gone, no more."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    everyone = Connections(ConnectionLimits(unfinished_bytes=100))
    transports = [Slow(), Slow()]
    connections = [_among(everyone, app, transport) for transport in transports]
    for connection in connections:
        connection.data_received(HANDSHAKE)
    await _turns()
    gone = set()
    for who, data, held, cut in course:
        if data is None:
            connections[who].connection_lost(None)
            gone.add(who)
        else:
            connections[who].data_received(data)
            await _turns()
        aborted = "".join(str(number) for number in (0, 1) if transports[number].aborted)
        assert (everyone.unfinished.held, aborted) == (held, cut)
    for who in {0, 1} - gone:
        connections[who].connection_lost(None)
    assert everyone.unfinished.held == 0
    for connection in connections:
        await asyncio.gather(*connection.tasks)


AMID = "the message took too long to arrive"
HELD = b"\x81\x82" + MASK


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ({}, None),
        ({1: b"\x81\x81" + MASK + b"0"}, None),
        ({1: b"\x89\x80" + MASK}, None),
        ({1: b"\x81"}, 35.0),
        ({1: b"\x81\xfe\x01"}, 35.0),
        ({1: HELD[:-1]}, 35.0),
        ({1: HELD}, 35.0),
        ({1: HELD + b"0"}, 35.0),
        ({1: b"\x89\x81" + MASK}, 35.0),
        ({1: b"\x88\x82" + MASK}, 35.0),
        ({1: b"\x01\x80" + MASK}, 35.0),
        ({1: b"\x01\x81" + MASK + b"0"}, 35.0),
        ({1: b"\x01\x81" + MASK + b"0", 9: b"\x89\x80" + MASK}, 40.0),
        ({1: HELD, 20: b"0", 40: b"0"}, None),
        ({1: HELD, 20: b"0", 40: b"0" + HELD}, 70.0),
        ({100: b"\x81\x81" + MASK + b"0\x81"}, 130.0),
    ],
)
def test_what_has_begun_and_does_not_go_on_is_ended(
    said: dict[int, bytes], end: float | None
) -> None:
    """A frame of any kind, wherever it stops, and a message in frames; nothing begun may wait."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def main() -> tuple[float | None, bytes]:
        transport, loop = Prompt(), asyncio.get_running_loop()
        connection = _connected(app, transport)
        connection.data_received(HANDSHAKE)
        for second, data in said.items():
            await asyncio.sleep(second - loop.time())
            connection.data_received(data)
        await asyncio.sleep(1000 - loop.time())
        ended, written = transport.ended, transport.written
        connection.connection_lost(None)
        await asyncio.gather(*connection.tasks)
        return ended, written

    ended, written = in_virtual_time(main())
    assert ended == end
    assert written.endswith(b"\x03\xf0" + AMID.encode()) == (end is not None)


def test_half_a_handshake_has_a_time() -> None:
    """Whoever sends no more is told nothing, as it may speak anything."""

    async def main() -> tuple[float | None, bytes]:
        transport = Prompt()
        connection = _connected(_accept, transport)
        connection.data_received(HANDSHAKE[:-1])
        await asyncio.sleep(1000)
        connection.connection_lost(None)
        return transport.ended, transport.written

    assert in_virtual_time(main()) == (30, b"")


def test_who_is_not_listened_to_has_time() -> None:
    """What it has begun cannot go on until its message before that is taken."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await asyncio.sleep(100)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def main() -> float | None:
        transport = Prompt()
        connection = _connected(app, transport)
        connection.data_received(HANDSHAKE)
        await asyncio.sleep(1)
        connection.data_received(b"\x81\x80" + MASK + HELD)
        await asyncio.sleep(1000)
        connection.connection_lost(None)
        await asyncio.gather(*connection.tasks)
        return transport.ended

    assert in_virtual_time(main()) == 130


@pytest.mark.parametrize(
    ("waits", "end"),
    [
        ({}, None),
        ({1: 5}, 60),
        ({31: 5}, 90),
        ({1: 5, 31: 4}, 95),
        ({1: 5, 31: 6}, 60),
        ({1: 5, 31: 0}, None),
        ({1: 5, 31: 0, 301: 5}, 360),
        ({1: 5, 31: 0, 41: 5}, 100),
        ({1: 5, 31: 4, 41: 9}, 95),
        (dict(zip(range(1, 1000, 50), range(20, 0, -1), strict=True)), None),
    ],
)
def test_who_takes_nothing_of_what_waits_is_cut_off(
    waits: dict[int, int], end: float | None
) -> None:
    """After a minute in which it got no less; who has nothing to take may be silent for ever."""

    class Reader(Slow):
        unsent = 0
        ended: float | None = None

        def get_write_buffer_size(self) -> int:
            return self.unsent

        def abort(self) -> None:
            if self.ended is None:
                self.ended = asyncio.get_running_loop().time()

    async def main() -> float | None:
        reader, loop = Reader(), asyncio.get_running_loop()
        connection = _connected(_accept, reader)
        for second, bytes_ in waits.items():
            await asyncio.sleep(second - loop.time())
            reader.unsent = bytes_
        await asyncio.sleep(1000 - loop.time())
        connection.connection_lost(None)
        await asyncio.sleep(1000)
        return reader.ended

    assert in_virtual_time(main()) == end
