"""The thread that runs a blocking client's event loop.

One daemon thread with one loop serves all calls of one client, from any thread. A blocked call
gives way to Ctrl-C: the coroutine is cancelled and the KeyboardInterrupt goes on. A signal that
comes just before the wait begins does not end it, so a call looks up now and then.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from imbari_chat.client.arguments import checked_callable
from imbari_chat.client.dispatcher import ErrorHandler, log_error
from imbari_chat.errors import ClientClosed
from imbari_chat.net.process import ProcessGuard
from imbari_chat.net.workers import Workers
from imbari_chat.schema.events import ChatEvent

__all__ = ["BlockingIterator", "Portal"]

R = TypeVar("R")

_LONGEST_WAIT: Final = 0.25
"""Seconds that Ctrl-C may go unheard."""

_FAREWELL = 2.0
"""Seconds that closing waits for the thread; what hangs longer is a daemon's and ends with us."""


class Portal:
    """An event loop on a thread of its own.

    Attributes:
        hands: The one thread on which event handlers run, off the loop.
    """

    def __init__(self, name: str) -> None:
        self._guard = ProcessGuard()
        self.hands: Workers = Workers(1, f"{name} handlers")
        self._errors = Workers(1, f"{name} errors")
        self._told: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it takes no calls any more: it was closed, or is another process's."""
        return self._closed or not self._guard.is_here

    def check_process(self) -> None:
        """Refuse to go on in a forked child.

        Raises:
            RuntimeError: The portal belongs to another process.
        """
        self._guard.check()

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            ClientClosed: The portal is closed.
            RuntimeError: It belongs to another process, or the call comes from its own loop.
        """
        self._guard.check()
        if self._closed:
            raise ClientClosed
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call cannot be made from the client's own event loop")

    def call(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run ``coroutine`` on the loop and wait for its result.

        Raises:
            RuntimeError: See :meth:`check`.
            ClientClosed: The portal was closed meanwhile.
        """
        call = _Call(coroutine)
        is_handed_over = False
        try:
            with self._lock:
                self.check()
                is_handed_over = True
                self._loop.call_soon_threadsafe(call.begin)
            call.wait()
        except BaseException:
            if is_handed_over:
                with suppress(RuntimeError):  # the loop is closed, and with it the call is over
                    self._loop.call_soon_threadsafe(call.abandon)
            else:
                coroutine.close()
            raise
        return call.result()

    def call_if_open(self, function: Callable[[], Coroutine[Any, Any, R]]) -> R | None:
        """Run what ``function`` gives like :meth:`call`; nothing, if this is closed by now.

        For what has nothing left to do then, such as leaving a block: another thread, or a handler,
        may close at any moment.
        """
        if self.closed:
            return None
        try:
            return self.call(function())
        except ClientClosed:
            return None

    def off_loop(self, on_error: ErrorHandler | None) -> ErrorHandler | None:
        """``on_error`` for the loop to call: it runs on a thread, where it may call back.

        That is not the handlers' thread, since a handler that hangs may be what it is about.
        """
        checked_callable("on_error", on_error, none=True)
        if on_error is None:
            return None

        async def tell(error: Exception, event: ChatEvent | None) -> None:
            try:
                await self._errors.run(on_error, error, event)
            except Exception as second:  # noqa: BLE001  # the top of a task
                log_error(second, event)

        def hand_over(error: Exception, event: ChatEvent | None) -> None:
            task = self._loop.create_task(tell(error, event))
            self._told.add(task)
            task.add_done_callback(self._told.discard)

        return hand_over

    def close(self) -> None:
        """Stop the loop and its thread. Closing twice is fine."""
        if self.closed:  # in a fork, where the lock may be held by a thread that is not there
            return
        with self._lock:
            if self._closed:  # by somebody else, at the same moment
                return
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self.hands.close()
        self._errors.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_end_all())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


async def _end_all() -> None:
    """Cancel whatever else runs on this loop."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class _Call(Generic[R]):
    """One coroutine on its way through, and what came of it on the way back.

    The loop's thread begins, ends and abandons it; another waits, and takes the result then.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self._under_way = threading.Lock()
        self._under_way.acquire()
        self._result: R
        self._error: BaseException | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def abandon(self) -> None:
        """Nobody waits any more. Harmless when it is done."""
        if self._task is not None:
            self._task.cancel()

    def wait(self) -> None:
        """Until it is over. Raises what a signal's handler raises."""
        while not self._under_way.acquire(timeout=_LONGEST_WAIT):
            pass

    def result(self) -> R:
        """What it returned, once it is over. Raises what it raised."""
        try:
            if self._error is not None:
                raise self._error
            return self._result
        finally:
            del self  # the error's trace holds this frame

    async def _run(self) -> None:
        """Whoever waits is told here: a callback of the task's would come a turn later."""
        try:
            self._result = await self._coroutine
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # carried to whoever waits
            self._error = error
        self._end()

    def _ended(self, _: asyncio.Task[None]) -> None:
        """It may have been cancelled, perhaps before it began."""
        if not self._is_over:
            self._coroutine.close()
            self._error = ClientClosed()
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._under_way.release()


class BlockingIterator(Generic[R]):
    """An async generator, iterated from ordinary code. Close it, or use it with ``with``.

    Closing it from another thread, or closing the client, ends the iteration. Threads that iterate
    it together take turns.
    """

    def __init__(self, portal: Portal, source: AsyncGenerator[R, None]) -> None:
        self._portal = portal
        self._source = source
        self._begun = False
        self._closed = False
        self._step: asyncio.Task[Any] | None = None
        self._turn = threading.Lock()

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        self._check()  # before a lock that in a fork nobody would let go of
        with self._turn:
            return self._take()

    def _check(self) -> None:
        self._portal.check_process()
        if self._closed:
            raise StopIteration
        if not self._begun:
            self._portal.check()

    def _take(self) -> R:
        self._begun = True
        try:
            following = self._portal.call(self._next())
        except ClientClosed:
            raise StopIteration from None
        if isinstance(following, _End):
            raise StopIteration
        return following

    def close(self) -> None:
        """Stop following, from any thread. Closing twice is fine."""
        self._closed = True
        self._portal.call_if_open(self._aclose)

    def __enter__(self) -> "BlockingIterator[R]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _next(self) -> "R | _End":
        self._step = asyncio.current_task()
        return await anext(self._source, _End())

    async def _aclose(self) -> None:
        if self._step is not None:
            self._step.cancel()
            await asyncio.wait({self._step})
        await self._source.aclose()


class _End:
    """What stands in for the end: a future cannot carry a StopAsyncIteration."""
