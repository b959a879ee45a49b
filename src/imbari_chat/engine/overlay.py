"""What was written here and is not settled yet, laid over what the server says.

The log is ordered: each write is carried out on what the writes before it have left, anew whenever
the server says something. Server values are estimated once, when they are written: the server's
echo comes before its acknowledgement, and an increment that were added to the echo would be seen
twice. What others have added meanwhile shows with the acknowledgement.

What is known of a place may be part of it (:class:`Known`): nothing is made up for the rest, so a
write below a child that nobody knows shows nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from imbari_chat.engine.mirror import assign, at, stored
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from imbari_chat.wire.values import resolve

__all__ = ["NOTHING", "Known", "Overlay", "Write"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the value at one place.

    Attributes:
        value: The JSON, priorities included; without the children that are not known.
        keys: The children that are known, present or absent; None if all are.
        is_whole: Whether nothing is missing of what listeners there are to see: all of the place,
            or all that a query lets through.
    """

    value: Json = None
    keys: frozenset[str] | None = frozenset()
    is_whole: bool = False

    @classmethod
    def all_of(cls, value: Json) -> "Known":
        """Everything."""
        return cls(value, None, is_whole=True)

    def knows(self, path: Path) -> bool:
        """Whether ``path``, which is not empty, is one of a child that is known."""
        return self.keys is None or path[0] in self.keys

    def with_value(self, path: Path, value: Json) -> "Known":
        """The same with ``value`` at ``path`` below it, if that can be known."""
        if not path:
            return Known.all_of(value)
        keys = self.keys
        if keys is not None and path[0] not in keys:
            if len(path) > 1:
                return self
            keys |= {path[0]}
        return Known(assign(self.value, path, value), keys, self.is_whole)


NOTHING: Final = Known()


@dataclass(frozen=True, slots=True)
class Write:
    """One write, all of it or nothing.

    Attributes:
        changes: Absolute path to new value, null for nothing; server values have been estimated. A
            path may end with ``.priority``.
        is_visible: Whether it is shown before the server has taken it.
    """

    changes: Mapping[Path, Json]
    is_visible: bool

    @classmethod
    def estimated(
        cls,
        changes: Mapping[Path, Json],
        now: int,
        before: Callable[[Path], Json],
        *,
        visible: bool,
    ) -> "Write":
        """A write with what the server will make of it, as far as that can be told here.

        Args:
            changes: Absolute path to new value, as it is sent; null deletes.
            now: The server's time, as far as it is known, ms since the epoch.
            before: Gives what is seen at a place now; null if nothing is known of it.
            visible: Whether it is shown before the server has taken it.

        Raises:
            InvalidData: A value is not allowed, or what is there does not take it.
        """
        made = {}
        for path, value in changes.items():
            made[path] = stored(resolve(value, from_json(before(path)), now))
        return cls(made, visible)

    def over(self, known: Known, path: Path) -> Known:
        """What it leaves of ``known``, which stands at ``path``."""
        for place, value in self.changes.items():
            if path.contains(place):
                known = known.with_value(place.relative_to(path), value)
            elif place.contains(path):
                known = Known.all_of(at(value, path.relative_to(place)))
        return known


class Overlay:
    """The log of pending writes, in the order in which they were made."""

    def __init__(self) -> None:
        self._writes: dict[int, Write] = {}
        self._next = 0

    def __iter__(self) -> Iterator[Write]:
        return iter(self._writes.values())

    def put(self, write: Write) -> int:
        """Add a write at the end; gives its number, counted from 0."""
        number, self._next = self._next, self._next + 1
        self._writes[number] = write
        return number

    def take(self, number: int) -> Write:
        """Remove a write: it is settled, or refused.

        Raises:
            KeyError: There is none of this number.
        """
        return self._writes.pop(number)

    def over(self, known: Known, path: Path) -> Known:
        """What is known at ``path``, with everything that is to be shown written to it."""
        for write in self:
            if write.is_visible:
                known = write.over(known, path)
        return known
