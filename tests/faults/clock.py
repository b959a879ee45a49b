"""An event loop whose time passes only when there is nothing to do: pauses take no time."""

import asyncio
import selectors
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

__all__ = ["VirtualTime"]

T = TypeVar("T")


class _Impatient(selectors.SelectSelector):
    """Where others would wait, it moves the clock."""

    def __init__(self, clock: "VirtualTime") -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen again: the test has come to a standstill")
        if not ready and timeout:
            self._clock.pass_time(timeout)
        return ready


class VirtualTime:
    """A clock and the loop that lives by it. Without sockets, threads and sleep."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._began = 1_800_000_000.0
        with self._in_force():
            self.loop = asyncio.SelectorEventLoop(_Impatient(self))

    def pass_time(self, seconds: float) -> None:
        """It is later now."""
        self._passed += seconds

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, with this clock for everybody."""
        with self._in_force():
            return self.loop.run_until_complete(coroutine)

    def close(self) -> None:
        """The loop is not needed any more."""
        self.loop.close()

    @contextmanager
    def _in_force(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: self._passed)
            patch.setattr(time, "time", lambda: self._began + self._passed)
            patch.setattr(time, "time_ns", lambda: int((self._began + self._passed) * 1e9))
            yield
