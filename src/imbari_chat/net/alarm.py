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

    def set(self, deadline: float | None) -> None:
        """Ring at ``deadline``, in seconds of ``time.monotonic``; None for never.

        One that is set to ring earlier is left to, as most deadlines are put off again and again.
        """
        timer = self._timer
        if deadline is not None:
            loop = asyncio.get_running_loop()
            when = loop.time() + max(deadline - time.monotonic(), 0.0)
            if timer is not None and timer.when() <= when:
                return
            self._timer = loop.call_at(when, self._rung)
        else:
            self._timer = None
        if timer is not None:
            timer.cancel()

    def _rung(self) -> None:
        self._timer = None
        self._ring()
