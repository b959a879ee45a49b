"""Who is asking: found out once, off the event loop, when it is first needed."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from imbari_chat.engine.access import Access
from imbari_chat.net.process import ProcessGuard
from imbari_chat.net.workers import Workers

__all__ = ["Caller"]

A = TypeVar("A", bound=Access, covariant=True)


class Caller(Generic[A]):
    """One caller. Call it to get their way into the database.

    Args:
        open_access: Finds out who is asking; may block, and is called once.
        workers: Where it may block.
    """

    def __init__(self, open_access: Callable[[], A], workers: Workers) -> None:
        self._open_access = open_access
        self._workers = workers
        self._access: A | None = None
        self._opening = asyncio.Lock()
        self._guard = ProcessGuard()
        self._closed = False

    @property
    def workers(self) -> Workers:
        """Where it may block."""
        return self._workers

    @property
    def uid(self) -> str | None:
        """The uid that rules see; None until somebody is known."""
        return self._access.uid if self._access is not None else None

    @property
    def account(self) -> str | None:
        """Their e-mail address; None until somebody is known, and of who has none."""
        return self._access.account if self._access is not None else None

    @property
    def known(self) -> A | None:
        """Their way into the database, if it has been found out, so that nobody need wait."""
        return self._access

    async def __call__(self) -> A:
        """Their way into the database. Raises what ``open_access`` raises."""
        self._guard.check()
        async with self._opening:
            if self._access is None:
                self._access = await self._workers.run(self._identify)
        return self._access

    def close(self) -> None:
        """Give back what they hold, and the threads."""
        self._closed = True
        self._workers.close()
        if self._access is not None:
            self._access.close()

    def _identify(self) -> A:
        """Runs on a worker, so it may all have been closed when it is done."""
        access = self._open_access()
        if self._closed:
            access.close()
        return access
