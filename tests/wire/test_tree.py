"""The tree: reading JSON, giving it back, and writing without mutation."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, canonical_number, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import EMPTY, Branch, Leaf, Node, from_json, put_all
from tests.specs import cases
from tests.wire.strategies import exports, nodes, paths, scalars, values


def pruned(value: Any) -> Any:
    """What is left of plain JSON in the database, as nested dicts: the naive model."""
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return canonical_number(value)
    return value


def model_put(model: Any, path: Path, value: Any) -> Any:
    """``model`` with ``value`` at ``path``, written the slow and obvious way."""
    if not path:
        return value
    if not isinstance(model, dict):
        if value is None:
            return model
        model = {}
    child = model_put(model.get(path[0]), Path(path[1:]), value)
    return pruned({**model, path[0]: child})


def model_get(model: Any, path: Path) -> Any:
    for key in path:
        model = model.get(key) if isinstance(model, dict) else None
    return model


def plain(node: Node) -> Any:
    """The node as nested dicts, lists left out of it."""
    return (
        node.value
        if isinstance(node, Leaf)
        else {key: plain(child) for key, child in node.children.items()} or None
    )


@cases("wire/arrays")
def test_objects_read_as_lists_when_their_keys_are_indexes(case: dict[str, Any]) -> None:
    """All keys are indexes and more than half of them are there."""
    assert same(from_json(case["stored"]).to_json(), case["read"])


@given(values)
def test_reading_prunes_and_nothing_else(value: Json) -> None:
    """Nulls and empties vanish, lists become objects, numbers take their stored form."""
    assert same(plain(from_json(value)), pruned(value))


@given(values)
def test_lists_do_not_change_what_is_stored(value: Json) -> None:
    """What a client reads, lists and all, it can write back unchanged."""
    node = from_json(value)
    assert from_json(node.to_json()) == node


@given(exports)
def test_an_export_reads_back(value: Json) -> None:
    """Values, priorities and shape survive."""
    node = from_json(value)
    assert from_json(node.to_json(export=True)) == node


@given(nodes, paths, nodes)
def test_put_then_get(tree: Node, path: Path, node: Node) -> None:
    """What was put is there."""
    assert tree.put(path, node).at(path) == node


@given(nodes, paths)
def test_putting_what_is_there_changes_nothing(tree: Node, path: Path) -> None:
    """Get then put gives the same tree."""
    assert tree.put(path, tree.at(path)) == tree


@given(nodes, paths, nodes, nodes)
def test_the_last_put_wins(tree: Node, path: Path, first: Node, second: Node) -> None:
    """Unless one deletes: what is empty is gone, and so is its priority; a leaf on the way too."""
    if first.exists and second.exists:
        assert tree.put(path, first).put(path, second) == tree.put(path, second)


@given(nodes, paths, nodes, paths)
def test_put_leaves_other_places_alone(tree: Node, path: Path, node: Node, other: Path) -> None:
    """Neither above nor below means untouched, unless a leaf stood in the way."""
    if not path.contains(other) and not other.contains(path):
        assert tree.put(path, node).at(other) == tree.at(other)


@given(nodes, paths, nodes)
def test_put_never_mutates(tree: Node, path: Path, node: Node) -> None:
    """The tree before is still there to look at."""
    before = tree.to_json(export=True)
    tree.put(path, node)
    assert same(tree.to_json(export=True), before)


@given(values, st.lists(st.tuples(paths, values), max_size=6))
def test_writes_agree_with_nested_dicts(start: Json, writes: list[tuple[Path, Json]]) -> None:
    """The tree does what plain dicts with pruning do, write by write."""
    tree, model = from_json(start), pruned(start)
    for path, value in writes:
        tree, model = tree.put(path, from_json(value)), model_put(model, path, pruned(value))
        assert same(plain(tree), model)
        assert same(plain(tree.at(path)), model_get(model, path))


@given(nodes, st.dictionaries(paths, nodes, max_size=6))
def test_many_puts_at_once_are_as_one_after_the_other(tree: Node, writes: dict[Path, Node]) -> None:
    """For writes of which none is at or above another."""
    apart = {
        path: node
        for path, node in writes.items()
        if not any(path != other and other.contains(path) for other in writes)
    }
    expected = tree
    for path, node in apart.items():
        expected = expected.put(path, node)
    assert put_all(tree, apart.items()) == expected


def test_many_puts_that_change_nothing_give_the_same_tree() -> None:
    """So that nobody is told of a change."""
    tree = from_json({"a": {"b": 1}, "c": 5})
    assert put_all(tree, [(Path(("x", "y")), EMPTY), (Path(("c", "d")), EMPTY)]) is tree


def test_a_priority_stays_when_a_leaf_becomes_a_branch() -> None:
    """It belongs to the place; and a deletion below a leaf does nothing."""
    leaf, path = Leaf(1, "p"), Path(("a", "b"))
    expected = from_json({"a": {"b": 2}, ".priority": "p"})
    assert leaf.put(path, Leaf(2)) == expected
    assert put_all(leaf, [(path, Leaf(2))]) == expected
    assert leaf.put(path, EMPTY) is leaf
    assert put_all(leaf, [(path, EMPTY)]) is leaf


def weighed(value: Any) -> int:
    """What nested dicts weigh: text and its quotes, eight for any other value, and the rows."""
    if isinstance(value, dict):
        return sum(len(key) + len('"":,') + weighed(item) for key, item in value.items())
    return len(value) + 2 if isinstance(value, str) else 8 if value is not None else 0


@given(nodes, paths, nodes)
def test_a_tree_weighs_what_is_in_it(tree: Node, path: Path, node: Node) -> None:
    """Read or written, and whether or not it was asked before."""
    assert tree.weight == weighed(plain(tree))
    written = tree.put(path, node)
    assert written.weight == weighed(plain(written))


@given(nodes)
def test_a_write_finds_the_weight_from_what_it_was_before(tree: Node) -> None:
    """What is known is not weighed again, however large."""
    known = Branch({"a": Leaf(1), "b": Leaf("")}, weight=99)
    written = known.put(Path(("b",)), tree)
    assert [known.weight, written.weight] == [
        99,
        99 + weighed({"b": plain(tree)} if tree.exists else {}) - weighed({"b": ""}),
    ]


@given(nodes)
def test_nothing_absent_is_kept(tree: Node) -> None:
    """EMPTY never stands among children; an empty branch is EMPTY itself."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Branch):
            assert node.children or node is EMPTY
            waiting.extend(node.children.values())


@example(True, 1)
@example(0, False)
@given(scalars, scalars)
def test_leaves_are_equal_when_their_values_are(a: Any, b: Any) -> None:
    """True is not 1, and equal leaves hash alike."""
    assert (Leaf(a) == Leaf(b)) is same(a, b)
    if same(a, b):
        assert hash(Leaf(a)) == hash(Leaf(b))


def test_a_priority_goes_with_the_last_child() -> None:
    """Nothing is there to have one, so what comes next has none."""
    emptied = from_json({"a": 1, ".priority": 1}).put(Path(("a",)), EMPTY)
    assert emptied == EMPTY
    assert emptied.put(Path(("a",)), from_json(2)) == from_json({"a": 2})


def test_a_value_may_stand_in_an_object_of_its_own() -> None:
    """As exports write it beside a priority, and without one."""
    assert from_json({".value": 1}) == from_json({".value": 1, ".priority": None}) == Leaf(1)
    assert from_json({"a": {".value": True}}) == from_json({"a": True})
    assert from_json({".value": None, ".priority": 1}) is EMPTY


def test_a_priority_makes_a_difference() -> None:
    """Same value, other priority, other node."""
    assert Leaf(1) != Leaf(1, 1)
    assert from_json({"a": 1}) != from_json({"a": 1, ".priority": 1})


@pytest.mark.parametrize(
    "value",
    [
        {"a.b": 1}, {"": 1}, {"a": {"$x": 1}}, {".sv": "timestamp"}, {".info": 1},
        {".value": 1, "a": 2}, {".value": [1]}, {".value": 1, ".priority": True},
        {"a": 1, ".priority": []}, {"a": float("nan")}, {"a": float("inf")}, {"a": 10**400},
        {"a.b": None},
    ],
)  # fmt: skip
def test_what_the_database_refuses_is_refused(value: Json) -> None:
    """Illegal keys, stray reserved names, priorities that are none, numbers that are none."""
    with pytest.raises(InvalidData):
        from_json(value)


def test_an_error_says_where() -> None:
    """The path of the node, below the place it was to stand."""
    with pytest.raises(InvalidData) as caught:
        from_json({"ok": 1, "b": [{"x": 1}, {"c": {"d.e": 1}}]}, Path.parse("/a"))
    assert caught.value.where == "/a/b/1/c"
    assert "'.'" in caught.value.what


def nested(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_thirty_two_levels_fit() -> None:
    """Counted from the root, wherever the write starts, down to the leaf."""
    assert from_json(nested(32)).at(("a",) * 32) == Leaf(1)
    assert from_json(nested(2), Path(("x",) * 30)).exists
    assert from_json(1, Path("x" * 32)).exists
    for value, at in [(nested(33), ROOT), (nested(3), Path(("x",) * 30)), (1, Path("x" * 33))]:
        with pytest.raises(InvalidData, match="32"):
            from_json(value, at)


def test_bottomless_data_is_refused_not_crashed_on() -> None:
    """Long before Python's own limit."""
    with pytest.raises(InvalidData, match="32"):
        from_json(nested(100_000))


def test_a_string_is_measured_in_bytes() -> None:
    """Ten mebibytes of UTF-8 fit."""
    limit = 10 * 1024 * 1024
    assert from_json("a" * limit).exists
    for text in ("a" * (limit + 1), "é" * (limit // 2 + 1)):
        with pytest.raises(InvalidData, match="10 MiB"):
            from_json(text)


@pytest.mark.parametrize(
    "value",
    [1, "x", {"a": {"b": True}}, {".priority": "p", ".value": 1}, {".priority": "p", "a": 1}],
)
def test_a_node_is_shown_as_what_it_holds(value: Any) -> None:
    """For whoever looks at a test that failed."""
    node = from_json(value)
    assert repr(node) == f"{type(node).__name__}({value!r})"
