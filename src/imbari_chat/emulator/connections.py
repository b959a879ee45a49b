"""The connections of strangers: how long each may be silent, how much it may hold, how many.

Whoever connects may send half a head and wait, announce a body that never comes, or ask for much
and read nothing. None of it takes a credential, so each has its limit here, before any application
has seen a request:

    the head of a request: line and headers     bytes, and seconds from its first byte
    a connection without a request              seconds
    silence in the middle of a body or frame    seconds
    a reader who takes nothing of an answer     seconds
    connections, of all ports together          a number

Over the last, whoever has waited longest without a request makes room for who comes; requests and
streams under way are left alone.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from imbari_chat.emulator.incoming import Incoming
from imbari_chat.wire.json import dumps

__all__ = ["ConnectionLimits", "Connections", "most_connections"]

_MOST: Final = 1000
_LINE_EXTRA: Final = len("  HTTP/1.1\r\n\r\n")
_HEADER_EXTRA: Final = len(": \r\n")
_CHECKS: Final = 4
"""Looks at a connection within the shortest of its times, so each may be a quarter late."""


def most_connections() -> int:
    """How many connections to hold at most: half of the files this process may open."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 2))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one connection may take, and how many there may be.

    Attributes:
        head_bytes: Of a request's line and headers; tokens travel in both.
        head_seconds: From the first byte of a head to its last.
        idle_seconds: Without a request, before the first one or after an answer.
        body_seconds: Of silence in the middle of a body, or of what a socket sends in frames.
        reader_seconds: In which a reader takes nothing of what waits for it.
        connections: Of all ports together.
        unfinished_bytes: Of what sockets have sent of frames that are not complete, of all
            together; one alone may have more.
    """

    head_bytes: int = 64 * 1024
    head_seconds: float = 20.0
    idle_seconds: float = 60.0
    body_seconds: float = 30.0
    reader_seconds: float = 60.0
    connections: int = _MOST
    unfinished_bytes: int = 64 * 1024 * 1024

    @property
    def check_seconds(self) -> float:
        """Between two looks at a connection."""
        return (
            min(self.head_seconds, self.idle_seconds, self.body_seconds, self.reader_seconds)
            / _CHECKS
        )


class Counted(Protocol):
    """A connection among others.

    Attributes:
        waiting: There is nothing that anybody works on.
        since: When that began, or the head of a request; seconds of the loop's clock.
    """

    transport: asyncio.Transport

    @property
    def waiting(self) -> bool: ...

    @property
    def since(self) -> float: ...


class Connections:
    """All connections of one emulator, whichever port they came to.

    Args:
        limits: For each and for all.

    Attributes:
        unfinished: What sockets have sent of frames that are not complete.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: set[Counted] = set()
        self.unfinished = Incoming(limits.unfinished_bytes)

    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol that uvicorn gives to each connection it accepts."""
        everyone = self

        class OfEveryone(_Connection):
            connections_of_all = everyone

        return OfEveryone

    def enter(self, connection: "Counted") -> bool:
        """Count it among the others, at the cost of one that has no request if it has to be.

        Returns:
            False if all of the others are busy.
        """
        if len(self._open) >= self.limits.connections:
            waiting = [each for each in self._open if each.waiting]
            if not waiting:
                return False
            oldest = min(waiting, key=lambda each: each.since)
            oldest.transport.abort()
            self.leave(oldest)  # its end is told later, and others may come before
        self._open.add(connection)
        return True

    def leave(self, connection: "Counted") -> None:
        """Count it no more. Doing so twice is fine."""
        self._open.discard(connection)


class _Head(h11.Connection):
    """The server's half of HTTP, which refuses a head that is too long or has two ends.

    Attributes:
        status: Of the answer to what could not be read.
    """

    def __init__(self, head_bytes: int) -> None:
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes
        self.status = HTTPStatus.BAD_REQUEST

    def next_event(self) -> Any:
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                self._check(event)
        except h11.RemoteProtocolError as error:
            self.status = HTTPStatus(error.error_status_hint)
            raise
        return event

    def _check(self, request: h11.Request) -> None:
        """h11 counts only heads that are not complete, and lets one of two lengths win.

        Raises:
            RemoteProtocolError: The head is too long. Or it says by Content-Length where the
                request ends, and by Transfer-Encoding that it ends elsewhere: whatever stands
                between here and the sender may have believed the other one.
        """
        headers = request.headers
        size = len(request.method) + len(request.target) + _LINE_EXTRA
        size += sum(len(name) + len(value) + _HEADER_EXTRA for name, value in headers)
        if size > self._head_bytes:
            raise h11.RemoteProtocolError("the head is too long", error_status_hint=431)
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            raise h11.RemoteProtocolError("Content-Length beside Transfer-Encoding")


class _Connection(H11Protocol):
    """uvicorn's, watched.

    Attributes:
        since: When it last had no request to begin with, or when the head of one began; seconds
            of the loop's clock.
    """

    connections_of_all: Connections
    conn: _Head

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = self.connections_of_all.limits
        self.conn = _Head(self._limits.head_bytes)
        self.since = self._heard = self._taken = self.loop.time()
        self._has_begun = False
        self._unsent = 0

    @property
    def waiting(self) -> bool:
        """There is no request that anybody works on."""
        return self.conn.our_state is h11.IDLE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._check = self.loop.call_later(self._limits.check_seconds, self._look)
        if not self.connections_of_all.enter(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        if not self._has_begun:
            self._has_begun, self.since = True, self._heard
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._has_begun, self.since = False, self.loop.time()
        super().on_response_complete()

    def resume_writing(self) -> None:
        self._taken = self.loop.time()
        super().resume_writing()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        from imbari_chat.emulator.websocket_server import WebSocket  # few emulators see one

        self._forget()
        self.ws_protocol_class = partial(WebSocket, self.connections_of_all)  # type: ignore[assignment]  # it is only ever called
        super().handle_websocket_upgrade(event)
        early, _ = self.conn.trailing_data
        if early and not self.transport.is_closing():  # uvicorn would drop it
            self.transport.get_protocol().data_received(early)  # type: ignore[attr-defined]  # above

    def send_400_response(self, msg: str) -> None:
        """Whatever h11 could not read."""
        if self.conn.status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            msg = f"A request's line and headers have at most {self._limits.head_bytes} bytes"
        self._refuse(self.conn.status, msg)

    def _forget(self) -> None:
        self.connections_of_all.leave(self)
        self._check.cancel()

    def _look(self) -> None:
        self._check = self.loop.call_later(self._limits.check_seconds, self._look)
        overdue = self._overdue(self.loop.time())
        if overdue is not None:
            overdue()

    def _overdue(self, now: float) -> Callable[[], None] | None:
        """How to end the connection if it has taken too long over anything."""
        limits = self._limits
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._taken = now
        self._unsent = unsent
        if now - self._taken >= limits.reader_seconds:
            return self.transport.abort
        if self.transport.is_closing():
            return None
        if self.waiting:
            if self._has_begun:  # so far, by its head
                return self._too_slow if now - self.since >= limits.head_seconds else None
            return self.transport.close if now - self.since >= limits.idle_seconds else None
        if self.conn.their_state is not h11.SEND_BODY or self.flow.read_paused:
            self._heard = now
        return self._too_slow if now - self._heard >= limits.body_seconds else None

    def _too_slow(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer, if no other answer has begun, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = dumps({"error": reason}).encode()
            headers = [
                (b"content-type", b"application/json; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            answer = h11.Response(
                status_code=status, headers=headers, reason=status.phrase.encode()
            )
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            # Whoever waits for the rest of the request learns that there is none.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
