"""From values to events: what a window holds now, compared with what was already delivered.

A stream hands over the window's whole value and says which children may have changed. These diffs
turn that into typed events, each change once, and are indifferent to why the value came: a push, a
reconnect or a catch-up read. What is news is what is not known, never what is later. Pure; no I/O.

A window ends at its lowest record, and what happened below it goes by unseen. If that record is
known where it stands, everything since stands above it and is shown, or is of the same millisecond;
if not, there may be a gap between what was delivered and what is shown. :meth:`WindowDiff.gap` says
what to read.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from imbari_chat.client.events.lowest import Lowest
from imbari_chat.collector import unsearched
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
from imbari_chat.schema.order import (
    Place,
    is_ahead,
    latest,
    message_place,
    place_of_message,
    place_of_session,
    time_of,
)
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json, same

__all__ = ["PENDING", "STEP", "Gap", "MessageDiff", "SessionDiff", "WindowDiff"]

PENDING: Final = "$pending"
"""Among a record's fields, if part of it was written here and is not settled. "$" is illegal in
keys, so none that is stored can have it."""

_NONE: Final[frozenset[str]] = frozenset()

_MOST_REMEMBERED: Final = 500
"""Messages that have left a window: some session may name one of them late."""

STEP: Final = 200
"""Records read in one go: a few milliseconds' worth."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the list that has to be read, upwards, before the window is delivered.

    Attributes:
        after: The lowest record that was delivered and its key, from which to read on; None to
            read from the beginning.
        until: Where the window begins, and with it the end of what has to be read; None to read to
            the end of the list, since what stood below the window may have moved up meanwhile.
        shown: The keys that the window shows.
        missing: Records that were delivered and have not been found again yet.
    """

    after: tuple[str, Json] | None
    until: Place | None
    shown: frozenset[str]
    missing: set[str]


class WindowDiff(ABC):
    """The records of a window as they were delivered, by key.

    Args:
        limit: How many records the window holds; may be raised between two windows.
        place: Where a record stands in the list, by its key.
    """

    _records_move: ClassVar[bool]
    """Whether a record's place in the list may change."""

    def __init__(self, limit: int, place: Callable[[str, Json], Place]) -> None:
        self.limit = limit
        self._place = place
        self._raw: dict[str, Json] = {}
        self._places: dict[str, Place] = {}
        self._lowest = Lowest()
        self._looked_at: tuple[Mapping[str, Json], dict[str, Place]] | None = None
        self._floor: str | None = None
        self._edge: Place | None = None
        self._latest: Place = ()
        self._has_begun = False
        self._is_settled = True

    @property
    def has_begun(self) -> bool:
        """Whether a whole window has been delivered."""
        return self._has_begun

    @property
    def is_settled(self) -> bool:
        """Whether all of the window that was looked at last has been delivered."""
        return self._is_settled

    @property
    def is_full(self) -> bool:
        """Whether there may be records below the window that was delivered last."""
        return self._floor is not None

    def holds(self, key: str) -> bool:
        """Whether the window that was delivered last shows this record, as news or not."""
        return key in self._raw

    def gap(self, value: Json, touched: frozenset[str] | None = None) -> Gap | None:
        """What to read before ``value`` is delivered; None if nothing can have gone by unseen.

        Args:
            value: The window.
            touched: The children that may differ from before, or None if any may.
        """
        self._is_settled = False
        window = children(value)
        end = self._end(window, touched) if self._has_begun else None
        if end is None:
            return None
        before, lowest = end
        if self._places.get(lowest) == before and not self._may_hide(before, window, touched):
            return None
        until = None if self._records_move else before
        if self._floor is None:
            return Gap(None, until, frozenset(window), self._raw.keys() - window.keys())
        if before <= self._places[self._floor]:
            return None
        missing = self._raw.keys() - window.keys() - {self._floor}
        lowest_known = (self._floor, _stored(self._raw[self._floor]))
        return Gap(lowest_known, until, frozenset(window), missing)

    def _may_hide(
        self, known: Place, window: Mapping[str, Json], touched: frozenset[str] | None
    ) -> bool:
        """Whether news may stand below a record that is known where it stands.

        Whatever comes later has a later time, or the same and perhaps a lower id: there it may
        stand if no later time was known. A window that was never lost sight of shows it come, if
        only to go at once.
        """
        if touched is not None:
            return any(key not in window and key not in self._raw for key in touched)
        return known[:1] >= self._latest[:1]

    def fill(self, gap: Gap, piece: Mapping[str, Json]) -> list[ChatEvent]:
        """The next records of a gap, upwards: gives what changed among them, in order.

        None of them is in the window, so what was not known before is forgotten again at once, and
        a gap of any length takes no more memory than its pieces.
        """
        raw = {key: one for key, one in piece.items() if key not in gap.shown}
        gap.missing.difference_update(raw)
        known = self._raw.keys() & raw.keys()
        places = _in_order({key: self._place(key, one) for key, one in raw.items()})
        events = self._told(list(places), raw, places)
        for key in raw.keys() - known:
            del self._raw[key], self._places[key]
        return [*events, *self._forgotten(raw.keys() - known)]

    @abstractmethod
    def updates(
        self,
        value: Json,
        touched: frozenset[str] | None = None,
        *,
        gap: Gap | None = None,
        now: int = 0,
        at_most: int = STEP,
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed since the last call, in order.

        It comes in steps, so that whoever has other things to do can do them in between; a step
        without events is an empty list. All of them have to be taken before the next call.

        Args:
            value: The window.
            touched: The children that may differ from before, or None if any may.
            gap: What was read before, if anything had to be.
            now: The server's time, ms.
            at_most: How many records one step looks at.
        """

    def update(
        self, value: Json, touched: frozenset[str] | None = None, *, gap: Gap | None = None
    ) -> list[ChatEvent]:
        """All that :meth:`updates` gives, at once."""
        return [event for step in self.updates(value, touched, gap=gap) for event in step]

    def is_crowded(self, value: Json, now: int, touched: frozenset[str] | None) -> bool:
        """True if more than half of a full window was stamped later than the server's time.

        What is written at its right time then has little room, or none: the window is too small.

        Args:
            value: The window.
            now: The server's time, ms.
            touched: The children that may differ from before, or None if any may. Only they can
                have made it so.
        """
        window = children(value)
        if len(window) < self.limit:
            return False
        highest = next(reversed(self._places_in(window, touched).values()), None)
        if highest is None or not is_ahead(highest, now):
            return False
        ahead = sum(is_ahead(place, now) for place in self._places_in(window, None).values())
        return ahead * 2 > len(window)

    @abstractmethod
    def _read(self, keys: Iterable[str], raw: Mapping[str, Json]) -> list[ChatEvent]:
        """Events for these records, which differ from before; what they were is in the models."""

    @abstractmethod
    def _forgotten(self, keys: Iterable[str]) -> list[ChatEvent]:
        """Forget the models of records outside the window."""

    def _place_of(self, key: str, raw: Json) -> Place:
        """The same as :meth:`_place`, without work if the record is the one that was delivered."""
        known = self._places.get(key)
        return known if known is not None and self._raw[key] is raw else self._place(key, raw)

    def _places_in(
        self, window: Mapping[str, Json], touched: frozenset[str] | None
    ) -> dict[str, Place]:
        """Where the records of a window stand that may differ, in order; all of them if any may.

        A window is looked at several times before it is delivered, so that is remembered.
        """
        if touched is not None:
            shown = touched & window.keys()
            return _in_order({key: self._place_of(key, window[key]) for key in shown})
        if self._looked_at is None or self._looked_at[0] is not window:
            self._looked_at = window, unsearched(self._all_places_in, window)
        return self._looked_at[1]

    def _all_places_in(self, window: Mapping[str, Json]) -> dict[str, Place]:
        place_of = self._place_of if self._raw else self._place
        return _in_order({key: place_of(key, raw) for key, raw in window.items()})

    def _gone(self, window: Mapping[str, Json], touched: frozenset[str] | None) -> list[str]:
        """The records that were delivered and that the window does not show any more."""
        known = self._raw
        return [
            key
            for key in (known if touched is None else touched)
            if key in known and key not in window
        ]

    def _note_latest(self, places: dict[str, Place], now: int) -> None:
        """These, in order, are known from now on. What is ahead of its time says nothing of it."""
        downwards = reversed(places.values())
        timely = next((place for place in downwards if not is_ahead(place, now)), ())
        self._latest = max(self._latest, timely)

    def _told(
        self, keys: Iterable[str], after: Mapping[str, Json], places: Mapping[str, Place]
    ) -> list[ChatEvent]:
        """Take over those of these records that differ; the events for them."""
        known = self._raw
        differing = [key for key in keys if key not in known or not same(known[key], after[key])]
        for key in differing:
            self._places[key] = places[key]
            known[key] = after[key]
        if len(differing) < STEP:
            return self._read(differing, after)
        return unsearched(self._read, differing, after)

    def _end(
        self, window: Mapping[str, Json], touched: frozenset[str] | None
    ) -> tuple[Place, str] | None:
        """The place and key of a window's lowest record; None if it is not full: it shows all.

        Args:
            window: The window.
            touched: The children that may differ from before, or None if any may.
        """
        if len(window) < self.limit:
            self._lowest.forget()
            return None
        if touched is not None:
            return self._lowest.of(window, touched, self._place_of)
        self._lowest.forget()
        lowest, place = next(iter(self._places_in(window, None).items()))
        return place, lowest

    def _settle(self, end: tuple[Place, str] | None) -> None:
        """A window that ends there has been delivered."""
        self._edge, self._floor = (None, None) if end is None else end
        self._has_begun = self._is_settled = True
        self._looked_at = None


class SessionDiff(WindowDiff):
    """The inbox's window: the ``limit`` sessions with the latest messages."""

    _records_move = True

    def __init__(self, limit: int) -> None:
        super().__init__(limit, place_of_session)
        self._sessions: dict[str, Session] = {}

    @property
    def horizon(self) -> int:
        """Sessions that the window did not show had their last message no later than this, ms.

        While an update is being given it is that of the window before.
        """
        return 0 if self._edge is None else time_of(self._edge)

    def updates(
        self,
        value: Json,
        touched: frozenset[str] | None = None,
        *,
        gap: Gap | None = None,
        now: int = 0,
        at_most: int = STEP,
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed, removals first, oldest first."""
        after = children(value)
        gone = sorted(self._gone(after, touched))
        places = self._places_in(after, touched)
        end = self._end(after, touched)
        self._note_latest(places, now)
        for step in _steps(gone, at_most):
            removed: list[ChatEvent] = []
            for key in step:
                place = self._places.pop(key)
                del self._raw[key]
                session = self._sessions.pop(key, None)
                if session is not None:
                    # What moved up while a gap was read has been found again.
                    above = end is None or place > end[0]
                    deleted = above if gap is None else key in gap.missing
                    removed.append(SessionRemoved(session, deleted))
            yield removed
        for step in _steps(list(places), at_most):
            yield self._told(step, after, places)
        self._settle(end)

    def _read(self, keys: Iterable[str], raw: Mapping[str, Json]) -> list[ChatEvent]:
        stored = {key: _stored(raw[key]) for key in keys}
        read = decode.sessions_by_id(stored)
        events: list[ChatEvent] = [*read.rejected]
        known = self._sessions
        for key in keys:
            before, session = known.pop(key, None), read.records.get(key)
            if session is None:
                if before is not None:
                    events.append(SessionRemoved(before, deleted=False))
            else:
                known[key] = session
                events.append(
                    SessionAdded(session)
                    if before is None
                    else SessionChanged(session, before, stored[key] is not raw[key])
                )
        return events

    def _forgotten(self, keys: Iterable[str]) -> list[ChatEvent]:
        left = [self._sessions.pop(key) for key in sorted(keys) if key in self._sessions]
        return [SessionRemoved(session, deleted=False) for session in left]


class MessageDiff(WindowDiff):
    """A conversation's window: its last ``limit`` messages.

    Args:
        session_id: The conversation's.
        limit: How many messages the window holds.
        history: How many of the messages that are there at first are given; None for all.

    Attributes:
        left: Ids of the last messages that the window, or a gap that was read, has shown and that
            the window does not show any more.
    """

    _records_move = False

    def __init__(self, session_id: SessionId, limit: int, history: int | None = None) -> None:
        super().__init__(limit, place_of_message)
        self._session_id = session_id
        self._history = history
        self._messages: dict[str, Message] = {}
        self._old = _NONE
        self.left: dict[str, None] = {}

    def is_below(self, message: Message) -> bool:
        """Whether a message stands below the window that was delivered last."""
        return self._edge is not None and message_place(message) < self._edge

    def may_miss(self, time: float) -> bool:
        """Whether a message stamped so, ms, may stand below the window that was delivered last."""
        return self._edge is not None and time <= time_of(self._edge)

    def updates(
        self,
        value: Json,
        touched: frozenset[str] | None = None,
        *,
        gap: Gap | None = None,
        now: int = 0,
        at_most: int = STEP,
    ) -> Iterator[list[ChatEvent]]:
        """The window is now ``value``; gives what changed, in the order of the conversation.

        A message that comes in at the old end, because one behind it was deleted, is not news;
        one that leaves there, because newer ones came, was not deleted.
        """
        after = children(value)
        places = self._places_in(after, touched)
        gone = {key: self._places[key] for key in self._gone(after, touched)}
        keys = list(_in_order(gone | places) if gone else places)
        end = self._end(after, touched)
        self._note_latest(places, now)
        self._old = self._not_news(places, now)
        lost = _NONE if gap is None else gap.missing
        for step in _steps(keys, at_most):
            events: list[ChatEvent] = []
            shown: list[str] = []
            for key in step:
                if key in after:
                    shown.append(key)
                    continue
                events += self._told(shown, after, places)
                shown = []
                place = self._places.pop(key)
                del self._raw[key]
                message = self._leave(key)
                if message is not None and (end is None or place >= end[0] or key in lost):
                    events.append(MessageRemoved(self._session_id, message))
            yield [*events, *self._told(shown, after, places)]
        self._old = _NONE
        self._settle(end)

    def _not_news(self, places: Mapping[str, Place], now: int) -> frozenset[str]:
        """Which of these keys of the window are old, although nothing is known of them."""
        if not self._has_begun:
            if self._history is None:
                return _NONE
            given = set(latest(list(places.values()), self._history, now))
            return frozenset(key for key, place in places.items() if place not in given)
        edge = self._edge
        return _NONE if edge is None else frozenset(k for k, at in places.items() if at < edge)

    def _read(self, keys: Iterable[str], raw: Mapping[str, Json]) -> list[ChatEvent]:
        stored = {key: _stored(raw[key]) for key in keys}
        read = decode.messages_by_id(self._session_id, stored)
        events: list[ChatEvent] = [*read.rejected]
        for key in keys:
            known, message = self._messages.pop(key, None), read.records.get(key)
            if message is None:
                if known is not None:
                    events.append(MessageRemoved(self._session_id, known))
                continue
            self._messages[key] = message
            if known is not None:
                pending = stored[key] is not raw[key]
                events.append(MessageChanged(self._session_id, message, known, pending))
            elif key not in self._old:
                events.append(MessageAdded(self._session_id, message))
        return events

    def _forgotten(self, keys: Iterable[str]) -> list[ChatEvent]:
        for key in keys:
            self._leave(key)
        return []

    def _leave(self, key: str) -> Message | None:
        """The record is not in the window any more; what it was, if it was a message."""
        self.left.pop(key, None)
        self.left[key] = None
        if len(self.left) > _MOST_REMEMBERED:
            del self.left[next(iter(self.left))]
        return self._messages.pop(key, None)


def _in_order(places: dict[str, Place]) -> dict[str, Place]:
    """The same, lowest first."""
    return {key: places[key] for key in sorted(places, key=places.__getitem__)}


def _stored(record: Json) -> Json:
    """A record as a service could hold it: itself, or without what says that it is pending."""
    if isinstance(record, dict) and PENDING in record:
        return {name: value for name, value in record.items() if name != PENDING}
    return record


def _steps(keys: list[str], at_most: int) -> Iterator[list[str]]:
    for begin in range(0, len(keys), at_most):
        yield keys[begin : begin + at_most]
