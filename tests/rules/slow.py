"""The rules language a second time, word for word from its description and without any haste.

Nothing here parses, and nothing of the package runs. Trees are plain JSON in the export format.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "BINARY",
    "THING",
    "Expr",
    "Failed",
    "Place",
    "World",
    "children",
    "is_boolean",
    "is_number",
    "is_string",
    "number",
    "read",
    "string",
    "write",
]

Keys: TypeAlias = tuple[str, ...]


class Failed(Exception):
    """An error at run time: it fails the whole expression, whatever stands around it."""


@dataclass(frozen=True)
class Place:
    """A snapshot: a whole tree, and where in it."""

    tree: Any
    keys: Keys

    @property
    def node(self) -> Any:
        node = self.tree
        for key in self.keys:
            node = children(node).get(key)
        return node

    def child(self, path: Any) -> "Place":
        return Place(self.tree, self.keys + tuple(key for key in string(path).split("/") if key))

    def parent(self) -> "Place":
        if not self.keys:
            raise Failed("parent of the root")
        return Place(self.tree, self.keys[:-1])

    def val(self) -> Any:
        return THING if children(self.node) else leaf(self.node)

    def exists(self) -> bool:
        return self.val() is not None

    def priority(self) -> Any:
        return self.node.get(".priority") if isinstance(self.node, dict) else None


class Thing:
    """Something that is not null, and of which nothing else can be known."""

    def __repr__(self) -> str:
        return "THING"


THING = Thing()


def children(node: Any) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        return {}
    return {key: child for key, child in node.items() if not key.startswith(".")}


def leaf(node: Any) -> Any:
    return node.get(".value") if isinstance(node, dict) else node


@dataclass
class World:
    """What an expression can look at, and the names it did look at, in order."""

    variables: Mapping[str, Any]
    log: list[str] = field(default_factory=list)

    def look(self, name: str) -> Any:
        self.log.append(name)
        return self.variables[name]


Run: TypeAlias = Callable[[World], Any]


@dataclass(frozen=True)
class Expr:
    """An expression.

    Attributes:
        text: How it is written.
        run: What it does.
    """

    text: str
    run: Run = field(repr=False)


def is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def is_string(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise Failed("not a string")
    return value


def number(value: Any) -> Any:
    if not is_number(value):
        raise Failed("not a number")
    return value


def equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    for kind in (is_boolean, is_number, is_string):
        if kind(a):
            return kind(b) and bool(a == b)
    return False


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    value = number(value)
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) else str(value)


def add(a: Any, b: Any) -> Any:
    if isinstance(a, str) or isinstance(b, str):
        return text_of(a) + text_of(b)
    return number(a) + number(b)


def divide(a: Any, b: Any) -> Any:
    a, b = number(a), number(b)
    return math.nan if b == 0 else a / b


def remainder(a: Any, b: Any) -> Any:
    a, b = number(a), number(b)
    return math.nan if b == 0 or math.isnan(a) else math.fmod(a, b)


def order(operator: str, a: Any, b: Any) -> bool:
    if not (is_number(a) and is_number(b)) and not (isinstance(a, str) and isinstance(b, str)):
        raise Failed("cannot be ordered")
    return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator])


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": lambda a, b: number(a) - number(b),
    "*": lambda a, b: number(a) * number(b),
    "/": divide,
    "%": remainder,
    "==": equal,
    "===": equal,
    "!=": lambda a, b: not equal(a, b),
    "!==": lambda a, b: not equal(a, b),
    "<": lambda a, b: order("<", a, b),
    "<=": lambda a, b: order("<=", a, b),
    ">": lambda a, b: order(">", a, b),
    ">=": lambda a, b: order(">=", a, b),
}


Rules: TypeAlias = Mapping[str, Any]
"""``.read`` and its like: an :class:`Expr`; a key or ``$k``: more of the same."""


def _descend(rules: Rules | None, key: str) -> Rules | None:
    if rules is None:
        return None
    found: Rules | None = rules[key] if key in rules else rules.get("$k")
    return found


def _true(rule: Expr | None, variables: dict[str, Any]) -> bool:
    try:
        return rule is not None and rule.run(World(variables)) is True
    except Failed:
        return False


def _way(rules: Rules, path: Keys) -> list[tuple[Keys, Rules, dict[str, Any]]]:
    """The places from the root to ``path`` that rules speak of, and what is captured there."""
    found: list[tuple[Keys, Rules, dict[str, Any]]] = []
    here: Rules | None = rules
    captured: dict[str, Any] = {}
    for length_ in range(len(path) + 1):
        if here is None:
            break
        found.append((path[:length_], here, captured))
        if length_ < len(path):
            key = path[length_]
            if key not in here:
                captured = {**captured, "$k": key}
            here = _descend(here, key)
    return found


def read(rules: Rules, path: Keys, root: Any, given: dict[str, Any]) -> bool:
    """For each node from the root to the path: if .read is true there, allow. None: deny."""
    return any(
        _true(here.get(".read"), {**given, **captured, "data": Place(root, at)})
        for at, here, captured in _way(rules, path)
    )


def write(rules: Rules, paths: Sequence[Keys], old: Any, new: Any, given: dict[str, Any]) -> bool:
    """Every path must have a true .write above it, and every .validate that applies must hold."""

    def holds(kind: str, at: Keys, here: Rules, captured: dict[str, Any]) -> bool:
        variables = {**given, **captured, "data": Place(old, at), "newData": Place(new, at)}
        return _true(here.get(kind), variables)

    for path in paths:
        if not any(holds(".write", *place) for place in _way(rules, path)):
            return False
        inside = [(*path, *below) for below in _below(Place(new, path).node)]
        for at in [path[:length_] for length_ in range(len(path))] + inside:
            way = _way(rules, at)
            place, here, captured = way[-1]
            if place != at or ".validate" not in here or not Place(new, at).exists():
                continue
            if not holds(".validate", at, here, captured):
                return False
    return True


def _below(node: Any) -> list[Keys]:
    """Every place in a tree, its top included, relative to that."""
    found: list[Keys] = [()]
    for key, child in children(node).items():
        found.extend((key, *below) for below in _below(child))
    return found
