"""Whether what was said leaves a socket, however much of it waits: asked of the system."""

import socket
import struct
import sys
import time
from typing import Final, Protocol

__all__ = ["Departures"]

_INFO: Final = struct.Struct("=24xI28xI60xQ")
"""Of Linux's ``tcp_info``: segments under way, milliseconds since one arrived, bytes that did."""


class _Link(Protocol):
    """What a socket, or asyncio's stand-in for one, is asked by."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


class Departures:
    """Looks at one socket now and again.

    Bytes have moved if some arrived since the last look that something else had to wait for. What
    went out at once does not count, nor what lies in a line that is dead. Where the system does not
    tell (it is Linux that does), nothing ever moves.

    Args:
        link: Which socket.
    """

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._arrived = 0
        self._was_leaving = False

    def moved_at(self) -> float | None:
        """When bytes moved last, in monotonic seconds; None if none did since the last look."""
        if sys.platform != "linux":
            return None
        try:
            told = self._link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        except OSError:  # it is gone, as it will say itself
            return None
        if len(told) < _INFO.size:
            return None
        under_way, ago, arrived = _INFO.unpack(told)
        counts = arrived > self._arrived and (under_way or self._was_leaving)
        self._arrived, self._was_leaving = arrived, bool(under_way)
        return time.monotonic() - ago / 1000 if counts else None
