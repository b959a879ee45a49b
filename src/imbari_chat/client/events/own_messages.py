"""One's own messages among the events of a listener: told at once, settled or taken back.

Theory of operation. A message is told when the outbox takes it, as the :class:`OutgoingMessage`
whose ``delivery`` says where it is. From then on two parties speak of it, and over REST either may
overtake the other: the outbox says what became of it, the stream what the database holds.

    told --the stream brings it---------------------> the stream's
      |  --refused----------------------------------> taken back
      +----confirmed, or given up in doubt--> due ----the stream brings it--> the stream's
                                               +------it never does---------> taken back

What the stream has brought is not told again, and is the stream's: it alone speaks of it from then
on. A listener that has not been given what was there to begin with is told nothing yet: its picture
is not half known, and what one wrote stands in the order in which one wrote it.

What was confirmed meanwhile, and is not in the window, came after it or stands below it: it was
stamped when it arrived, and here is only known when it was written. If that may be below, the
stream says which, by bringing it or by staying silent, and what was written later waits behind it.
Pure; no I/O.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from imbari_chat.schema.events import (
    ChatEvent,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
)
from imbari_chat.schema.models import Message
from imbari_chat.schema.outgoing import OutgoingMessage, was_stamped
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["PATIENCE", "OwnMessages", "Window", "Written"]

PATIENCE: Final = 5.0
"""Seconds after which a stream that is live, and has nothing more to say just now, is not going to
bring a message any more."""

Written: TypeAlias = tuple[SessionId, OutgoingMessage]
"""A message that was written here, and its conversation."""


class Window(Protocol):
    """The messages that a stream shows, told as events or not."""

    @property
    def is_settled(self) -> bool:
        """All that the stream has brought is among them; nothing is still being read."""
        ...

    def holds(self, key: str) -> bool:
        """This one is among them."""
        ...

    def is_below(self, message: Message) -> bool:
        """One that is stamped so is older than all of them, where nobody looks."""
        ...


class OwnMessages:
    """What one listener has been told of messages that were written here.

    Args:
        is_pending: Whether the outbox still sees to a message.
        window: What the stream shows. None for a stream that cannot say so: from that nothing is
            taken back because it is silent.
        earlier: What was on its way before.
    """

    __slots__ = ("_brought", "_due", "_has_begun", "_is_pending", "_told", "_waiting", "_window")

    def __init__(
        self,
        is_pending: Callable[[MessageId], bool],
        window: Window | None = None,
        *,
        earlier: Iterable[Written] = (),
    ) -> None:
        self._is_pending = is_pending
        self._window = window
        self._has_begun = False
        self._waiting: dict[MessageId, Written] = {one[1].id: one for one in earlier}
        self._told: dict[MessageId, Written] = {}
        self._due: dict[MessageId, float] = {}
        # A dict: mostly it is empty, and then a set is three times its size.
        self._brought: dict[MessageId, None] = {}

    @property
    def due_since(self) -> float | None:
        """For how long the stream has been expected to bring something; None if it is not."""
        return min(self._due.values(), default=None)

    def delivered(self, event: DeliveryChanged, now: float) -> list[ChatEvent]:
        """A delivery changed; gives what is to be told, that event among it.

        Args:
            event: What is told of it.
            now: Seconds of any clock that is always the same and never goes back.
        """
        key = event.message.id
        if event.delivery == "failed":
            return [*self._take_back([key]), event]
        events = self._tell((event.session_id, event.message))
        if not self._is_pending(key):
            if key in self._told:
                self._due.setdefault(key, now)
            self._brought.pop(key, None)
        return [*events, event]

    def heard(self, event: MessageAdded) -> list[ChatEvent]:
        """The stream brings a message; gives what is to be told."""
        key = event.message.id
        if self._is_pending(key):
            self._brought[key] = None
        self._due.pop(key, None)
        if key in self._waiting:
            self._arrived(event.session_id, key)
        told = self._told.pop(key, None)
        if told is not None:
            was_stamped(told[1], event.message.timestamp)
        return [event] if told is None else []

    def silent(self, now: float) -> list[ChatEvent]:
        """The stream is live and has nothing more to say just now; gives what is taken back.

        That is what it has not brought for :data:`PATIENCE`, and what does not stand below its
        window. Whoever deleted a message before the stream could show it leaves no other trace.
        """
        window = self._window
        if window is not None and not window.is_settled:
            return []  # it has more to say, and is finding out what
        late = [key for key, since in self._due.items() if since + PATIENCE <= now]
        for key in late:
            del self._due[key]
        if window is None:
            return []  # it may still bring what has been told, which is then not told again
        gone = [
            key
            for key in late
            if key not in self._told or not self._is_there(self._told[key][1], window)
        ]
        return [*self._take_back(gone), *self.go_on(now)]  # what only waits stands below

    def go_on(self, now: float) -> list[ChatEvent]:
        """All that the window holds has been given; gives what is to be told besides."""
        self._has_begun = True
        events: list[ChatEvent] = []
        for key in self._waiting:
            if not self._is_pending(key):
                self._due.setdefault(key, now)
        while self._waiting:
            key, one = next(iter(self._waiting.items()))
            if key in self._due and self._may_be_below(one[1]):
                break
            del self._waiting[key]
            events += self._show(one)
            if key not in self._told:
                self._due.pop(key, None)
        return events

    def _is_there(self, message: OutgoingMessage, window: Window) -> bool:
        """Whether the window holds it, or it has arrived and may stand below."""
        has_arrived = message.delivery == "confirmed"
        return window.holds(message.id) or (has_arrived and window.is_below(message))

    def _may_be_below(self, message: OutgoingMessage) -> bool:
        """Whether what has arrived may stand where nobody looks; it was stamped after this time."""
        window = self._window
        return window is not None and not window.holds(message.id) and window.is_below(message)

    def _arrived(self, session_id: SessionId, key: MessageId) -> None:
        """The stream brings a message to begin with: those written before it have arrived too."""
        for earlier, (place, _) in list(self._waiting.items()):
            if place == session_id:
                del self._waiting[earlier]
                if self._is_pending(earlier):
                    self._brought[earlier] = None
            if earlier == key:
                return

    def _tell(self, written: Written) -> list[ChatEvent]:
        key = written[1].id
        if key in self._told or key in self._brought:
            return []
        if not self._has_begun or self._waiting:
            self._waiting[key] = written
            return []
        return self._show(written)

    def _show(self, written: Written) -> list[ChatEvent]:
        session_id, message = written
        if self._window is None or not self._window.holds(message.id):
            self._told[message.id] = written
            return [MessageAdded(session_id, message)]
        if self._is_pending(message.id):
            self._brought[message.id] = None
        return []

    def _take_back(self, keys: Sequence[MessageId]) -> list[ChatEvent]:
        for key in keys:
            self._brought.pop(key, None)
            self._due.pop(key, None)
            self._waiting.pop(key, None)
        return [MessageRemoved(*self._told.pop(key)) for key in keys if key in self._told]
