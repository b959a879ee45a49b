"""The node hash."""

import base64
import hashlib
from typing import Any

from hypothesis import given

from imbari_chat.wire.digest import digest
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, Branch, Leaf, Node, from_json
from tests.specs import cases
from tests.wire.strategies import nodes, paths


@cases("wire/digests")
def test_hashes_are_those_of_the_sdk(case: dict[str, Any]) -> None:
    """Byte for byte, or clients would think their copies stale."""
    assert digest(from_json(case["value"])) == case["hash"]


def test_a_negative_zero_hashes_its_bits() -> None:
    """It never survives JSON, but the definition covers it."""
    assert digest(Leaf(-0.0)) == "m/gA365Q5OBo06Bg8wdybAAiMSQ="


@given(nodes)
def test_the_order_of_children_in_memory_does_not_matter(node: Node) -> None:
    """Same content, same hash, however it came to be."""

    def reversed_below(node: Node) -> Node:
        if isinstance(node, Leaf) or not node.exists:
            return node
        children = {key: reversed_below(node.child(key)) for key in reversed([*node.children])}
        return Branch(children, node.priority)

    assert digest(reversed_below(node)) == digest(node)


@given(nodes, nodes)
def test_different_nodes_differ(a: Node, b: Node) -> None:
    """Equal nodes share their hash, others do not."""
    assert (digest(a) == digest(b)) is (a == b)


def test_a_priority_below_changes_the_hash() -> None:
    """An ETag changes when a priority does."""
    plain, marked = (
        from_json({"a": {"b": 1}}),
        from_json({"a": {"b": {".value": 1, ".priority": 0}}}),
    )
    assert digest(plain) != digest(marked)


def test_words_sort_by_utf16() -> None:
    """As the SDKs do, whatever the server's own order is."""
    emoji_first = Branch({"😀": Leaf(1), "ｚ": Leaf(2)})
    text = f":😀:{digest(Leaf(1))}:ｚ:{digest(Leaf(2))}"
    assert digest(emoji_first) == base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def test_lone_surrogates_do_not_crash() -> None:
    """A string may hold one."""
    assert len(digest(Leaf("\ud800"))) == 28
    assert digest(EMPTY) == ""


def test_a_write_elsewhere_leaves_the_hash_of_a_large_node_standing() -> None:
    """It is worked out once, and again only for what a write has touched."""
    root = from_json({"large": {f"k{n}": n for n in range(1000)}, "small": {"a": 1}})
    large = root.child("large")
    known = digest(root)
    assert isinstance(large, Branch)
    assert large.digest == digest(large)
    after = root.put(Path(("small", "a")), Leaf(2))
    assert after.child("large") is large
    assert digest(after) != known
    inside = after.put(Path(("large", "k0")), Leaf("new"))
    assert digest(inside.child("large")) != large.digest


@given(nodes, paths, nodes)
def test_a_hash_that_was_kept_is_the_hash_of_what_is_there(
    before: Node, path: Path, new: Node
) -> None:
    """After any write, the same as that of an equal tree that was never asked."""
    digest(before)
    after = before.put(path, new)
    assert digest(after) == digest(from_json(after.to_json(export=True)))
