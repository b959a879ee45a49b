"""Records as they are stored: under which name each field stands, and what follows from it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from imbari_chat.schema.models import ID_FIELD, Colleague, Message, Record, Session
from imbari_chat.schema.order import is_ahead, latest_time, message_place, session_place
from imbari_chat.schema.teamwork import Assignment

SESSION: dict[str, tuple[str, Any]] = {
    "id": (ID_FIELD, "-S"),
    "customer_name": ("customerName", "Amina"),
    "customer_email": ("customerEmail", "amina@example.com"),
    "customer_phone": ("customerPhone", "+256700000000"),
    "last_message": ("lastMessage", "Hi"),
    "last_message_time": ("lastMessageTime", 7),
    "unread_count": ("unreadCount", 2),
    "status": ("status", "resolved"),
    "customer_uid": ("customerUid", "u"),
    "created_at": ("createdAt", 5),
    "topic": ("topic", "Wholesale"),
    "resolved_at": ("resolvedAt", 8),
    "customer_seen_at": ("customerSeenAt", 6),
    "last_customer_message_id": ("lastCustomerMessageId", "-M"),
}
MESSAGE: dict[str, tuple[str, Any]] = {
    "id": (ID_FIELD, "-M"),
    "text": ("text", "Hi"),
    "sender": ("from", "customer"),
    "timestamp": ("timestamp", 7),
    "customer_name": ("customerName", "Amina"),
    "customer_email": ("customerEmail", "amina@example.com"),
    "customer_phone": ("customerPhone", "+256700000000"),
    "read": ("read", False),
    "sender_uid": ("senderUid", "u"),
    "replies_after": ("repliesAfter", 5),
}
ASSIGNMENT: dict[str, tuple[str, Any]] = {
    "session_id": (ID_FIELD, "-S"),
    "to": ("to", "noor"),
    "name": ("name", "Noor"),
    "taken_from": ("from", "ben"),
}


@pytest.mark.parametrize(
    ("kind", "fields"), [(Session, SESSION), (Message, MESSAGE), (Assignment, ASSIGNMENT)]
)
def test_each_field_is_read_from_its_name(
    kind: type[Record], fields: dict[str, tuple[str, Any]]
) -> None:
    """Which the website and every earlier version write."""
    read = kind.model_validate(dict(fields.values()))
    assert {field: getattr(read, field) for field in fields} == {
        field: value for field, (_, value) in fields.items()
    }
    assert read.extra == {}


def _session(**fields: Any) -> Session:
    return Session.model_validate({ID_FIELD: "-S", **fields})


def _message(sender: str, **fields: Any) -> Message:
    raw = {ID_FIELD: "-M", "text": "Hi", "from": sender, "timestamp": 1000}
    return Message.model_validate({**raw, **fields})


def test_a_session_may_say_next_to_nothing() -> None:
    """It is active, and came before all others."""
    bare = _session(newer=1)
    assert (bare.status, bare.is_resolved, bare.unread_count) == ("active", False, 0)
    assert bare.last_message_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert bare.extra == {"newer": 1}
    assert _session(status="resolved").is_resolved


@pytest.mark.parametrize(
    ("sender", "fields", "is_unread"),
    [
        ("customer", {}, True),
        ("customer", {"read": False}, True),
        ("customer", {"read": True}, False),
        ("admin", {}, False),
        ("admin", {"read": False}, False),
    ],
)
def test_unread_is_what_a_customer_wrote_and_nobody_read(
    sender: str, fields: dict[str, Any], is_unread: bool
) -> None:
    """What does not say that it was read was not."""
    assert _message(sender, **fields).is_unread is is_unread


def test_messages_are_signed_as_the_widget_signs_them() -> None:
    """For the customer who reads them."""
    assert (_message("customer").label, _message("admin").label) == ("You", "Imbari Team")


@pytest.mark.parametrize(("name", "label"), [("Noor", "Noor"), (None, "u2"), ("", "u2")])
def test_who_gave_no_name_is_called_by_their_uid(name: str | None, label: str) -> None:
    """A colleague, and whoever has a conversation."""
    assert Colleague("u2", name).label == label
    raw = {ID_FIELD: "-S", "to": "u2", "name": name}
    assert Assignment.model_validate(raw).label == label


def test_ahead_is_what_came_later_than_now() -> None:
    """Give or take a minute, to the millisecond."""
    now = 1_710_252_300_000
    assert latest_time(now) == now + 60_000
    for ahead in (0, 60_000, 60_001):
        message = _message("admin", timestamp=now + ahead)
        session = _session(lastMessageTime=now + ahead)
        for place in (message_place(message), session_place(session)):
            assert is_ahead(place, now) is (ahead > 60_000)
