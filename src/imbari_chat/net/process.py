"""Which process and which event loop an object belongs to.

Sockets, threads and event loops do not survive a fork; and what waits in one event loop is not
woken by another.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from imbari_chat.errors import WrongEventLoop

__all__ = ["LoopGuard", "ProcessGuard"]

T = TypeVar("T")

_LOOK_AGAIN = 0.2
"""Seconds after which it is asked whether an event loop that is waited for still runs."""


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


class LoopGuard(ProcessGuard):
    """The process that made this, and the event loop in which it was first used.

    Where no event loop runs nothing can be awaited, so nothing is held against that.
    """

    __slots__ = ("home",)

    def __init__(self) -> None:
        super().__init__()
        self.home: asyncio.AbstractEventLoop | None = None
        """The event loop; None as long as it was used in none."""

    @property
    def is_at_home(self) -> bool:
        """False in a forked child, and in another event loop."""
        return self.is_here and (self.home is None or _running() in (self.home, None))

    def check(self) -> None:
        """Refuse to go on in a forked child, or in another event loop.

        Raises:
            RuntimeError: This is another process than the one that made this.
            WrongEventLoop: This is another event loop than the one in which this was first used.
        """
        super().check()
        if self.home is None:
            self.home = _running()
        elif not self.is_at_home:
            raise WrongEventLoop(
                "this client belongs to another event loop",
                hint="Each asyncio.run() has its own: make and use a client in the same, or make"
                " a new one",
            )

    async def carry_home(self, work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T] | None:
        """Have the home loop do some work, and wait for it in this one.

        Returns:
            What came of it; None if that loop does not run, has ended before, or is the parent's.
        """
        if not self.is_here or self.home is None or not self.home.is_running():
            return None
        doing = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.home))
        while self.home.is_running() and not doing.done():
            await asyncio.wait({doing}, timeout=_LOOK_AGAIN)
        return (doing.result(),) if doing.done() and not doing.cancelled() else None


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
