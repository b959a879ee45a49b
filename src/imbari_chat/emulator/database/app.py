"""The ASGI application: HTTP in, :class:`Service` in the middle, answers and event streams out.

A socket is handed on to :class:`Sockets`; both deliver events by one :class:`Delivery`.

Everything runs in one event loop, and a request is carried out without giving way, so the order
of commits is the order of events on every stream.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from secrets import randbelow
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from imbari_chat.emulator.database.answers import Done
from imbari_chat.emulator.database.audiences import PendingEvent
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.delivery import Delivery, StreamForm
from imbari_chat.emulator.database.limits import Limits, body_too_big
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.responses import Response, failed, preflight
from imbari_chat.emulator.database.service import Opened, Service
from imbari_chat.emulator.database.sockets import Sockets
from imbari_chat.emulator.database.streams import Stream
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.emulator.offload import Offload
from imbari_chat.emulator.outgoing import PIECE, Backlog, Outgoing, Payload
from imbari_chat.logs import get_logger
from imbari_chat.wire.pushid import PushIds

__all__ = ["DatabaseApp"]

_SOCKET_PATHS: Final = frozenset({b"/.ws", b"/.lp"})
"""What is no request: a socket that asks for no upgrade, and long polling, which is not served."""

_log = get_logger(__name__)


class DatabaseApp:
    """Serves ``databases``.

    Args:
        clock: Seconds since the epoch.
        enforce_expiry: Refuse ended tokens and end their streams.
        keep_alive: Seconds of silence between keep-alives on a stream.
        stream_buffer: Bytes that may wait for one slow reader.
        redirect_streams: Send whoever opens a stream to another name of this machine first, as
            the service does, so that clients can be tested for what they lose on the way.
        limits: How much one request may carry.
        outgoing: Bytes that may wait for all readers together.
        incoming: What is being sent to the emulator, this application's sockets included.
        socket_silence: Seconds after which a socket that has sent keepalives, and sends none any
            more, is taken for dead; None for never. The SDKs send one after 45 s of silence, and
            browsers may put that off to the full minute in a hidden tab.
        message_silence: Seconds of silence in the middle of a socket's message.
        log_request: Gets a line for each request over a socket.
    """

    def __init__(
        self,
        databases: Databases,
        clock: Callable[[], float] = time.time,
        *,
        enforce_expiry: bool = False,
        keep_alive: float = 30.0,
        stream_buffer: int = 8 * 1024 * 1024,
        redirect_streams: bool = False,
        limits: Limits | None = None,
        outgoing: int = 128 * 1024 * 1024,
        incoming: Incoming | None = None,
        socket_silence: float | None = 75.0,
        message_silence: float = 30.0,
        log_request: Callable[[str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._keep_alive = keep_alive
        self._stream_buffer = stream_buffer
        push_ids = PushIds(lambda: [randbelow(64) for _ in range(12)])
        self._limits = limits or Limits()
        self._service = Service(
            databases,
            push_ids,
            enforce_expiry=enforce_expiry,
            redirect_streams=redirect_streams,
            limits=self._limits,
        )
        self._streams: set[Stream] = set()
        self._offload = Offload()
        self._outgoing = Outgoing(outgoing)
        self._delivery = Delivery(self._outgoing, self._offload, self._limits.event)
        self._sockets = Sockets(
            databases,
            self._delivery,
            self._offload,
            incoming or Incoming(),
            clock,
            limits=self._limits,
            bound=stream_buffer,
            enforce_expiry=enforce_expiry,
            silence=socket_silence,
            message_silence=message_silence,
            log=log_request,
        )

    @property
    def waiting(self) -> int:
        """Bytes that readers have not taken yet."""
        return self._outgoing.held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        send = _dated(send, self._clock)
        if scope["raw_path"] in _SOCKET_PATHS:
            await _respond(send, failed(Refusal(404, "404 Not Found")))
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if scope["method"] == "OPTIONS":
            await _respond(send, preflight(headers))
            return
        try:
            body = await _body(headers, receive, self._limits.body)
        except Refusal as refusal:
            await _respond(send, failed(refusal))
            return
        if body is None:
            return
        request = Request.of(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            headers,
            body,
        )
        del body  # it may be large, and is done with long before its answer has been taken
        try:
            outcome = await self._service.answer(request, self._clock, self._offload)
            if isinstance(outcome, Done):
                self.deliver(outcome.events)
                response = await self._offload(outcome.weight, outcome.response)
        except Exception:  # noqa: BLE001  # our own mistake: told and logged, and others go on
            _log.exception("a %s request failed", request.method)
            response = failed(Refusal(500, "An internal error occurred"))
            await _respond(send, response)
            return
        del request
        if isinstance(outcome, Opened):
            await self._stream(outcome, receive, send)
            return
        del outcome
        await self._send(response, send)

    def deliver(self, events: Iterable[PendingEvent]) -> None:
        """Queue events for whoever they are owed to; each is written once in each form."""
        self._delivery.deliver(events)

    def close(self) -> None:
        """End every stream."""
        for stream in self._streams:
            stream.end()
        self._offload.close()

    async def _send(self, response: Response, send: Send) -> None:
        """Answer; what the reader does not take at once waits like the events of a stream."""
        if len(response.body) <= PIECE:
            await _respond(send, response)
            return
        sending = asyncio.ensure_future(_respond_in_pieces(send, response, self._outgoing))
        try:
            await asyncio.wait((sending,))
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _stream(self, opened: Opened, receive: Receive, send: Send) -> None:
        expires_at = opened.listener.caller.expires_at
        stream = Stream(
            self._outgoing,
            bound=self._stream_buffer,
            keep_alive=self._keep_alive,
            expires_in=lambda: None if expires_at is None else expires_at - self._clock(),
            form=StreamForm(opened.export),
        )
        self._delivery.attach(opened.listener, stream)
        self._delivery.first(opened.namespace, opened.listener, opened.first)
        self._streams.add(stream)
        try:
            await stream.run(receive, send)
        finally:
            self._streams.discard(stream)
            self._delivery.detach(opened.listener)
            opened.namespace.unlisten(opened.listener)


def _dated(send: Send, clock: Callable[[], float]) -> Send:
    """``send``, which says beside each answer when it was given, as every HTTP service does."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = formatdate(clock(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await send(message)

    return dated


async def _body(headers: dict[str, str], receive: Receive, limit: int) -> bytes | None:
    """All of the request's body, or None if the client left before it had sent it.

    Raises:
        Refusal: It is too large.
    """
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise body_too_big()
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise body_too_big()
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _respond(send: Send, response: Response) -> None:
    headers = list(response.headers)
    if response.status not in {204, 304}:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _respond_in_pieces(send: Send, response: Response, outgoing: Outgoing) -> None:
    """As :func:`_respond`; ends before its end if others need the room more."""
    task = asyncio.current_task()

    def cut_off() -> None:
        assert task is not None
        task.cancel()

    backlog = Backlog(outgoing, 0, wake=lambda: None, cut_off=cut_off)
    headers = [*response.headers, (b"content-length", str(len(response.body)).encode())]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    backlog.push(Payload(response.body, last=True))
    try:
        last = False
        while not last and (piece := backlog.piece()) is not None:
            data, last = piece
            await send({"type": "http.response.body", "body": data, "more_body": not last})
    finally:
        backlog.close()
