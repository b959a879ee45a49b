"""One connection through a proxy, which can be spoiled alone."""

import asyncio
import socket
import struct
import time
from contextlib import suppress

__all__ = ["Connection", "Pauses"]

_CHUNK = 65536
_SLICE = 0.05
"""Seconds that a slow line takes for one piece."""
_UPGRADE = b"upgrade: websocket"
_RESET = struct.pack("ii", 1, 0)


class Pauses:
    """How long a slow line pauses between two pieces, so that on the whole it is no slower.

    A process that is busy wakes late from each pause; the pauses that follow are shorter then.

    Args:
        now: When the first piece is passed, in monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._free_at = now

    def pause(self, taken: float, now: float) -> float:
        """Seconds to wait from ``now`` on, after a piece for which the line takes ``taken``."""
        self._free_at += taken
        return max(0.0, self._free_at - now)


class Connection:
    """One connection through the proxy, which can be spoiled alone."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.muted = False
        self.rate: float | None = None
        self.most: int | None = None
        self.is_socket = False
        """Whether a WebSocket was asked for on it."""
        self.barred: bytes | None = None
        """What whoever asks for one is answered, rather than being let through; maybe nothing."""
        self.passed = 0
        """Bytes of answers that came through."""
        self.broken = 0
        """1 once it was cut between two bytes of what was said."""
        self._flows = asyncio.Event()
        self._flows.set()
        self._swallows = False
        self._deaf: set[bool] = set()
        self._left: dict[bool, int] = {}
        self._is_cut = False
        self._was_asked = False
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self, *, clean: bool = False) -> None:
        """Break it, both ways: with a reset, or as if the other side had ended it in good order."""
        self._is_cut = True
        for writer in self._writers:
            link = writer.get_extra_info("socket")
            if not clean and link is not None and link.fileno() >= 0:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def stall(self) -> None:
        """Pass nothing and keep it open."""
        self._flows.clear()

    def resume(self) -> None:
        """Pass everything again, first what has waited."""
        self._flows.set()

    def drop_answer(self) -> None:
        """Pass requests on; swallow the first answer, and cut."""
        self._swallows = True

    def lose(self, *, asked: bool, answered: bool) -> None:
        """Swallow what is said, both ways or one way, for good, and keep it open."""
        self._deaf |= {answers for answers, lost in ((False, asked), (True, answered)) if lost}

    def cut_after(self, count: int, *, answers: bool) -> None:
        """Pass so many bytes more that way, wherever in a frame that is, and cut."""
        self._left[answers] = count

    async def carry(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Pass bytes both ways until one side has ended, or this was cut."""
        self._writers = [client[1], server[1]]
        if self._is_cut:  # before it was through
            self.cut()
            return
        up = asyncio.create_task(self._pass_on(client[0], server[1], answers=False))
        down = asyncio.create_task(self._pass_on(server[0], client[1], answers=True))
        try:
            await asyncio.gather(up, down)
        finally:
            up.cancel()
            down.cancel()
            self.cut()

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flows.wait()
                if not answers and not self._was_asked:
                    self._was_asked, self.is_socket = True, _UPGRADE in data.lower()
                    if self.is_socket and self.barred is not None:
                        await self._turn_away(source, self.barred)
                        break
                if (answers and self.muted) or answers in self._deaf:
                    continue
                left = self._left.get(answers)
                if left is not None and left < len(data):
                    sink.write(data[:left])
                    await sink.drain()
                    self.broken = 1
                    self.cut(clean=left % 2 == 0)
                    return
                if left is not None:
                    self._left[answers] = left - len(data)
                if answers and self._swallows:
                    self.cut()
                    return
                if answers:
                    await self._answer(data, sink)
                else:
                    sink.write(data)
                    await sink.drain()
        # What has been passed on still arrives; the other direction ends by itself.
        sink.close()

    async def _turn_away(self, client: asyncio.StreamReader, answer: bytes) -> None:
        """Somebody asks for a WebSocket, and there are none here."""
        self._writers[0].write(answer)
        while not answer and await client.read(_CHUNK):
            pass

    async def _answer(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        """Pass an answer on as fast as the line is, and as much of it."""
        pauses = Pauses(time.monotonic())
        while data:
            size = len(data) if self.rate is None else max(int(self.rate * _SLICE), 1)
            if self.most is not None:
                size = min(size, max(self.most - self.passed, 1))
            piece, data = data[:size], data[size:]
            if not self._flows.is_set():
                await self._flows.wait()
                pauses = Pauses(time.monotonic())  # a line that stood still makes up for nothing
            sink.write(piece)
            await sink.drain()
            self.passed += len(piece)
            if self.most is not None and self.passed >= self.most:
                self.cut()
                return
            if self.rate is not None:
                await asyncio.sleep(pauses.pause(len(piece) / self.rate, time.monotonic()))
