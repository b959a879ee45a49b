"""Wall clocks that are wrong, one for each actor: machines of a round share a process.

A clock belongs to a context, and whoever runs in it, on the loop or on a client's worker threads,
is told the time by it. Monotonic clocks are left alone.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from imbari_chat.identity.user import UserAccess
from imbari_chat.net.workers import Told, Workers

__all__ = ["ContextWorkers", "WallClock", "true_ms", "wall_clocks"]

R = TypeVar("R")

_WORKERS = 8
_true_ns = time.time_ns


def true_ms() -> int:
    """What time it is, ms since the epoch, whatever the clock of the context shows."""
    return _true_ns() // 1_000_000


class WallClock:
    """One machine's.

    Args:
        ahead: How far ahead it is, in seconds; behind if negative. May be set at any time.
    """

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead
        self.context = contextvars.copy_context()
        self.context.run(_HERE.set, self)

    async def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run it, and all that it starts, on this machine."""
        return await self.task(coroutine)

    def task(self, coroutine: Coroutine[Any, Any, R]) -> "asyncio.Task[R]":
        """The same in the background."""
        return asyncio.get_running_loop().create_task(coroutine, context=self.context)


_HERE: contextvars.ContextVar[WallClock | None] = contextvars.ContextVar("machine", default=None)


class ContextWorkers(Workers):
    """Workers on whose threads it is as late as where they are called."""

    def __init__(self, name: str) -> None:
        super().__init__(_WORKERS, name)

    def begin(
        self, function: Callable[..., Any], *args: Any, told: Told, silence: float | None = None
    ) -> Callable[[], bool]:
        """As its base does."""
        return super().begin(_here(function), *args, told=told, silence=silence)


def _here(function: Callable[..., R]) -> Callable[..., R]:
    """The same on this machine, whichever thread calls it."""
    here = _HERE.get()

    def there(*args: Any) -> R:
        _HERE.set(here)
        return function(*args)

    return there


@contextmanager
def wall_clocks() -> Iterator[None]:
    """In the block ``time.time`` and ``time.time_ns`` tell what the clock of the context shows."""
    true, true_ns = time.time, time.time_ns

    def shown() -> float:
        here = _HERE.get()
        return true() + (0.0 if here is None else here.ahead)

    def shown_ns() -> int:
        here = _HERE.get()
        return true_ns() + (0 if here is None else round(here.ahead * 1e9))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", shown)
        patch.setattr(time, "time_ns", shown_ns)
        # Bound when the class was made.
        patch.setitem(UserAccess.__init__.__kwdefaults__ or {}, "clock", shown)
        yield
