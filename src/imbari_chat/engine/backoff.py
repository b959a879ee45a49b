"""How long to wait before trying again: capped, growing, jittered."""

from dataclasses import dataclass

__all__ = ["Backoff", "BackoffPolicy"]


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Shape of the waits, in seconds.

    Whatever is drawn, a wait is at most ``first`` plus ``2 * (factor - 1)`` times what has been
    waited before. The defaults end a five-second outage within two seconds of its end, and ask a
    service that is down for an hour four to eight times a minute.
    """

    first: float = 0.25
    factor: float = 1.15
    cap: float = 15.0


class Backoff:
    """Counts failures in a row and says how long to wait after each."""

    def __init__(self, policy: BackoffPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def next(self, random: float) -> float:
        """Seconds to wait now: between half of the current step and all of it.

        Args:
            random: Uniformly random in [0, 1), so that many clients do not return at one instant.
        """
        # The exponent is bounded so that a stream that failed for days does not overflow.
        step = self._policy.first * self._policy.factor ** min(self._failures, 64)
        self._failures += 1
        return min(step, self._policy.cap) * (0.5 + 0.5 * random)

    def reset(self) -> None:
        """The connection has proved itself."""
        self._failures = 0
