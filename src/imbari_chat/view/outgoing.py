"""Messages on their way, and those that got nowhere: what is known of each, and said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import Delivery

__all__ = ["PATIENCE", "SENDING", "Failed", "Pending", "progress"]

SENDING: Final = "sending…"
_OFFLINE: Final = "waits for the network"
_UNANSWERED: Final = "no answer yet"
_BEHIND: Final = "waits for the one before"

PATIENCE: Final = 2000
"""Milliseconds under way after which an answer is late enough to be worth a word."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A message on its way.

    Attributes:
        ticket: Names it between the intent and its outcome.
        session_id: Where it goes.
        text: What it says.
        message_id: Its id, once it has been handed over.
        delivery: Where that is, as far as has been told.
        since: When that was told, in ms since the epoch.
        held_until: Until then it is held back and can be taken back, in ms since the epoch.
        waits_for: What kept it here when it was last queued, in words, if anything did.
    """

    ticket: int
    session_id: SessionId
    text: str
    message_id: MessageId | None = None
    delivery: Delivery = "queued"
    since: int = 0
    held_until: int = 0
    waits_for: str | None = None

    def is_held(self, now: int) -> bool:
        """Whether it can still be taken back."""
        return self.message_id is None and self.held_until > now

    def became(
        self, message: OutgoingMessage, delivery: Delivery, error: ImbariError | None, at: int
    ) -> "Pending":
        """The same, once it is known that it is ``message`` and where that is.

        Args:
            message: What was handed over.
            delivery: Where it is.
            error: What keeps it here, if it is queued.
            at: When this was told, in ms since the epoch.
        """
        return replace(
            self,
            message_id=message.id,
            delivery=delivery,
            since=at,
            # What has just set out, for the tenth time perhaps, may be back in a moment.
            waits_for=_obstacle(error) if delivery == "queued" else self.waits_for,
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """A message that was not stored, until somebody decides what becomes of it.

    Attributes:
        ticket: As of :class:`Pending`.
        session_id: Where it was to go.
        text: What it says.
        reason: Why it was not stored, as it was told.
        message_id: Its id, if it had been handed over.
    """

    ticket: int
    session_id: SessionId
    text: str
    reason: str
    message_id: MessageId | None = None


def progress(pending: Sequence[Pending], *, now: int, online: bool) -> list[str]:
    """What to say of each of one conversation's messages, which go out one after the other.

    Args:
        pending: In the order they were written.
        now: Milliseconds since the epoch.
        online: Whether the connection is live.
    """
    said: list[str] = []
    for one in pending:
        if one.is_held(now):
            said.append(f"sent in {ceil((one.held_until - now) / 1000)} s; Ctrl-T takes it back")
        elif one.delivery == "sent":
            is_late = now - one.since >= PATIENCE
            said.append(_UNANSWERED if is_late else one.waits_for or SENDING)
        elif one.waits_for is not None:
            said.append(one.waits_for)
        elif said:
            said.append(_BEHIND if said[-1] == _UNANSWERED else said[-1])
        else:
            said.append(SENDING if online or one.message_id is not None else _OFFLINE)
    return said


def _obstacle(error: ImbariError | None) -> str | None:
    if error is None:
        return None
    return _OFFLINE if isinstance(error, Unavailable) else f"waits: {error.what}"
