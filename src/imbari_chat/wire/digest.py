"""The node hash: what ETags are made of, and what the SDKs send to ask "is my copy current?".

SHA-1 is what the protocol says; nothing secret hangs on it.
"""

import base64
import hashlib
import struct

from imbari_chat.wire.json import Number
from imbari_chat.wire.keys import SortKey, key_order, sdk_collation
from imbari_chat.wire.order import priority_order
from imbari_chat.wire.tree import Leaf, Node, Priority

__all__ = ["digest"]


def digest(node: Node) -> str:
    """Base64 of the SHA-1 of the node and its priorities; the empty string for a missing node.

    Worked out once for each branch, which is immutable.
    """
    if not node.exists:
        return ""
    if isinstance(node, Leaf):
        return _hashed(node)
    if node.digest is None:
        node.digest = _hashed(node)
    return node.digest


def _hashed(node: Node) -> str:
    text = _text(node)
    sha = hashlib.sha1(text.encode(errors="surrogatepass"), usedforsecurity=False)
    return base64.b64encode(sha.digest()).decode()


def _text(node: Node) -> str:
    prefix = "" if node.priority is None else f"priority:{_priority(node.priority)}:"
    if isinstance(node, Leaf):
        value = node.value
        if isinstance(value, bool):
            return f"{prefix}boolean:{'true' if value else 'false'}"
        if isinstance(value, str):
            return f"{prefix}string:{value}"
        return f"{prefix}number:{_number(value)}"
    children = sorted(node.children.items(), key=_child_order)
    return prefix + "".join(f":{key}:{digest(child)}" for key, child in children)


def _child_order(item: tuple[str, Node]) -> SortKey:
    """By priority, then key, with strings as the SDKs sort them: both sides hash one text."""
    key, child = item
    return (priority_order(child.priority, sdk_collation), key_order(key, sdk_collation))


def _priority(priority: Priority) -> str:
    return f"string:{priority}" if isinstance(priority, str) else f"number:{_number(priority or 0)}"


def _number(value: Number) -> str:
    """Big-endian bits of the double; integers beyond 2^53 lose digits, as they do in the SDKs."""
    return struct.pack(">d", float(value)).hex()
