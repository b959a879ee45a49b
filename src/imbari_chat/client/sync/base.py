"""What the blocking clients stand on: an async client, the portal to it, and a good end.

Event handlers run on a thread of their own, so that they may call back into the client. Programs
that end without closing a client close it on the way out, so that no message goes unmentioned.
"""

import atexit
import inspect
import time
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from imbari_chat.client.arguments import checked_callable, checked_kind, checked_sender
from imbari_chat.client.base import BaseChat, EventSource
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.reading.pager import Pager
from imbari_chat.client.sync.portal import Portal
from imbari_chat.client.teamwork.team import AsyncTeam
from imbari_chat.errors import InvalidType
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Sender
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

__all__ = [
    "BlockingBase",
    "BlockingChatBase",
    "BlockingConversationBase",
    "BlockingPagerBase",
    "BlockingTeamBase",
]

_LAST_MOMENT = 0.5
"""Seconds that the end of a program may take for clients that were left open."""

C = TypeVar("C", bound=BaseChat)
E = TypeVar("E", bound=ChatEvent)
L = TypeVar("L", bound=EventSource)
R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")
W = TypeVar("W")


class BlockingBase(Generic[L]):
    """What can be listened to, over an async client of the kind ``L``."""

    _portal: Portal
    _client: L

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._portal.call(coroutine)

    def _call_soon(self, function: Callable[[], T]) -> T:
        """Call an ordinary function on the loop, where it belongs."""

        async def call() -> T:
            return function()

        return self._portal.call(call())

    def _wait_closed(self) -> None:
        self._portal.check_process()
        self._portal.call_if_open(self._client.wait_closed)

    def _on(
        self, kind: type[E], sender: Sender | None, where: Callable[[E], bool] | None
    ) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
        checked_kind(kind)
        checked_sender(sender)
        checked_callable("where", where, none=True)
        self._portal.check()

        def register(handler: Callable[[E], None]) -> Callable[[E], None]:
            checked_callable("handler", handler)
            if _is_coroutine_function(handler):
                raise InvalidType(
                    "a handler of a blocking client is an ordinary function", where="handler"
                )

            async def hand_over(event: E) -> None:
                error = await self._portal.hands.run(_mistake_of, handler, event)
                if error is not None:
                    raise error

            self._call_soon(
                lambda: self._client.on(kind, sender=sender, where=where)(hand_over),
            )
            return handler

        return register


def _is_coroutine_function(handler: object) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004  # of an object that is a handler
    )


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


class BlockingConversationBase(BlockingBase[AsyncConversation]):
    """A conversation that is entered and left."""

    def __init__(self, portal: Portal, conversation: AsyncConversation) -> None:
        self._portal = portal
        self._client = conversation
        self.id: SessionId = conversation.id

    def __enter__(self) -> Self:
        self._call(self._client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._portal.call_if_open(partial(self._client.__aexit__, kind, error, trace))


class BlockingChatBase(BlockingBase[C]):
    """An end of the chat: its portal is closed together with it."""

    def _begin(self, name: str, make: Callable[[Portal], C]) -> None:
        """Have ``make`` build the async client; if it cannot, no thread is left behind."""
        portal = Portal(name)
        try:
            client = make(portal)
        except BaseException:
            portal.close()
            raise
        self._use(portal, client)

    @classmethod
    def _over(cls, portal: Portal, client: C) -> Self:
        """One over an async client that is there already."""
        chat = cls.__new__(cls)
        chat._use(portal, client)  # noqa: SLF001  # it is one of these
        return chat

    def _use(self, portal: Portal, client: C) -> None:
        self._portal = portal
        self._client = client
        _open.add(self)

    def _close(self) -> tuple[OutgoingMessage, ...]:
        _open.discard(self)
        try:
            return self._portal.call_if_open(self._client.close) or ()
        finally:
            self._portal.close()

    def __enter__(self) -> Self:
        self._call(self._client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _open.discard(self)
        try:
            self._portal.call_if_open(partial(self._client.__aexit__, kind, error, trace))
        finally:
            self._portal.close()


# One that nobody holds any more still has its thread, and perhaps messages to deliver.
_open: "set[BlockingChatBase[Any]]" = set()


@atexit.register
def _close_what_is_open() -> None:
    """The program ends: what is still on its way gets a moment, and is named if it is late."""
    until = time.monotonic() + _LAST_MOMENT
    for chat in list(_open):
        if time.monotonic() < until:
            chat._close()  # noqa: SLF001  # the end of all of them


class _Part(Generic[W]):
    """Part of a client, over its async twin of the kind ``W``."""

    def __init__(self, portal: Portal, part: W) -> None:
        self._portal = portal
        self._client = part

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._portal.call(coroutine)


class BlockingTeamBase(_Part[AsyncTeam]):
    """What the team does beside answering."""


class BlockingPagerBase(_Part[Pager[R]], Generic[R]):
    """A pager for plain ``for`` loops."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        following = self._call(_next(self._client))
        if following is None:
            raise StopIteration
        return following


async def _next(pager: Pager[R]) -> R | None:
    """A future cannot carry a StopAsyncIteration; no record is None."""
    return await anext(pager, None)
