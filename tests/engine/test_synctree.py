"""Local events: whatever is written, taken, refused and pushed, listeners see one truth.

A client that listens and writes, a server that takes or refuses, and others who write there. What
the server says arrives in the order in which it says it, as late as it likes.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.overlay import Known
from imbari_chat.engine.synctree import Listen, SyncTree, Told
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Branch, Node, from_json
from imbari_chat.wire.updates import apply
from imbari_chat.wire.values import SERVER_TIMESTAMP, increment

NOW = 1_700_000_000_000
WINDOW = Path.parse("/a")

KEYS = st.sampled_from(["a", "b", "c", "d", "1", "2"])
LEAVES = st.sampled_from([1, 2, 3.5, True, False, "x", "y"])
PRIORITIES = st.sampled_from([None, 1, 2, "p"])
WRAPPED = st.builds(
    lambda value, priority: {".value": value, ".priority": priority}, LEAVES, PRIORITIES
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES | WRAPPED,
    lambda inner: st.dictionaries(KEYS | st.just("n"), inner, min_size=1, max_size=4),
    max_leaves=8,
)
ESTIMATED = st.sampled_from([SERVER_TIMESTAMP, increment(1), {"n": increment(2)}])
PATHS = st.lists(KEYS | st.just("n"), max_size=3).map(Path)
QUERIES = st.sampled_from(
    [
        None,
        Query.by_key(),
        Query.by_key().start_at("b").end_at("c"),
        Query.by_key().limit_to_last(2),
        Query.by_value().limit_to_first(2),
        Query.by_priority().limit_to_last(1),
        Query.by_child("n").limit_to_last(2),
        Query.by_child("n").start_at(2),
        Query.by_child("n").equal_to(True),
        Query.by_child("n").start_at(1).limit_to_first(1),
    ]
)
LISTENS = st.tuples(st.sampled_from([ROOT, Path(["a"]), Path(["a", "b"]), Path(["c"])]), QUERIES)
CHANGES: st.SearchStrategy[Any] = st.dictionaries(
    PATHS, st.none() | VALUES | ESTIMATED, min_size=1, max_size=2
).filter(
    lambda changes: (
        not any(one != other and one.contains(other) for one in changes for other in changes)
    )
)


class Consumer:
    """Keeps a list from nothing but events."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Json]] = []
        self.value: Json = None
        self.has_value = False

    def take(self, told: Iterable[Told]) -> None:
        """What was told of one change."""
        events = [one.what for one in told]
        gone = {one.key for one in events if one.kind in ("removed", "moved")}
        self.rows = [row for row in self.rows if row[0] not in gone]
        waiting = deque(one for one in events if one.kind in ("added", "moved"))
        coming = {one.key for one in waiting}
        assert len(coming) == len(waiting), "one child came twice"
        while waiting:
            one = waiting.popleft()
            if one.previous in coming:
                waiting.append(one)
                continue
            coming.discard(one.key)
            names = [key for key, _ in self.rows]
            place = 0 if one.previous is None else names.index(one.previous) + 1
            assert one.key is not None
            assert one.key not in names
            self.rows.insert(place, (one.key, one.value))
        names = [key for key, _ in self.rows]
        for one in events:
            if one.kind in ("moved", "changed", "added"):
                assert one.key is not None
                place = names.index(one.key)
                assert one.previous == (names[place - 1] if place else None)
                self.rows[place] = (one.key, one.value)
            elif one.kind == "value":
                self.value, self.has_value = one.value, True


class Server:
    """Takes or refuses what is written, and tells each listener after each commit."""

    def __init__(self, value: Json) -> None:
        self.root = from_json(value)
        self.listens: list[Listen] = []
        self.said: deque[Callable[[SyncTree], list[Told]]] = deque()

    def listen(self, listen: Listen) -> None:
        self.listens.append(listen)
        self._snapshot(listen)

    def commit(self, changes: dict[Path, Json], *, as_merge: bool) -> None:
        before, self.root = self.root, apply(self.root, changes, NOW)
        for listen in self.listens:
            old, new = shown(before, listen), shown(self.root, listen)
            if old == new:
                continue
            merge = {key: new.child(key) for key in {*_keys(old), *_keys(new)}}
            is_mergeable = old.exists and isinstance(new, Branch) and old.priority == new.priority
            if as_merge and is_mergeable and isinstance(old, Branch):
                differing = {
                    Path([key]): child.to_json(export=True)
                    for key, child in merge.items()
                    if old.child(key) != child
                }
                self._say(
                    lambda tree, listen=listen, differing=differing: tree.server_merge(
                        listen[0], differing, listen
                    )
                )
            else:
                self._snapshot(listen)

    def answer(self, number: int, *, accepts: bool) -> None:
        self._say(lambda tree: tree.settled(number) if accepts else tree.refused(number))

    def _snapshot(self, listen: Listen) -> None:
        value = shown(self.root, listen).to_json(export=True)
        self._say(lambda tree: tree.server_value(listen[0], value, listen))

    def _say(self, what: Callable[..., list[Told]]) -> None:
        self.said.append(what)


def shown(root: Node, listen: Listen) -> Node:
    path, query = listen
    node = root.at(path)
    return node if query is None else query.window(node)


def _keys(node: Node) -> Iterable[str]:
    return node.children if isinstance(node, Branch) else ()


@given(VALUES, st.lists(LISTENS, min_size=1, max_size=4, unique=True), st.data())
def test_events_rebuild_what_is_seen_and_in_the_end_what_the_server_shows(
    value: Any, listens: list[Listen], data: st.DataObject
) -> None:
    """At every moment the events of a listener, taken by an empty consumer, make its view."""
    tree, server = SyncTree(), Server(value)
    consumers = {listen: Consumer() for listen in listens}
    unsent: deque[tuple[int, dict[Path, Json]]] = deque()
    to_listen = deque(listens)

    def take(told: list[Told]) -> None:
        for listen, consumer in consumers.items():
            consumer.take(one for one in told if one.listen == listen)
            if listen in server.listens or consumer.rows:
                _check(tree, listen, consumer)

    def begin() -> None:
        listen = to_listen.popleft()
        take(tree.listen(*listen))
        server.listen(listen)

    def write() -> None:
        changes = data.draw(CHANGES)
        number, told = tree.write(changes, NOW + data.draw(st.sampled_from([-5, 0, 7])))
        unsent.append((number, changes))
        take(told)

    def handle() -> None:
        number, changes = unsent.popleft()
        accepts = data.draw(st.booleans())
        if accepts:
            server.commit(changes, as_merge=data.draw(st.booleans()))
        server.answer(number, accepts=accepts)

    def others() -> None:
        server.commit(data.draw(CHANGES), as_merge=data.draw(st.booleans()))

    def hear() -> None:
        take(server.said.popleft()(tree))

    def leave() -> None:
        listen = data.draw(st.sampled_from(server.listens))
        server.listens.remove(listen)
        del consumers[listen]
        tree.unlisten(*listen)

    begin()
    for _ in range(data.draw(st.integers(1, 14))):
        possible = [write, others]
        possible += [begin] * bool(to_listen) + [handle] * bool(unsent) + [hear] * bool(server.said)
        possible += [leave] * bool(server.listens)
        data.draw(st.sampled_from(possible))()
    while to_listen:
        begin()
    while unsent:
        handle()
    while server.said:
        hear()
    for listen, consumer in consumers.items():
        seen = from_json(tree.value(*listen))
        assert seen == shown(server.root, listen)
        assert consumer.has_value
        assert from_json(consumer.value) == seen


def _check(tree: SyncTree, listen: Listen, consumer: Consumer) -> None:
    """What the consumer holds is what the view shows, in the query's order."""
    seen = from_json(tree.value(*listen))
    query = listen[1] or Query.by_priority()
    assert [key for key, _ in consumer.rows] == [key for key, _ in query.ordered(seen)]
    for key, value in consumer.rows:
        assert from_json(value) == seen.child(key)


@given(VALUES, st.lists(LISTENS, max_size=3, unique=True), CHANGES, st.booleans())
def test_the_echo_of_what_is_known_already_tells_nothing(
    value: Any, listens: list[Listen], changes: Any, as_merge: bool
) -> None:
    """Where the place is known wholly, the estimate is right and so the server adds nothing."""
    tree, server = SyncTree(), Server(value)
    for listen in dict.fromkeys([(ROOT, None), *listens]):
        tree.listen(*listen)
        server.listen(listen)
    while server.said:
        server.said.popleft()(tree)
    number, _ = tree.write(changes, NOW)
    server.commit(changes, as_merge=as_merge)
    server.answer(number, accepts=True)
    assert [told for say in server.said for told in say(tree)] == []


@given(VALUES, LISTENS, CHANGES)
def test_a_refused_write_is_taken_back_as_it_was_shown(
    value: Any, listen: Listen, changes: Any
) -> None:
    """What was added is removed, what was removed is added, and nothing is left of it."""
    tree, consumer, server = SyncTree(), Consumer(), Server(value)
    consumer.take(tree.listen(*listen))
    server.listen(listen)
    consumer.take(server.said.popleft()(tree))
    before = tree.value(*listen)
    number, told = tree.write(changes, NOW)
    consumer.take(told)
    back = tree.refused(number)
    consumer.take(back)
    assert from_json(tree.value(*listen)) == from_json(before)
    _check(tree, listen, consumer)
    assert _keys_of("added", told) == _keys_of("removed", back)
    assert _keys_of("removed", told) == _keys_of("added", back)


def _keys_of(kind: str, told: Iterable[Told]) -> set[str | None]:
    return {one.what.key for one in told if one.what.kind == kind}


def test_an_increment_is_estimated_once_so_the_echo_does_not_count_twice() -> None:
    """What others have added meanwhile shows with the acknowledgement."""
    tree = SyncTree()
    tree.listen(WINDOW)
    tree.server_value(WINDOW, {"count": 3})
    tree.write({WINDOW / "count": increment(1)}, NOW)
    second, _ = tree.write({WINDOW / "count": increment(1)}, NOW)
    assert tree.value(WINDOW) == {"count": 5}
    assert tree.server_value(WINDOW / "count", 7) == []
    assert tree.settled(0) == []
    assert [one.what.value for one in tree.settled(second)] == [7, {"count": 7}]


def test_an_increment_adds_to_what_a_query_shows() -> None:
    """Where nobody listens without one, that is what is known."""
    tree, newest = SyncTree(), Query.by_key().limit_to_last(1)
    tree.listen(WINDOW, newest)
    tree.server_value(WINDOW, {"m": {"count": 3}}, (WINDOW, newest))
    tree.write({WINDOW / "m/count": increment(2), WINDOW / "k/count": increment(2)}, NOW)
    assert tree.value(WINDOW, newest) == {"m": {"count": 5}}
    tree.write({WINDOW: increment(4)}, NOW)
    assert tree.value(WINDOW, newest) is None


def test_an_increment_adds_to_what_somebody_knows_and_to_what_was_written() -> None:
    """Whichever listener knows it, and where nobody does what was written here before."""
    tree, first, last = (
        SyncTree(),
        Query.by_key().limit_to_first(1),
        Query.by_key().limit_to_last(1),
    )
    for query in (first, last):
        tree.listen(WINDOW, query)
    tree.server_value(WINDOW, {"b": 1}, (WINDOW, first))
    tree.server_value(WINDOW, {"m": {"count": 3}}, (WINDOW, last))
    tree.write({WINDOW / "m/count": increment(2), Path(["c"]): 3}, NOW)
    tree.write({Path(["c"]): increment(1)}, NOW)
    assert tree.value(WINDOW, last) == {"m": {"count": 5}}
    assert [one.what.value for one in tree.listen(Path(["c"]))] == [4]


@pytest.mark.parametrize("visible", [True, False])
def test_what_a_settled_write_has_shown_stands(visible: bool) -> None:
    """Though the server has told nobody of it yet; and one that was not to be shown is not."""
    tree = SyncTree()
    tree.listen(WINDOW)
    number, told = tree.write({WINDOW / "b": 1}, NOW, visible=visible)
    told += tree.settled(number)
    shown: Json = {"b": 1} if visible else None
    assert ([one.what.kind for one in told], tree.value(WINDOW)) == (["added"] * visible, shown)


def test_a_change_above_what_is_known_is_for_whoever_listens_below() -> None:
    """And what it says of the rest is lost."""
    tree, below = SyncTree(), WINDOW / "b"
    tree.listen(below)
    tree.server_value(below, {"x": 1})
    told = tree.server_merge(ROOT, {WINDOW: {"b": {"x": 2}}, Path(["c"]): 3})
    assert [one.what.value for one in told] == [2, {"x": 2}]
    assert tree.listen(Path(["c"])) == []


def test_a_timestamp_is_the_estimate_until_the_servers_own_comes() -> None:
    """The echo corrects it: one change, and none for the acknowledgement."""
    tree = SyncTree()
    tree.listen(WINDOW)
    tree.server_value(WINDOW, None)
    number, told = tree.write({WINDOW / "m": {"t": SERVER_TIMESTAMP, "gone": None}}, NOW)
    assert [one.what.kind for one in told] == ["added", "value"]
    assert tree.value(WINDOW) == {"m": {"t": NOW}}
    assert tree.server_value(WINDOW / "m", {"t": NOW + 9}) == []
    assert [one.what.kind for one in tree.settled(number)] == ["changed", "value"]
    assert tree.value(WINDOW) == {"m": {"t": NOW + 9}}


def test_nobody_hears_of_what_is_not_listened_to_any_more() -> None:
    """Nor is it remembered: whoever listens again waits for the server."""
    tree = SyncTree()
    tree.listen(WINDOW)
    tree.server_value(WINDOW, {"b": 1})
    tree.unlisten(WINDOW)
    assert tree.server_value(WINDOW, {"b": 2}) == []
    assert tree.listen(WINDOW) == []


def test_what_a_narrower_listener_still_hears_of_is_kept() -> None:
    """The wider one goes, and the narrower one sees what it saw."""
    tree = SyncTree()
    tree.listen(ROOT)
    tree.listen(WINDOW)
    tree.server_value(ROOT, {"a": {"b": 1}, "c": 2})
    tree.unlisten(ROOT)
    assert tree.value(WINDOW) == {"b": 1}
    assert [one.what.value for one in tree.server_merge(WINDOW, {Path(["b"]): 3})] == [3, {"b": 3}]
    assert [one.what.key for one in tree.listen(ROOT)] == ["a"]


def test_a_narrower_query_still_hears_the_server_when_the_wider_listener_goes() -> None:
    """It was told by way of the wider one alone, or itself as well."""
    for is_told in (False, True):
        tree, newest = SyncTree(), Query.by_key().limit_to_last(1)
        tree.listen(ROOT)
        tree.server_value(ROOT, {"a": {"b": 1, "c": 2}})
        tree.listen(WINDOW, newest)
        if is_told:
            tree.server_value(WINDOW, {"c": 2}, (WINDOW, newest))
        tree.unlisten(ROOT)
        assert tree.server_value(ROOT, {"a": {"z": 0}}, (ROOT, None)) == []
        assert tree.value(WINDOW, newest) == {"c": 2}
        tree.server_merge(WINDOW, {Path(["c"]): None, Path(["d"]): 4}, (WINDOW, newest))
        assert tree.value(WINDOW, newest) == {"d": 4}


def test_a_query_has_what_was_last_known_when_the_last_wider_listener_goes() -> None:
    """By way of that one, or of itself; one that was told nothing knows nothing."""
    tree, newest = SyncTree(), Query.by_key().limit_to_last(1)
    for listen in (
        (ROOT, None), (WINDOW, None), (WINDOW, newest), (Path(["c"]), newest), (Path(["d"]), None),
    ):  # fmt: skip
        tree.listen(*listen)
    tree.server_value(WINDOW, {"b": 1})
    tree.unlisten(ROOT)
    tree.server_merge(WINDOW, {Path(["c"]): 2})
    tree.unlisten(WINDOW)
    number, told = tree.write({WINDOW / "a": 0, Path(["c", "x"]): 3}, NOW)
    assert [one.what.kind for one in told] == ["added"]
    assert tree.value(WINDOW, newest) == {"c": 2}
    tree.listen(ROOT)
    tree.server_value(ROOT, {"a": {"c": 2}})
    tree.server_merge(WINDOW, {Path(["d"]): 4}, (WINDOW, newest))
    tree.unlisten(ROOT)
    tree.refused(number)
    assert tree.value(WINDOW, newest) == {"d": 4}


def test_what_a_narrower_listener_sees_does_not_fall_back_when_the_wider_ones_go() -> None:
    """It was told by way of the wider one last."""
    tree, inner = SyncTree(), WINDOW / "b"
    for path in (ROOT, WINDOW, inner):
        tree.listen(path)
    tree.server_value(ROOT, {"a": {"b": 1}})
    tree.unlisten(ROOT)
    tree.server_value(inner, 2)
    tree.unlisten(WINDOW)
    tree.server_value(inner / "c", None)
    assert tree.value(inner) == 2


def test_a_query_that_only_sorts_knows_that_nothing_else_is_there() -> None:
    """So a write below a child that is not there makes a child; below a window it may not."""
    tree, sorting, newest = SyncTree(), Query.by_key(), Query.by_key().limit_to_last(1)
    for query in (sorting, newest):
        tree.listen(WINDOW, query)
        tree.server_value(WINDOW, {"b": 1}, (WINDOW, query))
    _, told = tree.write({WINDOW / "c/d": 1}, NOW)
    assert {one.listen[1] for one in told} == {sorting}
    assert tree.value(WINDOW, sorting) == {"b": 1, "c": {"d": 1}}


def test_an_array_is_the_object_that_was_written() -> None:
    """The service sends objects with index-like keys as arrays."""
    tree = SyncTree()
    tree.listen(WINDOW)
    tree.server_value(WINDOW, {"b": 1})
    number, _ = tree.write({WINDOW / "list": {"0": "x", "1": "y"}}, NOW)
    assert tree.server_value(WINDOW / "list", ["x", "y"]) == []
    assert tree.settled(number) == []


def test_whoever_listens_twice_is_told_nothing_new() -> None:
    """Neither of what is there nor of what is not."""
    tree = SyncTree()
    assert tree.server_value(WINDOW, {"a": 1}) == []
    tree.listen(WINDOW)
    tree.server_value(WINDOW, {"a": 1})
    assert tree.listen(WINDOW) == []
    assert tree.value(WINDOW) == {"a": 1}


def test_what_was_on_its_way_when_nobody_listened_any_more_is_lost() -> None:
    """A window of a query belongs to whoever listens with it."""
    tree, query = SyncTree(), Query.by_key().limit_to_last(2)
    tree.listen(WINDOW, query)
    tree.unlisten(WINDOW, query)
    assert tree.server_value(WINDOW, {"a": 1}, (WINDOW, query)) == []
    tree.listen(WINDOW, query)
    assert tree.value(WINDOW, query) is None


def test_a_place_that_is_known_wholly_knows_what_was_known_below() -> None:
    """Of which nothing else is kept."""
    tree, below = SyncTree(), Path((*WINDOW, "b"))
    tree.listen(below)
    tree.server_value(below, {"x": 1})
    tree.listen(WINDOW)
    tree.server_value(WINDOW, {"b": {"x": 2}})
    assert tree.value(below) == {"x": 2}
    tree.unlisten(WINDOW)
    assert tree.value(below) == {"x": 2}
    tree.server_value(below, None)
    assert tree.value(below) is None


A = Known({"a": 1}, frozenset({"a"}))


@pytest.mark.parametrize(
    ("known", "path", "value", "after"),
    [
        (A, "b", 2, Known({"a": 1, "b": 2}, frozenset({"a", "b"}))),
        (A, "b", None, Known({"a": 1}, frozenset({"a", "b"}))),
        (A, "b/c", 2, A),  # of a child that is not known nobody is told half
        (A, "a/c", 2, Known({"a": {"c": 2}}, frozenset({"a"}))),
        (A, "a", None, Known(None, frozenset({"a"}))),
        (A, "", {"z": 1}, Known({"z": 1}, None, is_whole=True)),
        (Known.all_of({"a": 1}), "b/c", 2, Known({"a": 1, "b": {"c": 2}}, None, is_whole=True)),
    ],
)
def test_what_is_known_grows_by_whole_children(
    known: Known, path: str, value: Json, after: Known
) -> None:
    """Present or absent; what is known wholly stays so."""
    found = known.with_value(Path.parse(path), value)
    assert found == after
    assert found.knows(Path(["a", "x"]))
    assert found.knows(Path(["nowhere"])) is (after.keys is None)
