"""The one timer of a state machine's shell."""

import asyncio
import time
from collections.abc import Callable

__all__ = ["Alarm"]


class Alarm:
    """Rings at a deadline, on the running loop.

    Args:
        ring: Called then, or earlier: whoever is rung looks whether anything is due.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def set(self, deadline: float | None) -> None:
        """Ring at ``deadline``, in seconds of ``time.monotonic``; None for never.

        One that is set to ring earlier is left to, as most deadlines are put off again and again.
        """
        if self._timer is not None:
            if deadline is not None and self._due <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._due = deadline
            loop = asyncio.get_running_loop()
            wait = max(deadline - time.monotonic(), 0.0)
            self._timer = loop.call_at(loop.time() + wait, self._rung)

    def _rung(self) -> None:
        self._timer = None
        self._ring()
