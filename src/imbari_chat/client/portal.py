"""The thread that runs the blocking twins' event loop.

One daemon thread with one loop serves all calls of one client, from any thread. A blocked call
gives way to Ctrl-C at once: the coroutine is cancelled and the KeyboardInterrupt goes on.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any, Generic, TypeVar

from imbari_chat.errors import Unavailable
from imbari_chat.net.process import Owner
from imbari_chat.net.workers import Workers

__all__ = ["BlockingIterator", "Portal"]

R = TypeVar("R")

_FAREWELL = 2.0
"""Seconds that closing waits for the thread; what hangs longer is a daemon's and ends with us."""


class Portal:
    """An event loop on a thread of its own.

    Attributes:
        hands: The one thread on which event handlers run, off the loop.
    """

    def __init__(self, name: str) -> None:
        self._owner = Owner()
        self.hands = Workers(1, f"{name} handlers")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether the loop has ended, or is another process's."""
        return self._loop.is_closed() or not self._owner.is_here

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            RuntimeError: The portal is closed, or belongs to another process, or the call comes
                from its own loop.
        """
        self._owner.check()
        if self._loop.is_closed():
            raise RuntimeError("this client is closed")
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call cannot be made from the client's own event loop")

    def call(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run ``coroutine`` on the loop and wait for its result.

        Raises:
            RuntimeError: See :meth:`check`.
            Unavailable: The portal was closed meanwhile.
        """
        try:
            self.check()
        except RuntimeError:
            coroutine.close()
            raise
        call = _Call(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(call.run(), self._loop).result()
        except CancelledError:
            raise Unavailable("the connection has been closed") from None
        except BaseException:
            # Also when Ctrl-C comes between the hand-over and the wait.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(call.abandon)
            raise

    def close(self) -> None:
        """Stop the loop and its thread. Closing twice is fine."""
        if not self.closed:
            self.hands.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            if threading.current_thread() is not self._thread:
                self._thread.join(_FAREWELL)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


class _Call(Generic[R]):
    """One coroutine on its way through; used on the loop's thread alone."""

    def __init__(self, coroutine: Coroutine[Any, Any, R]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self._abandoned = False

    async def run(self) -> R:
        if self._abandoned:
            self._coroutine.close()
            raise asyncio.CancelledError
        self._task = asyncio.current_task()
        return await self._coroutine

    def abandon(self) -> None:
        """Nobody waits any more. Harmless when it is done."""
        self._abandoned = True
        if self._task is not None:
            self._task.cancel()


class BlockingIterator(Generic[R]):
    """An async generator, iterated from ordinary code. Close it, or use it with ``with``."""

    def __init__(self, portal: Portal, source: AsyncGenerator[R, None]) -> None:
        self._portal = portal
        self._source = source

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        following = self._portal.call(_next(self._source))
        if isinstance(following, _End):
            raise StopIteration
        return following

    def close(self) -> None:
        """Stop following. Closing twice is fine."""
        self._portal.call(self._source.aclose())

    def __enter__(self) -> "BlockingIterator[R]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _End:
    """What stands in for the end: a future cannot carry a StopAsyncIteration."""


async def _next(source: AsyncGenerator[R, None]) -> "R | _End":
    return await anext(source, _End())
