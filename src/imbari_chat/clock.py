"""This machine's clock, which may be wrong.

Of the service's clock, see ``client/sending/server_clock.py``.
"""

import time

__all__ = ["local_time"]


def local_time() -> int:
    """What it shows, in ms since the epoch."""
    return time.time_ns() // 1_000_000
