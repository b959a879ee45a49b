"""Fresh ids. Ids order a conversation, and this machine's clock may be behind.

So a message's id is made to sort after whatever this client has seen of its conversation. Each
conversation has its own time: one that was stamped with junk moves no other.
"""

import secrets
import threading
import time
from typing import Final

from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.pushid import PushIds

__all__ = ["Ids"]

_END: Final = 64**8 - 1
"""The last time that an id can hold, ms."""


class Ids:
    """A maker of ids, to be shared between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions = _Sequence()
        self._messages: dict[SessionId, _Sequence] = {}

    def session(self) -> SessionId:
        """An id for a new session."""
        with self._lock:
            return SessionId(self._sessions.next())

    def message(self, session_id: SessionId) -> MessageId:
        """An id that sorts after every message of this conversation that was made or seen here."""
        with self._lock:
            return MessageId(self._of(session_id).next())

    def saw(self, session_id: SessionId, timestamp: int) -> None:
        """Something of this conversation was stamped so, ms."""
        with self._lock:
            self._of(session_id).follow(timestamp)

    def _of(self, session_id: SessionId) -> "_Sequence":
        found = self._messages.get(session_id)
        if found is None:
            found = self._messages[session_id] = _Sequence()
        return found


class _Sequence:
    """Ids that only ever grow, and the latest time they have to follow."""

    __slots__ = ("_latest", "_push_ids", "_seen")

    def __init__(self) -> None:
        self._push_ids = PushIds(lambda: [byte & 63 for byte in secrets.token_bytes(12)])
        self._seen = 0
        self._latest = 0

    def follow(self, timestamp: int) -> None:
        if timestamp < _END:
            self._seen = max(self._seen, timestamp)

    def next(self) -> str:
        self._latest = max(time.time_ns() // 1_000_000, self._seen + 1, self._latest)
        return self._push_ids.make(self._latest)
