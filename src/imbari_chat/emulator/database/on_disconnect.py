"""What a connection wants written when it has ended.

Kept as the SDKs keep it, a sparse tree: a place that is set holds everything at and below it, so
no two places that are kept contain one another. Setting or cancelling something below a place that
holds an object changes or splits that object; the siblings stay.

    set  /p  {a, b}     then  set /p/a  c         /p  {a: c, b}
    set  /p  {a, b}     then  cancel /p/a         /p/b  b, and /p/a is left as it is
    set  /p  7          then  cancel /p/a         /p  7
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Json
    who: Caller
    batch: int
    size: int


class OnDisconnect:
    """The store of one connection.

    Args:
        bound: Bytes that it may hold.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._entries: dict[Path, _Entry] = {}
        self._batches = count()

    def put(self, values: Mapping[Path, Json], who: Caller, size: int) -> None:
        """Set every place of ``values``, none of which contains another.

        Args:
            who: Whose rules apply when the time has come.
            size: Bytes of all values.

        Raises:
            InvalidData: There is no room for them.
        """
        if sum(entry.size for entry in self._entries.values()) + size > self._bound:
            raise InvalidData(f"onDisconnect of one connection has at most {self._bound} bytes")
        batch, share = next(self._batches), size // max(1, len(values)) + 1
        for path, value in values.items():
            self._put(path, _Entry(value, who, batch, share))

    def cancel(self, path: Path) -> None:
        """Forget everything at and below ``path``, and cut it out of what is kept above it."""
        self._drop(path)
        above = self._above(path)
        while above is not None and self._split(above):
            self._drop(path)
            above = self._above(path)

    def partings(self) -> list[Parting]:
        """What is kept, in the order of paths, each with what was asked for at the same time."""
        rows = sorted(self._entries.items(), key=lambda row: row[1].batch)
        found = []
        for _, batch in groupby(rows, key=lambda row: row[1].batch):
            entries = dict(sorted(batch))
            who = next(iter(entries.values())).who
            found.append(Parting({path: each.value for path, each in entries.items()}, who))
        return sorted(found, key=lambda parting: next(iter(parting.values)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _put(self, path: Path, entry: _Entry) -> None:
        self._drop(path)
        above = self._above(path)
        while above is not None and self._entries[above].who != entry.who and self._split(above):
            self._drop(path)  # what others asked for stays theirs
            above = self._above(path)
        if above is None:
            self._entries[path] = entry
            return
        kept = self._entries[above]
        value = _with(kept.value, path.relative_to(above), entry.value)
        self._entries[above] = replace(kept, value=value, size=kept.size + entry.size)

    def _drop(self, path: Path) -> None:
        for place in [each for each in self._entries if path.contains(each)]:
            del self._entries[place]

    def _above(self, path: Path) -> Path | None:
        places = (Path(path[:length]) for length in range(len(path)))
        return next((place for place in places if place in self._entries), None)

    def _split(self, place: Path) -> bool:
        """Keep the children of an object in its stead; False if it is none."""
        entry = self._entries[place]
        children = dict(_children(entry.value))
        if not children:
            return False
        del self._entries[place]
        size = entry.size // len(children) + 1
        for key, value in children.items():
            self._entries[Path((*place, key))] = replace(entry, value=value, size=size)
        return True


def _children(value: Json) -> Iterator[tuple[str, Json]]:
    """The children of an object or list; a priority is none, and goes when it is split."""
    if isinstance(value, list):
        yield from ((str(index), item) for index, item in enumerate(value) if item is not None)
    elif isinstance(value, dict) and not _SPECIAL & value.keys():
        yield from ((key, item) for key, item in value.items() if key != PRIORITY)


def _with(value: Json, path: Path, new: Json) -> Json:
    """``value`` with ``new`` in it; what is no object becomes one."""
    if not path:
        return new
    key, rest = path[0], Path(path[1:])
    if key == PRIORITY and (not isinstance(value, dict | list) or _is_leaf(value)):
        bare = value[".value"] if isinstance(value, dict) and ".value" in value else value
        return {".value": bare, PRIORITY: new} if not isinstance(bare, dict) else bare | {key: new}
    children = dict(_children(value))
    if isinstance(value, dict) and PRIORITY in value:
        children[PRIORITY] = value[PRIORITY]
    return children | {key: _with(children.get(key), rest, new)}


def _is_leaf(value: Json) -> bool:
    return isinstance(value, dict) and bool(_SPECIAL & value.keys())
