"""Writes: multi-path updates, priorities, and what they leave behind."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given

from imbari_chat.errors import InvalidData
from imbari_chat.wire import updates
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import EMPTY, Node, from_json, put_all
from imbari_chat.wire.updates import PRIORITY, apply, changes, illegal_in_update_key
from tests.specs import cases, table
from tests.wire.strategies import nodes, paths, values

NOW: int = table("wire/server_values")["now"]


def write(tree: Node, method: str, path: str, body: Json) -> Node:
    """One request; a PUT may go to ``.priority``."""
    at = Path(segment for segment in path.split("/") if segment)
    return apply(tree, changes(body, at) if method == "PATCH" else {at: body}, NOW)


@cases("wire/writes")
def test_writes_leave_what_the_service_leaves(case: dict[str, Any]) -> None:
    """Request after request, then a read, then an export."""
    tree: Node = EMPTY
    if "error" in case:
        (step,) = case["steps"]
        with pytest.raises(InvalidData):
            write(tree, *step)
        return
    for step in case["steps"]:
        tree = write(tree, *step)
    node = tree.at(Path.parse(case["read"]))
    assert same(node.to_json(), case["value"])
    if "export" in case:
        assert same(node.to_json(export=True), case["export"])


@cases("wire/update_conflicts")
def test_paths_of_one_update_stand_apart(case: dict[str, Any]) -> None:
    """None at or above another, in whatever order they are written."""
    for keys in (case["body"], reversed(case["body"])):
        body: Json = {key: case["body"][key] for key in keys}
        if "error" not in case:
            assert len(changes(body, ROOT)) == len(case["body"])
            continue
        with pytest.raises(InvalidData) as caught:
            changes(body, ROOT)
        assert caught.value.what == case["error"]


def test_changes_are_absolute_and_in_order() -> None:
    """Keys are paths below the place the update is sent to."""
    body: Json = {"b/c": 1, "/a/": {"x/y": 2}, "z/.priority": 3}
    at = Path.parse("/top")
    assert list(changes(body, at).items()) == [
        (Path.parse("/top/b/c"), 1),
        (Path.parse("/top/a"), {"x/y": 2}),
        (Path((*at, "z", PRIORITY)), 3),
    ]


@pytest.mark.parametrize("body", [[1], 5, "x", True])
def test_an_update_is_an_object(body: Json) -> None:
    """With the service's text."""
    with pytest.raises(InvalidData) as caught:
        changes(body, ROOT)
    assert caught.value.what == (
        "Invalid data; couldn't parse JSON object."
        " Are you sending a JSON object with valid key names?"
    )


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "a.b", "a/$b", "a.b/c", ".value", ".sv", ".priority/a", "a/.sv",
        "$b/.priority", "a/$b/.priority", ".priority/.priority", "a.b" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused_and_named(key: str) -> None:
    """Of the reserved names only a last ``.priority`` can be written to."""
    assert illegal_in_update_key(key) is not None
    with pytest.raises(InvalidData) as caught:
        changes({key: 1}, ROOT)
    assert caught.value.where == repr(key[:80])


def test_paths_of_an_update_have_a_depth() -> None:
    """Thirty-two levels in all; ``.priority`` is none."""
    at = Path(("x",) * 30)
    assert changes({"a/b/.priority": 1}, at)
    with pytest.raises(InvalidData, match="32") as caught:
        changes({"a/b/c": 1}, at)
    assert caught.value.where == f"{at}/a/b/c"


@given(nodes, paths, values)
def test_a_refused_update_leaves_no_trace(tree: Node, path: Path, value: Json) -> None:
    """One bad value refuses all, and the tree before is what it was."""
    before = tree.to_json(export=True)
    with pytest.raises(InvalidData):
        apply(tree, {path / "ok": value, path / "bad": {"a.b": 1}}, NOW)
    assert same(tree.to_json(export=True), before)


def test_increments_of_one_update_read_the_tree_before() -> None:
    """Each adds to what its own path held."""
    tree = from_json({"a": 1, "b": 10})
    body: Json = {"a": {".sv": {"increment": 1}}, "b": {".sv": {"increment": -1}}}
    assert apply(tree, changes(body, ROOT), NOW) == from_json({"a": 2, "b": 9})


@given(nodes, paths)
def test_writing_back_an_export_changes_nothing(tree: Node, path: Path) -> None:
    """Values and priorities alike."""
    assert apply(tree, {path: tree.at(path).to_json(export=True)}, NOW) == tree


def test_many_priorities_are_put_in_place_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass for each level of the tree, not a copy of a large node for each of its children."""
    passes = 0

    def counted(node: Node, writes: Iterable[tuple[Path, Node]]) -> Node:
        nonlocal passes
        passes += 1
        return put_all(node, writes)

    monkeypatch.setattr(updates, "put_all", counted)
    root = from_json({"a": {f"k{number}": {"b": 1} for number in range(1000)}})
    writes: dict[Path, Json] = {Path(("a", ".priority")): 1}
    for number in range(1000):
        writes[Path(("a", f"k{number}", ".priority"))] = number
        writes[Path(("a", f"k{number}", "b", ".priority"))] = "x"
    after = apply(root, writes, 0)
    assert passes == 1 + 3
    expected: Json = {
        ".priority": 1,
        **{
            f"k{number}": {".priority": number, "b": {".value": 1, ".priority": "x"}}
            for number in range(1000)
        },
    }
    assert same(after.to_json(export=True), {"a": expected})


def test_what_is_made_ready_is_what_would_have_been_made() -> None:
    """Server values and what cannot be stored are left for their time."""
    root = from_json({"n": 1})
    writes: dict[Path, Json] = {
        Path(("a",)): {"b": [1, 2]},
        Path(("n",)): {".sv": {"increment": 1}},
        Path(("t", "u")): {"when": {".sv": "timestamp"}},
        Path(("gone",)): None,
    }
    ready = updates.nodes(writes)
    assert ready.keys() == {Path(("a",)), Path(("gone",))}
    after = apply(root, writes, 7, ready)
    assert after == apply(root, writes, 7)
    assert after.at(Path(("a",))) is ready[Path(("a",))]
    assert updates.nodes({Path(("bad",)): {"a/b": 1}}) == {}
