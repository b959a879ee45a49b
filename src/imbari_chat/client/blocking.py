"""The blocking twins: the same names without ``await``, for scripts and threads.

Each holds an async client and a :class:`~imbari_chat.client.portal.Portal`. Documentation lives
with the async methods; a test keeps the signatures of the twins equal.
"""

from typing import Any, Self, TypeVar

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.channel import RejectionHandler
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.portal import BlockingIterator, Portal
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session, Status
from imbari_chat.schema.paths import SessionId

__all__ = ["AdminChat", "Conversation", "CustomerChat"]

E = TypeVar("E", bound=ChatEvent)


class Conversation:
    """Blocking twin of :class:`~imbari_chat.client.conversation.AsyncConversation`."""

    def __init__(self, portal: Portal, conversation: AsyncConversation) -> None:
        self._portal = portal
        self._conversation = conversation
        self.id = conversation.id

    @property
    def session(self) -> Session:
        return self._conversation.session

    def history(self, *, limit: int = 100) -> list[Message]:
        return self._portal.call(self._conversation.history(limit=limit))

    def reply(self, text: str, *, patience: float | None = None) -> Message:
        return self._portal.call(self._conversation.reply(text, patience=patience))

    def resolve(self) -> None:
        self._portal.call(self._conversation.resolve())

    def reopen(self) -> None:
        self._portal.call(self._conversation.reopen())

    def mark_read(self) -> int:
        return self._portal.call(self._conversation.mark_read())

    def events(self, *, history: int = 50) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(self._portal, self._conversation.events(history=history))

    def __enter__(self) -> Self:
        self._portal.call(self._conversation.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._portal.call(self._conversation.__aexit__(None, None, None))


class AdminChat:
    """Blocking twin of :class:`~imbari_chat.client.admin.AsyncAdminChat`."""

    def __init__(self, portal: Portal, chat: AsyncAdminChat) -> None:
        self._portal = portal
        self._chat = chat

    @classmethod
    def from_env(cls, *, on_rejected: RejectionHandler | None = None, **flags: Any) -> Self:
        chat = AsyncAdminChat.from_env(on_rejected=on_rejected, **flags)
        return cls(Portal("imbari-chat admin"), chat)

    @property
    def uid(self) -> str | None:
        return self._chat.uid

    @property
    def outbox(self) -> tuple[Message, ...]:
        return self._chat.outbox

    def sessions(
        self, *, status: Status | None = None, unread: bool = False, limit: int = 50
    ) -> list[Session]:
        return self._portal.call(self._chat.sessions(status=status, unread=unread, limit=limit))

    def session(self, session_id: str) -> Session:
        return self._portal.call(self._chat.session(session_id))

    def find(self, prefix: str) -> SessionId:
        return self._portal.call(self._chat.find(prefix))

    def open(self, session_id: str, *, peek: bool = False) -> Conversation:
        return Conversation(self._portal, self._chat.open(session_id, peek=peek))

    def events(self, *, limit: int = 50) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(self._portal, self._chat.events(limit=limit))

    def close(self) -> None:
        _close(self._portal, self._chat)

    def __enter__(self) -> Self:
        self._portal.call(self._chat.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class CustomerChat:
    """Blocking twin of :class:`~imbari_chat.client.customer.AsyncCustomerChat`."""

    def __init__(self, portal: Portal, chat: AsyncCustomerChat) -> None:
        self._portal = portal
        self._chat = chat

    @classmethod
    def from_env(
        cls,
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        **flags: Any,
    ) -> Self:
        chat = AsyncCustomerChat.from_env(remember=remember, on_rejected=on_rejected, **flags)
        return cls(Portal("imbari-chat customer"), chat)

    @property
    def uid(self) -> str | None:
        return self._chat.uid

    @property
    def outbox(self) -> tuple[Message, ...]:
        return self._chat.outbox

    @property
    def session(self) -> Session:
        return self._chat.session

    @property
    def is_open(self) -> bool:
        return self._chat.is_open

    @property
    def has_new_message(self) -> bool:
        return self._chat.has_new_message

    def start(
        self,
        name: str,
        email: str,
        phone: str | None = None,
        topic: str | None = None,
        text: str | None = None,
    ) -> Session:
        return self._portal.call(self._chat.start(name, email, phone, topic, text))

    def resume(self, session_id: str) -> Session:
        return self._portal.call(self._chat.resume(session_id))

    def sessions(self) -> list[Session]:
        return self._portal.call(self._chat.sessions())

    def history(self, *, limit: int = 100) -> list[Message]:
        return self._portal.call(self._chat.history(limit=limit))

    def send(self, text: str, *, patience: float | None = None) -> Message:
        return self._portal.call(self._chat.send(text, patience=patience))

    def open(self) -> None:
        self._portal.call(self._chat.open())

    def hide(self) -> None:
        self._portal.call(self._chat.hide())

    def events(self, *, history: int = 0) -> BlockingIterator[ChatEvent]:
        return BlockingIterator(self._portal, self._chat.events(history=history))

    def wait_for(self, kind: type[E], *, timeout: float) -> E:
        return self._portal.call(self._chat.wait_for(kind, timeout=timeout))

    def close(self) -> None:
        _close(self._portal, self._chat)

    def __enter__(self) -> Self:
        self._portal.call(self._chat.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close(portal: Portal, chat: AsyncAdminChat | AsyncCustomerChat) -> None:
    if not portal.closed:
        try:
            portal.call(chat.close())
        finally:
            portal.close()
