"""Actions as plans: what each writes, all or nothing.

Whoever sends a message also moves its session, in one multi-path update, so a message is never
seen without its preview and its count. Times are the server's; the count is the server's sum. A
message's location is written once, which makes a plan safe to send again: if the first try had
been committed, the second is refused as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from imbari_chat.errors import Unavailable
from imbari_chat.schema import paths
from imbari_chat.schema.forms import LeadForm, checked_text
from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.pushid import timestamp_of
from imbari_chat.wire.values import SERVER_TIMESTAMP, increment

__all__ = [
    "MIN_CUSTOMER_INTERVAL",
    "Plan",
    "as_sent",
    "customer_sends",
    "erase",
    "mark_read",
    "mark_seen",
    "mark_unread",
    "reopen",
    "reply",
    "resolve",
    "start_chat",
]

MIN_CUSTOMER_INTERVAL = 0.5
"""The rules accept one customer message per conversation in this many seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One atomic update.

    Attributes:
        changes: Absolute path to new value; null deletes.
        commit_marker: The write-once location that exists if and only if the plan was
            committed, for plans that have one.
        requires: The session that it changes, which has to be there.
        expects: A location and the value it must hold for the rules to take the plan, for plans
            that answer what was seen.
    """

    changes: Mapping[Path, Json]
    commit_marker: Path | None = None
    requires: Path | None = None
    expects: tuple[Path, Json] | None = None

    def is_marked_by(self, stored: Json) -> bool:
        """Whether what is stored at the commit marker says that this plan was committed.

        Raises:
            Unavailable: It is neither nothing nor anything like what was written, so it is not
                the database that says so.
        """
        if stored is None or self.commit_marker is None:
            return False
        planned = self.changes[self.commit_marker]
        assert isinstance(planned, dict)
        if not isinstance(stored, dict) or not any(
            value is not None and same(stored.get(name), value) for name, value in planned.items()
        ):
            raise Unavailable(
                "something other than what was written is said to be there",
                where=str(self.commit_marker),
                hint="A network's log-in page or a firewall may have answered",
            )
        return True


def start_chat(
    session: SessionId,
    lead: LeadForm,
    *,
    uid: str | None,
    first: tuple[MessageId, str] | None = None,
) -> Plan:
    """A customer's new session, with the first message if there is one.

    Whoever is signed in also writes the record by which the rules limit how often a uid starts. It
    names the session, so one write starts one, and the server does the sum, so nothing is read
    before.

    Args:
        session: A fresh push id.
        lead: The checked lead form.
        uid: The customer's uid, or None when nobody is signed in.
        first: A fresh push id and the text.

    Raises:
        InvalidData: The text cannot be a message.
    """
    record: dict[str, Json] = {
        "customerName": lead.name,
        "customerEmail": lead.email,
        "customerPhone": lead.phone,
        "lastMessage": "",
        "lastMessageTime": SERVER_TIMESTAMP,
        "unreadCount": 0,
        "status": "active",
        "customerUid": uid,
        "createdAt": SERVER_TIMESTAMP,
        "topic": lead.topic,
    }
    changes: dict[Path, Json] = {paths.session(session): record}
    if first is not None:
        message, text = first
        record |= {"lastMessage": text, "unreadCount": 1, "lastCustomerMessageId": message}
        changes[paths.message(session, message)] = _customer_message(text, lead, uid)
    if uid is not None:
        started = paths.start(uid)
        changes |= {
            started / "session": session,
            started / "at": SERVER_TIMESTAMP,
            started / "count": increment(1),
        }
    return _plan(changes, commit_marker=paths.session(session))


def customer_sends(
    session: SessionId, message: MessageId, text: str, lead: LeadForm, *, uid: str | None
) -> Plan:
    """A customer's message; the session becomes active again if it was resolved.

    Raises:
        InvalidData: The text cannot be a message.
    """
    place = paths.session(session)
    return _plan(
        {
            paths.message(session, message): _customer_message(text, lead, uid),
            place / "lastMessage": text,
            place / "lastMessageTime": SERVER_TIMESTAMP,
            place / "lastCustomerMessageId": message,
            place / "unreadCount": increment(1),
            place / "status": "active",
            place / "resolvedAt": None,
        },
        commit_marker=paths.message(session, message),
        requires=place,
    )


def reply(
    session: SessionId,
    message: MessageId,
    text: str,
    *,
    uid: str | None,
    after: int | None = None,
) -> Plan:
    """An admin's message.

    Args:
        session: Whose conversation.
        message: A fresh push id.
        text: What to say.
        uid: The admin's uid, or None for one that rules see as nobody.
        after: The session's ``lastMessageTime``, ms, that this answers. If another message has
            come since, the rules refuse the whole.

    Raises:
        InvalidData: The text cannot be a message.
    """
    place, marker = paths.session(session), paths.message(session, message)
    record: dict[str, Json] = {
        "text": checked_text(text),
        "from": "admin",
        "timestamp": SERVER_TIMESTAMP,
        "senderUid": uid,
        "repliesAfter": after,
    }
    return _plan(
        {
            marker: record,
            place / "lastMessage": text,
            place / "lastMessageTime": SERVER_TIMESTAMP,
        },
        commit_marker=marker,
        requires=place,
        expects=None if after is None else (place / "lastMessageTime", after),
    )


def mark_read(
    session: SessionId, unread: Sequence[MessageId], *, counted: int | None = None
) -> Plan:
    """Mark these unread customer messages read and subtract exactly as many.

    Never "count = 0": a message that lands in between stays counted. The rules let ``read`` become
    true only once, so of two admins who read at once one is refused as a whole and looks again.

    Args:
        session: Whose.
        unread: The messages, none of which is read.
        counted: How many of them the session counts, if its count had drifted below the truth.
    """
    changes: dict[Path, Json] = {
        paths.message(session, message) / "read": True for message in unread
    }
    place = paths.session(session)
    changes[place / "unreadCount"] = increment(-(len(unread) if counted is None else counted))
    return _plan(changes, requires=place)


def mark_unread(session: SessionId, message: MessageId) -> Plan:
    """Mark a customer message that was read unread again, and count it.

    Of two admins who do it at once the rules refuse one as a whole.
    """
    place = paths.session(session)
    return _plan(
        {
            paths.message(session, message) / "read": False,
            place / "unreadCount": increment(1),
        },
        requires=place,
    )


def mark_seen(session: SessionId) -> Plan:
    """The customer has the chat open now."""
    place = paths.session(session)
    return _plan({place / "customerSeenAt": SERVER_TIMESTAMP}, requires=place)


def resolve(session: SessionId) -> Plan:
    """An admin closes the matter; the customer can reopen it by writing."""
    place = paths.session(session)
    return _plan(
        {place / "status": "resolved", place / "resolvedAt": SERVER_TIMESTAMP}, requires=place
    )


def reopen(session: SessionId) -> Plan:
    """An admin takes a resolved conversation up again."""
    place = paths.session(session)
    return _plan({place / "status": "active", place / "resolvedAt": None}, requires=place)


def erase(sessions: Sequence[SessionId], *, uid: str | None = None) -> Plan:
    """Everything that is held on a person, gone at once.

    The strict rules take it from an admin, and refuse it when it leaves part of a conversation
    behind. Under the compat rules nothing is deleted but by a service account that bypasses them.

    Args:
        sessions: The person's conversations.
        uid: The person's uid, if all their conversations go; what is held on it goes as well, a
            block among it.
    """
    changes: dict[Path, Json] = {
        Path((*root, session)): None for session in sessions for root in paths.HELD_BY_SESSION
    }
    if uid is not None:
        changes |= {Path((*root, uid)): None for root in paths.HELD_BY_UID}
    return _plan(changes)


def as_sent(plan: Plan) -> OutgoingMessage:
    """The message that a plan writes, as it will read.

    The time of its id stands in for the server's: it is later than all that its writer had seen.

    Args:
        plan: One that sends a message, under a push id.
    """
    assert plan.commit_marker is not None
    message_id = plan.commit_marker[-1]
    raw = plan.changes[plan.commit_marker]
    assert isinstance(raw, dict)
    made = timestamp_of(message_id)
    present = {
        name: made if value == SERVER_TIMESTAMP else value
        for name, value in raw.items()
        if value is not None
    }
    return OutgoingMessage.model_validate({**present, ID_FIELD: message_id})


def _plan(
    changes: dict[Path, Json],
    *,
    commit_marker: Path | None = None,
    requires: Path | None = None,
    expects: tuple[Path, Json] | None = None,
) -> Plan:
    return Plan(MappingProxyType(changes), commit_marker, requires, expects)


def _customer_message(text: str, lead: LeadForm, uid: str | None) -> dict[str, Json]:
    return {
        "text": checked_text(text),
        "from": "customer",
        "timestamp": SERVER_TIMESTAMP,
        "customerName": lead.name,
        "customerEmail": lead.email,
        "customerPhone": lead.phone,
        "senderUid": uid,
        "read": False,
    }
