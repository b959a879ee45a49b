"""What is heard, and what it makes of the state.

Two streams feed it: the inbox's own through :func:`reduce`, the open conversation's through
:func:`reduce_conversation`; both may tell of the same message, or of the same reply's delivery,
which counts once. A reply that has been handed over comes in through :func:`reply_handed_over`, one
that could not be through :func:`reply_failed`.
"""

from collections.abc import Sequence
from dataclasses import replace

from imbari_chat.errors import ImbariError
from imbari_chat.schema.events import (
    ChatEvent,
    ColleaguesChanged,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    PresenceChanged,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
    TypingChanged,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import message_place
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.presence import told
from imbari_chat.schema.teamwork import Note
from imbari_chat.states import Delivery
from imbari_chat.view.advice import in_words
from imbari_chat.view.inbox import Inbox, noticed
from imbari_chat.view.labels import customer_label
from imbari_chat.view.outgoing import Failed

__all__ = [
    "conversation_failed",
    "failure_settled",
    "noted",
    "reduce",
    "reduce_conversation",
    "reply_failed",
    "reply_handed_over",
    "reply_taken_back",
    "with_older",
]


def reduce(state: Inbox, event: ChatEvent, at: int) -> Inbox:
    """What an event of the inbox's stream makes of the state.

    Args:
        state: Before it.
        event: What was heard.
        at: When, in ms since the epoch.
    """
    match event:
        case MessageAdded(_, OutgoingMessage(delivery="queued" | "sent" | "held" | "failed")):
            return state  # one's own is a pending line until it is stored
        case SessionAdded(session) | SessionChanged(session):
            return _with_session(state, session)
        case SessionRemoved(session, deleted):
            rest = {key: one for key, one in state.sessions.items() if key != session.id}
            after = replace(state, sessions=rest)
            if deleted and state.conversation is not None and state.conversation.id == session.id:
                after = noticed(after, "This conversation was deleted", is_error=True)
            return after
        case ConnectionChanged():
            return replace(state, connection=event, connection_at=at)
        case RecordRejected():
            return _rejected(state, event)
        case MessageAdded(session_id, message) if not _is_open(state, session_id):
            return _heard_elsewhere(_without_pending(state, message.id), session_id, message)
        case PresenceChanged() | TypingChanged() | ColleaguesChanged():
            return replace(state, presence=told(state.presence, event))
        case DeliveryChanged(_, message, delivery, error):
            return _delivered(state, message, delivery, error, at)
        case MessageAdded(session_id) | MessageChanged(session_id) | MessageRemoved(session_id):
            return reduce_conversation(state, session_id, event, at)


def reduce_conversation(state: Inbox, session_id: SessionId, event: ChatEvent, at: int) -> Inbox:
    """What an event of a conversation's stream makes of the state.

    A stream that outlives its conversation by a moment changes nothing but what concerns replies.

    Args:
        state: Before it.
        session_id: Which conversation's stream.
        event: What was heard.
        at: When, in ms since the epoch.
    """
    if isinstance(event, DeliveryChanged):
        return _delivered(state, event.message, event.delivery, event.error, at)
    conversation = state.conversation
    if conversation is None or conversation.id != session_id:
        return state
    match event:
        case MessageAdded(_, OutgoingMessage(delivery="queued" | "sent" | "held" | "failed")):
            return state  # one's own is a pending line until it is stored
        case MessageAdded(_, message) | MessageChanged(_, message):
            return _with_message(state, message)
        case MessageRemoved(_, message):
            left = tuple(one for one in conversation.messages if one.id != message.id)
            return replace(state, conversation=replace(conversation, messages=left))
        case ConnectionChanged():
            return replace(state, conversation=replace(conversation, connection=event))
        case SessionChanged(session) | SessionAdded(session):
            return replace(state, conversation=replace(conversation, session=session))
        case PresenceChanged() | TypingChanged() | ColleaguesChanged():
            return replace(state, presence=told(state.presence, event))
        case SessionRemoved():
            return noticed(state, "This conversation was deleted", is_error=True)
        case RecordRejected():
            return _rejected(state, event)


def reply_handed_over(state: Inbox, ticket: int, message: OutgoingMessage, at: int) -> Inbox:
    """The outbox has a reply; from now on its deliveries tell what becomes of it.

    Args:
        state: Before it.
        ticket: Which reply.
        message: What was handed over.
        at: When, in ms since the epoch.
    """
    pending = tuple(
        one.became(message, "queued", None, at) if one.ticket == ticket else one
        for one in state.pending
    )
    state = replace(state, pending=pending)
    return _delivered(state, message, message.delivery, message.error, at)


def reply_taken_back(state: Inbox, ticket: int) -> Inbox:
    """A reply is a draft again, before what was written since."""
    reply = next((one for one in state.pending if one.ticket == ticket), None)
    if reply is None:
        return state
    left = tuple(one for one in state.pending if one.ticket != ticket)
    return _drafted(replace(state, pending=left), reply.session_id, reply.text)


def reply_failed(state: Inbox, ticket: int, reason: str) -> Inbox:
    """A reply was not stored; it stays where it was written, and the reason is told."""
    reply = next((one for one in state.pending if one.ticket == ticket), None)
    if reply is None:
        return state
    failure = Failed(ticket, reply.session_id, reply.text, reason, reply.message_id)
    state = replace(
        state,
        pending=tuple(one for one in state.pending if one is not reply),
        failed=tuple(sorted((*state.failed, failure), key=lambda one: one.ticket)),
    )
    whom = "" if _is_open(state, reply.session_id) else f" to {_name_of(state, reply.session_id)}"
    return noticed(state, f"Not sent{whom}: {reason}", is_error=True)


def failure_settled(state: Inbox, ticket: int, *, as_draft: bool) -> Inbox:
    """Somebody decided about a reply that was not stored: it is a draft again, or gone."""
    failure = next((one for one in state.failed if one.ticket == ticket), None)
    if failure is None:
        return state
    left = tuple(one for one in state.failed if one is not failure)
    state = replace(state, failed=left)
    return _drafted(state, failure.session_id, failure.text) if as_draft else state


def conversation_failed(state: Inbox, session_id: SessionId, reason: str) -> Inbox:
    """The open conversation's stream ended; what it showed stays, with the reason."""
    if not _is_open(state, session_id):
        return state
    assert state.conversation is not None
    closed = replace(state.conversation, connection=ConnectionChanged("closed", reason))
    return noticed(replace(state, conversation=closed), reason, is_error=True)


def noted(state: Inbox, session_id: SessionId, notes: tuple[Note, ...]) -> Inbox:
    """What the team noted of the open conversation."""
    conversation = state.conversation
    if conversation is None or conversation.id != session_id:
        return state
    return replace(state, conversation=replace(conversation, notes=notes))


def with_older(state: Inbox, session_id: SessionId, page: Sequence[Message]) -> Inbox:
    """A page of the conversation's past was loaded; what the stream has told is newer."""
    conversation = state.conversation
    if conversation is None or conversation.id != session_id:
        return state
    known = {one.id: one for one in (*page, *conversation.messages)}
    ordered = tuple(sorted(known.values(), key=message_place))
    return replace(state, conversation=replace(conversation, messages=ordered))


def _drafted(state: Inbox, session_id: SessionId, text: str) -> Inbox:
    """Put ``text`` before what is being written."""
    draft = state.drafts.get(session_id, "")
    return state.with_draft(session_id, f"{text}\n{draft}" if draft else text)


def _is_open(state: Inbox, session_id: SessionId) -> bool:
    return state.conversation is not None and state.conversation.id == session_id


def _with_session(state: Inbox, session: Session) -> Inbox:
    state = replace(state, sessions={**state.sessions, session.id: session})
    if state.conversation is not None and state.conversation.id == session.id:
        state = replace(state, conversation=replace(state.conversation, session=session))
    return state


def _with_message(state: Inbox, message: Message) -> Inbox:
    """Add or replace a message of the open conversation; it takes its own pending line's place."""
    state = _without_pending(state, message.id)
    conversation = state.conversation
    assert conversation is not None
    known: dict[MessageId, Message] = {one.id: one for one in conversation.messages}
    known[message.id] = message
    ordered = tuple(sorted(known.values(), key=message_place))
    return replace(state, conversation=replace(conversation, messages=ordered))


def _with_confirmed(state: Inbox, message: OutgoingMessage) -> Inbox:
    """Add a reply that is stored, until the stream brings it with its stamp: at the end."""
    assert state.conversation is not None
    messages = state.conversation.messages
    if any(one.id == message.id for one in messages):
        return _without_pending(state, message.id)
    if messages and message.timestamp < messages[-1].timestamp:
        message = message.model_copy(update={"timestamp": messages[-1].timestamp})
    return _with_message(state, message)


def _without_pending(state: Inbox, message_id: MessageId) -> Inbox:
    return replace(
        state, pending=tuple(one for one in state.pending if one.message_id != message_id)
    )


def _delivered(
    state: Inbox,
    message: OutgoingMessage,
    delivery: Delivery,
    error: ImbariError | None,
    at: int,
) -> Inbox:
    """A reply got further. Of one that is not on its way any more everything is known."""
    reply = next((one for one in state.pending if one.message_id == message.id), None)
    if reply is None:
        return state
    match delivery:
        case "confirmed":
            if _is_open(state, reply.session_id):
                return _with_confirmed(state, message)
            return _without_pending(state, message.id)
        case "failed":
            return reply_failed(state, reply.ticket, "" if error is None else in_words(error))
        case "queued" | "sent" | "held":
            further = reply.became(message, delivery, message.error, at)
            pending = tuple(further if one is reply else one for one in state.pending)
            return replace(state, pending=pending)


def _name_of(state: Inbox, session_id: SessionId) -> str:
    session = state.sessions.get(session_id)
    return session_id if session is None else customer_label(session)


def _heard_elsewhere(state: Inbox, session_id: SessionId, message: Message) -> Inbox:
    session = state.sessions.get(session_id)
    if session is None or message.sender == "admin":
        return state
    return noticed(state, f"{customer_label(session)}: {message.text}")


def _rejected(state: Inbox, event: RecordRejected) -> Inbox:
    reasons = "; ".join(event.reasons)
    return noticed(state, f"A stored record does not fit: {event.path}: {reasons}", is_error=True)
