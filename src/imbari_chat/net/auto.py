"""Either transport, whichever gets through: the shell around :class:`engine.choice.Choice`.

Everything goes to the WebSocket until it is known that only REST gets through. Nothing that a
caller asked for has been sent before the service greets, so what has been refused until then is
asked again over REST. Later, what was sent and not answered has ended as unknown with its
connection.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import TypeVar

from imbari_chat.engine.access import SocketAccess
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.choice import Choice, Step
from imbari_chat.engine.link_effects import Attempt, LinkPolicy
from imbari_chat.engine.refusals import Remedy, remedy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.auto_subscription import AutoSubscription, JointBuffer
from imbari_chat.net.background import BackgroundTasks, in_background
from imbari_chat.net.base import GRACE, BaseTransport
from imbari_chat.net.caller import Caller
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Done, OnDisconnect, Way, Withdraw
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["AutoTransport"]

T = TypeVar("T")

_MOST_CALLS = 12  # of the two together

_PART_FOR_GREETING = 3
"""The WebSocket has to greet within this part of the timeout."""


class AutoTransport(BaseTransport[SocketAccess]):
    """A :class:`~net.transport.Transport` over a WebSocket, or over REST where none gets through.

    Args:
        who: Finds out who is asking; may block, and is called once, off the event loop, when it is
            first needed.
        timeout: How long a write may take and a read may hear nothing, in seconds.
        link: When the WebSocket worries.
        stream: When a stream of REST's worries.
        environment: The way of both; by default what this process's environment says.
    """

    def __init__(
        self,
        who: Callable[[], SocketAccess] | Caller[SocketAccess],
        *,
        timeout: float,
        link: LinkPolicy | None = None,
        stream: StreamPolicy | None = None,
        environment: HttpEnvironment | None = None,
    ) -> None:
        super().__init__(who, timeout=timeout, environment=environment, calls=_MOST_CALLS)
        self._link = replace(
            link
            or LinkPolicy(connect_timeout=timeout, greeting_timeout=timeout / _PART_FOR_GREETING),
            heeds_shutdown=False,  # as long as REST has not been asked
        )
        self._choice = Choice()
        self._rest = RestTransport(
            self._caller, timeout=timeout, policy=stream, environment=self._environment
        )
        self._socket: WebSocketTransport | None = self._new_socket()
        self._in_use: RestTransport | WebSocketTransport = self._socket
        self._subscriptions: list[AutoSubscription] = []
        self._asking: asyncio.Task[None] | None = None
        self._leaving = BackgroundTasks("leaving a transport")

    @property
    def way(self) -> Way:
        """How the database is reached."""
        return Way(self._choice.chosen, self._choice.reason)

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once; the deadline is one on silence."""
        return await self._ask(lambda way: way.get(path, query), str(path))

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing; the deadline is one on silence."""
        if changes:
            await self._update(changes)

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """Write without waiting; until a transport is chosen, as :meth:`update` does."""
        if self._choice.chosen is None:
            return super().submit(changes, done)
        way, deadline = self._in_use, self._deadline()
        again: list[Withdraw] = []

        def told(error: ImbariError | None) -> None:
            unsent = isinstance(error, Unavailable) and not error.outcome_unknown
            if unsent and way is not self._in_use:
                again.append(self._submitter.begin(lambda: self._update(changes, deadline), done))
            else:
                done(error)

        withdraw = way.submit(changes, told)
        return lambda: (again or [withdraw])[0]()

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not."""
        return await self._ask(
            lambda way: way.compare_and_set(path, expected, value), str(path), write=True
        )

    @property
    def on_disconnect(self) -> OnDisconnect | None:
        """What the service is to do when the connection ends; None over REST."""
        return self._in_use.on_disconnect

    @property
    def subscriptions(self) -> tuple[AutoSubscription, ...]:
        """The listeners that are neither closed nor ended."""
        self._subscriptions = [one for one in self._subscriptions if one.state != "closed"]
        return tuple(self._subscriptions)

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> AutoSubscription:
        """Listen; the service is asked when the subscription is first iterated."""
        self._check()
        kept = JointBuffer(buffer, overflow, str(path), lambda: self._choice.is_close)
        subscription = AutoSubscription(self._in_use, path, query, kept)
        self._subscriptions = [*self.subscriptions, subscription]
        return subscription

    def reconnect_now(self) -> None:
        """Have no listener wait any longer, and look whether a WebSocket gets through by now."""
        self._guard.check()
        if self._closed:
            return
        if self._choice.try_again():
            self._socket = self._new_socket()
        if self._in_use is self._rest:
            self._rest.reconnect_now()
            if self._socket is not None:
                self._socket.connect()
        elif self._socket is not None:
            self._socket.reconnect_now()

    async def _end(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        if self._socket is not None:
            await self._socket.close()
        await self._rest.close()
        if self._asking is not None:
            await asyncio.wait({self._asking})
        await self._leaving.wait()

    async def _ask(
        self,
        call: Callable[[RestTransport | WebSocketTransport], Awaitable[T]],
        where: str,
        *,
        write: bool = False,
        until: float | None = None,
    ) -> T:
        """Ask over the transport in use, and over the other one if that takes its place.

        What is asked again has certainly not been sent. A write keeps its deadline, be it from
        before, ``until``.
        """
        deadline = until or self._deadline()
        limit = None if until is None else deadline - time.monotonic()
        while True:
            self._check()
            way = self._in_use
            try:
                async with asyncio.timeout(limit):
                    return await call(way)
            except TimeoutError:
                raise self._no_answer(where, unknown=True) from None
            except Unavailable as error:
                if error.outcome_unknown:
                    raise
                if self._choice.is_close and self._asking is not None:
                    await asyncio.wait({self._asking}, timeout=deadline - time.monotonic())
                if way is self._in_use:
                    raise
            if write:
                limit = deadline - time.monotonic()

    async def _update(self, changes: Mapping[Path, Json], until: float | None = None) -> None:
        where = str(next(iter(changes)))
        await self._ask(lambda way: way.update(changes), where, write=True, until=until)

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout + GRACE

    def _new_socket(self) -> WebSocketTransport:
        def attempted(attempt: Attempt) -> None:
            if self._socket is socket:
                self._take(self._choice.attempted(attempt))

        socket = WebSocketTransport(
            self._caller,
            timeout=self._timeout,
            policy=self._link,
            environment=self._environment,
            watch=attempted,
        )
        return socket

    def _take(self, step: Step | None) -> None:
        if self._closed:
            return
        match step:
            case Step.ASK_REST:
                self._asking = in_background(self._ask_rest(), "asking whether REST is there")
            case Step.USE_REST:
                self._use(self._rest)
                self._give_up()
            case Step.USE_SOCKET if self._socket is not None:
                self._use(self._socket)
            case Step.GIVE_UP:
                self._give_up()

    async def _ask_rest(self) -> None:
        """Ask for what nobody can have written: nothing is there, or the service itself refuses.

        A stranger's answer to everything is neither.
        """
        answers = False
        try:
            nothing = await self._rest.get(Path((f"imbari-chat-reachable-{token_hex(8)}",)))
            answers = nothing is None
        except ImbariError as error:
            answers = remedy(error) is Remedy.NOTHING
        finally:
            self._take(self._choice.rest_answered(answers))
            for subscription in self.subscriptions:
                subscription.decided()

    def _use(self, way: RestTransport | WebSocketTransport) -> None:
        self._in_use = way
        for subscription in self.subscriptions:
            self._leaving.start(subscription.move(way))

    def _give_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            self._leaving.start(socket.close())
