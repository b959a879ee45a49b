"""What proves who is asking, and when it is to be replaced."""

from typing import Final

from imbari_chat.engine.access import SocketRequest

__all__ = ["Credentials"]

_LAST_SECONDS: Final = 30.0
"""A credential that is nearly over is used up rather than replaced in a tight loop."""


class Credentials:
    """Those of one client, one after the other. Times are monotonic seconds.

    Args:
        renew_before: How long before its end one is replaced.
    """

    def __init__(self, renew_before: float) -> None:
        self._renew_before = renew_before
        self._latest: SocketRequest | None = None
        self._expires_in: float | None = None
        self._renew_next = self._renewing = self._refused_before = False
        self.renew_at: float | None = None
        """When the one in use is to be replaced; None if it is not."""

    @property
    def latest(self) -> SocketRequest:
        """The one to use."""
        assert self._latest is not None, "nobody has been identified"
        return self._latest

    def wanted(self) -> bool:
        """One is asked for. Returns whether it must be a new one."""
        self._renewing, self._renew_next = self._renew_next, False
        return self._renewing

    def got(self, request: SocketRequest, expires_in: float | None) -> None:
        """Here it is, and its end in seconds, if it has one."""
        self._latest, self._expires_in = request, expires_in

    def failed(self) -> None:
        """None came: what was asked for is asked for again."""
        self._renew_next = self._renewing

    def used(self, now: float) -> None:
        """It was shown to the server."""
        self.renew_at = None
        if self._expires_in is not None:
            self.renew_at = now + max(self._expires_in - self._renew_before, _LAST_SECONDS)

    def later(self, now: float) -> None:
        """None could be had in its place, and it is still good for a while."""
        self.renew_at = now + _LAST_SECONDS

    def refused(self) -> bool:
        """The server does not take it. Returns whether a new one may help at once."""
        self._renew_next = True
        first, self._refused_before = not self._refused_before, True
        return first

    def taken(self) -> None:
        """The server has taken it, and not for a moment only."""
        self._refused_before = False
