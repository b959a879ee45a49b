"""Writes at several paths at once, and writes of a priority alone.

The body of a multi-path update names paths below the place it is sent to. Each is replaced
wholly, all of them or none. ``.priority`` may stand as the last segment and sets only that.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import MAX_DEPTH, Path, illegal_in_key
from imbari_chat.wire.tree import Node, Priority, from_json, put_all
from imbari_chat.wire.values import resolve

__all__ = ["PRIORITY", "apply", "changes", "illegal_in_update_key"]

PRIORITY: Final = ".priority"
"""The virtual child that holds a node's priority."""


def changes(body: Json, at: Path) -> dict[Path, Json]:
    """What an update sent to ``at`` with this body writes, by absolute path, in the body's order.

    Null is the deletion of ``at`` itself.

    Raises:
        InvalidData: The body is neither an object nor null, a key is not a path, or one path is
            at or above another.
    """
    if body is None:
        return {at: None}
    if not isinstance(body, dict):
        raise InvalidData(
            "Invalid data; couldn't parse JSON object."
            " Are you sending a JSON object with valid key names?"
        )
    paths = []
    for key in body:
        reason = illegal_in_update_key(key)
        if reason is not None:
            raise InvalidData(f"illegal path in an update: {reason}", where=repr(key[:80]))
        path = Path((*at, *_segments(key)))
        if len(path) - (path.key == PRIORITY) > MAX_DEPTH:
            raise InvalidData(f"a path has at most {MAX_DEPTH} levels", where=str(path))
        paths.append(path)
    _refuse_conflicts(paths)
    return dict(zip(paths, body.values(), strict=True))


def apply(root: Node, writes: Mapping[Path, Json], now: int) -> Node:
    """The tree after all of ``writes``, server values resolved against the tree before.

    Args:
        root: The whole tree.
        writes: Absolute paths, none at or above another; ``.priority`` may be the last segment.
        now: The instant of the request, in milliseconds since the epoch.

    Raises:
        InvalidData: A value is not allowed where it goes.
    """
    nodes = []
    for path, value in writes.items():
        if path.key == PRIORITY:
            place = path.parent
            priority = _priority(root.at(place), value, place, now)
            nodes.append((place, root.at(place).with_priority(priority)))
        else:
            nodes.append((path, from_json(resolve(value, root.at(path), now), path)))
    return put_all(root, nodes)


def illegal_in_update_key(key: str) -> str | None:
    """Why ``key`` cannot name a path in an update, or None if it can."""
    segments = _segments(key)
    if not segments:
        return "a path in an update cannot be empty"
    if segments[-1] == PRIORITY:
        segments = segments[:-1]
    reasons = map(illegal_in_key, segments)
    return next((reason for reason in reasons if reason is not None), None)


def _segments(key: str) -> list[str]:
    return [segment for segment in key.split("/") if segment]


def _priority(node: Node, value: Json, at: Path, now: int) -> Priority:
    """The priority that ``value`` stands for, if a node is there to carry it.

    The SDKs refuse a priority on nothing; what the service answers is not known.
    """
    if not node.exists and value is not None:
        raise InvalidData("a priority needs a value to stand on", where=str(at))
    resolved = resolve({".value": True, PRIORITY: value}, node, now)
    return from_json(resolved, at).priority


def _refuse_conflicts(paths: Iterable[Path]) -> None:
    """Refuse two paths of which one is at or above the other.

    The SDKs refuse this before they send it; the text of the service is not known.
    """
    # In sorted order a path is directly followed by one below it, if there is any.
    for above, path in pairwise(sorted(paths)):
        if above.contains(path):
            raise InvalidData(f"Invalid data; path {above} is an ancestor of {path}")
