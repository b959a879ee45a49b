"""What every transport has in common: one caller, threads to block on, one process and one end."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from imbari_chat.engine.access import Access
from imbari_chat.engine.server_time import Stamp
from imbari_chat.errors import ClientClosed, Unavailable
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.caller import Caller
from imbari_chat.net.process import LoopGuard
from imbari_chat.net.submitting import Submitter
from imbari_chat.net.transport import Done, Withdraw
from imbari_chat.net.workers import Workers
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = ["GRACE", "BaseTransport"]

GRACE = 0.5
"""Seconds beyond what a call is given by what carries it out, before its caller is answered
regardless."""

A = TypeVar("A", bound=Access)
R = TypeVar("R")


class BaseTransport(Generic[A]):
    """A :class:`~net.transport.Transport` but for what it is about.

    Args:
        who: Finds out who is asking; may block, and is called once, off the event loop, when it is
            first needed. Or the caller of another transport, which closes it.
        timeout: How long a write may take and a read may hear nothing, in seconds.
        environment: Its way to the service; by default what this process's environment says.
        calls: How many calls may block at a time.
    """

    def __init__(
        self,
        who: Callable[[], A] | Caller[A],
        *,
        timeout: float,
        environment: HttpEnvironment | None,
        calls: int,
    ) -> None:
        self._timeout = timeout
        self._environment = environment or HttpEnvironment.read()
        self._lent = isinstance(who, Caller)
        self._caller: Caller[A] = (
            who if isinstance(who, Caller) else Caller(who, Workers(calls, "imbari-chat"))
        )
        self._workers = self._caller.workers
        self._guard = LoopGuard()
        self._submitter = Submitter(self.update)
        self._closed = False

    @property
    def uid(self) -> str | None:
        """The uid that rules see; None until somebody is known."""
        return self._caller.uid

    @property
    def account(self) -> str | None:
        """The e-mail address of who is asking; None until known, and of who has none."""
        return self._caller.account

    @property
    def stamp(self) -> Stamp | None:
        """The latest moment that the service named; None before it has."""
        return self._workers.stamps.latest

    async def open(self) -> None:
        """Find out who is asking, now rather than at the first call."""
        await self._caller()

    async def get_shallow(self, path: Path) -> Json:
        """Read once, with every child as ``true``: over HTTP, which alone can (reference: REST,
        ``shallow``)."""
        access = await self._caller()
        return await self._over_http(path, access.get_shallow, path)

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing."""
        raise NotImplementedError

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """The same without waiting; see :meth:`Transport.submit`."""
        self._guard.check()
        return self._submitter.submit(changes, done)

    async def close(self) -> None:
        """Close every listener, and give back sockets and threads. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        if not self._guard.is_here:
            return  # sockets and threads are the parent's
        if self._guard.is_at_home:
            await self._submitter.close()
            await self._end()
        if not self._lent:
            self._caller.close()

    async def _end(self) -> None:
        """It is closed, for the first time and where it was made."""
        raise NotImplementedError

    async def _over_http(
        self, path: Path, call: Callable[..., R], *arguments: Any, write: bool = False
    ) -> R:
        """Read or write on a thread.

        The deadline is one on silence: whatever leaves of the request or arrives of the answer puts
        it off. A slow line would be cut at every try otherwise, and each would begin from nothing.

        Raises:
            Unavailable: Nothing moved for too long.
        """
        try:
            return await self._workers.run_while_heard(
                call, *arguments, silence=self._timeout + GRACE
            )
        except TimeoutError:
            raise self._no_answer(str(path), unknown=write) from None

    def _check(self) -> None:
        self._guard.check()
        if self._closed:
            raise ClientClosed

    def _no_answer(self, where: str | None, *, unknown: bool) -> Unavailable:
        """The error for a call that nobody answered.

        Args:
            where: What it was about.
            unknown: It was a write, and may have been made.
        """
        what = f"no answer within {self._timeout:g} s"
        return Unavailable(what, where=where, outcome_unknown=unknown)
