"""The server's clock, as far as this machine can tell: its own, put right by what was stamped.

A write of one's own is stamped by the server at some moment between its making and its being read
back. Both moments are known here, so each such write says between which bounds this machine's clock
is wrong. Nobody else's stamps are believed: they may be a browser's.
"""

import time

__all__ = ["ServerClock"]


class ServerClock:
    """Milliseconds since the epoch in server time. Not safe to share between threads."""

    def __init__(self) -> None:
        self._behind: tuple[int, int] | None = None

    def now(self) -> int:
        """What the server's clock shows, ms: what this machine's does, unless a stamp says else."""
        if self._behind is None:
            return self.local()
        least, most = self._behind
        return self.local() + min(max(0, least), most)

    @staticmethod
    def local() -> int:
        """What this machine's clock shows, ms."""
        return time.time_ns() // 1_000_000

    def stamped(self, timestamp: int, *, made: int, read: int) -> None:
        """The server stamped a write of one's own.

        Bounds that contradict the ones before replace them: this machine's clock was moved.

        Args:
            timestamp: The stamp, ms.
            made: When the write was made by this machine's clock, ms.
            read: When it was read back, likewise.
        """
        if made > read:
            return  # the clock was moved in between, and nothing can be said
        least, most = timestamp - read, timestamp - made
        if self._behind is not None:
            both = max(least, self._behind[0]), min(most, self._behind[1])
            if both[0] <= both[1]:
                least, most = both
        self._behind = least, most
