"""Writes at several paths at once, and writes of a priority alone.

The body of a multi-path update names paths below the place it is sent to. Each is replaced
wholly, all of them or none. ``.priority`` may stand as the last segment and sets only that.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import MAX_DEPTH, Path, illegal_in_key
from imbari_chat.wire.tree import Node, Priority, from_json, put_all
from imbari_chat.wire.values import DoesNotFit, resolve

__all__ = ["PRIORITY", "apply", "changes", "illegal_in_update_key", "nodes"]

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


def nodes(writes: Mapping[Path, Json]) -> dict[Path, Node]:
    """The nodes of those values that are the same whatever is stored, and that can be stored.

    They are what takes long about a large write; :func:`apply` takes them as they are.
    """
    made = {}
    for path, value in writes.items():
        # A server value cannot be stored; what is wrong with others apply() says, in its turn.
        with suppress(InvalidData):
            made[path] = from_json(value, path)
    return made


def apply(
    root: Node,
    writes: Mapping[Path, Json],
    now: int,
    ready: Mapping[Path, Node] = MappingProxyType({}),
) -> Node:
    """The tree after all of ``writes``, server values resolved against the tree before.

    Args:
        root: The whole tree.
        writes: Absolute paths, none at or above another; ``.priority`` may be the last segment.
        now: The instant of the request, in milliseconds since the epoch.
        ready: What :func:`nodes` has made of these writes.

    Raises:
        InvalidData: A value is not allowed where it goes.
        DoesNotFit: What is stored does not take it.
    """
    values = {path: value for path, value in writes.items() if path.key != PRIORITY}
    made = [
        (path, ready.get(path) or from_json(resolve(value, root.at(path), now), path))
        for path, value in values.items()
    ]
    after = put_all(root, made)
    # A priority may come with the first child of the node it belongs to, so it comes last.
    priorities = [
        (path.parent, _priority(root.at(path.parent), value, now))
        for path, value in writes.items()
        if path.key == PRIORITY
    ]
    for at, priority in priorities:
        if priority is not None and not after.at(at).exists:
            raise _nothing_to_stand_on(at)
    # Level by level: a node on the way is copied once for each level.
    for _, level in groupby(sorted(priorities, key=_depth), key=_depth):
        moved = [(at, after.at(at).with_priority(priority)) for at, priority in level]
        after = put_all(after, moved)
    return after


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


def _priority(before: Node, value: Json, now: int) -> Priority:
    """What ``value`` stands for as the new priority of the node ``before``."""
    return from_json(resolve({".value": True, PRIORITY: value}, before, now)).priority


def _nothing_to_stand_on(at: Path) -> DoesNotFit:
    """The SDKs refuse a priority on nothing. [unsure]: what the service answers is not known."""
    return DoesNotFit("a priority needs a value to stand on", where=str(at))


def _depth(priority: tuple[Path, Priority]) -> int:
    return len(priority[0])


def _refuse_conflicts(paths: Iterable[Path]) -> None:
    """Refuse two paths of which one is at or above the other.

    The SDKs refuse this before they send it. [unsure]: status and text of the service.
    """
    # In sorted order a path is directly followed by one below it, if there is any.
    for above, path in pairwise(sorted(paths)):
        if above.contains(path):
            raise InvalidData(f"Invalid data; path {above} is an ancestor of {path}")
