"""Whether the other end of a socket is still there.

A socket says nothing when nothing happens, and a line that is cut in the middle says nothing
either. Every request is answered, so an empty one is sent into silence; and ``0`` is sent from time
to time, which servers take as a sign of life (reference: keepalive; the SDKs do no more than that).

    heard --silence--> probed --more--> stale --more--> dead
      ^                   |                |
      +------- anything is heard ----------+

What is heard does not prove that we are: a way may be dead in one direction. So whatever was asked
for is to be answered in time, however much is pushed meanwhile, and something is asked for now and
then. A long message that takes its time stands in the way of answers, so while one arrives no time
passes for them; nor does silence mean anything while what was asked for is still on its way out.
"""

import math
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
        answer_within: How long an answer may be owed while other things are said. Longer than
            silence is put up with: on a slow line they may stand in a queue before it.
    """

    probe_after: float = 10.0
    stale_after: float = 2.0
    dead_after: float = 5.0
    keep_alive: float = 45.0
    answer_within: float = 30.0


class Sign(Enum):
    """What is due."""

    PROBE = "probe"
    STALE = "stale"
    DEAD = "dead"
    DEAF = "deaf"
    KEEP_ALIVE = "keep alive"


class Pulse:
    """That of one connection, from its greeting on. Times are monotonic seconds."""

    def __init__(self, policy: PulsePolicy, now: float) -> None:
        self._policy = policy
        self.began_at = now
        self._heard_at = self._kept_at = self.moved_at = now
        self._probed_at: float | None = None
        self._is_stale = False
        self._owed: int | None = None
        self._owed_for = 0.0
        self._counting_from: float | None = now  # None while a message arrives

    def heard(self, now: float) -> bool:
        """Anything arrived, a part of a message perhaps. Returns whether it had been stale."""
        if self._counting_from is not None:
            self._owed_for += now - self._counting_from
            self._counting_from = None
        was_stale, self._is_stale = self._is_stale, False
        self._heard_at, self._probed_at = now, None
        return was_stale

    def moved(self, when: float) -> bool:
        """Bytes of ours left that had waited: answers come after them. Returns as :meth:`heard`."""
        self.moved_at = when
        if self._counting_from is not None:
            self._counting_from = max(self._counting_from, when)
        self._owed_for = 0.0
        if when <= max(self._heard_at, self._probed_at or 0.0):
            return False
        was_stale, self._is_stale = self._is_stale, False
        self._heard_at, self._probed_at = when, None
        return was_stale

    def whole(self, now: float) -> None:
        """What was arriving has arrived."""
        self._counting_from = now

    def owed(self, number: int | None, now: float) -> None:
        """What was asked for first since the last answer, by number; None if nothing was."""
        if number != self._owed:
            self._owed, self._owed_for = number, 0.0
            if self._counting_from is not None:
                self._counting_from = now

    def probed(self, now: float) -> None:
        """The other end was asked, for whatever reason."""
        if self._probed_at is None:
            self._probed_at = now

    def deadline(self) -> float:
        """When :meth:`due` gives something."""
        policy = self._policy
        due = min(self._kept_at + policy.keep_alive, self._deaf_at)
        if self._probed_at is None:
            return min(due, self._heard_at + policy.probe_after)
        wait = policy.dead_after if self._is_stale else policy.stale_after
        return min(due, self._probed_at + wait)

    def due(self, now: float) -> Sign | None:
        """What is due now, once; None if nothing is."""
        policy = self._policy
        if now >= self._deaf_at + policy.dead_after:  # this machine slept, and has not read on yet
            self._owed_for, self._counting_from = 0.0, now
        elif now >= self._deaf_at:
            return Sign.DEAF
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

    @property
    def _deaf_at(self) -> float:
        """When the answer that is owed will have been owed for too long."""
        if self._owed is None or self._counting_from is None:
            return math.inf
        return self._counting_from + self._policy.answer_within - self._owed_for
