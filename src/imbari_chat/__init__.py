"""Typed Python client for the Imbari Coffee customer chat on Firebase Realtime Database.

::

    from imbari_chat import AdminChat

    with AdminChat.from_env() as desk:
        for session in desk.sessions(status="active"):
            print(session.customer_name, session.unread_count)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imbari_chat.client.admin import AsyncAdminChat
    from imbari_chat.client.conversation import AsyncConversation
    from imbari_chat.client.customer import AsyncCustomerChat
    from imbari_chat.client.reading.pager import MessagePager, SessionPager
    from imbari_chat.client.reading.unread_counts import UnreadCountMismatch
    from imbari_chat.client.status import ChatStatus
    from imbari_chat.client.sync.base import BlockingPager
    from imbari_chat.client.sync.clients import AdminChat, Conversation, CustomerChat
    from imbari_chat.config import Settings
    from imbari_chat.errors import (
        AccessDenied,
        AuthError,
        ConfigError,
        Conflict,
        ImbariError,
        InvalidData,
        NotFound,
        QuotaExceeded,
        RulesError,
        StreamOverflow,
        Unavailable,
    )
    from imbari_chat.schema import strict_rules
    from imbari_chat.schema.events import (
        ChatEvent,
        ConnectionChanged,
        DeliveryChanged,
        MessageAdded,
        MessageChanged,
        MessageRemoved,
        RecordRejected,
        SessionAdded,
        SessionChanged,
        SessionRemoved,
    )
    from imbari_chat.schema.forms import QUICK_TOPICS
    from imbari_chat.schema.models import Message, Session
    from imbari_chat.schema.outgoing import OutgoingMessage

__version__ = "0.1.0"

__all__ = [
    "QUICK_TOPICS",
    "AccessDenied",
    "AdminChat",
    "AsyncAdminChat",
    "AsyncConversation",
    "AsyncCustomerChat",
    "AuthError",
    "BlockingPager",
    "ChatEvent",
    "ChatStatus",
    "ConfigError",
    "Conflict",
    "ConnectionChanged",
    "Conversation",
    "CustomerChat",
    "DeliveryChanged",
    "ImbariError",
    "InvalidData",
    "Message",
    "MessageAdded",
    "MessageChanged",
    "MessagePager",
    "MessageRemoved",
    "NotFound",
    "OutgoingMessage",
    "QuotaExceeded",
    "RecordRejected",
    "RulesError",
    "Session",
    "SessionAdded",
    "SessionChanged",
    "SessionPager",
    "SessionRemoved",
    "Settings",
    "StreamOverflow",
    "Unavailable",
    "UnreadCountMismatch",
    "__version__",
    "strict_rules",
]

_HOMES = {
    "client.admin": ("AsyncAdminChat",),
    "client.sync.clients": ("AdminChat", "Conversation", "CustomerChat"),
    "client.conversation": ("AsyncConversation",),
    "client.customer": ("AsyncCustomerChat",),
    "client.reading.pager": ("MessagePager", "SessionPager"),
    "client.reading.unread_counts": ("UnreadCountMismatch",),
    "client.status": ("ChatStatus",),
    "client.sync.base": ("BlockingPager",),
    "config": ("Settings",),
    "errors": (
        "AccessDenied",
        "AuthError",
        "ConfigError",
        "Conflict",
        "ImbariError",
        "InvalidData",
        "NotFound",
        "QuotaExceeded",
        "RulesError",
        "StreamOverflow",
        "Unavailable",
    ),
    "schema": ("strict_rules",),
    "schema.events": (
        "ChatEvent",
        "ConnectionChanged",
        "DeliveryChanged",
        "MessageAdded",
        "MessageChanged",
        "MessageRemoved",
        "RecordRejected",
        "SessionAdded",
        "SessionChanged",
        "SessionRemoved",
    ),
    "schema.forms": ("QUICK_TOPICS",),
    "schema.models": ("Message", "Session"),
    "schema.outgoing": ("OutgoingMessage",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name where it lives, once."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
