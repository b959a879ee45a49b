"""From values to events: what a window holds now, compared with what was already delivered.

A stream hands over the window's whole value and says which children may have changed. These diffs
turn that into typed events, each change once, and are indifferent to why the value came: a push, a
reconnect or a catch-up read. Pure; no I/O.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from imbari_chat.engine.mirror import children
from imbari_chat.schema import decode
from imbari_chat.schema.decode import last_message_time
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
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json, same

__all__ = ["STEP", "MessageDiff", "SessionDiff", "WindowDiff"]

STEP: Final = 200
"""Records read in one go: a few milliseconds' worth."""


class WindowDiff(Protocol):
    """What follows a window."""

    @property
    def limit(self) -> int:
        """How many records the window holds."""

    def has_gap(self, value: Json) -> bool:
        """True if a full window shares nothing with what was delivered: some went by unseen."""

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""

    def updates(
        self, value: Json, touched: frozenset[str] | None = None, *, at_most: int = STEP
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed since the last call, in order.

        It comes in steps, so that whoever has other things to do can do them in between; a step
        without events is an empty list. All of them have to be taken before the next call.

        Args:
            value: The window.
            touched: The children that may differ from before, or None if any may.
            at_most: How many records one step looks at.
        """

    def update(self, value: Json, touched: frozenset[str] | None = None) -> list[ChatEvent]:
        """All that :meth:`updates` gives, at once."""


class _Window(ABC):
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

    @abstractmethod
    def updates(
        self, value: Json, touched: frozenset[str] | None = None, *, at_most: int = STEP
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed, in steps."""

    def update(self, value: Json, touched: frozenset[str] | None = None) -> list[ChatEvent]:
        """The window is now ``value``; returns what changed."""
        return [event for step in self.updates(value, touched) for event in step]

    def _steps(
        self, keys: Sequence[str], after: Mapping[str, Json], at_most: int
    ) -> Iterator[list[str]]:
        """Of the keys those whose record differs, which is taken over, step by step."""
        for begin in range(0, len(keys), at_most):
            known = self._raw
            step = [
                key
                for key in keys[begin : begin + at_most]
                if key not in known or key not in after or not same(known[key], after[key])
            ]
            for key in step:
                if key in after:
                    known[key] = after[key]
                else:
                    known.pop(key, None)
            yield step


class SessionDiff(_Window):
    """The inbox's window: the ``limit`` sessions with the latest messages."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._sessions: dict[str, Session] = {}
        self._window: Mapping[str, Json] = {}
        self._horizon: int | None = 0
        self._window_before: Mapping[str, Json] = {}
        self._horizon_before: int | None = 0

    @property
    def horizon(self) -> int:
        """Sessions the window does not show had their last message no later than this, ms."""
        if self._horizon is None:
            self._horizon = self._horizon_of(self._window)
        return self._horizon

    @property
    def horizon_before(self) -> int:
        """The same for the window before the update that is being given."""
        if self._horizon_before is None:
            self._horizon_before = self._horizon_of(self._window_before)
        return self._horizon_before

    def _horizon_of(self, window: Mapping[str, Json]) -> int:
        if len(window) < self.limit:
            return 0
        shown = [one for one in window.values() if isinstance(one, dict)]
        return min(map(last_message_time, shown), default=0)

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""
        shown = children(value)
        newest = max((last_message_time(item) for item in shown.values()), default=0)
        missed = {
            key: item
            for key, item in children(wider).items()
            if key not in shown and last_message_time(item) <= newest
        }
        return {**missed, **shown}

    def updates(
        self, value: Json, touched: frozenset[str] | None = None, *, at_most: int = STEP
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed, removals first, oldest first."""
        after = children(value)
        gone = sorted((self._raw.keys() if touched is None else touched) - after.keys())
        shown = sorted(after if touched is None else touched & after.keys())
        shown.sort(key=lambda key: last_message_time(after[key]))
        self._window_before, self._horizon_before = self._window, self._horizon
        self._window, self._horizon = after, None
        for step in self._steps(gone, after, at_most):
            removed = [self._sessions.pop(key) for key in step if key in self._sessions]
            yield [SessionRemoved(one, one.last_message_time > self.horizon) for one in removed]
        for step in self._steps(shown, after, at_most):
            yield self._read({key: after[key] for key in step})

    def _read(self, raw: Mapping[str, Json]) -> list[ChatEvent]:
        read = decode.sessions_by_id(raw)
        events: list[ChatEvent] = [*read.rejected]
        known = self._sessions
        for key, session in read.records.items():
            before = known.get(key)
            events.append(
                SessionAdded(session) if before is None else SessionChanged(session, before)
            )
        for rejected in raw.keys() - read.records.keys():
            known.pop(rejected, None)
        known.update(read.records)
        return events


class MessageDiff(_Window):
    """A conversation's window: its last ``limit`` messages.

    Args:
        session_id: The conversation's.
        limit: How many messages the window holds.
        history: How many of the messages that are there at first are given; None for all.
    """

    def __init__(self, session_id: SessionId, limit: int, history: int | None = None) -> None:
        super().__init__(limit)
        self._session_id = session_id
        self._history = history
        self._messages: dict[str, Message] = {}

    def fill(self, value: Json, wider: Json) -> Json:
        """``value`` with what ``wider`` shows of the gap, and nothing newer than ``value``."""
        shown = children(value)
        known, newest = max(self._raw, default=""), max(shown, default="")
        missed = {key: item for key, item in children(wider).items() if known < key <= newest}
        return {**missed, **shown}

    def updates(
        self, value: Json, touched: frozenset[str] | None = None, *, at_most: int = STEP
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed, in the order of the ids.

        A message that comes in at the old end, because one behind it was deleted, is not news;
        one that leaves there, because newer ones came, was not deleted.
        """
        after = children(value)
        keys = sorted(self._raw.keys() | after.keys() if touched is None else touched)
        oldest_known = min(self._raw) if len(self._raw) >= self.limit else ""
        oldest_now = min(after) if len(after) >= self.limit else ""
        if self._history is not None:
            oldest_known = keys[-self._history - 1] if len(keys) > self._history else ""
            self._history = None
        for step in self._steps(keys, after, at_most):
            read = decode.messages_by_id(
                self._session_id, {key: after[key] for key in step if key in after}
            )
            events: list[ChatEvent] = [*read.rejected]
            for key in step:
                known, message = self._messages.pop(key, None), read.records.get(key)
                if message is not None:
                    self._messages[key] = message
                    if known is not None:
                        events.append(MessageChanged(self._session_id, message, known))
                    elif key > oldest_known:
                        events.append(MessageAdded(self._session_id, message))
                elif known is not None and key not in after and key >= oldest_now:
                    events.append(MessageRemoved(self._session_id, known))
            yield events
