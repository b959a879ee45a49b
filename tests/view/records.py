"""Sessions and messages for tests of what is shown."""

from typing import Any

from imbari_chat.schema.models import ID_FIELD, Message, Sender, Session

__all__ = ["NOW", "message", "session"]

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
