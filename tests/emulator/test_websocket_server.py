"""The end of a connection that has become a WebSocket, whatever it is doing when all are ended."""

import asyncio
import struct
from typing import Any, Final

import pytest
from starlette.types import Receive, Scope, Send
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
CLOSE: Final = b"\x88\x80" + MASK
NO_TEXT: Final = b"\x81\x81" + MASK + b"\xff"
NO_FRAME: Final = b"\xff\x80" + MASK


class Slow(asyncio.Transport):
    """A transport whose peer takes nothing, so that it is closing for as long as it is asked.

    Attributes:
        written: What was sent.
        closing: Whether it is to end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

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


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], None),
        ([b"GET / HTTP/1.1\r\nnone\r\n\r\n"], None),
        ([HANDSHAKE.replace(b"13", b"12")], None),
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
    said: list[bytes], code: int | None, waits: bool
) -> None:
    """Who is open is told why, who is not has been told something else, and none goes on. Whether
    what was said came after the socket was open, or before."""
    config = Config(_accept, ws_ping_interval=None, log_config=None)
    config.load()
    connection = WebSocket(Connections(ConnectionLimits()), config, ServerState(), {})
    transport = Slow()
    connection.connection_made(transport)
    try:
        for count, data in enumerate(said, 1):
            connection.data_received(data)
            for _ in range(5 if waits or count == len(said) else 0):  # the application's turns
                await asyncio.sleep(0)
        connection.shutdown()
        assert transport.closing
        told = transport.written.partition(b"\r\n\r\n")[2] if code else b""
        if code == 1005:
            assert told == b"\x88\x00"
        elif code is not None:
            assert told[:1] == b"\x88"
            assert struct.unpack("!H", told[2:4]) == (code,)
    finally:
        connection.connection_lost(None)
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
        config = Config(app, ws_ping_interval=None, log_config=None)
        config.load()
        connection = WebSocket(Connections(ConnectionLimits()), config, ServerState(), {})
        transport, loop = Prompt(), asyncio.get_running_loop()
        connection.connection_made(transport)
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
        config = Config(_accept, ws_ping_interval=None, log_config=None)
        config.load()
        connection = WebSocket(Connections(ConnectionLimits()), config, ServerState(), {})
        reader, loop = Reader(), asyncio.get_running_loop()
        connection.connection_made(reader)
        for second, bytes_ in waits.items():
            await asyncio.sleep(second - loop.time())
            reader.unsent = bytes_
        await asyncio.sleep(1000 - loop.time())
        connection.connection_lost(None)
        await asyncio.sleep(1000)
        return reader.ended

    assert in_virtual_time(main()) == end
