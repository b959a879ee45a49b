"""An event loop whose clock moves by itself: whenever nothing is left to do, to the next timer.

What waits an hour is tested in a moment, and happens at exactly the second it should. Nothing that
comes from outside is waited for: no socket, no thread.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["in_virtual_time"]

T = TypeVar("T")


def in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """What ``main`` comes to; its clock begins at 0.

    Raises:
        AssertionError: It waits for what never comes.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "waits for what never comes"
            self._loop.now += max(0.0, timeout)
        return ready
