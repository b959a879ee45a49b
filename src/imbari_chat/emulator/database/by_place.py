"""What concerns which places, found from the places that a commit has changed.

A commit changes a few places, while thousands may listen; asking each would cost what all of them
cost. So whatever is kept here hangs in a tree of its own at the places it concerns, and a commit
goes down that tree along its own paths: what it passes stands above a change, and what hangs below
where it ends stands below one.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Generic, TypeVar

from imbari_chat.wire.paths import Path

__all__ = ["ByPlace"]

T = TypeVar("T")


class ByPlace(Generic[T]):
    """Things by the places that they concern, of which each may have any number."""

    def __init__(self) -> None:
        self._top: _Level[T] = _Level()
        self._serial = count()

    def add(self, path: Path, item: T) -> None:
        """Let ``item`` concern ``path``, too."""
        level = self._top
        for key in path:
            level = level.below.setdefault(key, _Level())
        level.items.setdefault(item, next(self._serial))

    def discard(self, path: Path, item: T) -> None:
        """Let ``item`` not concern ``path`` any more. Doing so twice is fine."""
        way = [self._top]
        for key in path:
            level = way[-1].below.get(key)
            if level is None:
                return
            way.append(level)
        way[-1].items.pop(item, None)
        for level, key in zip(reversed(way[:-1]), reversed(path), strict=True):
            if level.below[key].is_bare:
                del level.below[key]

    def meeting(self, places: Iterable[Path]) -> dict[T, list[Path]]:
        """Whatever concerns one of ``places``, a place above one, or one below.

        Returns:
            Each thing with those of the places that it meets, both in the order they were given.
        """
        found: dict[T, list[Path]] = {}
        order: dict[T, int] = {}
        for place in places:
            for level in self._met(place):
                for item, serial in level.items.items():
                    met = found.setdefault(item, [])
                    if not met or met[-1] is not place:
                        met.append(place)
                    order[item] = min(serial, order.get(item, serial))
        return {item: found[item] for item in sorted(found, key=order.__getitem__)}

    def _met(self, place: Path) -> "Iterator[_Level[T]]":
        level: _Level[T] | None = self._top
        for key in place:
            assert level is not None
            yield level
            level = level.below.get(key)
            if level is None:
                return
        waiting = [level]
        while waiting:
            level = waiting.pop()
            assert level is not None
            yield level
            waiting.extend(level.below.values())


class _Level(Generic[T]):
    """One place: what concerns it, and when that was given; and the places below."""

    __slots__ = ("below", "items")

    def __init__(self) -> None:
        self.items: dict[T, int] = {}
        self.below: dict[str, _Level[T]] = {}

    @property
    def is_bare(self) -> bool:
        return not self.items and not self.below
