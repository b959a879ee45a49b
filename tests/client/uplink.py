"""A line on which what is asked leaves slowly, and what is answered comes at once."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.connection import Pauses

__all__ = ["Uplink", "uplink"]

_PIECE = 512
_BUFFER = 4096
"""Bytes that the line takes at most before it has passed them on."""


@dataclass
class Uplink:
    """The line, as a test sees it.

    Attributes:
        address: HOST:PORT to connect to.
        rate: Bytes a second that leave.
        connections: How many there have been.
        passed: Bytes that have left.
    """

    address: str
    rate: float
    connections: int = 0
    passed: int = 0
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool
    ) -> None:
        """Pass on what comes one way, until it ends."""
        pauses = Pauses(time.monotonic())
        with suppress(ConnectionError):
            while data := await source.read(_PIECE if up else 1 << 16):
                if up:
                    now = time.monotonic()
                    await asyncio.sleep(pauses.pause(len(data) / self.rate, now))
                    await self.flows.wait()
                    self.passed += len(data)
                sink.write(data)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def uplink(target: str, rate: float) -> AsyncIterator[Uplink]:
    """Carry connections to ``target`` (HOST:PORT), each at ``rate`` bytes a second."""
    host, _, port = target.rpartition(":")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line.connections += 1
        tasks.add(asyncio.create_task(carry(reader, writer)))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            line.carry(reader, ours[1], up=True), line.carry(ours[0], writer, up=False)
        )

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listening.bind(("127.0.0.1", 0))
        line = Uplink(f"127.0.0.1:{listening.getsockname()[1]}", rate)
        line.flows.set()
        server = await asyncio.start_server(accept, sock=listening, limit=_BUFFER // 2)
        try:
            yield line
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
