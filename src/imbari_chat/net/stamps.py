"""The latest moment that the service named, beside this machine's own time."""

from imbari_chat.clock import local_time
from imbari_chat.engine.server_time import Stamp

__all__ = ["Stamps"]


class Stamps:
    """Those of one client. Written on any thread: one plain store."""

    def __init__(self) -> None:
        self.latest: Stamp | None = None

    def note(self, timestamp: int, *, made: int, within: int = 0) -> None:
        """The service has just said so; see :class:`~engine.server_time.Stamp`."""
        self.latest = Stamp(timestamp, made, local_time(), within)
