"""What the blocking twins have in common: an async client, the portal to it, and a good end.

Event handlers run on a thread of their own, so that they may call back into the client. Programs
that end without closing a client close it on the way out, so that no message goes unmentioned.
"""

import atexit
import inspect
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from imbari_chat.client.base import BaseChat, EventSource
from imbari_chat.client.reading.pager import Pager
from imbari_chat.client.status import ChatStatus
from imbari_chat.client.sync.portal import Closed, Portal
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Sender
from imbari_chat.schema.outgoing import OutgoingMessage

__all__ = ["BlockingChat", "BlockingEventSource", "BlockingPager", "documented_by"]

_LAST_MOMENT = 0.5
"""Seconds that the end of a program may take for clients that were left open."""

C = TypeVar("C", bound=BaseChat)
E = TypeVar("E", bound=ChatEvent)
F = TypeVar("F", bound=Callable[[Any], object])
K = TypeVar("K")
L = TypeVar("L", bound=EventSource)
R = TypeVar("R", bound=BaseModel)


def documented_by(twin: type) -> Callable[[type[K]], type[K]]:
    """Give each method the documentation of its twin, which says the same of both."""

    def documented(blocking: type[K]) -> type[K]:
        for name, member in vars(blocking).items():
            function = getattr(member, "__func__", member)  # of a classmethod
            if not name.startswith("_") and not function.__doc__:
                function.__doc__ = inspect.getdoc(getattr(twin, name))
        return blocking

    return documented


@documented_by(EventSource)
class BlockingEventSource(Generic[L]):
    """What can be listened to, from ordinary code."""

    def __init__(self, portal: Portal, twin: L) -> None:
        self._portal = portal
        self._twin = twin

    def on(
        self,
        kind: type[E],
        *,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> Callable[[F], F]:
        def register(handler: F) -> F:
            if inspect.iscoroutinefunction(handler):
                raise TypeError("a handler of a blocking client is an ordinary function")

            async def hand_over(event: E) -> None:
                error = await self._portal.hands.run(_mistake_of, handler, event)
                if error is not None:
                    raise error

            async def add() -> None:
                self._twin.on(kind, sender=sender, where=where)(hand_over)

            self._portal.call(add())
            return handler

        return register

    def wait_for(
        self,
        kind: type[E],
        *,
        timeout: float,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> E:
        return self._portal.call(
            self._twin.wait_for(kind, timeout=timeout, sender=sender, where=where)
        )

    def listen(self) -> None:
        self._portal.call(self._twin.listen())

    def wait_closed(self) -> None:
        self._portal.call(self._twin.wait_closed())


def _mistake_of(handler: Callable[[Any], object], event: ChatEvent) -> Exception | None:
    """Call a handler; what it raised, in a form that does not end the loop."""
    try:
        handler(event)
    except BaseException as error:  # noqa: BLE001  # a thread of ours has nobody else to tell
        if isinstance(error, Exception):
            return error
        wrapped = RuntimeError(f"a handler raised {type(error).__name__}")
        wrapped.__cause__ = error
        return wrapped
    return None


@documented_by(BaseChat)
class BlockingChat(BlockingEventSource[C]):
    """What both ends have in common: an async client and the portal to it."""

    def __init__(self, portal: Portal, chat: C) -> None:
        super().__init__(portal, chat)
        _open.add(self)

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._twin.uid

    @property
    def outbox(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way: neither confirmed nor failed, in the order written."""
        return self._twin.outbox

    @property
    def status(self) -> ChatStatus:
        """Is it alive, since when, and what is queued: at this moment."""
        return self._twin.status

    def reconnect_now(self) -> None:
        async def reconnect() -> None:
            self._twin.reconnect_now()

        self._portal.call(reconnect())

    def flush(self, *, timeout: float | None = None) -> tuple[OutgoingMessage, ...]:
        return self._portal.call(self._twin.flush(timeout=timeout))

    def close(self) -> tuple[OutgoingMessage, ...]:
        _open.discard(self)
        if self._portal.closed:
            return ()
        try:
            return self._portal.call(self._twin.close())
        except Closed:  # by somebody else, at the same moment
            return ()
        finally:
            self._portal.close()

    def __enter__(self) -> Self:
        self._portal.call(self._twin.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _open.discard(self)
        if not self._portal.closed:
            try:
                self._portal.call(self._twin.__aexit__(kind, error, trace))
            except Closed:  # by somebody else, at the same moment
                pass
            finally:
                self._portal.close()


# One that nobody holds any more still has its thread, and perhaps messages to deliver.
_open: "set[BlockingChat[Any]]" = set()


@atexit.register
def _close_what_is_open() -> None:
    """The program ends: what is still on its way gets a moment, and is named if it is late."""
    until = time.monotonic() + _LAST_MOMENT
    for chat in list(_open):
        if time.monotonic() < until:
            chat.close()


@documented_by(Pager)
class BlockingPager(Generic[R]):
    """Blocking twin of :class:`Pager`, for plain ``for`` loops."""

    def __init__(self, portal: Portal, pager: Pager[R]) -> None:
        self._portal = portal
        self._pager = pager

    def older(self) -> list[R]:
        return self._portal.call(self._pager.older())

    def newer(self) -> list[R]:
        return self._portal.call(self._pager.newer())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        following = self._portal.call(_next(self._pager))
        if following is None:
            raise StopIteration
        return following


async def _next(pager: Pager[R]) -> R | None:
    """A future cannot carry a StopAsyncIteration; no record is None."""
    return await anext(pager, None)
