"""What a listener hears. Every event is a small frozen value; match on its class."""

from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.errors import ImbariError
from imbari_chat.schema.models import Colleague, Message, Presence, Sender, Session
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.states import ConnectionState, Delivery
from imbari_chat.wire.json import Json

__all__ = [
    "ChatEvent",
    "ColleaguesChanged",
    "ConnectionChanged",
    "DeliveryChanged",
    "MessageAdded",
    "MessageChanged",
    "MessageRemoved",
    "PresenceChanged",
    "RecordRejected",
    "SessionAdded",
    "SessionChanged",
    "SessionRemoved",
    "TypingChanged",
]


@dataclass(frozen=True, slots=True)
class SessionAdded:
    """A session came into the window: a new one, or one that moved up."""

    session: Session


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A session in the window changed, or is being changed from here.

    Attributes:
        session: As it is now.
        before: As it was told before.
        pending: Part of it was written here and the service has not settled it: the next event
            does, with what is stored; if it was refused, with what was there before.
    """

    session: Session
    before: Session
    pending: bool = False


@dataclass(frozen=True, slots=True)
class SessionRemoved:
    """A session left the window, was deleted, or does not fit the contract any more.

    Attributes:
        deleted: True if it is gone, False if newer ones pushed it out of the window, or if the
            RecordRejected before this says what does not fit. What becomes of that one is not told
            before it fits again.
    """

    session: Session
    deleted: bool


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """A message arrived, or was written here.

    One's own is an OutgoingMessage, whose ``delivery`` says where it is. It is not told again when
    it is stored: DeliveryChanged says so.
    """

    session_id: SessionId
    message: Message


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message changed; in practice it was read.

    Attributes:
        session_id: Its conversation.
        message: As it is now.
        before: As it was told before.
        pending: As for :class:`SessionChanged`.
    """

    session_id: SessionId
    message: Message
    before: Message
    pending: bool = False


@dataclass(frozen=True, slots=True)
class MessageRemoved:
    """A message was deleted (not: pushed out of the window by newer ones).

    Or it does not fit the contract any more, as the RecordRejected before this says. An
    OutgoingMessage was not stored after all; DeliveryChanged says why.
    """

    session_id: SessionId
    message: Message


@dataclass(frozen=True, slots=True)
class RecordRejected:
    """A stored record does not fit the contract. The stream goes on.

    One that was told before is removed, unless what is left of it can be used; it is added again
    when it fits.

    Attributes:
        path: Where it stands.
        reasons: What does not fit, one sentence each.
        raw: The record as stored.
    """

    path: str
    reasons: tuple[str, ...]
    raw: Json


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The stream's connection changed state.

    Attributes:
        state: The state it is in now.
        reason: Why, if there is anything to say.
        retry_in: Seconds until the next attempt, when reconnecting.
    """

    state: ConnectionState
    reason: str | None = None
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class DeliveryChanged:
    """A message written through this client got further, or failed.

    Attributes:
        session_id: Its conversation.
        message: The message; its own ``delivery`` may have moved on since.
        delivery: What its delivery became.
        error: Why, when it failed.
    """

    session_id: SessionId
    message: OutgoingMessage
    delivery: Delivery
    error: ImbariError | None = None


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody came, went, or looks elsewhere.

    Attributes:
        session_id: In which conversation.
        sender: ``customer``; told to a customer: ``admin``, which is anybody of the team.
        presence: What they are now.
    """

    session_id: SessionId
    sender: Sender
    presence: Presence


@dataclass(frozen=True, slots=True)
class TypingChanged:
    """Somebody began to type, or ended.

    Attributes:
        session_id: In which conversation.
        sender: Which side; ``admin`` is anybody of the team but oneself.
        typing: Whether they type now.
    """

    session_id: SessionId
    sender: Sender
    typing: bool


@dataclass(frozen=True, slots=True)
class ColleaguesChanged:
    """Other admins opened a conversation, or closed it. Told to admins only.

    Attributes:
        session_id: Which conversation.
        colleagues: Who has it open now.
    """

    session_id: SessionId
    colleagues: tuple[Colleague, ...]


ChatEvent: TypeAlias = (
    SessionAdded
    | SessionChanged
    | SessionRemoved
    | MessageAdded
    | MessageChanged
    | MessageRemoved
    | RecordRejected
    | ConnectionChanged
    | DeliveryChanged
    | PresenceChanged
    | TypingChanged
    | ColleaguesChanged
)
