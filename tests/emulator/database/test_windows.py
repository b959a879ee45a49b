"""Windows over large nodes: the same as sorting everything, at the cost of the window."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.windows import Reading, Windows
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import EMPTY, Node, from_json
from tests.budget import examples
from tests.emulator.database.strategies import queries, values, writes

NOW = 1_790_000_000_000
paths = st.sampled_from([Path(), Path(("a",)), Path(("a", "b"))])


def _after(root: Node, kind: str, path: Path, value: Any) -> tuple[list[Path], Node]:
    try:
        write = Write.put(path, value) if kind == "put" else Write.patch(path, value)
        return write.places, write.applied(root, NOW)
    except (InvalidData, Refusal):
        return [], root


@examples(300)
@given(
    values,
    st.lists(st.tuples(paths, queries()), min_size=1, max_size=4),
    st.lists(writes, max_size=6),
)
def test_a_ranking_sees_what_sorting_everything_would_see(
    start: Any, looks: list[tuple[Path, Query]], steps: list[tuple[str, Path, Any]]
) -> None:
    """Before and after every write, for every order, range and limit."""
    windows = Windows(worth_ranking=1)
    places, root = _after(from_json(None), "put", Path(), start)
    for kind, path, value in [("put", Path(("zz",)), None), *steps]:
        places, after = _after(root, kind, path, value)
        windows.committed(places, root, after)
        root = after
        for at, query in looks:
            reading = windows.read(root, at, query)
            assert reading.window == query.window(root.at(at))


orders = st.sampled_from([Query.by_value(), Query.by_child("at"), Query.by_key()])


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 3)), min_size=2),
    orders,
    st.booleans(),
)
def test_a_child_that_is_written_takes_its_new_place_alone(
    steps: list[tuple[str, int | None]], order: Query, first: bool
) -> None:
    """Write by write, by each order: it is neither left where it was nor there twice."""
    query = order.limit_to_first(2) if first else order.limit_to_last(2)
    windows = Windows(worth_ranking=1)
    root = from_json({key: {"at": 1} for key in "bcd"})
    for key, value in steps:
        assert windows.read(root, ROOT, query).window == query.window(root)
        after = root.put(Path((key,)), from_json(value if value == 3 else {"at": value}))
        windows.committed([Path((key,))], root, after)
        root = after
    assert windows.read(root, ROOT, query).window == query.window(root)


@pytest.mark.parametrize(
    ("node", "through_none", "through_all"),
    [(None, None, None), (7, None, 7), ({"a": 1}, {}, {"a": 1})],
)
def test_only_children_of_which_none_match_are_an_empty_object(
    node: Json, through_none: Json, through_all: Json
) -> None:
    """Nothing at all, and a leaf, are null to a query."""
    here = from_json(node)
    assert Reading(here, EMPTY).to_json() == through_none
    assert Reading(here, here).to_json() == Reading(here).to_json() == through_all


def test_what_was_forgotten_concerns_no_commit() -> None:
    """Neither a node that was replaced, nor the oldest of more orders than are kept."""
    windows = Windows(worth_ranking=1)
    path, children = Path(("a",)), from_json({"a": {"k": {"at": 1}}})
    root = children
    for number in range(200):
        query = Query.by_child(f"at{number}")
        assert windows.read(root, path, query).window == query.window(root.at(path))
    assert len(windows._rankings) == 64
    for child, after in [("k", children), ("", from_json({"a": 1})), ("", children)]:
        windows.committed([path / child if child else path], root, after)
        root = after


def _seconds(children: int) -> float:
    """The quickest of some reads and writes of a 50-row window over this many rows."""
    root = from_json({f"k{n}": {"at": n % 1000} for n in range(children)})
    query = Query.by_child("at").limit_to_last(50)
    windows = Windows()
    assert windows.read(root, ROOT, query).window == query.window(root)
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        windows.read(root, ROOT, query)
        best = min(best, time.perf_counter() - began)
    return best


def test_the_cost_of_a_window_follows_the_window() -> None:
    """A hundred times the rows cost at most a few times as much, where sorting costs hundreds."""
    assert _seconds(50_000) < 5 * _seconds(500) + 0.001
