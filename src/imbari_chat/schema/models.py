"""Records as they are read: a session and a message, typed.

The wire's camelCase names appear only here, in :mod:`imbari_chat.schema.plans` and in
``database.rules.json``. Times are integers, milliseconds since the epoch in server time; the
``*_at`` properties give the same instant as an aware ``datetime``.

Models are tolerant: fields nobody knows are kept in ``extra``, and every field a session could
lack has a default. What may be written is stricter; see :mod:`imbari_chat.schema.forms`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from imbari_chat.schema.paths import MessageId, SessionId

__all__ = [
    "ADMIN_LABEL",
    "CUSTOMER_LABEL",
    "ID_FIELD",
    "Colleague",
    "Message",
    "Presence",
    "Record",
    "Sender",
    "Session",
    "Status",
    "as_datetime",
]

Status: TypeAlias = Literal["active", "resolved"]
Sender: TypeAlias = Literal["customer", "admin"]

Presence: TypeAlias = Literal["online", "away", "gone"]
"""``online``: looks at the chat. ``away``: has it minimised, or does nothing. ``gone``: is not
connected, or not any more."""

ADMIN_LABEL = "Imbari Team"
"""How an admin's messages are signed, on the website and here."""

CUSTOMER_LABEL = "You"
"""How customers see their own messages signed."""

# "$" is illegal in keys, so a record's own fields can never collide with it.
ID_FIELD = "$id"


def as_datetime(milliseconds: int) -> datetime | None:
    """The instant in UTC, or None if no calendar reaches that far."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


class Record(BaseModel):
    """What is stored under an id; fields that nobody knows are kept."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="allow")

    @property
    def extra(self) -> dict[str, Any]:
        """Fields this version does not know, by their wire names."""
        return dict(self.model_extra or {})


class Session(Record):
    """One conversation, as the inbox lists it. Stored at ``/chatSessions/{id}``.

    Attributes:
        id: Push id made by whoever started the conversation.
        customer_name: From the lead form.
        customer_email: From the lead form.
        customer_phone: From the lead form, E.164 where it parsed.
        last_message: Preview of the latest message.
        last_message_time: When it came, ms; 0 if the record does not say.
        unread_count: Customer messages that no admin has read.
        status: ``"active"`` or ``"resolved"``.
        customer_uid: The customer's anonymous-auth uid, if the session was started signed in.
        created_at: When it was started, ms.
        topic: The quick topic the customer picked.
        resolved_at: When it was resolved, ms.
        customer_seen_at: When the customer last had the chat open, ms.
        last_customer_message_id: The customer's latest message; ties a write to its message.
    """

    id: SessionId = Field(validation_alias=ID_FIELD)
    customer_name: StrictStr = Field(default="", alias="customerName")
    customer_email: StrictStr = Field(default="", alias="customerEmail")
    customer_phone: StrictStr | None = Field(default=None, alias="customerPhone")
    last_message: StrictStr = Field(default="", alias="lastMessage")
    last_message_time: StrictInt = Field(default=0, alias="lastMessageTime")
    unread_count: StrictInt = Field(default=0, ge=0, alias="unreadCount")
    status: Status = "active"
    customer_uid: StrictStr | None = Field(default=None, alias="customerUid")
    created_at: StrictInt | None = Field(default=None, alias="createdAt")
    topic: StrictStr | None = None
    resolved_at: StrictInt | None = Field(default=None, alias="resolvedAt")
    customer_seen_at: StrictInt | None = Field(default=None, alias="customerSeenAt")
    last_customer_message_id: StrictStr | None = Field(default=None, alias="lastCustomerMessageId")

    @property
    def last_message_at(self) -> datetime | None:
        """When the latest message came."""
        return as_datetime(self.last_message_time)

    @property
    def is_resolved(self) -> bool:
        return self.status == "resolved"


class Message(Record):
    """One message. Stored at ``/messages/{session}/{id}``; written once, never changed.

    Attributes:
        id: Push id made by the sender, by the sender's clock; a conversation is ordered by
            ``timestamp`` first.
        text: What was written.
        sender: ``"customer"`` or ``"admin"`` (``from`` on the wire).
        timestamp: When the server accepted it, ms.
        customer_name: The website repeats the customer's name in customer messages.
        customer_email: Likewise.
        customer_phone: Likewise.
        read: Whether an admin has read this customer message.
        sender_uid: The sender's uid, if it was written signed in.
        replies_after: For a reply that was to be refused if another message came first: the
            session's ``last_message_time`` that it answers, ms.
    """

    id: MessageId = Field(validation_alias=ID_FIELD)
    text: StrictStr
    sender: Sender = Field(alias="from")
    timestamp: StrictInt
    customer_name: StrictStr | None = Field(default=None, alias="customerName")
    customer_email: StrictStr | None = Field(default=None, alias="customerEmail")
    customer_phone: StrictStr | None = Field(default=None, alias="customerPhone")
    read: StrictBool | None = None
    sender_uid: StrictStr | None = Field(default=None, alias="senderUid")
    replies_after: StrictInt | None = Field(default=None, alias="repliesAfter")

    def __hash__(self) -> int:
        """By id, so that a message that was sent from here is found among those that were read."""
        return hash(self.id)

    @property
    def sent_at(self) -> datetime | None:
        """When the server accepted it."""
        return as_datetime(self.timestamp)

    @property
    def label(self) -> str:
        """How the widget signs it: the customer's own messages "You", all others "Imbari Team"."""
        return CUSTOMER_LABEL if self.sender == "customer" else ADMIN_LABEL

    @property
    def is_unread(self) -> bool:
        """True for a customer message that no admin has read."""
        return self.sender == "customer" and self.read is not True


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another admin who is there.

    Attributes:
        uid: Who.
        name: What they want to be called, if they said.
    """

    uid: str
    name: str | None = None

    @property
    def label(self) -> str:
        """What to call them."""
        return self.name or self.uid
