"""The protocol of a connection that has become a WebSocket: uvicorn's, watched.

Imported at the first upgrade, as most emulators never see one. No pings, which the Java SDK takes
for an error, and no compression. An application may abort the connection: ``scope["state"]`` has
``abort``.
"""

import asyncio
from collections.abc import Generator
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.protocol import State
from websockets.streams import StreamReader

from imbari_chat.emulator.connections import Connections

__all__ = ["WebSocket"]


_POLICY_VIOLATION: Final = 1008


class _Reader(StreamReader):
    """Of what comes.

    Attributes:
        is_between: No frame has begun that is not complete.
    """

    is_between = False

    def at_eof(self) -> Generator[None, None, bool]:
        """What is asked before each frame."""
        self.is_between = True
        ended = yield from super().at_eof()
        self.is_between = False
        return ended


class WebSocket(WebSocketsSansIOProtocol):
    """One connection, which counts among the others as busy once it has said anything.

    Args:
        everyone: All connections of the emulator.

    Attributes:
        waiting: Nothing has been said yet.
        since: When it was made; seconds of the loop's clock.
    """

    def __init__(
        self,
        everyone: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._everyone = everyone
        self.waiting = True
        self.since = self._heard = self._taken = self.loop.time()
        self._unsent = 0
        self._unfinished = 0
        self._early = b""  # what came before the socket was open
        self.conn.reader = self._reader = _Reader()
        self.conn.parser = self.conn.parse()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._everyone.enter(self)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._everyone.leave(self)
        self._hold(0)
        self._check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            self.transport.pause_reading()
            return
        self.waiting = not self.handshake_complete
        self._heard = self.loop.time()
        super().data_received(data)
        self._hold(len(self.conn.reader.buffer) + sum(map(len, self.frames)))
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = True
            response = self.conn.reject(HTTPStatus.BAD_REQUEST, "The handshake cannot be read")
            self.transport.write(response.serialize())
            self.transport.close()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self._early and self.handshake_complete:
            early, self._early = self._early, b""
            self.transport.resume_reading()
            self.data_received(early)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.scope["state"]["abort"] = self.transport.abort

    def shutdown(self) -> None:
        """The emulator stops. Whoever has been told an end, or has said one, is told no other."""
        if self.conn.state is State.OPEN or not self.handshake_complete:
            super().shutdown()
        else:
            self.transport.close()

    def _hold(self, size: int) -> None:
        """Count what has come of a frame, or of a message in frames; over the bound, cut off."""
        unfinished, more = self._everyone.unfinished, size - self._unfinished
        if more > 0 and not unfinished.take(more, self._unfinished):
            self.transport.abort()
            return
        if more < 0:
            unfinished.release(-more)
        self._unfinished = size

    def _look(self) -> None:
        """Cut off a reader who takes nothing of what waits for it, and end what does not go on."""
        limits = self._everyone.limits
        self._check = self.loop.call_later(limits.check_seconds, self._look)
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._taken = now
        self._unsent = unsent
        if now - self._taken >= limits.reader_seconds:
            self.transport.abort()
            return
        if self.read_paused or (self._reader.is_between and not self.frames):
            self._heard = now
        if now - self._heard >= limits.body_seconds:
            self._too_slow()

    def _too_slow(self) -> None:
        if self.conn.state is not State.OPEN:
            self.transport.close()
            return
        self.conn.send_close(_POLICY_VIOLATION, "the message took too long to arrive")
        self.handle_parser_exception()
