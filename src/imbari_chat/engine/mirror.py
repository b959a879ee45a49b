"""A stream's copy of what it listens to, in plain JSON.

Streams of thousands of records are decoded straight into models, so this copy stays what the JSON
parser made: no nodes, no priorities. It is copied along the path of a change and shared elsewhere;
a value handed out is never touched again.
"""

from collections.abc import Sequence

from imbari_chat.wire.json import Json

__all__ = ["assign", "children", "plain"]


def children(value: Json) -> dict[str, Json]:
    """The children by key; the service sends objects with index-like keys as arrays."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value) if item is not None}
    return {}


def assign(tree: Json, path: Sequence[str], value: Json) -> Json:
    """``tree`` with ``value`` at ``path``; null removes, and empty parents go with it."""
    if not path:
        return None if value in ({}, []) else value
    key, rest = path[0], path[1:]
    before = children(tree)
    after = assign(before.get(key), rest, value)
    if after is None:
        if key not in before:
            return tree
        remaining = {name: item for name, item in before.items() if name != key}
        return remaining or None
    return {**before, key: after}


def plain(value: Json) -> Json:
    """A value that may carry priorities, without them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if ".value" in value:
        return plain(value[".value"])
    return {key: plain(item) for key, item in value.items() if key != ".priority"}
