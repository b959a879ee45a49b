"""A stream's copy of what it listens to."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.mirror import assign, at, children, plain, stored
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, Node, from_json

KEYS = st.sampled_from(["a", "b", "c", "0", "1", "2"])
LEAVES = st.sampled_from([1, 0, True, False, "x", ""])
VALUES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)
WRITES = st.tuples(st.lists(KEYS, max_size=3), st.none() | VALUES)


def _as_sent(value: Any) -> Json:
    """The value as a server would send it: nulls pruned, lists for index-like keys."""
    return from_json(value).to_json()


@given(st.lists(WRITES, max_size=12))
def test_assigning_agrees_with_the_tree_of_the_server(writes: list[tuple[list[str], Any]]) -> None:
    """Whatever a server sends, applied in order, gives what a fresh read would give."""
    mirror: Json = None
    tree: Node = EMPTY
    for path, value in writes:
        mirror = assign(mirror, path, _as_sent(value))
        tree = tree.put(Path(path), from_json(value))
    assert same(from_json(mirror).to_json(), tree.to_json())


@given(VALUES, WRITES)
def test_a_value_handed_out_is_never_changed_afterwards(
    value: Any, write: tuple[list[str], Any]
) -> None:
    """Consumers may keep what they were given."""
    before = from_json(value).to_json()
    handed_out = _as_sent(value)
    assign(handed_out, write[0], _as_sent(write[1]))
    assert same(handed_out, before)


def test_a_list_is_read_as_children_by_index() -> None:
    """The service sends objects with index-like keys as arrays; gaps are absent children."""
    assert children(["a", None, "c"]) == {"0": "a", "2": "c"}


def test_writing_below_an_array_keeps_its_other_items() -> None:
    """A put to one index of an array does not lose the rest."""
    assert assign(["a", "b"], ["1"], "z") == {"0": "a", "1": "z"}


def test_a_priority_is_no_child_and_stays_when_one_goes() -> None:
    """Nor has a leaf that has one any children."""
    tree: Json = {"a": 1, "b": 2, ".priority": 3}
    leaf: Json = {".value": 1, ".priority": 2}
    assert (children(tree), children(leaf)) == ({"a": 1, "b": 2}, {})
    assert assign(tree, ["a"], None) == {"b": 2, ".priority": 3}
    assert assign({"a": 1, "b": 2}, ["a"], None) == {"b": 2}
    assert plain({"a": leaf, "l": [leaf], ".priority": 2}) == {"a": 1, "l": [1]}
    assert stored({"a": leaf, "b": {".value": 1, ".priority": None}}) == {"a": leaf, "b": 1}


def test_removing_the_last_child_removes_the_parents() -> None:
    """An empty object does not exist."""
    assert assign({"a": {"b": {"c": 1}}}, ["a", "b", "c"], None) is None


def _with_a_priority(value: dict[str, Any]) -> dict[str, Any]:
    return value | {".priority": "q"} if ".priority" in value else value


PRIORITIES = st.sampled_from([None, 1, "p"])
WRAPPED = st.builds(
    lambda value, priority: {".value": value, ".priority": priority}, LEAVES, PRIORITIES
)
EXPORTS = st.recursive(
    st.none() | LEAVES | WRAPPED,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.just(".priority"), inner, max_size=3).map(_with_a_priority)
    ),
    max_leaves=6,
)
PLACES = st.lists(KEYS, max_size=3)


@given(EXPORTS)
def test_what_is_stored_is_what_the_service_keeps(value: Any) -> None:
    """Nulls, empty objects and lone priorities vanish, and nothing else does."""
    kept = stored(value)
    assert from_json(kept) == from_json(value)
    assert (kept is None) is not from_json(value).exists
    assert stored(kept) == kept


@given(EXPORTS)
def test_a_value_without_priorities_is_the_same_otherwise(value: Any) -> None:
    """Objects, arrays and leaves, at any depth."""
    assert same(from_json(plain(stored(value))).to_json(), from_json(value).to_json())
    assert "priority" not in repr(plain(value))
    assert same(plain(plain(value)), plain(value))


@given(EXPORTS, st.lists(st.tuples(PLACES, st.booleans(), EXPORTS, PRIORITIES), max_size=8))
def test_priorities_stay_where_the_tree_of_the_server_keeps_them(
    value: Any, writes: list[tuple[list[str], bool, Any, Any]]
) -> None:
    """A leaf written below keeps its priority, and nothing has none."""
    mirror, tree = stored(value), from_json(value)
    for path, of_priority, new, priority in writes:
        if of_priority:
            mirror = assign(mirror, [*path, ".priority"], priority)
            node = tree.at(path)
            if node.exists:
                tree = tree.put(Path(path), node.with_priority(priority))
        else:
            mirror = assign(mirror, path, stored(new))
            tree = tree.put(Path(path), from_json(new))
        assert from_json(mirror) == tree
        assert from_json(at(mirror, path)) == tree.at(path)
        assert at(mirror, [*path, ".priority"]) == tree.at(path).priority
