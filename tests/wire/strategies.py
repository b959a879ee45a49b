"""What hypothesis draws from: keys, paths, values as clients send them, and trees."""

from typing import Any

from hypothesis import strategies as st

from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path, illegal_in_key
from imbari_chat.wire.tree import Node, from_json

__all__ = ["exports", "keys", "nodes", "paths", "priorities", "scalars", "values"]

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.text(max_size=6) | st.booleans() | numbers
priorities = st.none() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3)

_common = st.sampled_from(["a", "b", "c", "0", "1", "2", "10", "01", "-1", "😀", "ｚ", "é"])
_free = st.text(min_size=1, max_size=4).filter(lambda key: illegal_in_key(key) is None)
keys = _common | _free

paths = st.lists(keys, max_size=4).map(Path)

values: st.SearchStrategy[Json] = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
"""Plain JSON whose keys are legal."""


def _exported(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    children = st.dictionaries(keys, inner, max_size=4)
    with_priority = st.builds(
        lambda items, priority: {**items, ".priority": priority}, children, priorities
    )
    return st.lists(inner, max_size=3) | children | with_priority


_wrapped = st.builds(lambda v, p: {".value": v, ".priority": p}, st.none() | scalars, priorities)

exports: st.SearchStrategy[Json] = st.recursive(
    st.none() | scalars | _wrapped, _exported, max_leaves=12
)
"""JSON with priorities in it."""

nodes: st.SearchStrategy[Node] = exports.map(from_json)
