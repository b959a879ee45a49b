"""Tasks that nobody waits for, and whose mistakes somebody hears of all the same."""

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any

from imbari_chat.engine.refusals import redact
from imbari_chat.logs import Lines, get_logger

__all__ = ["BackgroundTasks", "in_background", "report"]

_log = get_logger(__name__)


def in_background(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
    """Begin some work on this event loop; what it raises is logged, since nobody is told of it.

    Args:
        work: What is to be done; it deals with the errors that are to be expected.
        name: What it is called in the log.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def _report(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        report(error, task.get_name())


def report(error: BaseException, name: str) -> None:
    """Log a mistake of our own, which nobody waits for."""
    trace = Lines(redact("".join(traceback.format_exception(error))))
    _log.error("%s has ended by an error of its own:\n%s", name, trace)


class BackgroundTasks:
    """Those of one owner, each until it ends."""

    __slots__ = ("_name", "_tasks")

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def start(
        self, work: Coroutine[Any, Any, None], name: str | None = None
    ) -> "asyncio.Task[None]":
        """Begin some work, called like all of these or by a name of its own.

        See :func:`in_background`.
        """
        task = in_background(work, name or self._name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> None:
        """Ask all to end."""
        for task in self._tasks:
            task.cancel()

    async def wait(self, timeout: float | None = None) -> None:
        """Wait until those that run now have ended, but for the one that asks.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.
        """
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=timeout)

    async def close(self) -> None:
        """Ask all to end, and wait until they have."""
        self.cancel()
        await self.wait()
