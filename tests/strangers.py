"""Whoever else answers: raw HTTP of every stranger, and a relay that puts one before a service."""

import gzip
import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["STRANGERS", "Relay", "Stranger"]


@dataclass(frozen=True, slots=True)
class Stranger:
    """One answer that is not the service's.

    Attributes:
        reads: Whether a read can tell that it is none of the service's.
        times: So often the body is sent.
        silent: It says what the service says to a silent write.
    """

    name: str
    status: int
    headers: dict[str, str]
    body: str
    zipped: bool = False
    broken: bool = False
    reads: bool = True
    silent: bool = False
    times: int = 1

    @property
    def raw(self) -> bytes:
        """The answer as it goes over the wire; the connection ends with it."""
        body, headers = self.body.encode() * self.times, dict(self.headers)
        if self.zipped or self.broken:
            headers["content-encoding"] = "gzip"
        if self.zipped:
            body = gzip.compress(body)
        if self.status not in (204, 304):
            headers["content-length"] = str(len(body))
        lines = [f"HTTP/1.1 {self.status} Stranger", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


STRANGERS: Final = [
    Stranger(**case)
    for case in json.loads((Path(__file__).parent / "specs/identity/strangers.json").read_text())[
        "cases"
    ]
]


@dataclass
class Relay:
    """Passes connections on to ``target`` (HOST:PORT), one request each, unless told otherwise.

    It runs on threads of its own, so that no loop under test can hold it up.

    Attributes:
        answer: What every request is answered with instead; empty for silence; None to pass on.
        to_get: The same for a GET, if that is something else.
        answered: How many requests were.
    """

    target: str
    answer: bytes | None = None
    to_get: bytes | None = None
    answered: int = 0
    _open: set[socket.socket] = field(default_factory=set)
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.cut()

    @property
    def address(self) -> str:
        """HOST:PORT to connect to."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._done.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            answer = self.to_get if self.to_get and head.startswith(b"GET ") else self.answer
            if answer is not None:
                self.answered += 1
                if answer:
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                while client.recv(65536):  # so that no reset overtakes the answer
                    pass
                return
            host, _, port = self.target.rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                self._open.add(upstream)
                upstream.sendall(_for_one_request(head))
                threading.Thread(target=_pass_on, args=(client, upstream), daemon=True).start()
                _pass_on(upstream, client)
                self._open.discard(upstream)
        self._open.discard(client)


def _for_one_request(head: bytes) -> bytes:
    """The same request, after which the connection ends, unless it asks for a socket."""
    if b"\r\nupgrade:" in head.lower():
        return head
    lines, _, rest = head.partition(b"\r\n\r\n")
    kept = [one for one in lines.split(b"\r\n") if not one.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"connection: close", b"", rest])


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
