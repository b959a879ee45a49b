"""A peer's server for everybody: REST, event streams and the WebSocket around a plain tree.

Nothing of the emulator is in it, and no more than the libraries need that are measured beside each
other: the official JavaScript SDK, firebase-admin, pyrebase4 and ours over both transports. As a
program it prints its port and serves until it is ended, or whoever started it is.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from bench.neutral_data import Listener, Place, Store, Window, compact, place
from imbari_chat.wire.framing import Joiner, texts

_MOST: Final = 64 * 1024 * 1024

_serial = count(1)


class _Connection(asyncio.Protocol):
    """One connection: HTTP until it asks to be a socket."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._socket: _Socket | None = None
        self._streams: list[Listener] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._socket is not None:
            self._socket.close()
        for one in self._streams:
            self._store.leave(one)

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.feed(data)
            return
        self._buffer += data
        while (request := self._request()) is not None:
            self._answer(*request)

    def _request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """The next whole request: method, target, headers and body."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        method, target, _ = first.split(" ")
        if headers.get("upgrade", "").lower() == "websocket":
            self._socket = _Socket(self._store, self._write)
            self._socket.feed(bytes(self._buffer))
            return None
        size = end + 4 + int(headers.get("content-length", 0))
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        return method, target, headers, body

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        url = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        at = place(unquote(url.path.removesuffix(".json")))
        value: Any = json.loads(body) if body else None
        if headers.get("accept") == "text/event-stream":
            self._stream(at, _of_params(given))
            return
        match method:
            case "GET":
                told = self._store.read(at, _of_params(given))
            case "POST":
                key = f"-P{next(_serial):018}"
                self._store.write([((*at, key), value)])
                told = compact({"name": key})
            case "PATCH":
                self._store.write(((*at, *place(name)), item) for name, item in value.items())
                told = compact(value)
            case _:
                self._store.write([(at, value)])
                told = compact(value)
        if given.get("print") == "silent":
            self._write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        data = told.encode()
        self._write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(data), data)
        )

    def _stream(self, at: Place, window: Window | None) -> None:
        self._write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        listener = Listener(at, window, self._event)
        self._streams.append(listener)
        self._event(listener, (), self._store.listen(listener), None)

    def _event(self, _: Listener, at: Place, data: str, merged: Mapping[str, Any] | None) -> None:
        kind = "put" if merged is None else "patch"
        event = f'event: {kind}\ndata: {{"path":"/{"/".join(at)}","data":{data}}}\n\n'.encode()
        self._write(b"%x\r\n%b\r\n" % (len(event), event))

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)


class _Socket:
    """The WebSocket of one connection (reference: rtdb-websocket)."""

    def __init__(self, store: Store, write: Callable[[bytes], None]) -> None:
        self._store = store
        self._write = write
        self._protocol = ServerProtocol(max_size=_MOST)
        self._joiner = Joiner(_MOST)
        self._listeners: dict[tuple[Place, int | None], Listener] = {}

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
                hello = {"ts": time.time_ns() // 1_000_000, "v": "5", "s": f"s{next(_serial)}"}
                self._send(compact({"t": "c", "d": {"t": "h", "d": {**hello, "h": _host(event)}}}))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                message = self._joiner.take(bytes(event.data).decode())
                if message is not None:
                    self._received(json.loads(message))
        self._flush()

    def close(self) -> None:
        """It is over."""
        for one in self._listeners.values():
            self._store.leave(one)
        self._listeners.clear()

    def _received(self, message: Any) -> None:
        inner = message["d"]
        if message["t"] == "c":
            if inner["t"] == "p":
                self._send('{"t":"c","d":{"t":"o","d":null}}')
            return
        told = self._carried_out(inner["a"], inner.get("b") or {})
        self._send(f'{{"t":"d","d":{{"r":{inner["r"]},"b":{{"s":"ok","d":{told}}}}}}}')

    def _carried_out(self, action: str, body: Mapping[str, Any]) -> str:
        """Do what is asked; the data of the answer as JSON."""
        at = place(body.get("p", ""))
        match action:
            case "q":
                key = (at, body.get("t"))
                listener = Listener(at, _of_object(body.get("q")), self._push, body.get("t"))
                self._listeners[key] = listener
                self._push(listener, (), self._store.listen(listener), None)
                return "{}"
            case "n":
                if (left := self._listeners.pop((at, body.get("t")), None)) is not None:
                    self._store.leave(left)
            case "g":
                return self._store.read(at, _of_object(body.get("q")))
            case "p":
                self._store.write([(at, body["d"])])
            case "m":
                self._store.write(((*at, *place(name)), value) for name, value in body["d"].items())
            case "auth" | "gauth":
                return '{"auth":null}'
        return '""'

    def _push(self, one: Listener, at: Place, data: str, merged: Mapping[str, Any] | None) -> None:
        where = json.dumps("/".join((*one.at, *at)))
        tag = "" if one.tag is None else f',"t":{one.tag}'
        kind = "d" if merged is None else "m"
        self._send(f'{{"t":"d","d":{{"b":{{"p":{where},"d":{data}{tag}}},"a":"{kind}"}}}}')
        self._flush()

    def _send(self, message: str) -> None:
        if self._protocol.state is State.OPEN:
            for text in texts(message):
                self._protocol.send_text(text.encode())

    def _flush(self) -> None:
        if data := b"".join(self._protocol.data_to_send()):
            self._write(data)


def _host(request: Request) -> str:
    return request.headers["Host"]


def _of_object(query: Mapping[str, Any] | None) -> Window | None:
    if not query:
        return None
    return Window(query.get("i", ".key"), query.get("l"), query.get("vf") != "l")


def _of_params(given: Mapping[str, str]) -> Window | None:
    if "orderBy" not in given:
        return None
    limit = given.get("limitToLast") or given.get("limitToFirst")
    return Window(
        json.loads(given["orderBy"]),
        None if limit is None else int(limit),
        "limitToFirst" not in given,
    )


async def _serve() -> None:
    store = Store()
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: _Connection(store), sock=listening)
    print(listening.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it has ended


if __name__ == "__main__":
    asyncio.run(_serve())
