"""When to try to connect again: after a pause that grows, or sooner for somebody who waits."""

from collections.abc import Callable

from imbari_chat.engine.backoff import Backoff, BackoffPolicy
from imbari_chat.errors import ImbariError

__all__ = ["Attempts"]


class Attempts:
    """Those of one client. Times are monotonic seconds.

    Args:
        random: Uniformly random numbers in [0, 1).
        backoff: The pauses.
        hurry: Somebody who waits brings the next attempt forward to so long after the last one.
    """

    def __init__(self, random: Callable[[], float], backoff: BackoffPolicy, hurry: float) -> None:
        self._random = random
        self._backoff = Backoff(backoff)
        self._hurry = hurry
        self._begun_at = 0.0
        self.due: float | None = None
        """When the next one is; None if none is being waited for."""
        self.trouble: ImbariError | None = None
        """What the last one failed with; None if it led to a connection."""

    def begin(self, now: float) -> None:
        """One is made."""
        self._begun_at, self.due = now, None

    def again(self, now: float, *, awaited: bool) -> float:
        """There is to be another. Returns the seconds until then.

        Args:
            now: It is now.
            awaited: Somebody waits for it.
        """
        wait = self._backoff.next(self._random())
        if awaited:
            wait = min(wait, self._hurry)
        wait = max(wait, self._asked)
        self.due = now + wait
        return wait

    def hasten(self, now: float) -> bool:
        """Somebody comes who waits. Returns whether there is anything to wait for.

        Where the last attempt failed a moment ago, that was theirs as well. A connection that was
        good until a moment ago is made anew after its pause.
        """
        soon = self._begun_at + max(self._hurry, self._asked)
        if self.due is None or now >= soon:
            self.due = now
        elif self.trouble is None:
            self.due = min(self.due, soon)
        else:
            return False
        return True

    @property
    def _asked(self) -> float:
        """Seconds for which the service asks to be left alone."""
        return (self.trouble and self.trouble.retry_after) or 0.0

    def succeeded(self) -> None:
        """A connection has proved itself: pauses begin anew."""
        self._backoff.reset()
