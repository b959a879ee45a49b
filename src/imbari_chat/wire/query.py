"""A query: its bounds, and its window over a node. How it is written: see `query_forms`.

The texts of the errors are those of the service, so that the emulator can answer with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Self

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Scalar, canonical_number
from imbari_chat.wire.keys import MAX_KEY, MIN_KEY, SortKey, key_order
from imbari_chat.wire.order import Index, priority_order, value_order
from imbari_chat.wire.paths import Path, illegal_in_key
from imbari_chat.wire.tree import EMPTY, Branch, Leaf, Node

__all__ = ["LIMITS", "Bound", "Query", "equal_and_range", "two_bounds", "two_limits"]

LIMITS: Final = ("limitToFirst", "limitToLast")
"""The names of a limit: of the first children, and of the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """One end of a range.

    Two bounds are equal when they cut at the same place: ``1`` and ``1.0`` are one number, and
    ``True`` is not a number.

    Attributes:
        value: What the index value is compared with; None sorts before everything else.
        key: Decides between children with exactly this value. None stands for all of them.
        inclusive: Whether what equals the bound is inside.

    Raises:
        InvalidData: The value is no JSON primitive, or the key can be no key.
    """

    value: Scalar | None
    key: str | None = None
    inclusive: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.value, str | bool | int | float | None):
            raise InvalidData("Constraint index field must be a JSON primitive")
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            try:
                object.__setattr__(self, "value", canonical_number(self.value))
            except (ValueError, OverflowError):
                raise InvalidData("Constraint index field must be a JSON primitive") from None
        if self.key is None or self.key in (MIN_KEY, MAX_KEY):
            return
        if illegal_in_key(self.key):
            raise InvalidData("Constraint key field must be a valid key name")

    def _identity(self) -> tuple[object, ...]:
        return (isinstance(self.value, bool), self.value, self.key, self.inclusive)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bound):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


@dataclass(frozen=True, slots=True)
class Query:
    """Which children of a node, and in which order. Immutable and hashable.

    Start from :meth:`by_key`, :meth:`by_value`, :meth:`by_priority` or :meth:`by_child`; every
    other method gives a narrower query.

    Attributes:
        order_by: What children are sorted by, before their key.
        start: The lower end of the range, or None.
        end: The upper end of the range, or None.
        limit: At most this many children, or None.
        from_end: With a limit, whether it keeps the last ones rather than the first.

    Raises:
        InvalidData: The limit is not positive, or a bound does not fit the index.
    """

    order_by: Index
    start: Bound | None = None
    end: Bound | None = None
    limit: int | None = None
    from_end: bool = False
    _low: SortKey = field(init=False, repr=False, compare=False)
    _high: SortKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit <= 0:
            raise InvalidData(f"{LIMITS[self.from_end]} must be positive")
        object.__setattr__(self, "_low", _edge(self.order_by, self.start))
        object.__setattr__(self, "_high", _edge(self.order_by, self.end))

    @classmethod
    def by_key(cls) -> Self:
        """Children by their key."""
        return cls(Index("key"))

    @classmethod
    def by_value(cls) -> Self:
        """Children by their own value."""
        return cls(Index("value"))

    @classmethod
    def by_priority(cls) -> Self:
        """Children by their priority."""
        return cls(Index("priority"))

    @classmethod
    def by_child(cls, path: str | Path) -> Self:
        """Children by the value at ``path`` below each.

        Raises:
            InvalidData: The path is empty or not a path.
        """
        where = path if isinstance(path, Path) else Path.parse(path)
        if not where:
            raise InvalidData("orderBy must be a valid JSON encoded path")
        return cls(Index("child", where))

    def start_at(self, value: Scalar | None, key: str | None = None) -> Self:
        """From ``value`` on, itself included. Raises InvalidData if there is a start already."""
        return self._started(Bound(value, key))

    def start_after(self, value: Scalar | None, key: str | None = None) -> Self:
        """After ``value``. Raises InvalidData if there is a start already."""
        return self._started(Bound(value, key, inclusive=False))

    def end_at(self, value: Scalar | None, key: str | None = None) -> Self:
        """Up to ``value``, itself included. Raises InvalidData if there is an end already."""
        return self._ended(Bound(value, key))

    def end_before(self, value: Scalar | None, key: str | None = None) -> Self:
        """Up to before ``value``. Raises InvalidData if there is an end already."""
        return self._ended(Bound(value, key, inclusive=False))

    def equal_to(self, value: Scalar | None, key: str | None = None) -> Self:
        """Exactly ``value``. Raises InvalidData if there is a start or an end already."""
        if self.start or self.end:
            raise equal_and_range()
        bound = Bound(value, key)
        return replace(self, start=bound, end=bound)

    def limit_to_first(self, count: int) -> Self:
        """At most the first ``count``. Raises InvalidData if not positive or limited already."""
        return self._limited(count, from_end=False)

    def limit_to_last(self, count: int) -> Self:
        """At most the last ``count``. Raises InvalidData if not positive or limited already."""
        return self._limited(count, from_end=True)

    @property
    def takes_all(self) -> bool:
        """Whether it only sorts, and lets every child through."""
        return self.start is None and self.end is None and self.limit is None

    @property
    def equal_value(self) -> Scalar | None:
        """The value of ``equalTo``, or of a range that starts and ends at one value."""
        if self.start is not None and self.start.inclusive and self.start == self.end:
            return self.start.value
        return None

    def admits(self, key: str, node: Node) -> bool:
        """True if the child ``node`` called ``key`` is inside the bounds; limits are not asked."""
        if self.start is None and self.end is None:
            return True
        return self._inside(self.order_by.sort_key(key, node))

    def ordered(self, node: Node) -> list[tuple[str, Node]]:
        """The children of ``node`` in the window, in query order."""
        if not isinstance(node, Branch):
            return []
        sort_key = self.order_by.sort_key
        children = node.children
        rows = self.cut((sort_key(key, child), key) for key, child in children.items())
        return [(key, children[key]) for _, key in rows]

    def cut(self, rows: Iterable[tuple[SortKey, str]]) -> list[tuple[SortKey, str]]:
        """Those of these children, each with where it sorts, in the window, in query order."""
        ranked = sorted(row for row in rows if self._inside(row[0]))
        if self.limit is not None:
            ranked = ranked[-self.limit :] if self.from_end else ranked[: self.limit]
        return ranked

    def window(self, node: Node) -> Node:
        """The children of ``node`` in the window, as a node of their own.

        The priority of ``node`` is not part of the answer. A leaf has no window: EMPTY.
        """
        if not isinstance(node, Branch):
            return EMPTY
        if self.limit is not None:
            children = dict(self.ordered(node))
        else:
            children = {k: child for k, child in node.children.items() if self.admits(k, child)}
        return Branch(children) if children else EMPTY

    def _inside(self, place: SortKey) -> bool:
        """An edge without a key is shorter than a place and speaks for every key."""
        if self.start is not None:
            low, probe = self._low, place[: len(self._low)]
            if probe < low or (probe == low and not self.start.inclusive):
                return False
        if self.end is not None:
            high, probe = self._high, place[: len(self._high)]
            if probe > high or (probe == high and not self.end.inclusive):
                return False
        return True

    def _started(self, bound: Bound) -> Self:
        if self.start is not None:
            raise two_bounds("startAt", "startAfter")
        return replace(self, start=bound)

    def _ended(self, bound: Bound) -> Self:
        if self.end is not None:
            raise two_bounds("endAt", "endBefore")
        return replace(self, end=bound)

    def _limited(self, count: int, *, from_end: bool) -> Self:
        if self.limit is not None:
            raise two_limits()
        return replace(self, limit=count, from_end=from_end)


def _edge(index: Index, bound: Bound | None) -> SortKey:
    """A bound as a prefix of the sort keys of ``index``."""
    if bound is None:
        return ()
    if index.kind == "key":
        if not isinstance(bound.value, str):
            raise InvalidData("Provided key index type is invalid, must be string")
        if bound.key is not None:
            raise _key_bound_with_key()
        return (key_order(bound.value),)
    if index.kind == "priority":
        first = _priority_edge(bound.value)
    else:
        first = value_order(EMPTY if bound.value is None else Leaf(bound.value))
    return (first,) if bound.key is None else (first, key_order(bound.key))


def _priority_edge(value: Scalar | None) -> SortKey:
    """No priority is a boolean; such a bound sorts between none and the numbers."""
    return (0, value) if isinstance(value, bool) else priority_order(value)


def equal_and_range() -> InvalidData:
    """``equalTo`` beside another bound."""
    return InvalidData(
        "equalTo cannot be specified in addition to startAfter, startAt, endAt, or endBefore"
    )


def two_limits() -> InvalidData:
    """A limit of the first beside one of the last."""
    return InvalidData("Only one of limitToFirst and limitToLast may be specified")


def two_bounds(first: str, second: str) -> InvalidData:
    """[unsure]: the service's answer to two starts or ends; this is its way of speaking."""
    return InvalidData(f"Only one of {first} and {second} may be specified")


def _key_bound_with_key() -> InvalidData:
    """[unsure]: the service's answer to a second key in an order by key is not known."""
    return InvalidData("Constraint key field must be a valid key name")
