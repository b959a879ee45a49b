"""From values to events: what a window holds now, compared with what was already delivered.

A stream hands over the window's whole value and says which children may have changed. These feeds
turn that into typed events, each change once, and are indifferent to why the value came: a push, a
reconnect or a catch-up read. Pure; no I/O.
"""

from collections.abc import Iterable
from typing import Protocol

from imbari_chat.engine.mirror import children
from imbari_chat.schema import decode
from imbari_chat.schema.events import (
    ChatEvent,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json, same

__all__ = ["Feed", "MessageFeed", "SessionFeed"]


class Feed(Protocol):
    """What follows a window."""

    @property
    def limit(self) -> int:
        """How many records the window holds."""

    def has_gap(self, value: Json) -> bool:
        """True if a full window shares nothing with what was delivered: some went by unseen."""

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""

    def update(self, value: Json, touched: frozenset[str] | None) -> list[ChatEvent]:
        """The window is now ``value``; returns what changed since the last call, in order."""


class _Window:
    """The raw records delivered so far, by key."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._raw: dict[str, Json] = {}

    def has_gap(self, value: Json) -> bool:
        """True if a full window shares nothing with what was delivered: some went by unseen."""
        window = children(value)
        return (
            bool(self._raw) and len(window) >= self.limit and not window.keys() & self._raw.keys()
        )

    def _replace(self, after: dict[str, Json], touched: frozenset[str] | None) -> list[str]:
        """Take over ``after`` and return the keys that differ from before."""
        keys: Iterable[str] = self._raw.keys() | after.keys() if touched is None else touched
        changed = [key for key in keys if not same(self._raw.get(key), after.get(key))]
        for key in changed:
            if key in after:
                self._raw[key] = after[key]
            else:
                del self._raw[key]
        return sorted(changed)


class SessionFeed(_Window):
    """The inbox's window: the ``limit`` sessions with the latest messages."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._sessions: dict[str, Session] = {}

    @property
    def horizon(self) -> int:
        """Sessions the window does not show had their last message no later than this, ms."""
        if len(self._raw) < self.limit:
            return 0
        return min((one.last_message_time for one in self._sessions.values()), default=0)

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""
        shown = children(value)
        newest = max((_time(item) for item in shown.values()), default=0)
        missed = {
            key: item
            for key, item in children(wider).items()
            if key not in shown and _time(item) <= newest
        }
        return {**missed, **shown}

    def update(self, value: Json, touched: frozenset[str] | None = None) -> list[ChatEvent]:
        """The window is now ``value``; returns what changed, removals first, oldest first."""
        after = children(value)
        events: list[ChatEvent] = []
        changed: list[tuple[int, SessionAdded | SessionChanged]] = []
        removed: list[Session] = []
        for key in self._replace(after, touched):
            known = self._sessions.pop(key, None)
            if key not in after:
                if known is not None:
                    removed.append(known)
                continue
            read = decode.session(SessionId(key), after[key])
            if read.rejected is not None:
                events.append(read.rejected)
            if read.record is None:
                continue
            self._sessions[key] = read.record
            event = SessionChanged(read.record, known) if known else SessionAdded(read.record)
            changed.append((read.record.last_message_time, event))
        horizon = self.horizon
        events.extend(
            SessionRemoved(one, deleted=one.last_message_time > horizon) for one in removed
        )
        events.extend(event for _, event in sorted(changed, key=lambda item: item[0]))
        return events


class MessageFeed(_Window):
    """A conversation's window: its last ``limit`` messages."""

    def __init__(self, session_id: SessionId, limit: int) -> None:
        super().__init__(limit)
        self._session_id = session_id
        self._messages: dict[str, Message] = {}

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""
        shown = children(value)
        known, newest = max(self._raw, default=""), max(shown, default="")
        missed = {key: item for key, item in children(wider).items() if known < key <= newest}
        return {**missed, **shown}

    def update(self, value: Json, touched: frozenset[str] | None = None) -> list[ChatEvent]:
        """The window is now ``value``; returns what changed, in the order of the ids.

        A message that comes in at the old end, because one behind it was deleted, is not news;
        one that leaves there, because newer ones came, was not deleted.
        """
        after = children(value)
        oldest_known = min(self._raw) if len(self._raw) >= self.limit else ""
        oldest_now = min(after) if len(after) >= self.limit else ""
        events: list[ChatEvent] = []
        for key in self._replace(after, touched):
            known = self._messages.pop(key, None)
            if key not in after:
                if known is not None and key >= oldest_now:
                    events.append(MessageRemoved(self._session_id, known))
                continue
            read = decode.message(self._session_id, MessageId(key), after[key])
            if read.rejected is not None:
                events.append(read.rejected)
            if read.record is None:
                continue
            self._messages[key] = read.record
            if known is not None:
                events.append(MessageChanged(self._session_id, read.record, known))
            elif key > oldest_known:
                events.append(MessageAdded(self._session_id, read.record))
        return events


def _time(raw: Json) -> int:
    read = decode.session(SessionId(""), raw)
    return read.record.last_message_time if read.record is not None else 0
