"""The live inbox as one value, and what the stream's events make of it.

Nothing here draws, waits or knows the time. Two streams feed it: the inbox's own through
:func:`reduce`, the open conversation's through :func:`reduce_conversation`; both may tell of the
same message, which is shown once. What became of a reply comes in through :func:`reply_sent` and
:func:`reply_failed`. Keys are in :mod:`imbari_chat.view.pressing`.

Strings in the state are as stored; a renderer passes them through
:func:`imbari_chat.view.text.safe_text`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

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
from imbari_chat.schema.models import ADMIN_LABEL, Message, Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.view.composer import Composer

__all__ = [
    "Conversation",
    "Filter",
    "Focus",
    "Inbox",
    "Notice",
    "Pending",
    "author",
    "conversation_failed",
    "customer_label",
    "noticed",
    "reduce",
    "reduce_conversation",
    "reply_failed",
    "reply_sent",
]

Filter: TypeAlias = Literal["all", "active"]
Focus: TypeAlias = Literal["list", "conversation"]

_CONNECTING = ConnectionChanged("connecting")


@dataclass(frozen=True, slots=True)
class Notice:
    """The status line: the last thing that happened, until the next key."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A reply on its way.

    Attributes:
        ticket: Names this reply between the intent and its outcome.
        session_id: Where it goes.
        text: What it says.
    """

    ticket: int
    session_id: SessionId
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The open conversation.

    Attributes:
        session: Its session, also when newer ones have pushed it out of the list.
        peek: Opened for a look: messages stay unread.
        messages: Oldest first.
        connection: The state of its own stream; ``live`` once the history is complete.
        scroll: How many lines are scrolled out below; only a renderer knows the furthest.
    """

    session: Session
    peek: bool = False
    messages: tuple[Message, ...] = ()
    connection: ConnectionChanged = _CONNECTING
    scroll: int = 0

    @property
    def id(self) -> SessionId:
        return self.session.id

    @property
    def has_unread(self) -> bool:
        """True while a message is on screen that is not marked read and should be."""
        return not self.peek and any(message.is_unread for message in self.messages)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything the live inbox shows.

    Attributes:
        sessions: The stream's window, by id.
        connection: The state of the inbox's stream.
        selected: The conversation the selection is on; it stays there when the list moves.
        conversation: The open conversation, if any.
        drafts: What is written and not sent, by conversation.
        pending: Replies on their way, oldest first.
        focus: Where keys go.
        filter: Which sessions the list shows.
        notice: The status line.
        help: Whether the help screen covers everything.
        next_ticket: The next reply's ticket.
    """

    sessions: Mapping[SessionId, Session] = field(default_factory=dict)
    connection: ConnectionChanged = _CONNECTING
    selected: SessionId | None = None
    conversation: Conversation | None = None
    drafts: Mapping[SessionId, Composer] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    focus: Focus = "list"
    filter: Filter = "all"
    notice: Notice | None = None
    help: bool = False
    next_ticket: int = 1

    def listed(self) -> list[Session]:
        """The sessions to list, newest first; equal times in reverse order of id."""
        shown = (
            session
            for session in self.sessions.values()
            if self.filter == "all" or not session.is_resolved
        )
        return sorted(shown, key=lambda one: (one.last_message_time, one.id), reverse=True)

    @property
    def unread(self) -> int:
        """Unread messages over all sessions of the window."""
        return sum(session.unread_count for session in self.sessions.values())

    @property
    def composer(self) -> Composer:
        """What is written in the open conversation."""
        if self.conversation is None:
            return Composer()
        return self.drafts.get(self.conversation.id, Composer())

    def sending(self) -> tuple[Pending, ...]:
        """Replies on their way to the open conversation, oldest first."""
        if self.conversation is None:
            return ()
        return tuple(one for one in self.pending if one.session_id == self.conversation.id)

    def with_draft(self, session_id: SessionId, composer: Composer) -> "Inbox":
        """The state with this draft; an empty one is forgotten."""
        drafts = {key: value for key, value in self.drafts.items() if key != session_id}
        if composer.text:
            drafts[session_id] = composer
        return replace(self, drafts=drafts)

    def keeping_selection(self, before: "Inbox") -> "Inbox":
        """The selection on a listed session: where it was, else at the place it had."""
        ids = [session.id for session in self.listed()]
        if self.selected in ids:
            return self
        if not ids or (self.selected is None and self.connection.state == "connecting"):
            return replace(self, selected=None)
        was = [session.id for session in before.listed()]
        place = was.index(self.selected) if self.selected in was else 0
        return replace(self, selected=ids[min(place, len(ids) - 1)])


def customer_label(session: Session) -> str:
    """The customer's name as stored, or words for a record that has none."""
    return session.customer_name if session.customer_name.strip() else "(no name)"


def author(message: Message, session: Session) -> str:
    """Who a message is signed by: admins as the team, a customer by name."""
    return ADMIN_LABEL if message.sender == "admin" else customer_label(session)


def noticed(state: Inbox, text: str, *, is_error: bool = False) -> Inbox:
    """Put something on the status line."""
    return replace(state, notice=Notice(text, is_error))


def reduce(state: Inbox, event: ChatEvent) -> Inbox:
    """What an event of the inbox's stream makes of the state."""
    after = state
    match event:
        case SessionAdded(session) | SessionChanged(session):
            after = _with_session(state, session)
        case SessionRemoved(session, deleted):
            rest = {key: one for key, one in state.sessions.items() if key != session.id}
            after = replace(state, sessions=rest)
            if deleted and state.conversation is not None and state.conversation.id == session.id:
                after = noticed(after, "This conversation was deleted", is_error=True)
        case ConnectionChanged():
            after = replace(state, connection=event)
        case RecordRejected():
            after = _rejected(state, event)
        case MessageAdded(session_id, message) if _is_open(state, session_id):
            after = _with_message(state, message)
        case MessageAdded(session_id, message):
            after = _heard_elsewhere(state, session_id, message)
        case MessageChanged(session_id) | MessageRemoved(session_id) | DeliveryChanged(session_id):
            after = reduce_conversation(state, session_id, event)
    return after.keeping_selection(state)


def reduce_conversation(state: Inbox, session_id: SessionId, event: ChatEvent) -> Inbox:
    """What an event of a conversation's stream makes of the state.

    A stream that outlives its conversation by a moment changes nothing.
    """
    conversation = state.conversation
    if conversation is None or conversation.id != session_id:
        return state
    match event:
        case MessageAdded(_, message) | MessageChanged(_, message):
            return _with_message(state, message)
        case MessageRemoved(_, message):
            left = tuple(one for one in conversation.messages if one.id != message.id)
            return replace(state, conversation=replace(conversation, messages=left))
        case ConnectionChanged():
            return replace(state, conversation=replace(conversation, connection=event))
        case SessionChanged(session) | SessionAdded(session):
            return replace(state, conversation=replace(conversation, session=session))
        case SessionRemoved():
            return noticed(state, "This conversation was deleted", is_error=True)
        case RecordRejected():
            return _rejected(state, event)
        case DeliveryChanged():
            return state  # pending lines are the shell's, which waits for each reply


def reply_sent(state: Inbox, ticket: int, message: Message) -> Inbox:
    """A reply is stored; it takes the place of its pending line."""
    sent = next((one for one in state.pending if one.ticket == ticket), None)
    state = _without_pending(state, ticket)
    conversation = state.conversation
    if sent is None or conversation is None or conversation.id != sent.session_id:
        return state
    if any(one.id == message.id for one in conversation.messages):
        return state  # the stream's copy has the server's time
    return _with_message(state, message)


def reply_failed(state: Inbox, ticket: int, reason: str) -> Inbox:
    """A reply was not stored; its text returns to the composer, before what was written since.

    If the stream has shown the message meanwhile, it was stored after all and nothing returns.
    """
    failed = next((one for one in state.pending if one.ticket == ticket), None)
    if failed is None:
        return noticed(state, reason, is_error=True)
    draft = state.drafts.get(failed.session_id, Composer())
    text = f"{failed.text}\n{draft.text}" if draft.text else failed.text
    state = _without_pending(state, ticket).with_draft(failed.session_id, Composer.holding(text))
    return noticed(state, f"Not sent: {reason}", is_error=True)


def conversation_failed(state: Inbox, session_id: SessionId, reason: str) -> Inbox:
    """The open conversation's stream ended; what it showed stays, with the reason."""
    if not _is_open(state, session_id):
        return state
    ended = reduce_conversation(state, session_id, ConnectionChanged("closed", reason))
    return noticed(ended, reason, is_error=True)


def _is_open(state: Inbox, session_id: SessionId) -> bool:
    return state.conversation is not None and state.conversation.id == session_id


def _with_session(state: Inbox, session: Session) -> Inbox:
    state = replace(state, sessions={**state.sessions, session.id: session})
    if state.conversation is not None and state.conversation.id == session.id:
        state = replace(state, conversation=replace(state.conversation, session=session))
    return state


def _with_message(state: Inbox, message: Message) -> Inbox:
    """Add or replace a message of the open conversation; a reply's echo settles its pending one."""
    conversation = state.conversation
    if conversation is None:
        return state
    known: dict[MessageId, Message] = {one.id: one for one in conversation.messages}
    is_new = message.id not in known
    known[message.id] = message
    ordered = tuple(sorted(known.values(), key=lambda one: one.id))
    state = replace(state, conversation=replace(conversation, messages=ordered))
    # While the history loads, an old message with the same words is not the echo.
    if is_new and message.sender == "admin" and conversation.connection.state == "live":
        echoed = next((one for one in state.sending() if one.text == message.text), None)
        if echoed is not None:
            return _without_pending(state, echoed.ticket)
    return state


def _without_pending(state: Inbox, ticket: int) -> Inbox:
    return replace(state, pending=tuple(one for one in state.pending if one.ticket != ticket))


def _heard_elsewhere(state: Inbox, session_id: SessionId, message: Message) -> Inbox:
    session = state.sessions.get(session_id)
    if session is None or message.sender == "admin":
        return state
    return noticed(state, f"{customer_label(session)}: {message.text}")


def _rejected(state: Inbox, event: RecordRejected) -> Inbox:
    reasons = "; ".join(event.reasons)
    return noticed(state, f"A stored record does not fit: {event.path}: {reasons}", is_error=True)
