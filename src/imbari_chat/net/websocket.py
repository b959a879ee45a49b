"""The WebSocket transport: reads, writes and listens over one socket, kept alive by its link.

One timer, set to the link's deadline; tasks for what blocks, on workers; one
:class:`~net.line.Line` at a time. A request is written to the socket where it is made.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING

from imbari_chat.clock import local_time
from imbari_chat.engine.access import SocketAccess
from imbari_chat.engine.buffer import DEFAULT_LIMIT, ChangeBuffer, Overflow
from imbari_chat.engine.effects import Disconnect
from imbari_chat.engine.link import Link
from imbari_chat.engine.link_effects import (
    Attempt,
    Dial,
    Hash,
    Identify,
    LinkEffect,
    LinkPolicy,
    Post,
    Told,
)
from imbari_chat.engine.listens import hash_of
from imbari_chat.engine.mirror import plain
from imbari_chat.engine.refusals import Call, redact
from imbari_chat.engine.requests import Answered
from imbari_chat.engine.writes import check_swap, update_body
from imbari_chat.errors import Conflict, ImbariError
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.alarm import Alarm
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.base import GRACE, BaseTransport
from imbari_chat.net.caller import Caller
from imbari_chat.net.pending import Pending
from imbari_chat.net.socket_subscription import SocketSubscription
from imbari_chat.net.transport import Done, Way, Withdraw
from imbari_chat.wire.json import Json, is_number, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_object
from imbari_chat.wire.tree import from_json

if TYPE_CHECKING:
    from imbari_chat.net.line import Line

__all__ = ["WebSocketTransport"]

_MOST_CALLS = 4


class WebSocketTransport(BaseTransport[SocketAccess]):
    """A :class:`~net.transport.Transport` over one socket.

    Args:
        who: Finds out who is asking; may block, and is called once, off the event loop, when it is
            first needed. Or the caller of another transport, which closes it.
        timeout: How long a write may take and a read may hear nothing, in seconds.
        policy: When the link worries.
        watch: Told of each attempt to connect.
        environment: The way of the socket; by default what this process's environment says.
    """

    def __init__(
        self,
        who: Callable[[], SocketAccess] | Caller[SocketAccess],
        *,
        timeout: float,
        policy: LinkPolicy | None = None,
        watch: Callable[[Attempt], None] | None = None,
        environment: HttpEnvironment | None = None,
    ) -> None:
        super().__init__(who, timeout=timeout, environment=environment, calls=_MOST_CALLS)
        self._policy = policy or LinkPolicy(connect_timeout=timeout)
        self._watch = watch
        self._link = Link(random.random, self._policy)
        self._pending = Pending(
            self._link.withdraw, timeout + GRACE, self._no_answer, self._look_at_line
        )
        self._keys = itertools.count(1)
        self._hearers: dict[int, SocketSubscription] = {}
        self._line: Line | None = None
        self._tasks = BackgroundTasks("socket")
        self._lines: set[Line] = set()
        self._alarm = Alarm(self._ring)
        self._settling = False
        self._heard_at = self._moved_at = 0.0
        self._dialed_at = 0
        self._last_heard: float | None = None

    @property
    def way(self) -> Way:
        """How the database is reached."""
        return Way("websocket")

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once; the deadline is one on silence."""
        answer = await self._read(path, query)
        return plain(answer.data) if answer.with_priorities else answer.data

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing; what leaves slowly puts the deadline off."""
        if changes:
            body = update_body(changes)
            await self._caller()
            await self._written("m", {"p": "/", "d": body}, Call.update(changes, self._who()))

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """Write without waiting: the frame is on the socket when this returns, if there is one."""
        if self._caller.known is None:
            return super().submit(changes, done)
        try:
            body: dict[str, Json] = {"p": "/", "d": update_body(changes)}
            call = Call.update(changes, self._who())
            key = self._ask("m", body, call, lambda answered: done(answered.error))
        except ImbariError as error:
            done(error)
            return lambda: False
        return lambda: self._pending.withdraw(key)

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not."""
        check_swap(value)
        found = (await self._read(path, None)).data
        if not same(from_json(found).to_json(), from_json(expected).to_json()):
            return False
        body: dict[str, Json] = {"p": str(path), "d": value, "h": hash_of(found)}
        try:
            await self._written("p", body, Call(str(path), write=True, caller=self._who()))
        except Conflict:  # somebody wrote in between
            return False
        return True

    @property
    def on_disconnect(self) -> "_OnDisconnect":
        """What the service is to do when the socket of just now ends."""
        return _OnDisconnect(self._on_disconnect)

    @property
    def subscriptions(self) -> tuple[SocketSubscription, ...]:
        """The listeners that are neither closed nor ended."""
        return tuple(one for one in self._hearers.values() if one.state != "closed")

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> SocketSubscription:
        """Listen; the server is asked when the subscription is first iterated."""
        return self.subscribe(path, query, ChangeBuffer(buffer, overflow, where=str(path)))

    def subscribe(
        self, path: Path, query: Query | None, buffer: ChangeBuffer
    ) -> SocketSubscription:
        """The same, into a buffer that may hold something."""
        self._check()
        hearer = next(self._keys)
        subscription = SocketSubscription(self, hearer, path, query, buffer)
        self._hearers[hearer] = subscription
        return subscription

    def connect(self) -> None:
        """Connect, if there is no connection, though nobody wants anything of it yet."""
        self._check()
        self._link.connect(time.monotonic())
        self._settle()

    def reconnect_now(self) -> None:
        """Do not wait for the backoff, nor for a silent connection: the network is back."""
        self._guard.check()
        self._link.reconnect_now(time.monotonic())
        self._settle()

    async def _end(self) -> None:
        self._link.close(time.monotonic())
        self._settle()
        self._pending.close()
        await asyncio.gather(*(one.close() for one in list(self._hearers.values())))
        await asyncio.gather(*(line.gone() for line in self._lines))
        await self._tasks.wait()

    @property
    def last_heard(self) -> float | None:
        """When the service last said anything, in seconds since the epoch; None if never."""
        return self._last_heard

    @property
    def retry_in(self) -> float | None:
        """Seconds from now until the next attempt; None if none is being waited for."""
        due = self._link.retry_at
        return None if due is None else max(due - time.monotonic(), 0.0)

    def begin(self, hearer: int, path: Path, query: Query | None) -> None:
        """A subscription is iterated."""
        self._check()
        self._link.listen(hearer, path, query, time.monotonic())
        self._settle()

    def forget(self, hearer: int) -> None:
        """A subscription has ended."""
        self._hearers.pop(hearer, None)
        self._link.unlisten(hearer)
        self._settle()

    def _who(self) -> str:
        uid = self._caller.uid
        return "the service account" if uid is None else f"the user {uid}"

    async def _read(self, path: Path, query: Query | None) -> Answered:
        """What the server has there. Whatever is heard puts the deadline off, as for a stream."""
        await self._caller()
        body: dict[str, Json] = {"p": str(path), "q": to_object(query)}
        call = Call(str(path), caller=self._who())
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        key = self._ask("g", body, call, partial(_settle, answer))
        begin = time.monotonic()
        try:
            while not answer.done():
                since = max(self._heard_at, self._moved_at, begin)
                left = since + self._timeout + GRACE - time.monotonic()
                if left <= 0 and self._look_at_line() <= since:
                    raise self._no_answer(call.where, unknown=False)
                await asyncio.wait({answer}, timeout=max(left, 0.0))
            return _result(answer)
        finally:
            self._pending.withdraw(key)

    async def _written(self, action: str, body: Mapping[str, Json], call: Call) -> None:
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        key = self._ask(action, body, call, partial(_settle, answer))
        try:
            await answer
            _result(answer)
        finally:
            self._pending.withdraw(key)

    async def _on_disconnect(self, action: str, path: Path, data: Json) -> None:
        await self._caller()
        call = Call(str(path), write=True, caller=self._who())
        await self._written(action, {"p": str(path), "d": data}, call)

    def _ask(
        self, action: str, body: Mapping[str, Json], call: Call, told: Callable[[Answered], None]
    ) -> int:
        self._check()
        key = self._link.ask(action, body, call, time.monotonic())
        self._pending.add(key, call, told)
        self._settle()
        return key

    def _settle(self) -> None:
        """Carry out what the link decided, and set the timer to its next deadline."""
        if self._settling:
            return  # whoever does it goes on until nothing is left
        self._settling = True
        try:
            while effects := self._link.drain():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._settling = False
        self._alarm.set(self._link.deadline())

    def _look_at_line(self) -> float:
        """When bytes of something long left last, in monotonic seconds."""
        if self._line is not None and (moved_at := self._line.moved_at()) is not None:
            self._moved_at = max(self._moved_at, moved_at)
        return self._moved_at

    def _ring(self) -> None:
        self._link.moved(self._look_at_line())
        self._link.tick(time.monotonic())
        self._settle()

    def _carry_out(self, effect: LinkEffect) -> None:
        match effect:
            case Post(text):
                if self._line is not None:
                    self._line.post(text)
            case Told(hearer, item):
                if hearer in self._hearers:
                    self._hearers[hearer].hear(item)
            case Answered():
                self._pending.answered(effect)
            case Attempt():
                if is_number(effect.time):
                    assert isinstance(effect.time, int | float)
                    self._workers.stamps.note(int(effect.time), made=self._dialed_at)
                if self._watch is not None:
                    self._watch(effect)
            case Identify(renew):
                self._tasks.start(self._identify(renew=renew))
            case Dial(url):
                self._dialed_at = local_time()
                self._tasks.start(self._dial(url))
            case Hash(values):
                self._tasks.start(self._hash(values))
            case Disconnect():
                self._tasks.cancel()
                if self._line is not None:
                    self._line.drop()
                    self._line = None

    async def _identify(self, *, renew: bool) -> None:
        """Who is asking, and with what; whatever happens is told to the link."""
        try:
            access = await self._caller()
            if renew:
                await self._workers.run(access.renew)
            request = await self._workers.run(access.socket)
        except ImbariError as error:
            self._link.no_credential(error, time.monotonic())
        except Exception as error:  # noqa: BLE001  # whoever waits must not wait for ever
            unknown = ImbariError(f"it cannot be found out who is asking: {redact(str(error))}")
            unknown.__cause__ = error
            self._link.no_credential(unknown, time.monotonic())
        else:
            ends = access.expires_at
            left = None if ends is None else ends - time.time()
            self._link.identified(request, time.monotonic(), left)
        self._settle()

    async def _dial(self, url: str) -> None:
        line = await self._workers.run(self._make_line)
        self._lines = {one for one in self._lines if not one.is_gone} | {line}
        self._line = line
        line.dial(url)

    def _make_line(self) -> "Line":
        from imbari_chat.net.line import Line, LineEvents

        events = LineEvents(self._heard, self._ended, self._refused)
        return Line(events, self._environment, self._workers, self._policy.longest)

    async def _hash(self, values: tuple[Json, ...]) -> None:
        self._link.hashed(await self._workers.run(lambda: [hash_of(value) for value in values]))
        self._settle()

    def _heard(self, text: str | None) -> None:
        self._heard_at, self._last_heard = time.monotonic(), time.time()
        if text is None:
            self._link.heard(self._heard_at)
        else:
            self._link.received(text, self._heard_at)
        self._settle()

    def _ended(self, reason: str) -> None:
        self._link.lost(reason, time.monotonic())
        self._settle()

    def _refused(self, error: ImbariError) -> None:
        self._link.refused(error, time.monotonic())
        self._settle()


class _OnDisconnect:
    """See :class:`~net.transport.OnDisconnect`."""

    def __init__(self, ask: Callable[[str, Path, Json], Coroutine[None, None, None]]) -> None:
        self._ask = ask

    async def set(self, path: Path, value: Json) -> None:
        await self._ask("o", path, value)

    async def update(self, path: Path, changes: Mapping[str, Json]) -> None:
        await self._ask("om", path, dict(changes))

    async def cancel(self, path: Path) -> None:
        await self._ask("oc", path, None)


def _settle(answer: "asyncio.Future[Answered]", told: Answered) -> None:
    if not answer.done():
        answer.set_result(told)


def _result(answer: "asyncio.Future[Answered]") -> Answered:
    told = answer.result()
    if told.error is not None:
        raise told.error
    return told
