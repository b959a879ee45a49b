"""Sessions and messages for tests of what is shown."""

from typing import Any

from imbari_chat.errors import ImbariError
from imbari_chat.schema.events import ChatEvent, DeliveryChanged
from imbari_chat.schema.models import ID_FIELD, Message, Sender, Session
from imbari_chat.schema.outgoing import OutgoingMessage, became
from imbari_chat.schema.paths import SessionId
from imbari_chat.states import Delivery
from imbari_chat.view import reducer
from imbari_chat.view.inbox import Inbox

__all__ = ["NOW", "delivery", "heard", "heard_in", "message", "outgoing", "session"]

NOW = 1_710_252_300_000  # 2024-03-12 14:05 UTC


def session(name: str, *, at: int = 0, **fields: Any) -> Session:
    """A session whose id is its customer's name, last written ``at`` ms after NOW."""
    raw = {
        ID_FIELD: name,
        "customerName": name,
        "customerEmail": f"{name}@example.com",
        "lastMessage": f"{name} says hello",
        "lastMessageTime": NOW + at,
        "unreadCount": 0,
        "status": "active",
        **fields,
    }
    return Session.model_validate(raw)


def message(key: str, text: str, *, sender: Sender = "customer", **fields: Any) -> Message:
    """A message with the id ``key``."""
    raw = {ID_FIELD: key, "text": text, "from": sender, "timestamp": NOW, **fields}
    return Message.model_validate(raw)


def outgoing(key: str, text: str) -> OutgoingMessage:
    """A reply that has been handed over, with the id ``key``."""
    raw = {ID_FIELD: key, "text": text, "from": "admin", "timestamp": NOW}
    return OutgoingMessage.model_validate(raw)


def delivery(
    name: str, message: OutgoingMessage, to: Delivery, error: ImbariError | None = None
) -> DeliveryChanged:
    """``message`` of the conversation ``name`` got further; what it waits for is its own error."""
    became(message, to, error)
    return DeliveryChanged(SessionId(name), message, to, error if to == "failed" else None)


def heard(state: Inbox, event: ChatEvent, at: int = NOW) -> Inbox:
    """The state after an event of the inbox's stream."""
    return reducer.reduce(state, event, at)


def heard_in(state: Inbox, name: str, event: ChatEvent, at: int = NOW) -> Inbox:
    """The state after an event of a conversation's stream."""
    return reducer.reduce_conversation(state, SessionId(name), event, at)
