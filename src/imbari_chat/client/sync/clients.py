"""The blocking twins: the same names without ``await``, for scripts and threads.

Each holds an async client and a :class:`~imbari_chat.client.sync.portal.Portal`, and takes the
documentation of its methods over from its twin; a test keeps the signatures of the twins equal.
"""

from datetime import datetime
from typing import Any, Self

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.gateway import RejectionHandler
from imbari_chat.client.reading.pager import Start
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch
from imbari_chat.client.sync.base import (
    BlockingChat,
    BlockingEventSource,
    BlockingPager,
    documented_by,
)
from imbari_chat.client.sync.portal import BlockingIterator, Portal
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session, Status
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

__all__ = ["AdminChat", "Conversation", "CustomerChat"]


@documented_by(AsyncConversation)
class Conversation(BlockingEventSource[AsyncConversation]):
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


@documented_by(AsyncAdminChat)
class AdminChat(BlockingChat[AsyncAdminChat]):
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

    def recount(self, session_id: str) -> UnreadCountMismatch | None:
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


@documented_by(AsyncCustomerChat)
class CustomerChat(BlockingChat[AsyncCustomerChat]):
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
