"""What expressions are about while they run: snapshots, the query, and the marker for objects."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from imbari_chat.rules.syntax import Regex
from imbari_chat.wire.json import Json, is_number
from imbari_chat.wire.query import Bound, Query
from imbari_chat.wire.tree import Leaf, Node

__all__ = [
    "MOST_STEPS",
    "OBJECT",
    "EvaluationError",
    "ObjectMarker",
    "Result",
    "Scope",
    "Snapshot",
    "Steps",
    "Value",
    "Variables",
    "keys_of",
    "query_properties",
]


class EvaluationError(Exception):
    """An expression failed while it ran; it counts as false, whatever stands around it.

    Never leaves the package.
    """


MOST_STEPS: Final = 500_000
"""Of all rules for one request, which is some tenths of a second: a step is a look at one
instruction of a pattern, or at 64 characters of a text."""


class Steps:
    """What the rules for one request may still take.

    Everything else about a rule takes time in proportion to the request. A pattern takes as much
    again for each of its instructions, of which there can be thousands.
    """

    __slots__ = ("left",)

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.left = most

    def spend(self, steps: int) -> None:
        """Take so many.

        Raises:
            EvaluationError: There are not as many left.
        """
        self.left -= steps
        if self.left < 0:
            raise EvaluationError(
                f"the rules for one request may take {MOST_STEPS:,} steps, and this one took the"
                " last: its pattern is too costly for this text"
            )


class ObjectMarker:
    """What ``val()`` gives of a node with children: not null, and nothing else to be known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "{...}"


OBJECT: Final = ObjectMarker()


class Snapshot:
    """A place in a tree. ``parent`` remembers the way that was taken to get there."""

    __slots__ = ("above", "node")

    def __init__(self, node: Node, above: "Snapshot | None" = None) -> None:
        self.node = node
        self.above = above

    def step(self, key: str) -> "Snapshot":
        """The child called ``key``, which need not exist."""
        return Snapshot(self.node.child(key), self)

    def child(self, path: str) -> "Snapshot":
        """What is at ``path``. Any text names a place; most of them hold nothing."""
        if path and "/" not in path:
            return self.step(path)
        snapshot = self
        for key in keys_of(path):
            snapshot = snapshot.step(key)
        return snapshot

    def parent(self) -> "Snapshot":
        """One level up.

        Raises:
            EvaluationError: This is the root.
        """
        if self.above is None:
            raise EvaluationError("the root has no parent")
        return self.above

    def val(self) -> "str | int | float | bool | ObjectMarker | None":
        if isinstance(self.node, Leaf):
            return self.node.value
        return OBJECT if self.node.exists else None

    def exists(self) -> bool:
        return self.node.exists

    def has_child(self, path: str) -> bool:
        return self.child(path).exists()

    def has_children(self) -> bool:
        return self.node.exists and not isinstance(self.node, Leaf)

    def get_priority(self) -> str | int | float | None:
        return self.node.priority

    def is_string(self) -> bool:
        return isinstance(self.node, Leaf) and isinstance(self.node.value, str)

    def is_number(self) -> bool:
        return isinstance(self.node, Leaf) and is_number(self.node.value)

    def is_boolean(self) -> bool:
        return isinstance(self.node, Leaf) and isinstance(self.node.value, bool)


def keys_of(path: str) -> tuple[str, ...]:
    """The keys that a path in a rule names, of which some may be none."""
    return tuple([key for key in path.split("/") if key])


# An object is `auth` or one within it, or `query`.
Value: TypeAlias = "Json | Snapshot | ObjectMarker | Regex | tuple[str, ...]"
Result: TypeAlias = "Value | EvaluationError"
"""What an expression came to, or how it failed."""

Variables: TypeAlias = Mapping[str, Value]


class Scope(dict[str, Value]):
    """Variables, and what the rules that see them may take together.

    Attributes:
        steps: Shared by all rules of one request.
        notes: Which parts of a rule came to what, in the order in which they ended, where somebody
            has them noted.
    """

    __slots__ = ("notes", "steps")

    def __init__(self, variables: Variables, steps: Steps | None = None) -> None:
        super().__init__(variables)
        self.steps = Steps() if steps is None else steps
        self.notes: list[tuple[int, Result]] = []


def query_properties(query: Query | None) -> dict[str, Json]:
    """The members of ``query`` in rules; those that do not apply are false or null."""
    if query is None:
        return _PLAIN_READ
    order = str(query.order_by)
    return {
        "orderByKey": order == "$key",
        "orderByValue": order == "$value",
        "orderByPriority": order == "$priority",
        "orderByChild": None if order.startswith("$") else order,
        **_bounds(query),
        "limitToFirst": None if query.from_end else query.limit,
        "limitToLast": query.limit if query.from_end else None,
    }


def _bounds(query: Query) -> dict[str, Json]:
    """The bounds as rules see them.

    [unsure] that ``equalTo=v`` also fills ``startAt`` and ``endAt``, and that the exclusive
    ``startAfter`` and ``endBefore``, which have no names of their own in rules, count as these.
    """
    return {
        "startAt": _bound(query.start),
        "endAt": _bound(query.end),
        "equalTo": query.equal_value,
    }


def _bound(bound: Bound | None) -> Json:
    return None if bound is None else bound.value


def _plain_read() -> dict[str, Json]:
    """``query`` of a read without one, and of every write."""
    names = ("orderByChild", "startAt", "endAt", "equalTo", "limitToFirst", "limitToLast")
    order = ("orderByKey", "orderByValue", "orderByPriority")
    return {**dict.fromkeys(names), **dict.fromkeys(order, False)}


_PLAIN_READ: Final = _plain_read()
