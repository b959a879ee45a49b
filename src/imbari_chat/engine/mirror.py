"""A copy of what is listened to, in plain JSON.

Streams of thousands of records are decoded straight into models, so this copy stays what the JSON
parser made: no nodes. Priorities stand in it as the wire writes them, ``.priority`` beside children
and ``{".value": ..., ".priority": ...}`` for a leaf that has one. A copy is copied along the path
of a change and shared elsewhere; a value handed out is never touched again.
"""

from collections.abc import Sequence
from typing import Final

from imbari_chat.wire.json import Json

__all__ = ["assign", "at", "children", "plain", "stored"]

_PRIORITY: Final = ".priority"
_VALUE: Final = ".value"


def children(value: Json) -> dict[str, Json]:
    """The children by key; the service sends objects with index-like keys as arrays."""
    if isinstance(value, dict):
        if _VALUE in value:
            return {}
        if _PRIORITY in value:
            return {key: item for key, item in value.items() if key != _PRIORITY}
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value) if item is not None}
    return {}


def at(tree: Json, path: Sequence[str]) -> Json:
    """What stands at ``path``, which may end with ``.priority``; None if there is nothing."""
    for key in path:
        if key == _PRIORITY:
            tree = tree.get(_PRIORITY) if isinstance(tree, dict) else None
        else:
            tree = children(tree).get(key)
    return tree


def assign(tree: Json, path: Sequence[str], value: Json) -> Json:
    """``tree`` with ``value`` at ``path``; null removes, and empty parents go with it.

    The path may end with ``.priority``, which sets that alone; what is not there has none. A leaf
    that is written below loses its value and keeps its priority.
    """
    if not path:
        return None if value in ({}, []) else value
    key, rest = path[0], path[1:]
    if key == _PRIORITY:
        return _with_priority(tree, value)
    before = children(tree)
    after = assign(before.get(key), rest, value)
    if after is None:
        if key not in before:
            return tree
        remaining = {name: item for name, item in before.items() if name != key}
        return _with_priority(remaining, at(tree, (_PRIORITY,))) if remaining else None
    return _with_priority({**before, key: after}, at(tree, (_PRIORITY,)))


def stored(value: Json) -> Json:
    """What the service keeps of a value that is written: nulls and what is empty vanish."""
    if isinstance(value, list):
        items = [stored(item) for item in value]
        while items and items[-1] is None:
            items.pop()
        return items or None
    if not isinstance(value, dict):
        return value
    if _VALUE in value:
        return _with_priority(value[_VALUE], value.get(_PRIORITY))
    kept = {key: stored(item) for key, item in value.items()}
    kept = {key: item for key, item in kept.items() if item is not None}
    return kept if kept.keys() - {_PRIORITY} else None


def plain(value: Json) -> Json:
    """A value that may carry priorities, without them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _VALUE in value:
        return plain(value[_VALUE])
    return {key: plain(item) for key, item in value.items() if key != _PRIORITY}


def _with_priority(tree: Json, priority: Json) -> Json:
    """``tree`` with this priority, or with none."""
    if tree is None:
        return None
    if isinstance(tree, dict) and _VALUE in tree:
        tree = tree[_VALUE]
    if not isinstance(tree, dict | list):
        return tree if priority is None else {_VALUE: tree, _PRIORITY: priority}
    if priority is None and not (isinstance(tree, dict) and _PRIORITY in tree):
        return tree
    held = children(tree)
    return held if priority is None else {**held, _PRIORITY: priority}
