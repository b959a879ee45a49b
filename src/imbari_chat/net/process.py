"""Which process an object belongs to: sockets, threads and event loops do not survive a fork."""

import os

__all__ = ["ProcessGuard"]


class _Process:
    """This process. Looked at before each event, so the system is asked once."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        if hasattr(os, "register_at_fork"):  # elsewhere nothing forks
            os.register_at_fork(after_in_child=self._began)

    def _began(self) -> None:
        """A child of it begins, with a copy of this."""
        self.pid = os.getpid()


_this = _Process()


class ProcessGuard:
    """The process that made this."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = _this.pid

    @property
    def is_here(self) -> bool:
        """False in a forked child."""
        return _this.pid == self._pid

    def check(self) -> None:
        """Refuse to go on in a forked child.

        Raises:
            RuntimeError: This is another process than the one that made this.
        """
        if _this.pid != self._pid:
            raise RuntimeError(
                f"this client belongs to process {self._pid}; make a new one after forking"
            )
