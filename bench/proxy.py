"""A proxy in the middle that goes wrong on demand, in the ways that networks and services do.

It understands HTTP/1.1 as far as it must: where a request ends, so that it can answer in the
service's place or lose the answer; and of a WebSocket, which of a client's texts are writes. As a
program (:func:`between`) it runs in a process of its own, so that neither side pays for it.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from subprocess import Popen
from typing import Final, Literal, TypeAlias, get_args

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.programs import running
from imbari_chat.wire.framing import Joiner

__all__ = ["Between", "Mode", "Proxy", "between"]

Mode: TypeAlias = Literal[
    "pass", "refuse", "end", "reset", "401", "429", "503", "lose", "hole", "silent"
]
"""What happens from now on:

- ``pass``: everything goes through; also, connections are taken again.
- ``refuse``: what is open is reset, and nobody listens at the port.
- ``end``: what is open ends as it should, and nobody listens at the port.
- ``reset``: what is open is reset, and so is every new connection.
- ``401``, ``429``, ``503``: what is open ends, and every request is answered so.
- ``lose``: each write is carried out, and its first answer is lost with the connection.
- ``hole``: requests are taken and nothing comes of them.
- ``silent``: what is open stays open and nothing goes through it; new connections work.
"""

_CARRIED: Final = "carried"
_BLOCK: Final = 64 * 1024
_MOST: Final = 64 * 1024 * 1024
_REASONS: Final = {"401": "Unauthorized", "429": "Too Many Requests", "503": "Service Unavailable"}


class Proxy:
    """Passes HTTP to ``target`` (HOST:PORT) in the current mode.

    Args:
        target: Where to.
        delay: Seconds that everything takes in each direction.

    Attributes:
        mode: What happens now.
        port: Where it listens, or would.
        swallowed: Set once it has taken a request that nothing came of.
        up: Bytes that went to the target.
        down: Bytes that came from there.
    """

    def __init__(self, target: str, *, delay: float = 0.0) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self.delay = delay
        self.mode: Mode = "pass"
        self.port = 0
        self.swallowed = asyncio.Event()
        self.up = self.down = 0
        self._server: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost: set[bytes] = set()

    async def start(self) -> None:
        """Take connections at a free port."""
        self._reserve()
        await self._listen()

    async def become(self, mode: Mode) -> None:
        """Be in ``mode`` from now on; what it breaks is broken when this returns."""
        self.mode = mode
        match mode:
            case "pass" | "lose" | "hole":
                await self._listen()
            case "refuse" | "reset":
                self._break(politely=False)
            case "end" | "401" | "429" | "503":
                self._break(politely=True)
            case "silent":
                for link in self._links:
                    link.silent = True
        if mode in {"refuse", "end"}:
            self._refuse()

    async def stop(self) -> None:
        """Break everything, and give the port back."""
        await self.become("refuse")
        if self._reserved is not None:
            self._reserved.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def loses(self, request: bytes) -> bool:
        """Whether the answer to this one is lost: the first to each write."""
        if self.mode != "lose" or request.startswith(b"GET") or request in self._lost:
            return False
        self._lost.add(request)
        return True

    def _reserve(self) -> None:
        """Hold the port without listening, so that connections are refused and nobody takes it."""
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))
        self.port = self._reserved.getsockname()[1]

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=self._reserved)

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._reserve()

    def _break(self, *, politely: bool) -> None:
        for link in self._links:
            link.end(politely=politely)
        self._links.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "reset":
            _reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            link = _Link(self, reader, writer, *await asyncio.open_connection(*self._target))
        except ConnectionError:
            writer.transport.abort()
            return
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


class _Link:
    """A client's connection, and the one to the service that belongs to it."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._upstream_reader, self._upstream_writer = upstream_reader, upstream_writer
        self._chunked = False
        self._losing = False
        self.silent = False

    async def run(self) -> None:
        """Pass on until either side ends, and then end the other."""
        back = asyncio.create_task(self._answers())
        forth = asyncio.create_task(self._requests())
        try:
            await asyncio.wait((back, forth), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (back, forth):
                task.cancel()
            await asyncio.gather(back, forth, return_exceptions=True)
            await asyncio.sleep(self._proxy.delay)
            self._upstream_writer.close()
            self._writer.close()

    def end(self, *, politely: bool) -> None:
        """Close both sides: with the end that the answer under way should have, or abruptly."""
        self._upstream_writer.transport.abort()
        if not politely:
            _reset(self._writer)
        elif not self._writer.transport.is_closing():
            if self._chunked:
                self._writer.write(b"0\r\n\r\n")
            self._writer.close()

    async def _requests(self) -> None:
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            request = head + await self._reader.readexactly(_length(head))
            if self.silent or self._proxy.mode == "hole":
                self._proxy.swallowed.set()
                continue
            if reason := _REASONS.get(self._proxy.mode):
                self._writer.write(_refusal(self._proxy.mode, reason))
                self._writer.close()
                return
            self._losing = self._proxy.loses(request)
            self._chunked = False
            self._pass_on(self._upstream_writer, request)
            if b"upgrade: websocket" in head.lower():
                await self._frames(_Overheard(head))

    async def _frames(self, overheard: "_Overheard") -> None:
        while data := await self._reader.read(_BLOCK):
            writes = overheard.writes(data)
            if self.silent or self._proxy.mode == "hole":
                self._proxy.swallowed.set()
                continue
            lost = [one for one in writes if self._proxy.loses(one)]
            self._losing = self._losing or bool(lost)
            self._pass_on(self._upstream_writer, data)

    async def _answers(self) -> None:
        while data := await self._upstream_reader.read(_BLOCK):
            if self.silent:
                continue
            if self._losing:
                return
            if data.startswith(b"HTTP/1.1"):
                head = data.partition(b"\r\n\r\n")[0].lower()
                self._chunked = b"transfer-encoding: chunked" in head
            self._pass_on(self._writer, data)

    def _pass_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if writer is self._writer:
            self._proxy.down += len(data)
        else:
            self._proxy.up += len(data)
        if self._proxy.delay:
            asyncio.get_running_loop().call_later(self._proxy.delay, _write, writer, data)
        else:
            _write(writer, data)


class _Overheard:
    """What a client says on a WebSocket (reference: rtdb-websocket).

    Args:
        head: The request for it.
    """

    def __init__(self, head: bytes) -> None:
        self._protocol = ServerProtocol()
        self._joiner = Joiner(_MOST)
        self._protocol.receive_data(head)
        (request,) = self._protocol.events_received()
        assert isinstance(request, Request)
        self._protocol.send_response(self._protocol.accept(request))

    def writes(self, data: bytes) -> list[bytes]:
        """What the writes in ``data`` are about, without their numbers."""
        self._protocol.receive_data(data)
        found = []
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                text = self._joiner.take(bytes(frame.data).decode())
                inner = {} if text is None else json.loads(text)["d"]
                if inner.get("a") in {"m", "p"}:
                    found.append(json.dumps(inner["b"]).encode())
        return found


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, which closing alone would not send."""
    if not writer.transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.transport.is_closing():
        writer.write(data)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _refusal(status: str, reason: str) -> bytes:
    body = b'{"error":"the service is out of order"}'
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Between:
    """A proxy in a process of its own."""

    host: str
    process: "Popen[str]"

    def become(self, mode: Mode) -> None:
        """Be in ``mode``; see :data:`Mode`. Returns when it is."""
        said = self._ask(mode)
        assert said == mode, said

    def carried(self) -> tuple[int, int]:
        """Bytes that went through so far: to the target, and from there."""
        up, down = map(int, self._ask(_CARRIED).split())
        return up, down

    def _ask(self, what: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        print(what, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()


@contextmanager
def between(target: str, *, delay: float = 0.0) -> Iterator[Between]:
    """A proxy before ``target`` (HOST:PORT), for as long as the block runs.

    Args:
        target: Where to.
        delay: Seconds that everything takes in each direction.
    """
    with running("bench.proxy", target, str(delay)) as process:
        assert process.stdout
        yield Between(f"127.0.0.1:{process.stdout.readline().strip()}", process)


async def _serve(target: str, delay: float) -> None:
    proxy = Proxy(target, delay=delay)
    await proxy.start()
    print(proxy.port, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == _CARRIED:
            print(proxy.up, proxy.down, flush=True)
            continue
        (mode,) = (one for one in get_args(Mode) if one == line.strip())
        await proxy.become(mode)
        print(mode, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1], float(sys.argv[2])))
