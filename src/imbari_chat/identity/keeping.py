"""Keeping a renewed sign-in where a disk or a keyring may hang: nobody's call waits for it long."""

import threading
from collections.abc import Callable
from typing import Final

from imbari_chat.errors import ConfigError
from imbari_chat.logs import get_logger

__all__ = ["TokenKeeper"]

_PATIENCE: Final = 0.5
"""Seconds that whoever has a new token waits for it to be kept: a program may end right after."""

_log = get_logger(__name__)


class TokenKeeper:
    """Keeps the latest refresh token, one write at a time. Safe to use from several threads.

    A keyring may ask a person, and a disk be a network's, while the sign-in is good all the same:
    only the next start depends on what is kept. So it is written on a thread of its own.

    Args:
        keep: Keeps one; may block, and raise ConfigError.
    """

    def __init__(self, keep: Callable[[str], None]) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._next: str | None = None
        self._thread: threading.Thread | None = None

    def put(self, refresh_token: str) -> None:
        """Keep this one; returns when it is kept, cannot be, or takes long."""
        with self._lock:
            self._next = refresh_token
            thread = self._thread
            if thread is None:
                thread = threading.Thread(target=self._write, name="imbari-chat token", daemon=True)
                self._thread = thread
                thread.start()
        thread.join(_PATIENCE)

    def _write(self) -> None:
        while (token := self._take()) is not None:
            try:
                self._keep(token)
            except ConfigError as error:
                _log.warning("the renewed sign-in could not be kept: %s", error)
            except Exception as error:  # noqa: BLE001  # a bug; what it says may hold the token
                _log.error("the renewed sign-in could not be kept (%s)", type(error).__name__)

    def _take(self) -> str | None:
        with self._lock:
            token, self._next = self._next, None
            if token is None:
                self._thread = None
            return token
