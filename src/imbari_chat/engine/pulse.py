"""Whether the other end of a socket is still there.

A socket says nothing when nothing happens, and a line that is cut in the middle says nothing
either. Every request is answered, so an empty one is sent into silence; and ``0`` is sent from time
to time, which servers take as a sign of life (reference: keepalive; the SDKs do no more than that).

    heard --silence--> probed --more--> stale --more--> dead
      ^                   |                |
      +------- anything is heard ----------+
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Pulse", "PulsePolicy", "Sign"]


@dataclass(frozen=True, slots=True)
class PulsePolicy:
    """When to worry, in seconds.

    Attributes:
        probe_after: Silence after which the other end is asked.
        stale_after: How long after that the state says so.
        dead_after: How long after that the connection is given up.
        keep_alive: Between two signs of life.
    """

    probe_after: float = 10.0
    stale_after: float = 2.0
    dead_after: float = 5.0
    keep_alive: float = 45.0


class Sign(Enum):
    """What is due."""

    PROBE = "probe"
    STALE = "stale"
    DEAD = "dead"
    KEEP_ALIVE = "keep alive"


class Pulse:
    """That of one connection, from its greeting on. Times are monotonic seconds."""

    def __init__(self, policy: PulsePolicy, now: float) -> None:
        self._policy = policy
        self.began_at = now
        self._heard_at = self._kept_at = now
        self._probed_at: float | None = None
        self._is_stale = False

    def heard(self, now: float) -> bool:
        """Anything arrived. Returns whether it had been stale."""
        was_stale, self._is_stale = self._is_stale, False
        self._heard_at, self._probed_at = now, None
        return was_stale

    def probed(self, now: float) -> None:
        """The other end was asked, for whatever reason."""
        if self._probed_at is None:
            self._probed_at = now

    def deadline(self) -> float:
        """When :meth:`due` gives something."""
        policy = self._policy
        keep = self._kept_at + policy.keep_alive
        if self._probed_at is None:
            return min(keep, self._heard_at + policy.probe_after)
        wait = policy.dead_after if self._is_stale else policy.stale_after
        return min(keep, self._probed_at + wait)

    def due(self, now: float) -> Sign | None:
        """What is due now, once; None if nothing is."""
        policy = self._policy
        if self._probed_at is None:
            if now >= self._heard_at + policy.probe_after:
                self._probed_at = now
                return Sign.PROBE
        elif now >= self._probed_at + policy.dead_after:
            return Sign.DEAD
        elif not self._is_stale and now >= self._probed_at + policy.stale_after:
            self._is_stale = True
            return Sign.STALE
        if now >= self._kept_at + policy.keep_alive:
            self._kept_at = now
            return Sign.KEEP_ALIVE
        return None
