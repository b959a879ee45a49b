"""What is being written here to records that a listener shows: seen at once, settled or taken back.

Messages have their own way, since nothing is there before them (:mod:`client.events.own_messages`).
What changes a record that is there, a conversation's status and count or that a message was read,
is laid over the window from the moment it is carried out, marked pending.

Theory of operation. Server values are estimated once, when they are laid over, as the official
SDKs do: a sum that were added to the server's echo would be seen twice. Answer and echo come on
different connections, or one before the other, so an answer alone ends nothing:

    laid over --refused----------------------------------------> taken back
       +--answered, or given up in doubt--> due --the window holds it--> the window's
                                             +----it stays silent------> taken back

The window holds a value that is as it was written, or, where the server makes the value, one that
is not what it was. Pure but for its listeners' alarms; no I/O.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from imbari_chat.client.events.diff import PENDING
from imbari_chat.client.events.own_messages import PATIENCE
from imbari_chat.engine.mirror import assign, at, children
from imbari_chat.errors import ImbariError, InvalidData, Unavailable
from imbari_chat.net.transport import Subscription
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.values import resolve

__all__ = ["OwnChanges", "RecordOverlay"]


@dataclass(slots=True)
class _Field:
    """One value of a record as it was written.

    Attributes:
        value: What is shown of it; null if it is deleted.
        before: What the window held, if the server makes the value.
    """

    value: Json
    before: Json
    is_made_there: bool

    def is_held(self, stored: Json) -> bool:
        """Whether the window shows what was written here, or what came after it."""
        if self.is_made_there:
            return not same(stored, self.before)
        return same(stored, self.value)


@dataclass(slots=True)
class _Change:
    """What one update writes to one record.

    Attributes:
        fields: By their path in the record.
        is_due: Whether the window is expected to bring it.
    """

    fields: dict[Path, _Field]
    is_due: bool = False

    def is_held(self, record: Json) -> bool:
        return all(one.is_held(at(record, path)) for path, one in self.fields.items())


class RecordOverlay:
    """What is laid over one listener's window. Pure.

    Args:
        path: Where its records stand.
    """

    __slots__ = ("_changes", "_path", "_records")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, Json] = {}
        self._changes: dict[str, dict[int, _Change]] = {}

    def began(self, number: int, changes: Mapping[Path, Json], now: int) -> frozenset[str]:
        """An update is carried out; gives the records in which it shows.

        Args:
            number: The update's, never used before.
            changes: Absolute path to new value, as it is sent.
            now: The server's time, ms.
        """
        concerned = set()
        for place, value in changes.items():
            if not self._path.contains(place) or len(place) < len(self._path) + 2:
                continue  # elsewhere, or a whole record: not a change of one
            key, *field = place.relative_to(self._path)
            record = self._records.get(key)
            if isinstance(record, dict):
                shown = self._over(key, record)
                made = _estimate(value, at(shown, field), now)
                change = self._changes.setdefault(key, {}).setdefault(number, _Change({}))
                change.fields[Path(field)] = _Field(made, at(record, field), made is not value)
                concerned.add(key)
        return frozenset(concerned)

    def answered(self, number: int) -> frozenset[str]:
        """It was carried out, or may have been: gives the records in which it shows, or did."""
        concerned = set()
        for key, changes in self._changes.items():
            if number in changes:
                changes[number].is_due = True
                concerned.add(key)
        return frozenset(concerned)

    def refused(self, number: int) -> frozenset[str]:
        """It was not, or the window stays silent; gives the records in which it showed."""
        return frozenset(
            key for key, one in self._changes.items() if one.pop(number, None) is not None
        )

    def over(
        self, value: Json, touched: frozenset[str] | None
    ) -> tuple[Json, frozenset[str] | None]:
        """What a listener is to see of a window, and which of its children may differ from before.

        Args:
            value: The window.
            touched: The children that may differ from before, or None if any may.
        """
        self._records = children(value)
        if not self._changes:
            return value, touched
        laid = {}
        before, self._changes = self._changes, {}
        for key, changes in before.items():
            record = self._records.get(key)
            if not isinstance(record, dict):
                continue  # deleted, or no longer shown
            # What the window holds is the window's.
            left = {
                number: one
                for number, one in changes.items()
                if not (one.is_due and one.is_held(record))
            }
            if left:
                self._changes[key] = left
            laid[key] = self._over(key, record)
        return {**self._records, **laid}, None if touched is None else touched | laid.keys()

    def _over(self, key: str, record: Json) -> Json:
        changes = self._changes.get(key)
        if not changes:
            return record
        for change in changes.values():
            for path, field in change.fields.items():
                record = assign(record, path, field.value)
        return assign(record, (PENDING,), True)


def _estimate(value: Json, shown: Json, now: int) -> Json:
    """What the server will make of a value, as far as that can be told here."""
    try:
        made = resolve(value, from_json(shown), now)
    except InvalidData:
        return shown  # what is stored cannot take a sum; the service says so
    if made is not value and isinstance(made, int | float):
        return max(made, 0)  # a window that is behind may show less than what is subtracted
    return made


class _Listener:
    """A window with its overlay, and the alarms of what it is expected to bring."""

    __slots__ = ("_alarms", "_among", "_subscription", "overlay")

    def __init__(
        self, overlay: RecordOverlay, subscription: Subscription, among: "list[_Listener]"
    ) -> None:
        self.overlay: Final = overlay
        self._subscription = subscription
        self._among = among
        self._alarms: dict[int, asyncio.TimerHandle] = {}

    def __enter__(self) -> RecordOverlay:
        self._among.append(self)
        return self.overlay

    def __exit__(self, *_: object) -> None:
        """Nobody listens any more."""
        self._among.remove(self)
        for alarm in self._alarms.values():
            alarm.cancel()

    def show(self, concerned: frozenset[str]) -> None:
        """These records look another way now."""
        if concerned:
            self._subscription.again(concerned)

    def answered(self, number: int) -> None:
        """An update was carried out, or may have been."""
        concerned = self.overlay.answered(number)
        if concerned:
            self._wait(number)
        self.show(concerned)

    def _wait(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._alarms[number] = loop.call_later(PATIENCE, self._silent, number)

    def _silent(self, number: int) -> None:
        del self._alarms[number]
        if self._subscription.state == "live":
            self.show(self.overlay.refused(number))
        else:
            self._wait(number)  # an outage is no answer


class OwnChanges:
    """The updates that one client carries out, and the windows that it shows."""

    def __init__(self) -> None:
        self._listeners: list[_Listener] = []
        self._numbers = count()

    def laid_over(self, path: Path, subscription: Subscription) -> "_Listener":
        """What to lay over a window, as long as it is listened to."""
        return _Listener(RecordOverlay(path), subscription, self._listeners)

    @contextmanager
    def carrying_out(self, changes: Mapping[Path, Json], now: int) -> Iterator[None]:
        """Show an update while it is being carried out, and afterwards what became of it.

        Args:
            changes: Absolute path to new value, as it is sent.
            now: The server's time, ms.
        """
        number = next(self._numbers)
        for listener in self._listeners:
            listener.show(listener.overlay.began(number, changes, now))
        refused = False
        try:
            yield
        except ImbariError as error:
            refused = not (isinstance(error, Unavailable) and error.outcome_unknown)
            raise
        finally:
            for listener in self._listeners:
                if refused:
                    listener.show(listener.overlay.refused(number))
                else:
                    listener.answered(number)
