"""Random trees, writes and queries over few keys, so that they often meet."""

from typing import Any

from hypothesis import strategies as st

from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["keys", "queries", "values", "writes"]

keys = st.sampled_from(["a", "b", "c", "0", "1", "h"])
leaves = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["x", "y"]), st.booleans())
priorities = st.sampled_from([None, 1, "p"])
values = st.recursive(
    leaves | st.builds(lambda value, p: {".value": value, ".priority": p}, leaves, priorities),
    lambda inner: st.dictionaries(keys | st.just(".priority"), inner, max_size=3).map(
        lambda value: {k: (1 if k == ".priority" else v) for k, v in value.items()}
    ),
    max_leaves=6,
)
paths = st.lists(keys, max_size=3).map(Path.of)
patch_keys = st.one_of(
    keys,
    st.tuples(keys, keys).map("/".join),
    keys.map(lambda key: f"{key}/.priority"),
    st.just(".priority"),
)
patches = st.dictionaries(patch_keys, values, min_size=1, max_size=3).map(
    lambda body: {k: (2 if k.endswith(".priority") else v) for k, v in body.items()}
)
writes = st.one_of(
    st.tuples(st.just("put"), paths, values),
    st.tuples(st.just("patch"), paths, patches),
)
bounds = st.none() | st.integers(0, 3) | st.sampled_from(["x", "y"])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any order, any bounds that suit it, any limit."""
    query = draw(
        st.sampled_from(
            [Query.by_key(), Query.by_value(), Query.by_priority(), Query.by_child("h")]
        )
    )
    by_key = query.order_by.kind == "key"

    def end() -> Any:
        """A value and, unless the order is by key, perhaps a key beside it."""
        return draw(keys if by_key else bounds), None if by_key else draw(st.none() | keys)

    match draw(st.sampled_from(["", "at", "after", "equal"])):
        case "at":
            query = query.start_at(*end())
        case "after":
            query = query.start_after(*end())
        case "equal":
            query = query.equal_to(*end())
    if query.end is None:
        match draw(st.sampled_from(["", "at", "before"])):
            case "at":
                query = query.end_at(*end())
            case "before":
                query = query.end_before(*end())
    match draw(st.sampled_from(["all", "first", "last"])):
        case "first":
            query = query.limit_to_first(draw(st.integers(1, 2)))
        case "last":
            query = query.limit_to_last(draw(st.integers(1, 2)))
    return query
