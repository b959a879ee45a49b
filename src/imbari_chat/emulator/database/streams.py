"""One open event stream: what is waiting to be sent, how much may wait, and how it ends.

Writers only ever append, so a slow reader holds nobody up. A reader that falls further behind
than the bound is cut off: its connection ends in mid-body, it reconnects and reads afresh.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.types import Receive, Send

from imbari_chat.emulator.database.delivery import StreamForm
from imbari_chat.emulator.database.events import CANCEL
from imbari_chat.emulator.database.responses import STREAM_HEADERS
from imbari_chat.emulator.outgoing import Backlog, Outgoing, Payload
from imbari_chat.wire.sse import encode

__all__ = ["Stream"]

_KEEP_ALIVE = encode("keep-alive", "null")
# Raw text, not JSON; clients compare it literally.
_AUTH_REVOKED = encode("auth_revoked", "credential is no longer valid")
_CANCEL = encode(CANCEL.frame().event, CANCEL.frame().data)


_PLAIN = StreamForm()


class Stream:
    """The sending end of one stream. Everything but :meth:`run` returns at once.

    Args:
        outgoing: What waits for all streams together.
        bound: Bytes that may wait behind the event being sent. One event alone may be larger.
        keep_alive: Seconds of silence after which a keep-alive is sent.
        expires_in: Seconds left to the credential, or None; asked again whenever the stream wakes.
        form: How its events are written.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        *,
        bound: int,
        keep_alive: float,
        expires_in: Callable[[], float | None],
        form: StreamForm = _PLAIN,
    ) -> None:
        self.form = form
        self._keep_alive = keep_alive
        self._expires_in = expires_in
        self._wake = asyncio.Event()
        self._backlog = Backlog(outgoing, bound, wake=self._wake.set, cut_off=self._cut_off)
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def push(self, payload: Payload, *, asked: bool = False) -> None:  # noqa: ARG002  # all count
        """Queue one event; over the bound, cut the stream off."""
        if not self._ending:
            self._backlog.push(payload)

    def holds(self, payload: Payload) -> bool:
        """It waits here already."""
        return self._backlog in payload.backlogs

    def cancel(self) -> None:
        """Say that there will be no more, and end."""
        self.push(Payload(_CANCEL, last=True))

    def end(self) -> None:
        """Finish once everything queued is sent."""
        self._ending = True
        self._wake.set()

    def _cut_off(self) -> None:
        """Leave the body unfinished."""
        if self._task is not None:
            self._task.cancel()

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the stream ends, is cut off, or its reader is gone."""
        if self._backlog.closed:
            return
        sending = self._task = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._backlog.close()
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _send_all(self, send: Send) -> None:
        headers = list(STREAM_HEADERS)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            while (piece := self._backlog.piece()) is not None:
                data, last = piece
                await send({"type": "http.response.body", "body": data, "more_body": True})
                self._ending = self._ending or last
            if self._ending and not self._backlog.size:
                break
            expires_in = self._expires_in()
            if expires_in is not None and expires_in <= 0:
                self.push(Payload(_AUTH_REVOKED))
                self.end()
                continue
            self._wake.clear()
            pause = self._keep_alive if expires_in is None else min(self._keep_alive, expires_in)
            if not await self._woken_within(pause) and pause == self._keep_alive:
                self.push(Payload(_KEEP_ALIVE))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _woken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
