"""What one request writes, and what it leaves behind.

A PUT, POST or DELETE replaces its own location; a PATCH replaces each location it names, all or
nothing. How values become nodes is told in :mod:`imbari_chat.wire.updates`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from imbari_chat.emulator.database.limits import weight
from imbari_chat.wire.json import Json
from imbari_chat.wire.keys import in_order
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, Leaf, Node
from imbari_chat.wire.updates import PRIORITY, apply, changes, nodes

__all__ = ["Write"]


@dataclass(frozen=True, slots=True)
class Write:
    """One request's changes.

    Attributes:
        base: The node the request names.
        values: JSON by absolute path, server values and all; none is at or above another. A path
            may end in ``.priority`` and then means that alone.
        merge: True for a patch: listeners hear of it as one.
        ready: The nodes of some of the values; see :meth:`prepared`.
    """

    base: Path
    values: Mapping[Path, Json]
    merge: bool = False
    ready: Mapping[Path, Node] = field(default_factory=dict)

    @classmethod
    def put(cls, path: Path, value: Json) -> Self:
        """Replace everything at ``path``; null deletes."""
        return cls(_node(path), {path: value})

    @classmethod
    def patch(cls, base: Path, body: Json) -> Self:
        """Replace what each key of ``body`` names below ``base``; keys may hold slashes.

        Raises:
            InvalidData: The body is no object, a key is no path, or one path contains another.
        """
        return cls(base, changes(body, base), merge=True)

    @property
    def places(self) -> list[Path]:
        """The nodes that are written to, in the order given.

        A priority is written by whoever may write its node. [unsure]
        """
        return [_node(path) for path in self.values]

    def changed(self, before: Node, after: Node) -> list[Path]:
        """The places at which ``after`` is not as ``before`` was."""
        if after is before:
            return []
        return [place for place in self.places if before.at(place) != after.at(place)]

    def applied(self, before: Node, now: int) -> Node:
        """The tree after every change, server values resolved at ``now`` (ms).

        Raises:
            InvalidData: A value cannot be stored where it is meant to go.
        """
        return apply(before, self.values, now, self.ready)

    def prepared(self) -> Self:
        """The same, with the nodes made that do not depend on what is stored when it is applied."""
        return replace(self, ready=nodes(self.values))

    def found(self, root: Node) -> Node:
        """What stands in ``root`` at the place the request names, which may be a priority."""
        node = root.at(self.base)
        if self.merge or next(iter(self.values)).key != PRIORITY:
            return node
        return EMPTY if node.priority is None else Leaf(node.priority)

    def weight(self, before: Node, after: Node) -> int:
        """Bytes of exported JSON that go and come."""
        places = self.places
        values: list[Json] = [
            root.at(place).to_json(export=True) for root in (before, after) for place in places
        ]
        return weight(values) - len(values) - 1  # the brackets and commas of the list

    def stored(self, after: Node) -> Json:
        """What the answer repeats of the request: resolved and pruned. [unsure]"""
        if not self.merge:
            (path,) = self.values
            return _stored(path, after)
        values = {"/".join(path.relative_to(self.base)): path for path in self.values}
        return {key: _stored(values[key], after) for key in in_order(values)}


def _node(path: Path) -> Path:
    return path.parent if path.key == PRIORITY else path


def _stored(path: Path, after: Node) -> Json:
    node = after.at(_node(path))
    return node.priority if path.key == PRIORITY else node.to_json()
