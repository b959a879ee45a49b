"""One client's way to a server, a TCP proxy that can be made as bad as a network ever is."""

import asyncio
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self

from tests.faults.connection import Connection
from tests.ports import own_port
from tests.strangers import STRANGERS

__all__ = ["MOST_CONNECTIONS", "RECOGNISABLE", "TURNED_AWAY", "Proxy"]

MOST_CONNECTIONS = 200
"""More at a time are refused: a client that opens connections without end fails its test."""

TURNED_AWAY: Final = tuple(
    f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode() if status else b""
    for status in ("403 Forbidden", "426 Upgrade Required", "200 OK", "")
)
"""What whoever asks for a WebSocket is told where there are none; the last one keeps silent."""

_CHUNK = 65536
_LONGEST_DELAY = 0.2
_PATIENCE = 2.0
RECOGNISABLE: Final = [one for one in STRANGERS if one.reads and not one.silent]
"""Strangers whom nobody need take for the service."""


class Proxy:
    """Passes connections to ``target`` (HOST:PORT), for as long as nothing is wrong.

    Everything that is done to it holds for the connections there are and for those to come, until
    :meth:`mend`. Entering listens; leaving breaks everything.

    Args:
        target: Where to.
        rate: Bytes a second of a line that is slow when nothing is wrong with it.
    """

    def __init__(self, target: str, rate: float | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._port = 0
        self._holding = ExitStack()
        self._server: asyncio.Server | None = None
        self._dispatcher = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        self._mended_rate = rate
        self._rate = rate
        self._most: int | None = None
        self._stranger: bytes | None = None
        self._barred: bytes | None = None
        self._stalled = False
        self._muted = False
        self._refuses = False
        self._answers_to_drop = 0
        self.connections: list[Connection] = []
        self.frames_cut = 0
        """Connections that were cut between two bytes of what was said, and are gone."""
        self.half_open = 0
        """Connections that were left open and silent."""

    @property
    def address(self) -> str:
        """HOST:PORT to connect to; always the same."""
        return f"127.0.0.1:{self._port}"

    def cut(self, *, clean: bool = False) -> None:
        """Break every connection; new ones are let through."""
        for connection in self.connections:
            connection.cut(clean=clean)

    def stall(self) -> None:
        """Pass nothing, and keep everything open."""
        self._stalled = True
        for connection in self.connections:
            connection.stall()

    def delay(self, seconds: float) -> None:
        """Pass each piece this much later."""
        self._delay = seconds
        for connection in self.connections:
            connection.delay = seconds

    def limit(self, rate: float | None, *, most: int | None = None) -> None:
        """Be a slow line, or one that breaks: on each connection, for what is answered.

        Args:
            rate: Bytes a second; None for no limit.
            most: Bytes after which a connection is cut; None for no limit.
        """
        self._rate, self._most = rate, most
        for connection in self.connections:
            connection.rate, connection.most = rate, most

    def drop_answers(self, count: int) -> None:
        """Let the next ``count`` connections lose their answer, those that are open included."""
        for connection in self.connections[:count]:
            connection.drop_answer()
        self._answers_to_drop = max(0, count - len(self.connections))

    def mute(self) -> None:
        """Pass what is asked, swallow every answer, and keep everything open."""
        self._muted = True
        for connection in self.connections:
            connection.muted = True

    def lose(self, *, asked: bool, answered: bool) -> None:
        """Leave the connections there are half open: nothing passes, one way or both, ever again.

        Nobody is told. New connections are let through.
        """
        for connection in self.connections:
            connection.lose(asked=asked, answered=answered)
        self.half_open += len(self.connections)

    def cut_after(self, count: int, *, answers: bool) -> None:
        """Cut every connection there is once it has passed so many bytes more that way."""
        for connection in self.connections:
            connection.cut_after(count, answers=answers)

    def bar(self, answer: bytes) -> None:
        """Let no WebSocket through: cut those there are, and let everything else pass.

        Args:
            answer: To whoever asks for one, as it goes over the wire; nothing is said if it is
                empty.
        """
        self._barred = answer
        for connection in self.connections:
            connection.barred = answer
            if connection.is_socket:
                connection.cut()

    def interpose(self, answer: bytes) -> None:
        """Break every connection, and have somebody else answer every request on new ones.

        Args:
            answer: As it goes over the wire.
        """
        self._stranger = answer
        self.cut()

    async def refuse(self) -> None:
        """Break every connection and refuse new ones."""
        self._refuses = True  # those as well that were accepted and have not come here yet
        async with self._dispatcher:
            if self._server is not None:
                self._server.close()
                self._server = None
        self.cut()
        await asyncio.sleep(0)

    async def spoil(self, what: str, *, seconds: float, amount: int) -> None:
        """Do one of these by its name in a schedule; see schedule.py."""
        some = self.connections
        one = some[amount % len(some)] if some else Connection()
        match what:
            case "cut" | "end":
                self.cut(clean=what == "end")
            case "cut one":
                one.cut()
            case "stall one":
                one.stall()
            case "stall" | "stall and cut":
                self.stall()
            case "delay":
                self.delay(min(seconds, _LONGEST_DELAY))
            case "drop answers":
                self.drop_answers(amount)
            case "cut frame":
                self.cut_after(amount // 2, answers=amount % 2 == 0)
            case "half open" | "half open up" | "half open down":
                self.lose(asked=what != "half open down", answered=what != "half open up")
            case "stranger":
                self.interpose(RECOGNISABLE[amount % len(RECOGNISABLE)].raw)
            case "no sockets":
                self.bar(TURNED_AWAY[amount % len(TURNED_AWAY)])
            case "refuse":
                await self.refuse()
            case _:
                raise ValueError(what)

    async def mend(self) -> None:
        """Let everything through again, first what has waited."""
        self._stalled = self._refuses = self._muted = False
        self._answers_to_drop, self._stranger, self._barred = 0, None, None
        self.delay(0.0)
        self.limit(self._mended_rate)
        for connection in self.connections:
            connection.muted, connection.barred = False, None
            connection.resume()
        async with self._dispatcher:
            if self._server is None:
                self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def __aenter__(self) -> Self:
        self._port = self._holding.enter_context(own_port())
        await self.mend()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._holding.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses or len(self.connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        connection = Connection()
        connection.delay, connection.muted = self._delay, self._muted
        connection.rate, connection.most = self._rate, self._most
        connection.barred = self._barred
        if self._stalled:
            connection.stall()
        elif self._answers_to_drop:
            self._answers_to_drop -= 1
            connection.drop_answer()
        self.connections.append(connection)
        task = asyncio.create_task(self._carry(connection, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            if self._stranger is not None:
                await _answer(self._stranger, reader, writer)
                return
            with suppress(OSError):  # the server is away: so is this way to it
                upstream = await asyncio.open_connection(*self._target)
                await connection.carry((reader, writer), upstream)
        finally:
            writer.transport.abort()
            self.connections.remove(connection)
            self.frames_cut += connection.broken


async def _answer(
    answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request, whatever it says, and hear the rest, so that no reset comes first."""
    with suppress(asyncio.IncompleteReadError, OSError):  # whoever asked has gone, or takes long
        async with asyncio.timeout(_PATIENCE):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.write_eof()
            while await reader.read(_CHUNK):
                pass
