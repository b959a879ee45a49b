"""The shell of a socket: texts come in, effects go out, and one day it ends.

One task reads and one sends. Whatever a peer says, and whatever its listeners are owed, waits in
one queue, so the order in which the peer decides is the order on the wire. A client that does not
read what it has asked for is not listened to; one that does not read what it is told is cut off.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from secrets import choice
from string import ascii_letters, digits
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from imbari_chat.emulator.database.audiences import Listener
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.delivery import Delivery, SocketForm, lines
from imbari_chat.emulator.database.limits import Limits
from imbari_chat.emulator.database.peer import Peer
from imbari_chat.emulator.database.peer_effects import (
    Attach,
    Deliver,
    Detach,
    Effect,
    End,
    Say,
)
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.emulator.offload import Offload
from imbari_chat.emulator.outgoing import Backlog, Payload
from imbari_chat.emulator.request_log import shown_uid, socket_line
from imbari_chat.errors import InvalidData
from imbari_chat.logs import get_logger
from imbari_chat.wire.framing import Joiner, TooLong, texts
from imbari_chat.wire.json import dumps
from imbari_chat.wire.messages import Control, hello

__all__ = ["Sockets"]

_log = get_logger(__name__)

_TURN_SECONDS: Final = 0.005
"""How long one socket may keep the loop with what it has sent already."""

_WATCH_SECONDS: Final = 1.0

_AHEAD: Final = 1024 * 1024
"""Bytes of answers that may wait while more is asked."""

_UNSUPPORTED, _POLICY_VIOLATION, _TOO_BIG = 1003, 1008, 1009
_INTERNAL_ERROR, _TRY_AGAIN = 1011, 1013
_LONGEST_REASON: Final = 123
_SESSION: Final = ascii_letters + digits


class Sockets:
    """Every open socket of one emulator.

    Args:
        clock: Seconds since the epoch.
        bound: Bytes of events that may wait for one slow reader.
        silence: Seconds after which a client that has sent keepalives and sends none is gone; None
            for never.
        message_silence: Seconds of silence in the middle of a message.
        log: Gets a line for each request.
    """

    def __init__(
        self,
        databases: Databases,
        delivery: Delivery,
        offload: Offload,
        incoming: Incoming,
        clock: Callable[[], float],
        *,
        limits: Limits,
        bound: int,
        enforce_expiry: bool,
        silence: float | None,
        message_silence: float,
        log: Callable[[str], None] | None,
    ) -> None:
        self._databases = databases
        self.delivery = delivery
        self.offload = offload
        self.incoming = incoming
        self.clock = clock
        self.limits = limits
        self.bound = bound
        self.silence = silence
        self.message_silence = message_silence
        self.log = log
        self._enforce_expiry = enforce_expiry
        self._open: dict[str, _Socket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()
        if scope["path"] != "/.ws":
            await _not_found(send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        parameters = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
        await send({"type": "websocket.accept"})
        try:
            namespace = self._databases.addressed(parameters.get("ns"), host)
        except Refusal as refusal:  # the one end after which the SDKs do not come again
            await send({"type": "websocket.send", "text": str(Control("s", refusal.what))})
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        former = self._open.get(parameters.get("ls", ""))
        if former is not None:
            await former.end(abort=True)
        peer = Peer(namespace, self.limits, enforce_expiry=self._enforce_expiry)
        session = "".join(choice(_SESSION) for _ in range(32))
        socket = self._open[session] = _Socket(self, peer, scope)
        namespace.guests += 1
        try:
            socket.say(str(hello(int(self.clock() * 1000), host, session)))
            await socket.run(receive, send)
        finally:
            namespace.guests -= 1
            del self._open[session]


class _Socket:
    """One of them."""

    def __init__(self, shared: Sockets, peer: Peer, scope: Scope) -> None:
        self._shared = shared
        self._peer = peer
        self._abort: Callable[[], None] = scope.get("state", {}).get("abort", lambda: None)
        self._loop = asyncio.get_running_loop()
        self._wake, self._taken = asyncio.Event(), asyncio.Event()
        self.backlog = Backlog(
            shared.delivery.outgoing, shared.bound, wake=self._wake.set, cut_off=self._cut_off
        )
        self._joiner = Joiner(shared.limits.message)
        self._held = 0
        self._heard = self._loop.time()
        self._keeps_alive = False
        self._closing: End | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] | None = None

    def say(self, message: str) -> None:
        """Queue one message."""
        self._push(Payload(lines(texts(message))))

    def cancelled(self, listener: Listener) -> None:
        """Tell that a listen may not go on."""
        self._shared.delivery.detach(listener)
        self.backlog.push(Payload(lines(texts(self._peer.cancelled(listener)))))

    async def run(self, receive: Receive, send: Send) -> None:
        """Read and send until the client is gone, has been cut off, or was told to go."""
        reading = self._reading = asyncio.ensure_future(self._read_all(receive))
        sending = asyncio.ensure_future(self._send_all(send))
        self._watching = self._loop.call_later(_WATCH_SECONDS, self._watch)
        try:
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
            if self._closing is not None and not sending.done():
                await asyncio.wait((sending,))
        finally:
            self._watching.cancel()
            for task in (reading, sending):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task
            await self.end()

    async def end(self, *, abort: bool = False) -> None:
        """Do what is due at the end of a connection, once; whoever comes later waits for it.

        Args:
            abort: Cut the connection as well.
        """
        if abort:
            self._cut_off()
            assert self._reading is not None
            self._reading.cancel()  # nothing is asked any more, not even what is half done
            await asyncio.wait((self._reading,))
        if self._ended is not None:
            await asyncio.shield(self._ended)
            return
        self._ended = self._loop.create_future()
        self.backlog.close()
        self._shared.incoming.release(self._held)
        try:
            self._follow(await self._peer.left(self._shared.clock))
        except Exception:  # noqa: BLE001  # our own mistake: told and logged, and others go on
            _log.exception("the end of a socket failed")
        finally:
            self._ended.set_result(None)

    def _cut_off(self) -> None:
        self._abort()
        self._wake.set()

    def _push(self, payload: Payload) -> None:
        self.backlog.push(payload, asked=True)

    async def _read_all(self, receive: Receive) -> None:
        turn = self._loop.time()
        while self._closing is None and not self.backlog.closed:
            before = self._loop.time()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self._heard = self._loop.time()
            turn += self._heard - before
            text = message.get("text")
            if text is None:
                self._close(_UNSUPPORTED, "messages are text")
                break
            await self._take(text)
            while self.backlog.size > _AHEAD and not self.backlog.closed:
                self._taken.clear()
                await self._taken.wait()
            if self._loop.time() - turn > _TURN_SECONDS:
                await asyncio.sleep(0)
                turn = self._loop.time()
        while (await receive())["type"] != "websocket.disconnect":  # it is to close, too
            pass

    async def _take(self, text: str) -> None:
        """Do what a text asks for, if a message ends with it."""
        try:
            message = self._joiner.take(text)
        except InvalidData as error:
            self._close(_TOO_BIG if isinstance(error, TooLong) else _POLICY_VIOLATION, error.what)
            return
        if message is None:
            self._keeps_alive = self._keeps_alive or not text.strip("0")
            self._hold(self._joiner.held)
            return
        self._hold(0)
        began = self._loop.time()
        try:
            self._expire()
            self._follow(
                await self._peer.receive(message, self._shared.clock, self._shared.offload)
            )
        except Exception:  # noqa: BLE001  # our own mistake: told and logged, and others go on
            _log.exception("a message failed")
            self._close(_INTERNAL_ERROR, "An internal error occurred")
            return
        if self._shared.log is not None and self._peer.told is not None:
            action, place, status = self._peer.told
            seconds = self._loop.time() - began
            self._shared.log(socket_line(action, place, status, seconds, self._who()))

    def _follow(self, effects: Iterable[Effect]) -> None:
        """Have the effects of a message, in their order."""
        delivery = self._shared.delivery
        for effect in effects:
            match effect:
                case Say(write=write, weight=weight):
                    self._push(delivery.later(weight, partial(_written, write)))
                case Deliver(events=events):
                    delivery.deliver(events)
                case Attach(listener=listener, tag=tag, first=first):
                    written = "" if tag is None else dumps(tag)
                    delivery.attach(listener, _Listen(self, listener, SocketForm(written)))
                    if first is not None:
                        delivery.first(self._peer.namespace, listener, first)
                case Detach(listener=listener):
                    delivery.detach(listener)
                case End(code=code, reason=reason):
                    self._close(code, reason)

    def _close(self, code: int, reason: str) -> None:
        self._closing = End(code, reason)
        self._wake.set()

    def _hold(self, size: int) -> None:
        """Count what has come of a message that is not complete."""
        incoming = self._shared.incoming
        if size > self._held and not incoming.take(size - self._held, self._held):
            self._close(_TRY_AGAIN, "too much is being sent to the emulator at once")
            return
        if size < self._held:
            incoming.release(self._held - size)
        self._held = size

    async def _send_all(self, send: Send) -> None:
        rest = b""
        while not self.backlog.closed:
            while (piece := self.backlog.piece()) is not None:
                *whole, rest = (rest + piece[0]).split(b"\n")
                for text in whole:
                    await send({"type": "websocket.send", "text": text.decode()})
                self._taken.set()
            if self._closing is not None and not self.backlog.size:
                reason = self._closing.reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
                code = self._closing.code
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return
            self._wake.clear()
            await self._wake.wait()

    def _watch(self) -> None:
        """Has the client gone, or its token ended?"""
        self._watching = self._loop.call_later(_WATCH_SECONDS, self._watch)
        self._expire()
        silent = self._loop.time() - self._heard
        if self._joiner.is_waiting and silent > self._shared.message_silence:
            self._close(_POLICY_VIOLATION, "the message took too long to arrive")
            return
        silence = self._shared.silence
        if silence is not None and self._keeps_alive and silent > silence:
            self._cut_off()

    def _expire(self) -> None:
        now, ends = self._shared.clock(), self._peer.who.expires_at
        if ends is not None and ends <= now:
            self._follow(self._peer.expired(int(now * 1000)))

    def _who(self) -> str:
        who = self._peer.who
        if who.admin:
            return "admin"
        uid = who.auth.get("uid") if isinstance(who.auth, Mapping) else None
        return shown_uid(uid) if isinstance(uid, str) else "nobody"


class _Listen:
    """One listener of a socket, as a reader of events."""

    __slots__ = ("_listener", "_socket", "form")

    def __init__(self, socket: _Socket, listener: Listener, form: SocketForm) -> None:
        self._socket = socket
        self._listener = listener
        self.form = form

    def push(self, payload: Payload, *, asked: bool = False) -> None:
        """Let it wait for its turn."""
        self._socket.backlog.push(payload, asked=asked)

    def holds(self, payload: Payload) -> bool:
        """It waits here already."""
        return self._socket.backlog in payload.backlogs

    def cancel(self) -> None:
        """The listener may not listen any more."""
        self._socket.cancelled(self._listener)


def _written(write: Callable[[], str]) -> bytes:
    return lines(texts(write()))


async def _not_found(send: Send) -> None:
    body = dumps({"error": "404 Not Found"}).encode()
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": 404, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
