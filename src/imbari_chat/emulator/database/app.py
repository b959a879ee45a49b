"""The ASGI application: HTTP in, :class:`Service` in the middle, answers and event streams out.

Everything runs in one event loop, and a request is carried out without giving way, so the order
of commits is the order of events on every stream.
"""

import logging
import time
from collections.abc import Callable, Iterable
from secrets import randbelow

from starlette.types import Receive, Scope, Send

from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.limits import Limits, body_too_big
from imbari_chat.emulator.database.listeners import CANCEL
from imbari_chat.emulator.database.namespace import Listener, PendingEvent
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.responses import Response, failed, preflight
from imbari_chat.emulator.database.service import Answer, Opened, Service
from imbari_chat.emulator.database.streams import Stream
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.sse import Frame, encode

__all__ = ["DatabaseApp"]

_log = logging.getLogger(__name__)


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
        self._streams: dict[Listener, Stream] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
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
        try:
            outcome = self._service.handle(request, self._clock())
        except Exception:  # noqa: BLE001  # our own mistake: told and logged, and others go on
            _log.exception("a %s request failed", request.method)
            outcome = Answer(failed(Refusal(500, "An internal error occurred")))
        if isinstance(outcome, Opened):
            await self._stream(outcome, receive, send)
            return
        self.deliver(outcome.events)
        await _respond(send, outcome.response)

    def deliver(self, events: Iterable[PendingEvent]) -> None:
        """Queue events on the streams they are owed to; each is encoded once."""
        for each in events:
            data, last = self._encoded(each.frame, last=each.last)
            for listener in each.listeners:
                stream = self._streams.get(listener)
                if stream is None:
                    continue
                stream.push(data)
                if last:
                    stream.end()

    def close(self) -> None:
        """End every stream."""
        for stream in self._streams.values():
            stream.end()

    async def _stream(self, opened: Opened, receive: Receive, send: Send) -> None:
        expires_at = opened.listener.caller.expires_at
        stream = Stream(
            bound=self._stream_buffer,
            keep_alive=self._keep_alive,
            expires_in=lambda: None if expires_at is None else expires_at - self._clock(),
        )
        data, last = self._encoded(opened.first, last=False)
        stream.push(data)
        if last:
            stream.end()
        self._streams[opened.listener] = stream
        try:
            await stream.run(receive, send)
        finally:
            del self._streams[opened.listener]
            opened.namespace.unlisten(opened.listener)

    def _encoded(self, frame: Frame, *, last: bool) -> tuple[bytes, bool]:
        """The event's bytes and whether it ends its stream, as one that is too large does."""
        data = encode(frame.event, frame.data)
        if len(data) <= self._limits.event:
            return data, last
        return encode(CANCEL.event, CANCEL.data), True


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
