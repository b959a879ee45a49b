"""A stream's copy of what it listens to."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.mirror import assign, children
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


def test_removing_the_last_child_removes_the_parents() -> None:
    """An empty object does not exist."""
    assert assign({"a": {"b": {"c": 1}}}, ["a", "b", "c"], None) is None
