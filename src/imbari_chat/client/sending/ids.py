"""Fresh ids. The website lists a conversation by them, and this machine's clock may be wrong.

So a message's id is made to sort after whatever this client has seen of its conversation: after
the ids as well as after the times, since an id may be ahead of its message's time. An id that is
far ahead of it is junk, which nobody follows, and each conversation has a sequence of its own.

The clock that ids begin with is the server's, as far as it is known.
"""

import secrets
import threading
from collections.abc import Callable
from typing import Final

from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.engine.server_time import Stamp
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import MessageId, NoteId, SessionId
from imbari_chat.wire.pushid import PushIds, is_push_id, timestamp_of

__all__ = ["Ids"]

_FAR: Final = 2**42
"""A time in the year 2109, ms: no clock is wrong by so much, so it is junk."""

_MOST_AHEAD: Final = 24 * 60 * 60 * 1000
"""How far an id may be ahead of its message's time to be followed, ms: as far as the rules put up
with a clock that is ahead."""

_MOST_AWAITED: Final = 100
_MOST_SEEN: Final = 100


class Ids:
    """A maker of ids, to be shared between threads.

    Args:
        latest: The latest moment that the service named, if it has named one.
    """

    def __init__(self, latest: Callable[[], Stamp | None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._latest = latest
        self._stamp: Stamp | None = None
        self._clock = ServerClock()
        self._sessions = _Sequence()
        self._notes = _Sequence()
        self._messages: dict[SessionId, _Sequence] = {}
        self._made: dict[str, int] = {}

    def now(self) -> int:
        """The server's time as far as it is known, ms since the epoch."""
        with self._lock:
            return self._now()

    def local(self) -> int:
        """What this machine's clock shows, ms."""
        return self._clock.local()

    def stamped(self, timestamp: int, *, made: int) -> None:
        """The server stamped a write of one's own that is read back now; see :class:`ServerClock`.

        Args:
            timestamp: The stamp, ms.
            made: When the write was sent, by this machine's clock, ms.
        """
        with self._lock:
            self._clock.stamped(timestamp, made=made, read=self._clock.local())

    def session(self) -> SessionId:
        """An id for a new session."""
        with self._lock:
            return SessionId(self._awaited(self._sessions.next(self._now())))

    def note(self) -> NoteId:
        """An id for a new note."""
        with self._lock:
            return NoteId(self._notes.next(self._now()))

    def message(self, session_id: SessionId) -> MessageId:
        """An id that sorts after every message of this conversation that was made or seen here."""
        with self._lock:
            return MessageId(self._awaited(self._of(session_id).next(self._now())))

    def saw(self, session_id: SessionId, message: Message) -> None:
        """This message is part of the conversation."""
        with self._lock:
            self._of(session_id).follow(message.id, message.timestamp)
            self._was_stamped(message.id, message.timestamp)

    def seen(self, session_id: SessionId) -> frozenset[str]:
        """Ids of the messages of this conversation that were made or seen here last."""
        with self._lock:
            return frozenset(self._of(session_id).seen)

    def saw_session(self, session: Session) -> None:
        """The conversation's last message came at this session's time."""
        with self._lock:
            self._of(session.id).follow_time(session.last_message_time)
            if session.created_at is not None:
                self._was_stamped(session.id, session.created_at)

    def _now(self) -> int:
        stamp = self._latest()
        if stamp is not None and stamp is not self._stamp and 0 < stamp.timestamp < _FAR:
            self._stamp = stamp
            self._clock.stamped(
                stamp.timestamp, made=stamp.made, read=stamp.read, within=stamp.within
            )
        return self._clock.now()

    def _awaited(self, made: str) -> str:
        """Remember when it was made, until the server's stamp is read."""
        self._made[made] = self._clock.local()
        if len(self._made) > _MOST_AWAITED:
            del self._made[next(iter(self._made))]
        return made

    def _was_stamped(self, key: str, timestamp: int) -> None:
        made = self._made.pop(key, None)
        if made is not None:
            self._clock.stamped(timestamp, made=made, read=self._clock.local())

    def _of(self, session_id: SessionId) -> "_Sequence":
        found = self._messages.get(session_id)
        if found is None:
            found = self._messages[session_id] = _Sequence()
        return found


class _Sequence:
    """Ids that only ever grow, and the latest of others' that they have to follow."""

    __slots__ = ("_after", "_latest", "_made", "_push_ids", "seen")

    def __init__(self) -> None:
        self._push_ids = PushIds(lambda: [byte & 63 for byte in secrets.token_bytes(12)])
        self._after: str | None = None
        self._latest = 0
        self._made = ""
        self.seen: dict[str, None] = {}
        """In the order in which they were seen."""

    def follow(self, key: str, timestamp: int) -> None:
        self._know(key)
        self.follow_time(timestamp)
        if key <= self._made or (self._after is not None and key <= self._after):
            return
        whole = _whole(key)
        if is_push_id(whole) and timestamp_of(whole) <= min(timestamp + _MOST_AHEAD, _FAR):
            self._after = key

    def follow_time(self, timestamp: int) -> None:
        if timestamp < _FAR:
            self._latest = max(self._latest, timestamp + 1)

    def next(self, now: int) -> str:
        self._latest = max(now, self._latest)
        self._made = self._push_ids.make(self._latest, self._after)
        self._know(self._made)
        return self._made

    def _know(self, key: str) -> None:
        self.seen.pop(key, None)
        self.seen[key] = None
        if len(self.seen) > _MOST_SEEN:
            del self.seen[next(iter(self.seen))]


def _whole(key: str) -> str:
    """The first push id at or after ``key``, as far as time is concerned."""
    return key[:20].ljust(20, "-")
