"""Which process an object belongs to: sockets, threads and event loops do not survive a fork."""

import os

__all__ = ["ProcessGuard"]


class ProcessGuard:
    """The process that made this."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def is_here(self) -> bool:
        """False in a forked child."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Refuse to go on in a forked child.

        Raises:
            RuntimeError: This is another process than the one that made this.
        """
        if not self.is_here:
            raise RuntimeError(
                f"this client belongs to process {self._pid}; make a new one after forking"
            )
