"""The children of a node by name: few as a dict, many in pieces that trees share.

A write makes a new tree, and with it new children of each node on its way. Copying a dict takes
as long as it has rows, which nobody notices of a thousand and everybody of a hundred thousand. So
many rows are kept in pieces, each a dict of the names of one range, and a write copies the piece it
is in and the list of pieces.
"""

from bisect import bisect_right
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import chain
from operator import itemgetter
from typing import ClassVar, Final, TypeVar

__all__ = ["flat", "replaced", "shareable", "unshared"]

V = TypeVar("V")

_DICT: Final = 1024
"""Rows that may be in one dict: its copy costs less than whatever else a write costs."""

_PIECE: Final = 512
"""Rows that may be in one piece. Half as many are in a new one."""


def shareable(rows: Mapping[str, V]) -> Mapping[str, V]:
    """The same rows, in pieces if they are many, so that what is made of them shares most."""
    return _Pieces.of(rows) if len(rows) > _DICT and not isinstance(rows, _Pieces) else rows


def replaced(rows: Mapping[str, V], new: Mapping[str, V], gone: Sequence[str]) -> Mapping[str, V]:
    """Rows with ``new`` ones in place of those of their names, and then without those ``gone``.

    In a dict, rows that were there keep their places; in pieces they come nearly in order of name.

    Args:
        rows: As :func:`shareable` gives them.
    """
    if isinstance(rows, _Pieces):
        return rows.replaced(new, gone)
    copy = {**rows, **new}
    for name in gone:
        copy.pop(name, None)
    return shareable(copy)


def flat(rows: Mapping[str, V]) -> Mapping[str, V]:
    """The same rows as a dict, for whoever asks for nearly all of them by name."""
    return dict(rows.items()) if isinstance(rows, _Pieces) else rows


def unshared(
    one: Mapping[str, V], other: Mapping[str, V]
) -> tuple[Mapping[str, V], Mapping[str, V]]:
    """Each without rows that both have, as far as that is known without comparing rows."""
    if not isinstance(one, _Pieces) or not isinstance(other, _Pieces):
        return one, other
    return one.without(other), other.without(one)


class _Pieces(Mapping[str, V]):
    """Rows in pieces of neighbouring names, which are in any order within.

    Args:
        starts: The name from which on each piece but the first has the rows.
        length: How many rows there are.
    """

    __slots__ = ("_length", "_pieces", "_starts")

    def __init__(self, starts: list[str], pieces: list[dict[str, V]], length: int) -> None:
        self._starts = starts
        self._pieces = pieces
        self._length = length

    @classmethod
    def of(cls, rows: Mapping[str, V]) -> "_Pieces[V]":
        pieces = _cut(rows)
        return cls(_starts(pieces), pieces, len(rows))

    def replaced(self, new: Mapping[str, V], gone: Sequence[str]) -> Mapping[str, V]:
        touched: dict[int, tuple[dict[str, V], list[str]]] = {}
        for name, row in new.items():
            touched.setdefault(self._place(name), ({}, []))[0][name] = row
        for name in gone:
            touched.setdefault(self._place(name), ({}, []))[1].append(name)
        starts, pieces, length = [*self._starts], [*self._pieces], self._length
        for place in sorted(touched, reverse=True):  # the last first: earlier ones stay in place
            added, removed = touched[place]
            piece = {**pieces[place], **added}
            for name in removed:
                piece.pop(name, None)
            length += len(piece) - len(pieces[place])
            if len(piece) > _PIECE:
                cut = _cut(piece)
                pieces[place : place + 1] = cut
                starts[place:place] = _starts(cut)
            elif piece or not starts:
                pieces[place] = piece
            else:
                del pieces[place], starts[max(place - 1, 0)]
        after = _Pieces(starts, pieces, length)
        return after if length > _DICT // 2 else flat(after)

    def without(self, other: "_Pieces[V]") -> dict[str, V]:
        """The rows of those pieces that ``other`` does not have as well."""
        shared = set(map(id, other._pieces))  # noqa: SLF001  # its own class
        rows: dict[str, V] = {}
        for piece in self._pieces:
            if id(piece) not in shared:
                rows.update(piece)
        return rows

    def rows(self) -> Iterator[tuple[str, V]]:
        """Names and rows, piece by piece."""
        return chain.from_iterable([piece.items() for piece in self._pieces])

    def _place(self, name: str) -> int:
        return bisect_right(self._starts, name)

    def __getitem__(self, name: str) -> V:
        return self._pieces[bisect_right(self._starts, name)][name]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._pieces)

    def items(self) -> ItemsView[str, V]:
        return _Items(self)

    def values(self) -> ValuesView[V]:
        return _Values(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        mine, others = unshared(self, other)
        return self._length == len(other) and flat(mine) == flat(others)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by content


class _Items(ItemsView[str, V]):
    _mapping: _Pieces[V]

    def __iter__(self) -> Iterator[tuple[str, V]]:
        return self._mapping.rows()


class _Values(ValuesView[V]):
    _mapping: _Pieces[V]

    def __iter__(self) -> Iterator[V]:
        return map(itemgetter(1), self._mapping.rows())


def _cut(rows: Mapping[str, V]) -> list[dict[str, V]]:
    """Pieces of nearly the same size, of which every one has room for as much again."""
    names = sorted(rows)
    count = max(len(names) * 2 // _PIECE, 1)
    size = -(-len(names) // count)
    cuts = [names[at : at + size] for at in range(0, len(names), size)]
    return [{name: rows[name] for name in cut} for cut in cuts]


def _starts(pieces: list[dict[str, V]]) -> list[str]:
    return [next(iter(piece)) for piece in pieces[1:]]
