"""Blocking calls off the event loop, on threads that never hold up the end of the process.

The official libraries block. ``asyncio.to_thread`` would do, but its threads are joined when the
interpreter ends, so a request that hangs would keep a finished program alive; these are daemons.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from imbari_chat.engine.access import hearing
from imbari_chat.engine.server_time import SECOND
from imbari_chat.errors import ClientClosed, Unavailable
from imbari_chat.net.alarm import Alarm
from imbari_chat.net.stamps import Stamps, local_time

__all__ = ["Workers"]

R = TypeVar("R")


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
        result: R = await self._begin(function, args).future
        return result

    async def run_while_heard(self, function: Callable[..., R], *args: Any, silence: float) -> R:
        """The same for a call that reports what it hears; see :func:`engine.access.heard`.

        A call that has to wait for a worker counts what the others hear as its own.

        Raises:
            TimeoutError: For ``silence`` seconds nothing was heard. The call is abandoned, and what
                it hangs on is cut, so that its thread is free; see :func:`engine.access.hangs_on`.
            Unavailable: As :meth:`run`.
        """
        call = self._begin(function, args)
        begin = time.monotonic()

        def look() -> None:
            heard_at = self._heard_at if call.heard_at is None else call.heard_at
            due = max(heard_at, begin) + silence
            if time.monotonic() < due:
                alarm.set(due)
            elif not call.future.done():
                call.cut()
                call.future.set_exception(TimeoutError())

        alarm = Alarm(look)
        alarm.set(begin + silence)
        try:
            result: R = await call.future
            return result
        finally:
            alarm.set(None)
            call.future.cancel()

    def _begin(self, function: Callable[..., Any], args: tuple[Any, ...]) -> "_Call":
        if self._closed:
            raise ClientClosed()
        if self._under_way >= len(self._threads) and len(self._threads) < self._most:
            self._start()
        loop = asyncio.get_running_loop()
        call = _Call(loop, function, args, self._finished, self._heard, self.stamps)
        self._under_way += 1
        self._calls.put(call)
        return call

    def close(self) -> None:
        """Let idle threads go; busy ones go when their call ends. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._calls.put(None)

    def _finished(self) -> None:
        self._under_way -= 1

    def _heard(self, now: float) -> None:
        """Called on workers; a plain store, so that bytes wake no event loop."""
        self._heard_at = now

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
    """One call and where its result goes."""

    __slots__ = (
        "_args", "_cut", "_finished", "_function", "_given_up", "_heard", "_loop", "_made",
        "_stamps", "future", "heard_at",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        finished: Callable[[], None],
        heard: Callable[[float], None],
        stamps: Stamps,
    ) -> None:
        self._loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self._function = function
        self._args = args
        self._finished = finished
        self._heard = heard
        self._stamps = stamps
        self._made = local_time()
        self._cut: Callable[[], None] | None = None
        self._given_up = False
        self.heard_at: float | None = None
        """When it heard something last, or began, in monotonic seconds; None if it waits."""

    def make(self) -> None:
        """Run it here, and hand the outcome to the loop."""
        result, error = None, None
        self.heard_at = time.monotonic()
        try:
            if not self.future.done():
                with hearing(self._listen, self._told_the_time, self._hang_on):
                    result = self._function(*self._args)
        except BaseException as raised:  # noqa: BLE001  # carried to whoever awaits the call
            error = raised
        self._cut = None
        try:
            self._loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            # The loop was closed while the call ran: nobody is left to hear of it.
            if not self._loop.is_closed():
                raise

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
        self.heard_at = now = time.monotonic()
        self._heard(now)

    def _told_the_time(self, timestamp: int) -> None:
        self._stamps.note(timestamp, made=self._made, within=SECOND)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        self._finished()
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


def _work(calls: "queue.SimpleQueue[_Call | None]") -> None:
    while (call := calls.get()) is not None:
        call.make()
        del call  # an idle worker must not keep the last result alive
