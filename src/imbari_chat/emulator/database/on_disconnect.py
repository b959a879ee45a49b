"""What a connection wants written when it has ended.

Kept as the SDKs keep it, a sparse tree: a place that is set holds everything at and below it, so
no two places that are kept contain one another. Setting or cancelling something below a place that
holds an object changes or splits that object; the siblings stay.

    set  /p  {a, b}     then  set /p/a  c         /p  {a: c, b}
    set  /p  {a, b}     then  cancel /p/a         /p/b  b, and /p/a is left as it is
    set  /p  7          then  cancel /p/a         /p  7
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from typing import Final

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.updates import PRIORITY

__all__ = ["OnDisconnect", "Parting"]

_SPECIAL: Final = frozenset({".value", ".sv"})


@dataclass(frozen=True, slots=True)
class Parting:
    """Writes that were asked for together, and by whom."""

    values: Mapping[Path, Json]
    who: Caller

    @property
    def write(self) -> Write:
        """All of them as one."""
        if len(self.values) == 1:
            ((path, value),) = self.values.items()
            return Write.put(path, value)
        return Write(ROOT, dict(self.values), merge=True)


@dataclass(slots=True)
class _Entry:
    value: Json
    who: Caller
    batch: int
    size: int


@dataclass(slots=True, eq=False)
class _Place:
    """A place that is kept, or one on the way to such places."""

    entry: _Entry | None = None
    below: dict[str, "_Place"] = field(default_factory=dict)

    def entries(self, at: Path) -> Iterator[tuple[Path, _Entry]]:
        """What is kept here and below, this place being ``at``."""
        if self.entry is not None:
            yield at, self.entry
        for key, place in self.below.items():
            yield from place.entries(Path((*at, key)))


class OnDisconnect:
    """The store of one connection.

    Whatever is kept already, to set or to cancel takes as long as what it sets or cancels is large.

    Args:
        bound: Bytes that it may hold.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._top = _Place()
        self._size = 0
        self._batches = count()

    def put(self, values: Mapping[Path, Json], who: Caller, size: int) -> None:
        """Set every place of ``values``, none of which contains another.

        Args:
            values: They are the store's from now on, and may be changed by it.
            who: Whose rules apply when the time has come.
            size: Bytes of all values.

        Raises:
            InvalidData: There is no room for them.
        """
        if self._size + size > self._bound:
            raise InvalidData(f"onDisconnect of one connection has at most {self._bound} bytes")
        batch, share = next(self._batches), size // max(1, len(values)) + 1
        for path, value in values.items():
            self._put(path, _Entry(value, who, batch, share))

    def cancel(self, path: Path) -> None:
        """Forget everything at and below ``path``, and cut it out of what is kept above it."""
        place, way = self._top, list[tuple[_Place, str]]()
        for key in path:
            if place.entry is not None and not self._split(place.entry, place):
                return
            if key not in place.below:
                break
            way.append((place, key))
            place = place.below[key]
        else:
            self._clear(place)
        for above, key in reversed(way):
            if above.below[key].below:
                break
            del above.below[key]

    def partings(self) -> list[Parting]:
        """What is kept, in the order of paths, each with what was asked for at the same time."""
        rows = sorted(self._top.entries(ROOT), key=lambda row: row[1].batch)
        found = []
        for _, batch in groupby(rows, key=lambda row: row[1].batch):
            entries = dict(sorted(batch, key=lambda row: row[0]))
            who = next(iter(entries.values())).who
            found.append(Parting({path: each.value for path, each in entries.items()}, who))
        return sorted(found, key=lambda parting: next(iter(parting.values)))

    def _put(self, path: Path, entry: _Entry) -> None:
        self._size += entry.size
        place = self._top
        for depth, key in enumerate(path):
            kept = place.entry
            # What others asked for stays theirs.
            if kept is not None and (kept.who == entry.who or not self._split(kept, place)):
                kept.value = _with(kept.value, Path(path[depth:]), entry.value)
                kept.size += entry.size
                return
            place = place.below.setdefault(key, _Place())
        self._clear(place)
        place.entry = entry

    def _clear(self, place: _Place) -> None:
        self._size -= sum(entry.size for _, entry in place.entries(ROOT))
        place.entry = None
        place.below.clear()

    def _split(self, entry: _Entry, place: _Place) -> bool:
        """Keep the children of an object in its stead; False if it is none."""
        children = dict(_children(entry.value))
        if not children:
            return False
        size = entry.size // len(children) + 1
        self._size += size * len(children) - entry.size
        place.entry = None
        for key, value in children.items():
            place.below[key] = _Place(replace(entry, value=value, size=size))
        return True


def _children(value: Json) -> Iterator[tuple[str, Json]]:
    """The children of an object or list; a priority is none, and goes when it is split."""
    if isinstance(value, list):
        yield from ((str(index), item) for index, item in enumerate(value) if item is not None)
    elif isinstance(value, dict) and not _SPECIAL & value.keys():
        yield from ((key, item) for key, item in value.items() if key != PRIORITY)


def _with(value: Json, path: Path, new: Json) -> Json:
    """``value`` with ``new`` in it: an object is changed, what is none becomes one."""
    if not path:
        return new
    key, rest = path[0], Path(path[1:])
    if key == PRIORITY and (not isinstance(value, dict | list) or _is_leaf(value)):
        bare = value[".value"] if isinstance(value, dict) and ".value" in value else value
        return {".value": bare, PRIORITY: new} if not isinstance(bare, dict) else bare | {key: new}
    if not isinstance(value, dict):
        value = dict(_children(value))
    for special in _SPECIAL & value.keys():
        del value[special]
    value[key] = _with(value.get(key), rest, new)
    return value


def _is_leaf(value: Json) -> bool:
    return isinstance(value, dict) and bool(_SPECIAL & value.keys())
