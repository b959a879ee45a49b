"""Every location in the database, and the query each list is read with.

Path literals appear nowhere else. ``database.rules.json`` is the other half of this file; the
contract tests keep the two in step.
"""

from typing import TYPE_CHECKING, Final, NewType

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.wire.paths import Path, illegal_in_key

if TYPE_CHECKING:
    from imbari_chat.wire.query import Query

__all__ = [
    "BLOCKS",
    "MESSAGES",
    "SESSIONS",
    "MessageId",
    "SessionId",
    "block",
    "message",
    "messages",
    "messages_in_order",
    "newest_messages",
    "newest_sessions",
    "session",
    "session_id",
    "sessions_in_order",
    "sessions_like",
    "sessions_of",
    "unread_count",
]

SessionId = NewType("SessionId", str)
MessageId = NewType("MessageId", str)

SESSIONS: Final = Path(("chatSessions",))
MESSAGES: Final = Path(("messages",))
BLOCKS: Final = Path(("blocks",))


def session_id(text: str) -> SessionId:
    """Check that ``text`` can name a session.

    Raises:
        InvalidType: It is no text.
        InvalidData: It is not a legal key.
    """
    if not isinstance(text, str):
        raise InvalidType(f"a session id is a text, not {type(text).__name__}", where="session_id")
    reason = illegal_in_key(text)
    if reason is not None:
        raise InvalidData(f"{text[:80]!r} cannot be a session id: {reason}")
    return SessionId(text)


def session(session: SessionId) -> Path:
    """``/chatSessions/{session}``."""
    return Path((*SESSIONS, session))


def messages(session: SessionId) -> Path:
    """``/messages/{session}``: a conversation's messages by id."""
    return Path((*MESSAGES, session))


def message(session: SessionId, message: MessageId) -> Path:
    """``/messages/{session}/{message}``."""
    return Path((*MESSAGES, session, message))


def block(uid: str) -> Path:
    """``/blocks/{uid}``: present when this customer may not write."""
    return Path((*BLOCKS, uid))


def unread_count(session: SessionId) -> Path:
    """``/chatSessions/{session}/unreadCount``."""
    return Path((*SESSIONS, session, "unreadCount"))


def sessions_in_order() -> "Query":
    """All sessions by their latest messages; narrow it, and read it at :data:`SESSIONS`."""
    return _query().by_child("lastMessageTime")


def newest_sessions(limit: int) -> "Query":
    """The ``limit`` sessions with the latest messages; read at :data:`SESSIONS`."""
    return sessions_in_order().limit_to_last(limit)


def sessions_of(uid: str) -> "Query":
    """A customer's own sessions; read at :data:`SESSIONS`. The only list a customer may read."""
    return _query().by_child("customerUid").equal_to(uid)


def sessions_like(prefix: str, limit: int = 10) -> "Query":
    """Sessions whose id begins with ``prefix``; read at :data:`SESSIONS`."""
    # The private-use character that the service's guides recommend as "after every suffix".
    return _query().by_key().start_at(prefix).end_at(prefix + "\uf8ff").limit_to_first(limit)


def messages_in_order() -> "Query":
    """A conversation's messages as they were written; narrow it, and read it at :func:`messages`.

    Ids are push ids, so key order is the order of writing and needs no index.
    """
    return _query().by_key()


def newest_messages(limit: int) -> "Query":
    """A conversation's last ``limit`` messages; read at :func:`messages`."""
    return messages_in_order().limit_to_last(limit)


def _query() -> "type[Query]":
    """Imported when it is needed: models need only the ids, and start faster without."""
    from imbari_chat.wire.query import Query

    return Query
