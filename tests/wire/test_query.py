"""Queries: parameters, bounds and windows."""

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import dumps, same
from imbari_chat.wire.order import Index
from imbari_chat.wire.query import Bound, Query
from imbari_chat.wire.query_forms import from_params, to_params
from imbari_chat.wire.tree import EMPTY, Branch, Leaf, Node, from_json
from tests.specs import cases, table
from tests.wire.strategies import keys, priorities

DATA = from_json(table("wire/queries")["data"])

few = st.sampled_from(["a", "b", "c", "0", "1", "10", "01", "é"])
small = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("ab", max_size=2)
)


@cases("wire/queries")
def test_windows_hold_what_the_service_answers(case: dict[str, Any]) -> None:
    """The right children, in the right order, and the same by window and by order."""
    query = from_params(case["params"])
    assert query is not None
    node = DATA.child(case["at"])
    assert [key for key, _ in query.ordered(node)] == case["keys"]
    assert query.window(node) == Branch(dict(query.ordered(node)))
    if "json" in case:
        assert same(query.window(node).to_json(), case["json"])


def test_the_placeholders_of_the_sdks_stand_for_every_key() -> None:
    """Their own protocol sends them as keys of bounds, which the REST API refuses."""
    node = DATA.child("tie")
    after = Query.by_child("n").start_after(1, "[MAX_NAME]")
    before = Query.by_child("n").end_before(2, "[MIN_NAME]")
    assert [key for key, _ in after.ordered(node)] == ["x"]
    assert [key for key, _ in before.ordered(node)] == ["9", "10", "y"]


@cases("wire/query_errors")
def test_bad_parameters_get_the_texts_of_the_service(case: dict[str, Any]) -> None:
    """Word for word."""
    with pytest.raises(InvalidData) as caught:
        from_params(case["params"])
    assert caught.value.what == case["error"]


def test_parameters_of_other_kinds_make_no_query() -> None:
    """Nor do they disturb one."""
    others = {"ns": "t", "auth": "x", "print": "pretty", "shallow": "true"}
    assert from_params(others) is None
    assert from_params(others | {"orderBy": '"$key"'}) == Query.by_key()


def test_a_limit_alone_is_sent_with_its_order() -> None:
    """The service refuses a limit without orderBy."""
    assert to_params(Query.by_key().limit_to_last(3)) == {
        "orderBy": '"$key"',
        "limitToLast": "3",
    }


def test_parameters_are_json() -> None:
    """Strings are quoted, a key stands behind a comma."""
    query = Query.by_child("/size/height").start_after(3, "stego").end_at("é")
    assert to_params(query) == {
        "orderBy": '"size/height"',
        "startAfter": '3,"stego"',
        "endAt": '"é"',
    }
    assert to_params(Query.by_value().equal_to(None)) == {
        "orderBy": '"$value"',
        "equalTo": "null",
    }


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any query that can be built."""
    query = draw(
        st.sampled_from(
            [Query.by_key(), Query.by_value(), Query.by_priority(), Query.by_child("n")]
        )
    )
    by_key = query.order_by.kind == "key"
    if by_key:
        values: st.SearchStrategy[Any] = few
    else:
        values = priorities if query.order_by.kind == "priority" else small
    bounds = st.none() | st.builds(
        Bound, values, st.none() if by_key else st.none() | few, st.booleans()
    )
    limit = draw(st.none() | st.integers(1, 4))
    from_end = limit is not None and draw(st.booleans())
    return Query(query.order_by, draw(bounds), draw(bounds), limit, from_end)


@given(queries())
def test_a_query_survives_the_way_through_parameters(query: Query) -> None:
    """Every query can be sent over REST."""
    assert from_params(to_params(query)) == query
    assert hash(from_params(to_params(query))) == hash(query)


def oracle_compare_keys(a: str, b: str) -> int:
    """The SDK's comparison of keys, for keys of at most ten digits."""

    def integer(key: str) -> int | None:
        return int(key) if key.removeprefix("-").isdecimal() else None

    left, right = integer(a), integer(b)
    if left is not None and right is not None:
        return (left - right) or (len(a) - len(b))
    if left is not None or right is not None:
        return -1 if left is not None else 1
    return (a > b) - (a < b)


def oracle_compare_values(a: Any, b: Any) -> int:
    """Rank by type, then by value; written as a comparison, not as a sort key."""

    def rank(value: Any) -> int:
        if value is None:
            return 1
        if isinstance(value, bool):
            return 3 if value else 2
        return 4 if isinstance(value, int | float) else 5 if isinstance(value, str) else 6

    if rank(a) != rank(b):
        return rank(a) - rank(b)
    return (a > b) - (a < b) if rank(a) in (4, 5) else 0


def oracle_index_value(query: Query, key: str, child: Node) -> Any:
    match query.order_by.kind:
        case "key":
            return key
        case "priority":
            return child.priority
        case "value":
            return child.to_json()
        case _:
            return child.child("n").to_json()


def oracle(query: Query, node: Node) -> list[str]:
    """Sort everything, throw away what is outside, cut."""
    children = dict(node.children) if isinstance(node, Branch) else {}
    by_key = query.order_by.kind == "key"

    def compare(left: tuple[Any, str], right: tuple[Any, str]) -> int:
        first = (
            oracle_compare_keys(left[0], right[0])
            if by_key
            else oracle_compare_values(left[0], right[0])
        )
        return first or oracle_compare_keys(left[1], right[1])

    def against(bound: Bound, place: tuple[Any, str]) -> int:
        if by_key:
            return oracle_compare_keys(place[0], str(bound.value))
        if bound.key is None:
            return oracle_compare_values(place[0], bound.value)
        return compare(place, (bound.value, bound.key))

    places = [(oracle_index_value(query, key, child), key) for key, child in children.items()]
    places.sort(key=functools.cmp_to_key(compare))
    if query.start is not None:
        start, least = query.start, 0 if query.start.inclusive else 1
        places = [place for place in places if against(start, place) >= least]
    if query.end is not None:
        end, most = query.end, 0 if query.end.inclusive else -1
        places = [place for place in places if against(end, place) <= most]
    if query.limit is not None:
        places = places[-query.limit :] if query.from_end else places[: query.limit]
    return [key for _, key in places]


rows = small | st.builds(lambda n, x: {"n": n, "x": x}, small | st.just({"o": 1}), st.just(1))
prioritised = st.builds(lambda v, p: from_json(v).with_priority(p), rows, priorities)
lists = st.dictionaries(few, prioritised, max_size=7).map(
    lambda children: from_json({key: child.to_json(export=True) for key, child in children.items()})
)


@given(queries(), lists)
def test_windows_agree_with_sort_filter_and_cut(query: Query, node: Node) -> None:
    """The quick way and the obvious way give the same children in the same order."""
    expected = oracle(query, node)
    assert [key for key, _ in query.ordered(node)] == expected
    assert query.window(node).to_json(export=True) == (
        {key: node.child(key).to_json(export=True) for key in expected} or None
    )


@given(queries(), lists)
def test_a_child_is_admitted_when_the_window_without_limit_holds_it(
    query: Query, node: Node
) -> None:
    """Limits aside, what is inside the bounds does not depend on the siblings."""
    window = Query(query.order_by, query.start, query.end).window(node)
    assert isinstance(node, Branch)
    for key, child in node.children.items():
        assert query.admits(key, child) is window.child(key).exists


@given(queries(), lists)
def test_a_window_of_a_window_is_the_window(query: Query, node: Node) -> None:
    """A client that filters what the server filtered loses nothing."""
    assert query.window(query.window(node)) == query.window(node)


def test_the_priority_of_the_node_is_not_in_the_window() -> None:
    """Only children are asked for."""
    assert Query.by_key().window(from_json({"a": 1, ".priority": 3})).priority is None
    assert Query.by_key().window(Leaf(1)) is EMPTY


def test_queries_tell_numbers_from_booleans() -> None:
    """They are keys of dicts of listeners; 1 and true must not share one."""
    one, yes = Query.by_child("n").equal_to(1), Query.by_child("n").equal_to(True)
    assert one != yes
    assert one == Query.by_child("n").equal_to(1.0)
    assert len({one, yes, Query.by_child("n").equal_to(1.0)}) == 2


def test_equal_value_is_what_rules_see() -> None:
    """The value of equalTo, and of the range that says the same."""
    assert Query.by_child("o").equal_to("u1").equal_value == "u1"
    assert Query.by_child("o").start_at(5).end_at(5).equal_value == 5
    assert Query.by_child("o").start_at(5).end_at(6).equal_value is None
    assert Query.by_child("o").start_after(5).end_before(5).equal_value is None
    assert Query.by_key().equal_value is None


@pytest.mark.parametrize("bound", [True, False])
def test_a_boolean_sorts_after_no_priority_and_before_every_other(bound: bool) -> None:
    """Though none can be one."""
    found = {"none": None, "number": -5, "text": "x"}
    node = from_json({key: {".value": 1, ".priority": found[key]} for key in found})
    above, below = Query.by_priority().start_at(bound), Query.by_priority().end_at(bound)
    assert [key for key, _ in above.ordered(node)] == ["number", "text"]
    assert [key for key, _ in below.ordered(node)] == ["none"]


def test_a_query_without_bounds_and_limit_takes_all() -> None:
    """Whatever it sorts by."""
    for every in (Query.by_key(), Query.by_value(), Query.by_child("n")):
        narrower = [every.start_at("a"), every.end_before("b"), every.limit_to_last(1)]
        assert [one.takes_all for one in (every, *narrower)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: Query.by_key().limit_to_first(0), "limitToFirst must be positive"),
        (lambda: Query.by_key().limit_to_last(-1), "limitToLast must be positive"),
        (lambda: Query.by_key().limit_to_last(1).limit_to_first(1), "Only one of limitToFirst"),
        (lambda: Query.by_key().start_at(1), "must be string"),
        (lambda: Query.by_key().start_at("a", "b"), "valid key name"),
        (lambda: Query.by_value().start_at(1, "a/b"), "valid key name"),
        (lambda: Query.by_value().end_at(float("nan")), "JSON primitive"),
        (lambda: Query.by_value().end_at(10**400), "JSON primitive"),
        (lambda: Query.by_value().end_at([1]), "JSON primitive"),  # type: ignore[arg-type]  # the point
        (lambda: Query.by_value().end_at(1).equal_to(1), "equalTo cannot"),
        (lambda: Query.by_value().start_at(1).equal_to(1), "equalTo cannot"),
        (lambda: Query.by_value().start_at(1).start_after(1), "Only one of startAt"),
        (lambda: Query.by_value().end_at(1).end_before(1), "Only one of endAt"),
        (lambda: Query.by_child("/"), "valid JSON encoded path"),
    ],
)  # fmt: skip
def test_queries_that_make_no_sense_cannot_be_built(build: Any, text: str) -> None:
    """In code as over REST, with the same words."""
    with pytest.raises(InvalidData, match=text):
        build()


@given(keys)
def test_a_child_path_is_a_path_even_when_it_looks_like_more(key: str) -> None:
    """Text and path name the same order, and read back from orderBy."""
    query = Query.by_child(key)
    assert query.order_by == Index("child", query.order_by.path)
    assert from_params({"orderBy": dumps(str(query.order_by))}) == query
