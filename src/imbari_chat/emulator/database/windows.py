"""What a query sees of a node, without sorting all of it each time.

A large node that is queried gets a ranking: its children in the order of one index, kept in order
write by write. A window is then cut out by bisection, so its cost follows the window, not the node.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from sortedcontainers import SortedList

from imbari_chat.emulator.database.by_place import ByPlace
from imbari_chat.wire.json import Json
from imbari_chat.wire.keys import SortKey
from imbari_chat.wire.order import Index
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import EMPTY, Branch, Node

__all__ = ["Reading", "Windows"]

_Name: TypeAlias = tuple[Path, Index]

_WORTH_RANKING = 100
_RANKINGS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """What a read found.

    Attributes:
        node: Everything at its location.
        window: What its query lets through; None without a query.
    """

    node: Node
    window: Node | None = None

    @property
    def seen(self) -> Node:
        """What the reader gets to see."""
        return self.node if self.window is None else self.window

    @property
    def hollow(self) -> bool:
        """There are children, of which the query lets none through."""
        return not self.seen.exists and isinstance(self.node, Branch) and self.node.exists

    def to_json(self, *, export: bool = False) -> Json:
        """The answer.

        To a query nothing there, or a leaf, is null; children of which none match are ``{}``.
        [unsure]
        """
        return {} if self.hollow else self.seen.to_json(export=export)


class Windows:
    """The windows of one database's queries.

    Args:
        worth_ranking: Nodes with fewer children are sorted when asked.
    """

    def __init__(self, worth_ranking: int = _WORTH_RANKING) -> None:
        self._worth_ranking = worth_ranking
        self._rankings: dict[_Name, _Ranking] = {}
        self._by_place: ByPlace[_Name] = ByPlace()

    def read(self, root: Node, path: Path, query: Query | None) -> Reading:
        """Look at ``path`` through ``query``.

        Args:
            root: The current tree: every commit that led to it has been told here.
        """
        node = root.at(path)
        if query is None:
            return Reading(node)
        if not isinstance(node, Branch) or len(node.children) < self._worth_ranking:
            return Reading(node, query.window(node))
        name = (path, query.order_by)
        ranking = self._rankings.get(name)
        if ranking is None:
            if len(self._rankings) >= _RANKINGS_KEPT:
                self._forget(next(iter(self._rankings)))
            ranking = self._rankings[name] = _Ranking(query.order_by, node)
            self._by_place.add(path, name)
        return Reading(node, ranking.window(query, node))

    def committed(self, places: Iterable[Path], before: Node, after: Node) -> None:
        """Follow a commit that wrote to ``places``."""
        for name, written in self._by_place.meeting(places).items():
            path, _ = name
            depth = len(path)
            if any(len(place) <= depth for place in written):
                self._forget(name)
                continue
            old, new = before.at(path), after.at(path)
            for key in {place[depth] for place in written}:
                self._rankings[name].changed(key, old.child(key), new.child(key))

    def _forget(self, name: _Name) -> None:
        del self._rankings[name]
        self._by_place.discard(name[0], name)


class _Ranking:
    """The children of one node in the order of one index."""

    def __init__(self, index: Index, node: Branch) -> None:
        self._index = index
        self._rows: SortedList[tuple[SortKey, str]] = SortedList(
            (index.sort_key(key, child), key) for key, child in node.children.items()
        )

    def changed(self, key: str, old: Node, new: Node) -> None:
        if old.exists:
            self._rows.remove((self._index.sort_key(key, old), key))
        if new.exists:
            self._rows.add((self._index.sort_key(key, new), key))

    def window(self, query: Query, node: Branch) -> Node:
        first, last = 0, len(self._rows)
        if query.start is not None:
            first = self._first(replace(query, end=None, limit=None), node, admitted=True)
        if query.end is not None:
            last = self._first(replace(query, start=None, limit=None), node, admitted=False)
        if query.limit is not None and query.from_end:
            first = max(first, last - query.limit)
        elif query.limit is not None:
            last = min(last, first + query.limit)
        keys = [key for _, key in self._rows.islice(first, last)] if first < last else []
        return Branch({key: node.children[key] for key in keys}) if keys else EMPTY

    def _first(self, bound: Query, node: Branch, *, admitted: bool) -> int:
        """Where ``bound``, which has one end, begins to admit rows, or ceases to."""

        def reached(position: int) -> bool:
            _, key = self._rows[position]
            return bound.admits(key, node.children[key]) is admitted

        return bisect_left(range(len(self._rows)), True, key=reached)
