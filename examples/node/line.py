"""A way to a server that counts the bytes and WebSocket frames that pass, and can be cut."""

import asyncio
from contextlib import suppress


class Line:
    """A way to the database that counts what passes, and can be cut."""

    def __init__(self, target: str) -> None:
        self._host, _, self._target_port = target.partition(":")
        self._port = 0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.out, self.back = Count(), Count()

    @property
    def address(self) -> str:
        """HOST:PORT to connect to; the same after every cut."""
        return f"{self._host}:{self._port}"

    async def mend(self) -> None:
        """Let connections through (again)."""
        self._server = await asyncio.start_server(self._take, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*self._open)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self._ends.add(writer)
        self.connections += 1
        there, far = await asyncio.open_connection(self._host, int(self._target_port))
        self._ends.add(far)
        await asyncio.gather(_pass(reader, far, self.out), _pass(there, writer, self.back))
        self._ends -= {writer, far}
        self._open.discard(task)


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: "Count") -> None:
    frames = Frames()
    with suppress(ConnectionError):
        while data := await source.read(65536):
            count.bytes += len(data)
            count.frames += frames.ended_by(data)
            sink.write(data)
            await sink.drain()
    sink.close()


class Count:
    """What has passed in one direction."""

    def __init__(self) -> None:
        self.bytes = self.frames = 0


class Frames:
    """Finds the frames of a WebSocket (RFC 6455, 5.2) in one direction of a connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_open: bool | None = None

    def ended_by(self, data: bytes) -> int:
        """How many frames end with these bytes; none in what is no WebSocket."""
        if self._is_open is False:
            return 0
        self._rest += data
        if self._is_open is None:
            head, blank, rest = self._rest.partition(b"\r\n\r\n")
            if blank:
                self._is_open = b"\r\nupgrade: websocket" in head.lower()
                self._rest = rest if self._is_open else b""
        ended = 0
        while self._is_open and (size := self._first()) is not None:
            self._rest = self._rest[size:]
            ended += 1
        return ended

    def _first(self) -> int | None:
        """Bytes of the frame that the rest begins with, if all of it is there."""
        if len(self._rest) < 2:
            return None
        is_masked, length = self._rest[1] & 0x80, self._rest[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        if extended:
            length = int.from_bytes(self._rest[2 : 2 + extended], "big")
        size = 2 + extended + (4 if is_masked else 0) + length
        return size if len(self._rest) >= size else None
