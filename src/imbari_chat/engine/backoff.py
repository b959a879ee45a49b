"""How long to wait before trying again: capped, growing, jittered."""

from dataclasses import dataclass
from typing import Final

from imbari_chat.engine.server_time import SECOND, http_date

__all__ = ["Backoff", "BackoffPolicy", "asked_pause"]

_LONGEST_ASKED: Final = 60.0
"""A guest network may ask for hours, and be left in a minute."""


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

    def next(self, random: float, asked: float | None = None) -> float:
        """Seconds to wait now: between half of the current step and all of it.

        Args:
            random: Uniformly random in [0, 1), so that many clients do not return at one instant.
            asked: How long the service asks for at least.
        """
        # The exponent is bounded so that a stream that failed for days does not overflow.
        step = self._policy.first * self._policy.factor ** min(self._failures, 64)
        self._failures += 1
        return max(min(step, self._policy.cap) * (0.5 + 0.5 * random), asked or 0.0)

    def reset(self) -> None:
        """The connection has proved itself."""
        self._failures = 0


def asked_pause(retry_after: str | None, date: str | None) -> float | None:
    """Seconds for which an answer asks to be left alone, at most 60; None if it does not.

    Args:
        retry_after: Its ``Retry-After`` header (RFC 9110, 10.2.3): seconds, or a date.
        date: Its ``Date`` header, with which that is compared: this machine's clock may be wrong.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_ASKED)
    until, now = http_date(text), http_date(date)
    if until is None or now is None or until < now:
        return None
    return min((until - now) / SECOND, _LONGEST_ASKED)
