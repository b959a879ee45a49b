"""Work on large values, done beside the loop, so that nobody waits for others' megabytes.

Parsing, checking and writing JSON, and asking rules about it, take seconds for what one request
may carry. They need nothing but what they are given, so a thread does them; what changes the
database stays in the loop. Threads share one interpreter: the loop goes on every few milliseconds,
only slower.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

__all__ = ["LARGE", "Offload", "Runner", "here"]

T = TypeVar("T")

LARGE: Final = 64 * 1024
"""Bytes from which on a value is worth a thread; below, that would take longer than the work."""

_THREADS: Final = 2


class Runner(Protocol):
    """Where work is done."""

    async def __call__(self, weight: int, work: Callable[[], T], /) -> T:
        """What ``work``, which is about so many bytes, gives or raises."""
        ...


async def here(_weight: int, work: Callable[[], T]) -> T:
    """At once, whatever its size."""
    return work()


class Offload:
    """At once if it is small, or in a thread of its own.

    Args:
        large: Bytes from which on.
    """

    def __init__(self, large: int = LARGE) -> None:
        self._large = large
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="imbari-emulator-large")

    async def __call__(self, weight: int, work: Callable[[], T], /) -> T:
        """See :class:`Runner`."""
        if weight < self._large:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Begin nothing more. What has begun is finished, and nobody waits for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
