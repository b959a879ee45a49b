"""A way to a database that lets requests through, and WebSockets only while it is open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.http11 import Request
from websockets.server import ServerProtocol

__all__ = ["Gate"]


class Gate:
    """Between a client and a database, and lets requests through but no WebSocket, while closed.

    Attributes:
        answer: What is said to who asks for a WebSocket; ``""`` for nothing, and None to let it.
            Texts are said on the WebSocket, in place of the database.
        requests: Whether they are let through.
        refused: How many WebSockets were not let through.
        all: Every connection.
    """

    def __init__(self, target: str, answer: str | list[str] | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.StreamWriter] = set()
        self.answer: str | list[str] | None = answer
        self.away = False
        self.requests = True
        self.all: set[asyncio.StreamWriter] = set()
        self.refused = 0
        self.address = ""

    def block(self, answer: str) -> None:
        """From now on no WebSocket gets through, and those that did are cut."""
        self.answer = answer
        for writer in self._sockets:
            writer.transport.abort()

    def leave(self) -> None:
        """Nothing gets through at all."""
        self.away = True
        for writer in self.all:
            writer.transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Gate"]:
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            self.address = f"{host}:{port}"
            yield self
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.all.add(writer)
        try:
            if self.away:
                return
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                if self.answer is not None:
                    self.refused += 1
                    if isinstance(self.answer, list):
                        _speak(head, self.answer, writer)
                        while await reader.read(65536):
                            pass
                        return
                    if not self.answer:
                        await reader.read()
                    writer.write(f"HTTP/1.1 {self.answer}\r\nContent-Length: 0\r\n\r\n".encode())
                    await writer.drain()
                    return
                self._sockets.add(writer)
            elif not self.requests:
                return
            source, sink = await asyncio.open_connection(*self._target)
            sink.write(head)
            try:
                await asyncio.gather(_carry(reader, sink), _carry(source, writer))
            finally:
                sink.transport.abort()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._sockets.discard(writer)
            self.all.discard(writer)
            writer.transport.abort()


def _speak(head: bytes, texts: list[str], writer: asyncio.StreamWriter) -> None:
    """Open a WebSocket, and say this on it."""
    socket = ServerProtocol()
    socket.receive_data(head)
    (request,) = socket.events_received()
    assert isinstance(request, Request)
    socket.send_response(socket.accept(request))
    for text in texts:
        socket.send_text(text.encode())
    writer.write(b"".join(socket.data_to_send()))


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
