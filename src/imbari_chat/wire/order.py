"""How values and priorities sort, and what a query can sort by.

Everything here gives sort keys: tuples to compare with ``<`` and ``==``.
"""

from dataclasses import dataclass
from typing import Literal, Self

from imbari_chat.errors import InvalidData
from imbari_chat.wire.keys import Collation, SortKey, key_order, server_collation
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import Leaf, Node, Priority

__all__ = ["Index", "priority_order", "value_order"]


def value_order(node: Node) -> SortKey:
    """Nothing, false, true, numbers, strings, objects; objects all tie."""
    if not isinstance(node, Leaf):
        return (5,) if node.exists else (0,)
    value = node.value
    if isinstance(value, bool):
        return (2,) if value else (1,)
    if isinstance(value, str):
        return (4, server_collation(value))
    return (3, value)


def priority_order(priority: Priority, collation: Collation = server_collation) -> SortKey:
    """No priority, numbers, strings."""
    if priority is None:
        return (0,)
    if isinstance(priority, str):
        return (2, collation(priority))
    return (1, priority)


@dataclass(frozen=True, slots=True)
class Index:
    """What a query sorts children by. ``str(index)`` is the text of ``orderBy``.

    Attributes:
        kind: By key, by the child's own value, by priority, or by a value below the child.
        path: Where below each child, for kind ``"child"``; the root otherwise.
    """

    kind: Literal["key", "value", "priority", "child"]
    path: Path = ROOT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"$key"``, ``"$value"``, ``"$priority"`` or a path such as ``"size/height"``.

        Raises:
            InvalidData: It is none of these; the text is the service's.
        """
        match text:
            case "$key":
                return cls("key")
            case "$value":
                return cls("value")
            case "$priority":
                return cls("priority")
        try:
            path = Path.parse(text)
        except InvalidData:
            path = ROOT
        if not path:
            raise InvalidData("orderBy must be a valid JSON encoded path")
        return cls("child", path)

    def __str__(self) -> str:
        return "/".join(self.path) if self.kind == "child" else f"${self.kind}"

    @property
    def rule(self) -> str:
        """The name of this index in ``.indexOn`` rules: ``.value``, or the child path."""
        return "/".join(self.path) if self.kind == "child" else f".{self.kind}"

    def sort_key(self, key: str, node: Node) -> SortKey:
        """Where the child ``node`` called ``key`` sorts among its siblings.

        One element, the key's order, for an index by key; otherwise two, the order of the value
        and the order of the key.
        """
        match self.kind:
            case "key":
                return (key_order(key),)
            case "value":
                return (value_order(node), key_order(key))
            case "priority":
                return (priority_order(node.priority), key_order(key))
            case "child":
                return (value_order(node.at(self.path)), key_order(key))
