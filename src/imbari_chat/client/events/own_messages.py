"""One's own messages among the events of a listener: told at once, settled or taken back.

Theory of operation. A message is told when the outbox takes it, as the :class:`OutgoingMessage`
whose ``delivery`` says where it is. From then on two parties speak of it, and over REST either may
overtake the other: the outbox says what became of it, the stream what the database holds.

    told --the stream brings it---------------------> the stream's
      |  --refused----------------------------------> taken back
      +----confirmed, or given up in doubt--> due ----the stream brings it--> the stream's
                                               +------it stays silent-------> taken back

What the stream has brought is not told again, and is the stream's: it alone speaks of it from then
on. A listener that has not been given what was there to begin with is told nothing yet: its picture
is not half known, and what one wrote stands in the order in which one wrote it. Pure; no I/O.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
)
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["PATIENCE", "OwnMessages", "Written"]

PATIENCE: Final = 5.0
"""Seconds of a live and silent stream after which it is not going to bring a message any more."""

Written: TypeAlias = tuple[SessionId, OutgoingMessage]
"""A message that was written here, and its conversation."""


class OwnMessages:
    """What one listener has been told of messages that were written here.

    Args:
        is_pending: Whether the outbox still sees to a message.
        holds: Whether the stream shows a message, told as an event or not. None for a stream that
            cannot say so: from that nothing is taken back because it is silent.
        earlier: What was on its way before.
    """

    def __init__(
        self,
        is_pending: Callable[[MessageId], bool],
        holds: Callable[[MessageId], bool] | None = None,
        *,
        earlier: Iterable[Written] = (),
    ) -> None:
        self._is_pending = is_pending
        self._holds = holds
        self._has_begun = False
        self._waiting: dict[MessageId, Written] = {one[1].id: one for one in earlier}
        self._told: dict[MessageId, Written] = {}
        self._due: set[MessageId] = set()
        self._brought: set[MessageId] = set()

    @property
    def has_due(self) -> bool:
        """Whether the stream is expected to bring something."""
        return bool(self._due)

    def delivered(self, event: DeliveryChanged) -> list[ChatEvent]:
        """A delivery changed; gives what is to be told, that event among it."""
        key = event.message.id
        if event.delivery == "failed":
            return [*self._take_back([key]), event]
        events = self._tell((event.session_id, event.message))
        if not self._is_pending(key):
            if key in self._told:
                self._due.add(key)
            self._brought.discard(key)
        return [*events, event]

    def heard(self, event: ChatEvent) -> list[ChatEvent]:
        """The stream says something; gives what is to be told."""
        if isinstance(event, ConnectionChanged) and event.state == "live":
            return [*self._begin(), event]
        if not isinstance(event, MessageAdded):
            return [event]
        key = event.message.id
        if self._is_pending(key):
            self._brought.add(key)
        self._due.discard(key)
        self._waiting.pop(key, None)
        told = self._told.pop(key, None)
        if told is not None:
            told[1].was_stamped(event.message.timestamp)
        return [event] if told is None else []

    def silent(self) -> list[ChatEvent]:
        """The stream is live and has said nothing for :data:`PATIENCE`; gives what is taken back.

        Whoever deleted a message before the stream could show it leaves no other trace.
        """
        holds = self._holds
        missing = [key for key in self._due if holds is not None and not holds(key)]
        for key in self._due.difference(missing):
            del self._told[key]
        self._due.clear()
        return self._take_back(missing)

    def _begin(self) -> list[ChatEvent]:
        """What was there to begin with has been given."""
        waiting, self._waiting, self._has_begun = self._waiting, {}, True
        events = [told for one in waiting.values() for told in self._tell(one)]
        self._due.update(key for key in waiting if not self._is_pending(key) and key in self._told)
        return events

    def _tell(self, written: Written) -> list[ChatEvent]:
        session_id, message = written
        if message.id in self._told or message.id in self._brought:
            return []
        if not self._has_begun:
            self._waiting[message.id] = written
        elif self._holds is None or not self._holds(message.id):
            self._told[message.id] = written
            return [MessageAdded(session_id, message)]
        elif self._is_pending(message.id):
            self._brought.add(message.id)
        return []

    def _take_back(self, keys: Sequence[MessageId]) -> list[ChatEvent]:
        self._due.difference_update(keys)
        self._brought.difference_update(keys)
        for key in keys:
            self._waiting.pop(key, None)
        return [MessageRemoved(*self._told.pop(key)) for key in keys if key in self._told]
