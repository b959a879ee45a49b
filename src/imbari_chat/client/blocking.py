"""The blocking twins: the same names without ``await``, for scripts and threads.

Each holds an async client and a :class:`~imbari_chat.client.portal.Portal`, and takes its methods'
documentation over from its twin; a test keeps the signatures of the twins equal.

Event handlers run on a thread of their own, so that they may call back into the client. Programs
that end without closing a client close it on the way out, so that no message goes unmentioned.
"""

import atexit
import inspect
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.background import ErrorHandler, Listens
from imbari_chat.client.channel import Pending, RejectionHandler
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.counts import Drift
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.end import ChatEnd
from imbari_chat.client.pages import BlockingPager, Start
from imbari_chat.client.portal import BlockingIterator, Closed, Portal
from imbari_chat.client.status import ChatStatus
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Sender, Session, Status
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

__all__ = ["AdminChat", "Conversation", "CustomerChat"]

_LAST_MOMENT = 0.5
"""Seconds that the end of a program may take for clients that were left open."""

C = TypeVar("C", bound=ChatEnd)
E = TypeVar("E", bound=ChatEvent)
F = TypeVar("F", bound=Callable[[Any], object])
K = TypeVar("K")
L = TypeVar("L", bound=Listens)


def _documented_by(twin: type) -> Callable[[type[K]], type[K]]:
    """Give each method the documentation of its twin, which says the same of both."""

    def documented(blocking: type[K]) -> type[K]:
        for name, member in vars(blocking).items():
            function = getattr(member, "__func__", member)  # of a classmethod
            if not name.startswith("_") and not function.__doc__:
                function.__doc__ = inspect.getdoc(getattr(twin, name))
        return blocking

    return documented


@_documented_by(Listens)
class _Listens(Generic[L]):
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

    def _end_of(self, sent: Pending | OutgoingMessage) -> OutgoingMessage:
        return sent if isinstance(sent, OutgoingMessage) else self._portal.call(sent())


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


@_documented_by(AsyncConversation)
class Conversation(_Listens[AsyncConversation]):
    """Blocking twin of :class:`~imbari_chat.client.conversation.AsyncConversation`."""

    def __init__(self, portal: Portal, conversation: AsyncConversation) -> None:
        super().__init__(portal, conversation)
        self.id = conversation.id

    @property
    def session(self) -> Session:
        return self._twin.session

    def history(self, *, limit: int = 100) -> list[Message]:
        return self._portal.call(self._twin.history(limit=limit))

    def browse(self, *, page_size: int = 100, start: Start = "newest") -> BlockingPager[Message]:
        return BlockingPager(self._portal, self._twin.browse(page_size=page_size, start=start))

    def reply(
        self,
        text: str,
        *,
        timeout: float | None = None,
        queue: bool = True,
        expect_last: Message | str | None = None,
    ) -> OutgoingMessage:
        sent = None
        if expect_last is None:
            self._portal.check()
            sent = self._twin._reply_here(text, timeout=timeout, queue=queue)  # noqa: SLF001  # twins
        if sent is not None:
            return self._end_of(sent)
        return self._portal.call(
            self._twin.reply(text, timeout=timeout, queue=queue, expect_last=expect_last)
        )

    def resolve(self) -> None:
        self._portal.call(self._twin.resolve())

    def reopen(self) -> None:
        self._portal.call(self._twin.reopen())

    def mark_read(self, *, up_to: Message | str | None = None) -> int:
        return self._portal.call(self._twin.mark_read(up_to=up_to))

    def events(
        self,
        *,
        history: int = 50,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(
            self._portal, self._twin.events(history=history, buffer=buffer, overflow=overflow)
        )

    def __enter__(self) -> Self:
        self._portal.call(self._twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        if not self._portal.closed:
            self._portal.call(self._twin.__aexit__(None, None, None))


@_documented_by(ChatEnd)
class _Blocking(_Listens[C]):
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
_open: "set[_Blocking[Any]]" = set()


@atexit.register
def _close_what_is_open() -> None:
    """The program ends: what is still on its way gets a moment, and is named if it is late."""
    until = time.monotonic() + _LAST_MOMENT
    for chat in list(_open):
        if time.monotonic() < until:
            chat.close()


@_documented_by(AsyncAdminChat)
class AdminChat(_Blocking[AsyncAdminChat]):
    """Blocking twin of :class:`~imbari_chat.client.admin.AsyncAdminChat`."""

    @classmethod
    def from_env(
        cls,
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: Any,
    ) -> Self:
        portal = Portal("imbari-chat admin")
        try:
            chat = AsyncAdminChat.from_env(
                on_rejected=on_rejected, on_error=portal.off_loop(on_error), **flags
            )
        except BaseException:
            portal.close()
            raise
        return cls(portal, chat)

    def sessions(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        limit: int = 50,
    ) -> list[Session]:
        return self._portal.call(
            self._twin.sessions(status=status, unread=unread, since=since, limit=limit)
        )

    def browse(
        self,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        page_size: int = 50,
        start: Start = "newest",
    ) -> BlockingPager[Session]:
        pager = self._twin.browse(
            status=status, unread=unread, since=since, page_size=page_size, start=start
        )
        return BlockingPager(self._portal, pager)

    def recount(self, session_id: str) -> Drift | None:
        return self._portal.call(self._twin.recount(session_id))

    def session(self, session_id: str) -> Session:
        return self._portal.call(self._twin.session(session_id))

    def find(self, prefix: str) -> SessionId:
        return self._portal.call(self._twin.find(prefix))

    def open(self, session_id: str, *, peek: bool = False) -> Conversation:
        return Conversation(self._portal, self._twin.open(session_id, peek=peek))

    def events(
        self, *, limit: int = 50, buffer: int = DEFAULT_LIMIT, overflow: Overflow = "coalesce"
    ) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(
            self._portal, self._twin.events(limit=limit, buffer=buffer, overflow=overflow)
        )


@_documented_by(AsyncCustomerChat)
class CustomerChat(_Blocking[AsyncCustomerChat]):
    """Blocking twin of :class:`~imbari_chat.client.customer.AsyncCustomerChat`."""

    @classmethod
    def from_env(
        cls,
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: Any,
    ) -> Self:
        portal = Portal("imbari-chat customer")
        try:
            chat = AsyncCustomerChat.from_env(
                remember=remember,
                on_rejected=on_rejected,
                on_error=portal.off_loop(on_error),
                **flags,
            )
        except BaseException:
            portal.close()
            raise
        return cls(portal, chat)

    @property
    def session(self) -> Session:
        return self._twin.session

    @property
    def is_open(self) -> bool:
        return self._twin.is_open

    @property
    def has_new_message(self) -> bool:
        return self._twin.has_new_message

    def start(
        self,
        name: str,
        email: str,
        phone: str | None = None,
        topic: str | None = None,
        text: str | None = None,
    ) -> Session:
        return self._portal.call(self._twin.start(name, email, phone, topic, text))

    def resume(self, session_id: str) -> Session:
        return self._portal.call(self._twin.resume(session_id))

    def sessions(self) -> list[Session]:
        return self._portal.call(self._twin.sessions())

    def history(self, *, limit: int = 100) -> list[Message]:
        return self._portal.call(self._twin.history(limit=limit))

    def browse(self, *, page_size: int = 100, start: Start = "newest") -> BlockingPager[Message]:
        return BlockingPager(self._portal, self._twin.browse(page_size=page_size, start=start))

    def send(
        self, text: str, *, timeout: float | None = None, queue: bool = True
    ) -> OutgoingMessage:
        self._portal.check()
        sent = self._twin._send_here(text, timeout=timeout, queue=queue)  # noqa: SLF001  # twins
        if sent is not None:
            return self._end_of(sent)
        return self._portal.call(self._twin.send(text, timeout=timeout, queue=queue))

    def open(self) -> None:
        self._portal.call(self._twin.open())

    def hide(self) -> None:
        self._portal.call(self._twin.hide())

    def events(
        self,
        *,
        history: int = 0,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(
            self._portal, self._twin.events(history=history, buffer=buffer, overflow=overflow)
        )
