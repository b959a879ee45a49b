"""The latest moment that the service named, beside this machine's own time."""

import time

from imbari_chat.engine.server_time import Stamp

__all__ = ["Stamps", "local_time"]


class Stamps:
    """Those of one client. Written on any thread: one plain store."""

    def __init__(self) -> None:
        self.latest: Stamp | None = None

    def note(self, timestamp: int, *, made: int, within: int = 0) -> None:
        """The service has just said so; see :class:`~engine.server_time.Stamp`."""
        self.latest = Stamp(timestamp, made, local_time(), within)


def local_time() -> int:
    """What this machine's clock shows, ms since the epoch."""
    return time.time_ns() // 1_000_000
