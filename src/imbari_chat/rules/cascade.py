"""Which rules a request meets, and in what order.

``.read`` and ``.write`` are looked for from the root down, and the first true one grants; what is
below cannot take it back. ``.validate`` never grants: on the way down and inside what is written
it must hold wherever something will stand afterwards. Nothing becoming null is validated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.rules.structure import Rule, RulesNode
from imbari_chat.rules.values import (
    EvaluationError,
    Scope,
    Snapshot,
    Value,
    query_properties,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Branch, Node

__all__ = ["Grounds", "Judge", "ReadRequest", "WriteRequest", "judge"]

Judge: TypeAlias = Callable[[Rule, Scope], bool]


def judge(rule: Rule, variables: Scope) -> bool:
    """Whether a rule is true; one that fails is not."""
    try:
        return rule.run(variables) is True
    except EvaluationError:
        return False


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """A read of one place.

    Attributes:
        now: Milliseconds since the epoch.
    """

    path: Path
    root: Node
    auth: Json
    now: int
    query: Query | None

    def decide(self, rules: RulesNode, judge: Judge) -> bool:
        """Ask ``judge`` about rules until one allows the read."""
        return self._decide(rules, judge, Snapshot(self.root))

    def grounds(self, rules: RulesNode) -> "Grounds | None":
        """What the permission rests on; None if there is none.

        A rule that has come out as it did comes out so again, as long as what it has looked at is
        the same: what else it can look at (the caller, the query, the path) is in the request.
        """
        places: set[Path] = set()
        in_time = False

        def noting(rule: Rule, variables: Scope) -> bool:
            nonlocal in_time
            # What a rule that grants looked at is all that counts: the others can only grant too.
            places.clear()
            noted = _Timed(variables)
            granted = judge(rule, noted)
            in_time = noted.looked_up
            return granted

        granted = self._decide(rules, noting, _Watched(self.root, None, (), places))
        return Grounds(frozenset(places), in_time) if granted else None

    def _decide(self, rules: RulesNode, judge: Judge, top: Snapshot) -> bool:
        given = _given(self.auth, self.now, top, self.query)
        return any(
            place.rules.read is not None and judge(place.rules.read, place.variables(given))
            for place in _Place(rules, top, None).way(self.path)
        )


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the permission to read rests on, besides who asks for what.

    Attributes:
        places: Those of the tree that were looked at.
        time: The time was.
    """

    places: frozenset[Path]
    time: bool


class _Timed(Scope):
    """Variables that remember whether the time was looked up."""

    __slots__ = ("looked_up",)

    def __init__(self, variables: Scope) -> None:
        super().__init__(variables, variables.steps)
        self.looked_up = False

    def __getitem__(self, name: str) -> Value:
        self.looked_up = self.looked_up or name == "now"
        return super().__getitem__(name)


class _Watched(Snapshot):
    """A place that notes in ``looked`` that what is there was looked at.

    Whoever goes from it to another place has not: that one is noted in its turn, and changes if it
    changes, whatever becomes of those on the way.
    """

    __slots__ = ("_keys", "_looked", "_node")

    def __init__(
        self, node: Node, above: Snapshot | None, keys: tuple[str, ...], looked: set[Path]
    ) -> None:
        self._node = node
        self.above = above
        self._keys = keys
        self._looked = looked

    @property
    def node(self) -> Node:  # type: ignore[override]  # nobody writes to it
        self._looked.add(Path(self._keys))
        return self._node

    def step(self, key: str) -> Snapshot:
        return _Watched(self._node.child(key), self, (*self._keys, key), self._looked)


@dataclass(frozen=True, slots=True, eq=False)
class WriteRequest:
    """A write of one or several places at once, each judged against the same two trees.

    Attributes:
        before: The whole tree as stored.
        after: The whole tree with every path of the request applied.
        now: Milliseconds since the epoch.
    """

    paths: Sequence[Path]
    before: Node
    after: Node
    auth: Json
    now: int

    def decide(self, rules: RulesNode, judge: Judge) -> bool:
        """Ask ``judge`` about rules until one refuses the write or all have been asked."""
        before, after = Snapshot(self.before), Snapshot(self.after)
        given = _given(self.auth, self.now, before, None)
        validated: set[tuple[object, ...]] = set()
        top = _Place(rules, before, after)
        for path in self.paths:
            way = list(top.way(path))
            if not any(
                place.rules.write is not None and judge(place.rules.write, place.variables(given))
                for place in way
            ):
                return False
            for place in _written_places(path, way):
                rule = place.rules.validate
                if rule is None or not place.remains:
                    continue
                # Paths written together share ancestors, which see the same data each time.
                identity = (rule.location, place.captures)
                if identity in validated:
                    continue
                validated.add(identity)
                if not judge(rule, place.variables(given)):
                    return False
        return True


class _Place:
    """A node of the rules beside the data it speaks of."""

    __slots__ = ("_below", "_variables", "captures", "data", "new_data", "rules")

    def __init__(
        self,
        rules: RulesNode,
        data: Snapshot,
        new_data: Snapshot | None,
        captures: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.rules = rules
        self.data = data
        self.new_data = new_data
        self.captures = captures
        self._variables: Scope | None = None
        self._below: dict[str, _Place | None] = {}

    @property
    def remains(self) -> bool:
        """Whether something will stand here after the write."""
        return self.new_data is not None and self.new_data.node.exists

    def variables(self, given: Scope) -> Scope:
        """What rules see here; the same object whenever the same request asks."""
        if self._variables is None:
            variables = self._variables = Scope(given, given.steps)
            variables.update(self.captures)
            variables["data"] = self.data
            if self.new_data is not None:
                variables["newData"] = self.new_data
        return self._variables

    def way(self, path: Path) -> "Iterator[_Place]":
        """The places from here to ``path``, as far as any rules speak of them.

        Those of paths that begin alike are the same.
        """
        place = self
        for key in path:
            yield place
            if key not in place._below:
                place._below[key] = place.step(key)
            below = place._below[key]
            if below is None:
                return
            place = below
        yield place

    def step(self, key: str) -> "_Place | None":
        """The place of child ``key``, if any rules speak of it."""
        rules, name = self.rules.descend(key)
        if rules is None:
            return None
        new_data = None if self.new_data is None else self.new_data.step(key)
        captures = self.captures if name is None else (*self.captures, (name, key))
        return _Place(rules, self.data.step(key), new_data, captures)

    def with_descendants(self) -> "Iterator[_Place]":
        """This place, and those below that will stand after the write and may be validated."""
        yield self
        if not self.rules.validates or self.new_data is None:
            return
        node = self.new_data.node
        if isinstance(node, Branch):
            for key in node.children:
                below = self.step(key)
                if below is not None and below.rules.validates:
                    yield from below.with_descendants()


def _written_places(path: Path, way: Sequence[_Place]) -> Iterator[_Place]:
    """The way to ``path``, then whatever the write leaves below it."""
    yield from way[: len(path)]
    for target in way[len(path) :]:
        yield from target.with_descendants()


def _given(auth: Json, now: int, root: Snapshot, query: Query | None) -> Scope:
    return Scope({"auth": auth, "now": now, "root": root, "query": query_properties(query)})
