"""Blocking calls off the event loop, on threads that never hold up the end of the process.

The official libraries block. ``asyncio.to_thread`` would do, but its threads are joined when the
interpreter ends, so a request that hangs would keep a finished program alive; these are daemons.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from imbari_chat.clock import local_time
from imbari_chat.engine.access import hearing
from imbari_chat.engine.server_time import SECOND
from imbari_chat.errors import ClientClosed, Unavailable
from imbari_chat.net.alarm import Alarm
from imbari_chat.net.stamps import Stamps

__all__ = ["Told", "Workers"]

R = TypeVar("R")

Told: TypeAlias = Callable[[Any, BaseException | None], None]


class Workers:
    """A small pool, started as it is needed.

    Args:
        most: How many calls may run at once.
        name: Prefix of the threads' names.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0  # counted on the event loop's thread alone
        self._watched: dict[_Call, None] = {}  # likewise
        self._alarm = Alarm(self._look)
        self._heard_at = 0.0
        self._closed = False
        self.stamps: Stamps = Stamps()
        """What calls were told of the service's clock."""

    async def run(self, function: Callable[..., R], *args: Any) -> R:
        """Call ``function(*args)`` on a worker and return what it returns or raise what it raises.

        Cancelling the wait abandons the call: it runs to its end unheard, and does not run at all
        if it has not begun. What was given up is not to be written at some later time.

        Raises:
            ClientClosed: The pool has been closed.
            Unavailable: The program is ending: Python starts no more threads then.
        """
        return await self._outcome(function, args, None)

    async def run_while_heard(self, function: Callable[..., R], *args: Any, silence: float) -> R:
        """The same for a call that reports what it hears; see :func:`engine.access.heard`.

        A call that has to wait for a worker counts what the others hear as its own.

        Raises:
            TimeoutError: For ``silence`` seconds nothing was heard. The call is abandoned, and what
                it hangs on is cut, so that its thread is free; see :func:`engine.access.hangs_on`.
            Unavailable: As :meth:`run`.
        """
        return await self._outcome(function, args, silence)

    async def _outcome(
        self, function: Callable[..., R], args: tuple[Any, ...], silence: float | None
    ) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()

        def told(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        abandon = self.begin(function, *args, told=told, silence=silence)
        try:
            return await future
        finally:
            abandon()

    def begin(
        self, function: Callable[..., Any], *args: Any, told: Told, silence: float | None = None
    ) -> Callable[[], bool]:
        """The same without waiting.

        Args:
            function: What to call.
            args: With what.
            told: Told on the event loop, once, what it returned, or what it raised.
            silence: Seconds after which a call that hears nothing is given up, and ``told`` a
                TimeoutError; None for never.

        Returns:
            Abandons the call: ``told`` is not called any more. It returns whether the call has
            begun; one that has not never does.

        Raises:
            ClientClosed: As :meth:`run`.
            Unavailable: As :meth:`run`.
        """
        if self._closed:
            raise ClientClosed()
        if self._under_way >= len(self._threads) and len(self._threads) < self._most:
            self._start()
        call = _Call(asyncio.get_running_loop(), self, function, args, told)
        self._under_way += 1
        if silence is not None:
            call.silence = silence
            self._watched[call] = None
            self._alarm.set(call.since + silence)
        self._calls.put(call)
        return call.abandon

    def close(self) -> None:
        """Let idle threads go; busy ones go when their call ends. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._calls.put(None)

    def heard(self, now: float) -> None:
        """One of its calls has heard something; a plain store, so that bytes wake no loop."""
        self._heard_at = now

    def ended(self, call: "_Call", result: Any, error: BaseException | None) -> None:
        """A worker is done with a call."""
        self._under_way -= 1
        self._watched.pop(call, None)
        call.tell(result, error)

    def _look(self) -> None:
        """Give up the calls that have heard nothing for too long, be they abandoned by then."""
        now = time.monotonic()
        for call in list(self._watched):
            if (due := call.due(self._heard_at)) > now:
                self._alarm.set(due)
            else:
                del self._watched[call]
                call.cut()
                call.tell(None, TimeoutError())

    def _start(self) -> None:
        thread = threading.Thread(
            target=_work,
            args=(self._calls,),
            name=f"{self._name}-{len(self._threads)}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise Unavailable("the program is ending") from error
        self._threads.append(thread)


class _Call:
    """One call, and who is told what came of it."""

    __slots__ = (
        "_args", "_cut", "_function", "_given_up", "_heard_at", "_loop", "_made", "_pool", "_told",
        "is_over", "silence", "since",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Workers,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        told: Told,
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._function = function
        self._args = args
        self._told = told
        self._made = local_time()
        self._cut: Callable[[], None] | None = None
        self._given_up = False
        self._heard_at: float | None = None  # or began, in monotonic seconds; None while it waits
        self.since: float = time.monotonic()
        """When it was asked for, in monotonic seconds."""
        self.silence: float = 0.0
        """Seconds for which it may hear nothing, if anybody looks."""
        self.is_over: bool = False
        """Whether nobody is to be told of it any more. Written on the loop alone."""

    def make(self) -> None:
        """Run it here, on a worker, and hand the outcome to the loop."""
        result, error = None, None
        self._heard_at = time.monotonic()  # before it looks: see abandon
        try:
            if not self.is_over:
                with hearing(self._listen, self._told_the_time, self._hang_on):
                    result = self._function(*self._args)
        except BaseException as raised:  # noqa: BLE001  # carried to whoever is told
            error = raised
        self._cut = None
        try:
            self._loop.call_soon_threadsafe(self._pool.ended, self, result, error)
        except RuntimeError:
            # The loop was closed while the call ran: nobody is left to hear of it.
            if not self._loop.is_closed():
                raise

    def tell(self, result: Any, error: BaseException | None) -> None:
        """Tell what came of it, unless that is nobody's business any more."""
        if not self.is_over:
            self.is_over = True
            self._told(result, error)

    def abandon(self) -> bool:
        """Tell nobody. Returns whether it has begun; if it has not, the worker finds it over."""
        self.is_over = True
        return self._heard_at is not None

    def due(self, others_heard_at: float) -> float:
        """Until when it may hear nothing, in monotonic seconds; what waits hears what others do."""
        heard_at = others_heard_at if self._heard_at is None else self._heard_at
        return max(heard_at, self.since) + self.silence

    def cut(self) -> None:
        """End what it hangs on, and what it may go on to."""
        self._given_up = True
        if (cut := self._cut) is not None:
            cut()

    def _hang_on(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        if self._given_up:
            cut()

    def _listen(self) -> None:
        self._heard_at = now = time.monotonic()
        self._pool.heard(now)

    def _told_the_time(self, timestamp: int) -> None:
        self._pool.stamps.note(timestamp, made=self._made, within=SECOND)


def _work(calls: "queue.SimpleQueue[_Call | None]") -> None:
    while (call := calls.get()) is not None:
        call.make()
        del call  # an idle worker must not keep the last result alive
