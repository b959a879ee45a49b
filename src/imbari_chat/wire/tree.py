"""The tree: immutable nodes, and JSON at its edges.

A write makes a new tree that shares whatever it did not touch, so the tree before and the tree
after exist side by side: rules compare them, streams diff them, a refused write is simply dropped.

An absent node is :data:`EMPTY`; it never appears among a branch's children.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Final, TypeAlias

from imbari_chat.errors import InvalidData
from imbari_chat.wire.children import flat, replaced, shareable
from imbari_chat.wire.json import Json, Number, Scalar, canonical_number, is_number
from imbari_chat.wire.keys import in_order
from imbari_chat.wire.paths import MAX_DEPTH, ROOT, Path, illegal_in_key

__all__ = [
    "EMPTY",
    "MAX_STRING_BYTES",
    "Branch",
    "Leaf",
    "Node",
    "Priority",
    "from_json",
    "put_all",
]

Priority: TypeAlias = str | int | float | None

MAX_STRING_BYTES = 10 * 1024 * 1024

_SCALAR_WEIGHT = 8
_ROW_WEIGHT = len('"":,')

_ARRAY_INDEX = re.compile(r"(?:0|[1-9][0-9]*)\Z")


class _Node:
    """What leaves and branches share: walking and rewriting along a path."""

    __slots__ = ("priority",)
    priority: Priority

    def child(self, key: str) -> "Node":
        """The child called ``key``, or EMPTY."""
        raise NotImplementedError

    def at(self, path: Iterable[str]) -> "Node":
        """The node at ``path`` below this one, or EMPTY."""
        node: Node = self  # type: ignore[assignment]  # there are exactly two subclasses
        for key in path:
            node = node.child(key)
        return node


class Leaf(_Node):
    """A string, number or boolean, with an optional priority."""

    __slots__ = ("value",)

    def __init__(self, value: Scalar, priority: Priority = None) -> None:
        self.value: Final[Scalar] = value
        self.priority = priority

    exists: Final = True

    @property
    def weight(self) -> int:
        """About as many bytes as its JSON has; see :attr:`Branch.weight`."""
        return len(self.value) + 2 if isinstance(self.value, str) else _SCALAR_WEIGHT

    def child(self, key: str) -> "Node":  # noqa: ARG002  # a leaf has none, whatever the name
        """EMPTY: a leaf has no children."""
        return EMPTY

    def to_json(self, *, export: bool = False) -> Json:
        """The value; with ``export``, wrapped together with its priority if it has one."""
        if export and self.priority is not None:
            return {".priority": self.priority, ".value": self.value}
        return self.value

    def put(self, path: Path, node: "Node") -> "Node":
        """A tree in which ``path`` holds ``node``; writing below a leaf replaces its value.

        The priority stays: it belongs to the place.
        """
        if not path:
            return node
        return EMPTY.put(path, node).with_priority(self.priority) if node.exists else self

    def with_priority(self, priority: Priority) -> "Node":
        return Leaf(self.value, priority)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Leaf):
            return NotImplemented
        return (
            isinstance(self.value, bool) is isinstance(other.value, bool)
            and self.value == other.value
            and self.priority == other.priority
        )

    def __hash__(self) -> int:
        return hash((type(self.value) is bool, self.value, self.priority))

    def __repr__(self) -> str:
        return f"Leaf({self.to_json(export=True)!r})"


class Branch(_Node):
    """Children by key, with an optional priority. Never mutate ``children``.

    What is kept beside them, and in which form they are, changes with what was asked; nothing that
    can be seen from outside does.

    Attributes:
        digest: What :func:`imbari_chat.wire.digest.digest` has found it to be, once it was asked.
            A write leaves it standing on every branch that it does not touch.
    """

    __slots__ = ("_weight", "children", "digest")

    def __init__(
        self,
        children: Mapping[str, "Node"],
        priority: Priority = None,
        weight: int | None = None,
    ) -> None:
        self.children: Mapping[str, Node] = children
        self.priority = priority
        self.digest: str | None = None
        self._weight = weight

    @property
    def weight(self) -> int:
        """About as many bytes as its JSON has, known without writing it.

        A write finds it from what it was before, so that it costs nothing to know of a large tree.
        """
        if self._weight is None:
            self._weight = sum(row_weight(*row) for row in self.children.items())
        return self._weight

    def weight_with(self, changed: Mapping[str, "Node"]) -> int | None:
        """The weight with these children in place of those of their names, if it is known now."""
        if self._weight is None:
            return None
        gone = sum(row_weight(key, self.child(key)) for key in changed)
        return self._weight - gone + sum(row_weight(*row) for row in changed.items())

    @property
    def exists(self) -> bool:
        """False only for EMPTY."""
        return bool(self.children)

    def child(self, key: str) -> "Node":
        """The child called ``key``, or EMPTY."""
        return self.children.get(key, EMPTY)

    def __iter__(self) -> Iterator[str]:
        return iter(self.children)

    def put(self, path: Path, node: "Node") -> "Node":
        """A tree in which ``path`` holds ``node``; parents left empty disappear.

        The cost is one copy of the children of each node on the way, of many but a part.
        """
        if not path:
            return node
        key, rest = path[0], Path(path[1:])
        before = self.child(key)
        after = before.put(rest, node)
        return self if after is before else self.with_children({key: after})

    def with_children(self, changed: Mapping[str, "Node"]) -> "Node":
        """The same with these children in place of those of their names; absent ones go.

        Many children are sorted into pieces for the first write there is, even if that is refused.
        """
        self.children = shareable(self.children)
        gone = [key for key, node in changed.items() if not node.exists]
        children = replaced(self.children, changed, gone)
        if not children:
            return EMPTY
        return Branch(children, self.priority, self.weight_with(changed))

    def with_priority(self, priority: Priority) -> "Node":
        return Branch(self.children, priority, self._weight) if self.children else EMPTY

    def to_json(self, *, export: bool = False) -> Json:
        """Plain JSON, or null when empty.

        An object whose keys look like array indexes, more than half of them present, becomes an
        array, as the service does on every read. ``export`` keeps objects and adds priorities,
        each before what it belongs to. Keys come in order of name.
        """
        if not self.children:
            return None
        if not export:
            length = self._array_length()
            if length:
                return [self.child(str(index)).to_json() for index in range(length)]
        children = flat(self.children)
        value: dict[str, Json] = {
            key: children[key].to_json(export=export) for key in in_order(children)
        }
        if export and self.priority is not None:
            return {".priority": self.priority, **value}
        return value

    def _array_length(self) -> int:
        """The length of the array this branch reads as, or 0."""
        for index, key in enumerate(self.children):
            if key != str(index):
                break
        else:
            return len(self.children)  # a whole array, in its order, as most are
        highest = -1
        limit = 2 * len(self.children)
        for key in self.children:
            if not _ARRAY_INDEX.match(key):
                return 0
            highest = max(highest, int(key))
            if highest >= limit:
                return 0
        return highest + 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Branch):
            return NotImplemented
        return self is other or (
            self.priority == other.priority and self.children == other.children
        )

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # large and compared by content

    def __repr__(self) -> str:
        return f"Branch({self.to_json(export=True)!r})"


Node: TypeAlias = Leaf | Branch

EMPTY: Final = Branch({})


def row_weight(key: str, node: Node) -> int:
    """The weight of a child and its key; nothing for an absent one."""
    return len(key) + _ROW_WEIGHT + node.weight if node.exists else 0


def from_json(value: Json, at: Path = ROOT) -> Node:
    """Read JSON as the service does: nulls and empties vanish, arrays become index keys.

    ``{".value": v, ".priority": p}`` and ``.priority`` beside children carry priorities. Server
    values must have been resolved (see :mod:`imbari_chat.wire.values`).

    Args:
        value: What :func:`imbari_chat.wire.json.parse` gives.
        at: Where it will stand, for the depth limit and for error messages.

    Raises:
        InvalidData: A key, number, string, priority or the depth is not allowed.
    """
    if len(at) > MAX_DEPTH:
        raise _too_deep(at)
    return _read(value, list(at))


def put_all(node: Node, writes: Iterable[tuple[tuple[str, ...], Node]]) -> Node:
    """A tree in which each path holds its node; no path may be at or above another.

    Like one ``put`` after the other, but each node on the way is copied once, however many
    writes pass through it.
    """
    below: dict[str, list[tuple[tuple[str, ...], Node]]] = {}
    for path, new in writes:
        if not path:
            return new
        below.setdefault(path[0], []).append((path[1:], new))
    changed = {}
    for key, rest in below.items():
        before = node.child(key)
        after = put_all(before, rest)
        if after is not before:
            changed[key] = after
    if not changed:
        return node
    branch = node if isinstance(node, Branch) else Branch({}, node.priority)
    return branch.with_children(changed)


def _read(value: Json, trail: list[str]) -> Node:
    """The node of ``value``; ``trail`` is where it stands and comes back as it was."""
    if isinstance(value, str):
        return Leaf(_checked_string(value, trail))
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return Leaf(value)
    if isinstance(value, int | float):
        return Leaf(_checked_number(value, trail))
    if isinstance(value, list):
        rows = zip(map(str, range(len(value))), value, strict=True)
        return _branch(rows, None, trail, are_indexes=True)
    if ".value" not in value and ".priority" not in value:
        return _branch(value.items(), None, trail)
    priority = _checked_priority(value.get(".priority"), trail)
    if ".value" not in value:
        pairs = ((key, item) for key, item in value.items() if key != ".priority")
        return _branch(pairs, priority, trail)
    if value.keys() - {".value", ".priority"}:
        raise InvalidData("'.value' stands alone or with '.priority'", where=str(Path(trail)))
    inner = value[".value"]
    if isinstance(inner, dict | list):
        raise InvalidData("'.value' is a string, number or boolean", where=str(Path(trail)))
    return _read(inner, trail).with_priority(priority)


def _branch(
    pairs: Iterable[tuple[str, Json]],
    priority: Priority,
    trail: list[str],
    *,
    are_indexes: bool = False,
) -> Node:
    children: dict[str, Node] = {}
    weight = 0
    full = len(trail) >= MAX_DEPTH
    for key, item in pairs:
        reason = None if are_indexes else illegal_in_key(key)
        if reason is not None:
            raise InvalidData(f"illegal key {key[:80]!r}: {reason}", where=str(Path(trail)))
        if full:
            raise _too_deep(trail)
        trail.append(key)
        node = _read(item, trail)
        trail.pop()
        if node is not EMPTY:
            children[key] = node
            weight += len(key) + _ROW_WEIGHT + node.weight
    return Branch(children, priority, weight) if children else EMPTY


def _too_deep(trail: Iterable[str]) -> InvalidData:
    return InvalidData(f"data is nested deeper than {MAX_DEPTH} levels", where=str(Path(trail)))


def _checked_string(value: str, trail: Iterable[str]) -> str:
    if len(value) * 4 > MAX_STRING_BYTES and len(value.encode(errors="replace")) > MAX_STRING_BYTES:
        raise InvalidData("a string has at most 10 MiB of UTF-8", where=str(Path(trail)))
    return value


def _checked_number(value: Number, trail: Iterable[str]) -> Number:
    try:
        return canonical_number(value)
    except (ValueError, OverflowError) as error:
        raise InvalidData(str(error), where=str(Path(trail))) from None


def _checked_priority(value: Json, trail: Iterable[str]) -> Priority:
    if value is None or isinstance(value, str):
        return value
    if is_number(value):
        assert isinstance(value, int | float)
        return _checked_number(value, trail)
    raise InvalidData("a priority is null, a number or a string", where=str(Path(trail)))
