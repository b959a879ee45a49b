"""The two ways in which a query is written."""

from typing import Any

import pytest
from hypothesis import given

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import from_object, from_params, to_object
from tests.emulator.database.strategies import queries
from tests.specs import cases, table

REFUSED = table("wire/query_objects")["refused"]


@cases("wire/query_objects")
def test_objects_and_parameters_say_the_same(case: dict[str, Any]) -> None:
    """What an SDK sends is what the same call asks for over REST."""
    assert from_object(case["object"]) == from_params(case["params"])


@cases("wire/query_objects")
def test_objects_are_written_as_the_javascript_sdk_does(case: dict[str, Any]) -> None:
    """Key by key; what others write is only read."""
    query = from_params(case["params"])
    if not case.get("lenient"):
        assert same(to_object(query), case["object"])


@pytest.mark.parametrize("case", REFUSED, ids=[case["name"] for case in REFUSED])
def test_what_makes_no_query_is_refused(case: dict[str, Any]) -> None:
    """By name, not by a traceback."""
    with pytest.raises(InvalidData):
        from_object(case["object"])


@pytest.mark.parametrize("limit", [None, "x", "5", [5], {}, True, 1.5])
def test_a_limit_is_a_whole_number(limit: Json) -> None:
    """Whatever stands in its place is named."""
    with pytest.raises(InvalidData, match="limit is a whole number"):
        from_object({"l": limit})
    assert from_object({"l": 2.0}) == Query.by_priority().limit_to_last(2)


def test_only_a_strict_bound_beyond_every_key_speaks_for_all_of_them() -> None:
    """One that is inside goes on behind them."""
    bound: Json = {"i": "n", "sp": 1, "sn": "[MAX_NAME]"}
    assert isinstance(bound, dict)
    behind, after = from_object(bound), from_object({**bound, "sin": False})
    assert behind == Query.by_child("n").start_at(1, "[MAX_NAME]")
    assert after == Query.by_child("n").start_after(1)
    one = from_object({**bound, "sn": "k", "sin": False})
    assert one == Query.by_child("n").start_after(1, "k")


def test_no_query_is_an_empty_object() -> None:
    """As `get` sends it."""
    assert from_object({}) is None
    assert from_object(None) is None
    assert to_object(None) == {}


@given(queries())
def test_a_written_query_reads_back_as_itself(query: Query) -> None:
    """But for one by priority that asks for everything, which is no query on the wire."""
    written = to_object(query)
    assert from_object(written) == (query if written else None)
