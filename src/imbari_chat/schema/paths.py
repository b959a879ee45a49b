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
    "ADMINS_PRESENT",
    "ASSIGNMENTS",
    "BLOCKS",
    "CANNED_REPLIES",
    "CUSTOMERS_PRESENT",
    "HELD_BY_SESSION",
    "HELD_BY_UID",
    "IMPERSONAL",
    "LABELS",
    "MESSAGES",
    "NOTES",
    "SESSIONS",
    "SNOOZES",
    "STARTS",
    "TEAM_PRESENT",
    "TYPING",
    "MessageId",
    "NoteId",
    "SessionId",
    "admin_present",
    "assignment",
    "block",
    "canned_reply",
    "customer_present",
    "labels",
    "message",
    "message_id",
    "messages",
    "messages_in_order",
    "newest_records",
    "note",
    "note_id",
    "notes",
    "session",
    "session_id",
    "sessions_in_order",
    "sessions_like",
    "sessions_of",
    "snooze",
    "start",
    "typing",
    "unread_count",
]

SessionId = NewType("SessionId", str)
MessageId = NewType("MessageId", str)
NoteId = NewType("NoteId", str)

SESSIONS: Final = Path(("chatSessions",))
MESSAGES: Final = Path(("messages",))
NOTES: Final = Path(("adminNotes",))
ASSIGNMENTS: Final = Path(("assignments",))
LABELS: Final = Path(("labels",))
SNOOZES: Final = Path(("snoozes",))
CUSTOMERS_PRESENT: Final = Path(("presence", "customers"))
ADMINS_PRESENT: Final = Path(("presence", "admins"))
TEAM_PRESENT: Final = Path(("presence", "team"))
TYPING: Final = Path(("typing",))
STARTS: Final = Path(("starts",))
BLOCKS: Final = Path(("blocks",))
CANNED_REPLIES: Final = Path(("cannedReplies",))

HELD_BY_SESSION: Final = (
    SESSIONS,
    MESSAGES,
    NOTES,
    ASSIGNMENTS,
    LABELS,
    SNOOZES,
    CUSTOMERS_PRESENT,
    TYPING,
)
"""Where something is held on a person, by the id of a conversation."""

HELD_BY_UID: Final = (STARTS, BLOCKS, ADMINS_PRESENT)
"""Where something is held on a person, by the person's uid."""

IMPERSONAL: Final = (CANNED_REPLIES, TEAM_PRESENT)
"""Where nothing is. Every place of the rules where something is held is in one of the three, which
a test sees to."""


def session_id(text: str) -> SessionId:
    """Check that ``text`` can name a session.

    Raises:
        InvalidType: It is no text.
        InvalidData: It is not a legal key.
    """
    return SessionId(_key("session", text))


def message_id(text: str) -> MessageId:
    """Check that ``text`` can name a message; raises as :func:`session_id`."""
    return MessageId(_key("message", text))


def note_id(text: str) -> NoteId:
    """Check that ``text`` can name a note; raises as :func:`session_id`."""
    return NoteId(_key("note", text))


def _key(what: str, text: str) -> str:
    where = f"{what}_id"
    if not isinstance(text, str):
        raise InvalidType(f"a {what} id is a text, not {type(text).__name__}", where=where)
    reason = illegal_in_key(text)
    if reason is not None:
        raise InvalidData(f"{text[:80]!r} cannot be a {what} id: {reason}", where=where)
    return text


def session(session: SessionId) -> Path:
    """``/chatSessions/{session}``."""
    return Path((*SESSIONS, session))


def messages(session: SessionId) -> Path:
    """``/messages/{session}``: a conversation's messages by id."""
    return Path((*MESSAGES, session))


def message(session: SessionId, message: MessageId) -> Path:
    """``/messages/{session}/{message}``."""
    return Path((*MESSAGES, session, message))


def notes(session: SessionId) -> Path:
    """``/adminNotes/{session}``: what the team notes of a conversation, by id."""
    return Path((*NOTES, session))


def note(session: SessionId, note: NoteId) -> Path:
    """``/adminNotes/{session}/{note}``."""
    return Path((*NOTES, session, note))


def assignment(session: SessionId) -> Path:
    """``/assignments/{session}``: which admin has a conversation."""
    return Path((*ASSIGNMENTS, session))


def labels(session: SessionId) -> Path:
    """``/labels/{session}``: what a conversation is labelled, below ``names``."""
    return Path((*LABELS, session))


def snooze(session: SessionId) -> Path:
    """``/snoozes/{session}``: until when a conversation is out of sight."""
    return Path((*SNOOZES, session))


def canned_reply(name: str) -> Path:
    """``/cannedReplies/{name}``: a reply that is ready."""
    return Path((*CANNED_REPLIES, name))


def block(uid: str) -> Path:
    """``/blocks/{uid}``: this customer may not write, until the end that it names."""
    return Path((*BLOCKS, uid))


def start(uid: str) -> Path:
    """``/starts/{uid}``: when this uid last started a conversation, and how many it has."""
    return Path((*STARTS, uid))


def customer_present(session: SessionId, connection: str) -> Path:
    """``/presence/customers/{session}/connections/{connection}``: one place a customer looks from.

    Beside ``connections`` the session's record says ``at``: when any of them changed last.
    """
    return Path((*CUSTOMERS_PRESENT, session, "connections", connection))


def admin_present(uid: str, connection: str) -> Path:
    """``/presence/admins/{uid}/{connection}``: one place an admin works from."""
    return Path((*ADMINS_PRESENT, uid, connection))


def typing(session: SessionId) -> Path:
    """``/typing/{session}``: when each side typed last."""
    return Path((*TYPING, session))


def unread_count(session: SessionId) -> Path:
    """``/chatSessions/{session}/unreadCount``."""
    return Path((*SESSIONS, session, "unreadCount"))


def sessions_in_order() -> "Query":
    """All sessions by their latest messages; narrow it, and read it at :data:`SESSIONS`."""
    return _query().by_child("lastMessageTime")


_LAST_MOMENT: Final = 2**53
"""Beyond every time, ms, and before every text."""


def sessions_resolved_since(moment: int) -> "Query":
    """Those that say they were resolved then or later, ms; read at :data:`SESSIONS`."""
    return _query().by_child("resolvedAt").start_at(moment)


def session_resolved_last() -> "Query":
    """The one that says so of the latest moment, if any does; read at :data:`SESSIONS`."""
    return sessions_resolved_since(0).end_at(_LAST_MOMENT).limit_to_last(1)


def sessions_of(uid: str) -> "Query":
    """A customer's own sessions; read at :data:`SESSIONS`. The only list a customer may read."""
    return _query().by_child("customerUid").equal_to(uid)


def sessions_like(prefix: str) -> "Query":
    """Some sessions whose id begins with ``prefix``; read at :data:`SESSIONS`."""
    # The private-use character that the service's guides recommend as "after every suffix".
    return _query().by_key().start_at(prefix).end_at(prefix + "\uf8ff").limit_to_first(10)


def messages_in_order() -> "Query":
    """A conversation's messages in its order; narrow it, and read it at :func:`messages`.

    By the server's time and not by key: an id begins with its writer's own time, or with anything.
    """
    return _query().by_child("timestamp")


def newest_records(limit: int) -> "Query":
    """The last ``limit`` records that say in ``at`` when they were written: signs of customers and
    of typing, and what the team keeps of conversations and customers."""
    return _query().by_child("at").limit_to_last(limit)


def _query() -> "type[Query]":
    """Imported when it is needed: models need only the ids, and start faster without."""
    from imbari_chat.wire.query import Query

    return Query
