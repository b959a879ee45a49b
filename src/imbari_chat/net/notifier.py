"""Waking whoever waits for a condition. The one way of it on the client's event loop."""

import asyncio
from collections.abc import Callable

__all__ = ["Notifier"]


class Notifier:
    """Wakes whoever waits for a condition, on one event loop.

    ``asyncio.Condition`` notifies under a lock that is awaited; what notifies here are ordinary
    functions, callbacks of tasks and state machines among them.
    """

    __slots__ = ("_waiting", "times")

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self.times: int = 0
        """How often it has notified."""

    def notify(self, _: object = None) -> None:
        """Something changed: let everybody look again. Fit for a task's done-callback."""
        self.times += 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], object], patience: float | None = None) -> bool:
        """Wait until ``condition()`` is true; it is asked now and after every notification.

        Args:
            condition: What is waited for.
            patience: How long, in seconds; None for as long as it takes.

        Returns:
            False if that was too long.
        """
        if patience is not None:
            try:
                async with asyncio.timeout(patience):
                    return await self.until(condition)
            except TimeoutError:
                return False
        while not condition():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        return True

    async def more_than(self, times: int, patience: float | None = None) -> bool:
        """Wait until it has notified more often than so, for somebody who looks by himself.

        Args:
            times: :attr:`times` as it was before whoever waits has looked.
            patience: As for :meth:`until`.

        Returns:
            False if that was too long.
        """
        return await self.until(lambda: self.times > times, patience)
