"""The way to a server, with one request that goes wrong."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self, TypeAlias

__all__ = ["Fate", "Relay", "silent_server"]

Fate: TypeAlias = Literal["swallowed", "all swallowed", "answer lost"]
"""Of a request: it never arrives and nobody says so, nor do those that follow; or it does, and the
connection breaks before the answer."""

_CHUNK = 65536


class Relay:
    """Passes connections on to ``target`` (HOST:PORT), but for the first update.

    Attributes:
        fate: What becomes of it; None passes it on as well.
        caught: Set when it has come by.
        address: HOST:PORT to connect to.
    """

    def __init__(self, target: str, fate: Fate | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.fate = fate
        self.caught = asyncio.Event()
        self.address = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        answers = asyncio.create_task(self._answer(there, writer))
        try:
            with suppress(ConnectionError):
                while data := await reader.read(_CHUNK):
                    fate = self.fate if data.startswith(b"PATCH ") else None
                    if fate is not None:
                        self.fate = fate if fate == "all swallowed" else None
                        answers.cancel()
                        self.caught.set()
                    if fate in ("swallowed", "all swallowed"):
                        await asyncio.Event().wait()
                    back.write(data)
                    if fate == "answer lost":
                        await there.read(_CHUNK)
                        return
        finally:
            answers.cancel()
            back.transport.abort()
            writer.transport.abort()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await there.read(_CHUNK):
                writer.write(data)
                await writer.drain()
        writer.close()


async def silent_server(connected: asyncio.Event) -> asyncio.Server:
    """A server that takes connections and says nothing, ever; it tells of the first."""

    def accept(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        connected.set()

    return await asyncio.start_server(accept, "127.0.0.1", 0)
