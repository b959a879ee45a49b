"""How keys, values and priorities sort, and what a query can sort by.

Everything here gives sort keys: tuples to compare with ``<`` and ``==``. The collation of
strings is decided in :func:`server_collation` and :func:`sdk_collation`, nowhere else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from imbari_chat.errors import InvalidData
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import Leaf, Node, Priority

__all__ = [
    "MAX_KEY",
    "MIN_KEY",
    "Collation",
    "Index",
    "SortKey",
    "key_order",
    "priority_order",
    "sdk_collation",
    "server_collation",
    "value_order",
]

SortKey: TypeAlias = tuple[object, ...]
Collation: TypeAlias = Callable[[str], str | bytes]

MIN_KEY: Final = "[MIN_NAME]"
"""Stands for a key before all others in the bounds that the SDKs send."""

MAX_KEY: Final = "[MAX_NAME]"
"""Stands for a key after all others in the bounds that the SDKs send."""

_INTEGER_KEY = re.compile(r"-?0*[0-9]{1,10}")
_INT32_MIN = -(2**31)
_INT32_MAX = 2**31 - 1


def server_collation(text: str) -> str:
    """Strings sort by their UTF-8 bytes, lone surrogates included.

    That is the order of code points, which is how Python compares strings. [unsure]: the order of
    the service beyond ASCII is not known.
    """
    return text


def sdk_collation(text: str) -> bytes:
    """Strings sort by UTF-16 code unit, as in the official SDKs."""
    return text.encode("utf-16-be", "surrogatepass")


def key_order(key: str, collation: Collation = server_collation) -> SortKey:
    """Keys that look like 32-bit integers first, by number and then length; then the rest.

    >>> sorted(["bar", "20", "03", "3", "0"], key=key_order)
    ['0', '3', '03', '20', 'bar']
    """
    if _INTEGER_KEY.fullmatch(key):
        number = int(key)
        if _INT32_MIN <= number <= _INT32_MAX:
            return (1, number, len(key), key)
    elif key == MIN_KEY:
        return (0,)
    elif key == MAX_KEY:
        return (3,)
    return (2, collation(key))


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
