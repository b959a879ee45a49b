"""The blocking twins: the same names without ``await``, for scripts and threads.

Each holds an async client and a :class:`~imbari_chat.client.portal.Portal`, and takes its methods'
documentation over from its twin; a test keeps the signatures of the twins equal.
"""

import inspect
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.channel import ChatEnd, RejectionHandler
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.portal import BlockingIterator, Portal
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Session, Status
from imbari_chat.schema.paths import SessionId

__all__ = ["AdminChat", "Conversation", "CustomerChat"]

C = TypeVar("C", bound=ChatEnd)
E = TypeVar("E", bound=ChatEvent)
K = TypeVar("K")


def _documented_by(twin: type) -> Callable[[type[K]], type[K]]:
    """Give each method the documentation of its twin, which says the same of both."""

    def documented(blocking: type[K]) -> type[K]:
        for name, member in vars(blocking).items():
            function = getattr(member, "__func__", member)  # of a classmethod
            if not name.startswith("_") and not function.__doc__:
                function.__doc__ = inspect.getdoc(getattr(twin, name))
        return blocking

    return documented


@_documented_by(AsyncConversation)
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


class _Blocking(Generic[C]):
    """What both ends have in common: an async client and the portal to it."""

    def __init__(self, portal: Portal, chat: C) -> None:
        self._portal = portal
        self._chat = chat

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._chat.uid

    @property
    def outbox(self) -> tuple[Message, ...]:
        """Messages on their way: neither confirmed nor given up, in the order written."""
        return self._chat.outbox

    def close(self) -> None:
        """Stop sending and listening, and give back sockets and threads. Twice is fine."""
        if not self._portal.closed:
            try:
                self._portal.call(self._chat.close())
            finally:
                self._portal.close()

    def __enter__(self) -> Self:
        self._portal.call(self._chat.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@_documented_by(AsyncAdminChat)
class AdminChat(_Blocking[AsyncAdminChat]):
    """Blocking twin of :class:`~imbari_chat.client.admin.AsyncAdminChat`."""

    @classmethod
    def from_env(cls, *, on_rejected: RejectionHandler | None = None, **flags: Any) -> Self:
        chat = AsyncAdminChat.from_env(on_rejected=on_rejected, **flags)
        return cls(Portal("imbari-chat admin"), chat)

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


@_documented_by(AsyncCustomerChat)
class CustomerChat(_Blocking[AsyncCustomerChat]):
    """Blocking twin of :class:`~imbari_chat.client.customer.AsyncCustomerChat`."""

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
