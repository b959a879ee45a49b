"""The server's clock, as far as this machine can tell: its own, put right by what was stamped.

A write of one's own is stamped by the server at some moment between its making and its being read
back, and so are the greeting of a socket and an answer over HTTP. Both moments are known here, so
each says between which bounds this machine's clock is wrong. Nobody else's stamps are believed:
they may be a browser's.

A clock that is set back meanwhile shows that beside the monotonic one. One that is set forward does
not: a machine that slept looks the same, and its clock is right.
"""

import time
from typing import Final

from imbari_chat.clock import local_time

__all__ = ["ServerClock"]

_NOTICED: Final = 1000
"""Milliseconds by which a clock is set back at least; less is how clocks are kept right."""


class ServerClock:
    """Milliseconds since the epoch in server time. Not safe to share between threads."""

    def __init__(self) -> None:
        self._behind: tuple[int, int] | None = None
        self._lead = 0  # of this machine's clock over the monotonic one, at the last stamp

    def now(self) -> int:
        """What the server's clock shows, ms: what this machine's does, unless a stamp says else."""
        if self._behind is None:
            return self.local()
        least, most = self._behind
        set_back = self._lead - self._lead_now()
        back = set_back if set_back >= _NOTICED else 0
        return self.local() + min(max(0, least), most) + back

    @staticmethod
    def local() -> int:
        """What this machine's clock shows, ms."""
        return local_time()

    def stamped(self, timestamp: int, *, made: int, read: int, within: int = 0) -> None:
        """The server stamped a write of one's own, or an answer.

        Bounds that contradict the ones before replace them: this machine's clock was moved.

        Args:
            timestamp: The stamp, ms.
            made: When the write was made by this machine's clock, ms.
            read: When it was read back, likewise.
            within: By how much the stamp may be too low, ms.
        """
        if made > read:
            return  # the clock was moved in between, and nothing can be said
        least, most = timestamp - read, timestamp + within - made
        if self._behind is not None:
            both = max(least, self._behind[0]), min(most, self._behind[1])
            if both[0] <= both[1]:
                least, most = both
        self._behind = least, most
        self._lead = self._lead_now()

    def _lead_now(self) -> int:
        return self.local() - time.monotonic_ns() // 1_000_000
