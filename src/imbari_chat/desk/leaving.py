"""Leaving: replies on their way are given a moment, unless the person insists."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from imbari_chat.desk.sending import Sender
from imbari_chat.desk.store import Store

__all__ = ["Leaving"]

_LAST_SENDS: Final = 0.3
"""Seconds that replies on their way are given."""


class Leaving:
    """Whether the person leaves, and when that is over.

    Args:
        store: The desk's.
        sender: What is held back goes out at once.
        end: Ends the desk.
        clock: Gives seconds and never goes back.

    Attributes:
        is_interrupted: The person pressed Ctrl-C, or the terminal is gone.
    """

    def __init__(
        self, store: Store, sender: Sender, end: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self.is_interrupted = False
        self._store = store
        self._sender = sender
        self._end = end
        self._clock = clock
        self._until: float | None = None

    def listen(self) -> None:
        """To the signals that ask a program to end, where there are such and the loop may."""
        for name in ("SIGHUP", "SIGTERM"):
            number = getattr(signal, name, None)
            if number is not None:
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    asyncio.get_running_loop().add_signal_handler(number, self._asked)

    def begin(self, *, interrupted: bool) -> None:
        """The person leaves; a second time insists."""
        at = self._clock()
        self._until = at if self._until is not None else at + _LAST_SENDS
        self.is_interrupted = interrupted
        self._sender.release(at_once=True)
        self._store.tell("Leaving: a moment for replies on their way")
        self.look()

    def gone(self) -> None:
        """The terminal is not there any more, which nobody needs to have said."""
        if self._until is None:
            self.begin(interrupted=True)

    def look(self) -> None:
        """End the desk, if nothing is on its way any more or the moment is over."""
        if self._until is not None and (
            not self._store.state.pending or self._clock() >= self._until
        ):
            self._end()

    def _asked(self) -> None:
        self.begin(interrupted=True)
