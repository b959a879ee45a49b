"""What the desk knows, as one value. What events make of it is in :mod:`imbari_chat.view.reducer`.

Nothing here draws, waits or knows the time. Strings in the state are as stored; a renderer passes
them through :func:`imbari_chat.view.sanitize.safe_text`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from imbari_chat.schema.events import ConnectionChanged
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Note
from imbari_chat.view.outgoing import SENDING, Failed, Pending, progress

__all__ = ["Conversation", "Inbox", "Notice", "noticed"]

_CONNECTING = ConnectionChanged("connecting")
_NOBODY = PresenceSnapshot()


@dataclass(frozen=True, slots=True)
class Notice:
    """The last thing that happened."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The open conversation.

    Attributes:
        session: Its session, also when newer ones have pushed it out of the list.
        peek: Opened for a look: messages stay unread.
        messages: Oldest first.
        notes: What the team noted of it, oldest first.
        connection: The state of its own stream; ``live`` once the history is complete.
    """

    session: Session
    peek: bool = False
    messages: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()
    connection: ConnectionChanged = _CONNECTING

    @property
    def id(self) -> SessionId:
        return self.session.id


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything the desk has been told, and what is being written.

    Attributes:
        sessions: The stream's window, by id.
        presence: Who is there, who types, and which colleagues have a conversation open.
        connection: The state of the inbox's stream.
        connection_at: When it was told, in ms since the epoch.
        conversation: The open conversation, if any.
        drafts: What is written and not sent, by conversation.
        pending: Replies on their way, oldest first.
        failed: Replies that were not stored, oldest first.
        notice: The last thing that happened, for a while.
        next_ticket: The next reply's ticket.
    """

    sessions: Mapping[SessionId, Session] = field(default_factory=dict)
    presence: PresenceSnapshot = _NOBODY
    connection: ConnectionChanged = _CONNECTING
    connection_at: int = 0
    conversation: Conversation | None = None
    drafts: Mapping[SessionId, str] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    failed: tuple[Failed, ...] = ()
    notice: Notice | None = None
    next_ticket: int = 1

    @property
    def draft(self) -> str:
        """What is written in the open conversation."""
        return "" if self.conversation is None else self.drafts.get(self.conversation.id, "")

    def sending(self) -> tuple[Pending, ...]:
        """Replies on their way to the open conversation, oldest first."""
        if self.conversation is None:
            return ()
        return self._sending_to(self.conversation.id)

    def not_sent(self) -> tuple[Failed, ...]:
        """Replies to the open conversation that were not stored, oldest first."""
        if self.conversation is None:
            return ()
        return tuple(one for one in self.failed if one.session_id == self.conversation.id)

    def progress(self, now: int) -> list[str]:
        """What to say of each reply on its way to the open conversation, oldest first.

        Args:
            now: Milliseconds since the epoch.
        """
        return progress(self.sending(), now=now, online=self.is_online)

    def waiting(self, now: int) -> int:
        """How many replies, to whomever, are on their way for longer than sending takes.

        Args:
            now: Milliseconds since the epoch.
        """
        late = 0
        for session_id in {one.session_id for one in self.pending}:
            sending = self._sending_to(session_id)
            words = progress(sending, now=now, online=self.is_online)
            late += sum(
                said != SENDING and not one.is_held(now)
                for one, said in zip(sending, words, strict=True)
            )
        return late

    @property
    def is_online(self) -> bool:
        """Whether the inbox's stream is live."""
        return self.connection.state == "live"

    def _sending_to(self, session_id: SessionId) -> tuple[Pending, ...]:
        return tuple(one for one in self.pending if one.session_id == session_id)

    def with_draft(self, session_id: SessionId, text: str) -> "Inbox":
        """The state with this draft; an empty one is forgotten."""
        drafts = {key: one for key, one in self.drafts.items() if key != session_id}
        if text:
            drafts[session_id] = text
        return replace(self, drafts=drafts)


def noticed(state: Inbox, text: str, *, is_error: bool = False) -> Inbox:
    """Say that something happened."""
    return replace(state, notice=Notice(text, is_error))
