"""What firebase-admin's ``db`` does: queries."""

from typing import Any, Final

import pytest
from firebase_admin import exceptions

from tests.official_sdks.admin_database import CLIENT
from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused

RULES: Final = {
    "dinosaurs": {".indexOn": ["height", "size/kg"]},
    "scores": {".indexOn": ".value"},
    ".read": True,
}
DINOSAURS: Final = {
    "a": {"height": 2, "size": {"kg": 30}},
    "b": {"height": 4, "size": {"kg": 10}},
    "c": {"height": 3, "size": {"kg": 20}},
    "none": {"weight": 1},
    "text": {"height": "tall"},
    "true": {"height": True},
}
SCORES: Final = {"f": False, "n": 1, "o": {"x": 1}, "s": "a", "t": True}


def rows(place: Place) -> Any:
    """A reference to indexed rows."""
    place.rules(RULES)
    reference = place.reference()
    reference.set({"dinosaurs": DINOSAURS, "scores": SCORES})
    return reference.child("dinosaurs")


@call(CLIENT, "Reference.order_by_child", "Query.get")
def rows_by_a_child(place: Place) -> None:
    """In the order of types: missing, booleans, numbers, strings; a path may be deep."""
    dinosaurs = rows(place)
    answer = dinosaurs.order_by_child("height").get()
    assert list(answer) == ["none", "true", "a", "c", "b", "text"]
    assert answer == DINOSAURS
    assert list(dinosaurs.order_by_child("size/kg").start_at(1).get()) == ["b", "c", "a"]


@call(CLIENT, "Reference.order_by_key", "Query.get")
def rows_by_key(place: Place) -> None:
    """In the order of their keys."""
    assert list(rows(place).order_by_key().get()) == sorted(DINOSAURS)


@call(CLIENT, "Reference.order_by_value", "Query.get")
def rows_by_value(place: Place) -> None:
    """In the order of types."""
    scores = rows(place).parent.child("scores")
    assert list(scores.order_by_value().get()) == ["f", "t", "n", "s", "o"]
    assert list(scores.order_by_value().limit_to_first(3).get()) == ["f", "t", "n"]
    assert scores.order_by_value().equal_to("a").get() == {"s": "a"}


@call(CLIENT, "Query.start_at", "Query.end_at")
def a_range_of_rows(place: Place) -> None:
    """Both ends belong to it, by number, string or key."""
    dinosaurs = rows(place)
    assert list(dinosaurs.order_by_child("height").start_at(3).get()) == ["c", "b", "text"]
    assert list(dinosaurs.order_by_child("height").end_at(2).get()) == ["none", "true", "a"]
    assert list(dinosaurs.order_by_child("height").start_at(2.5).end_at(4).get()) == ["c", "b"]
    assert list(dinosaurs.order_by_key().start_at("b").end_at("n\uf8ff").get()) == [
        "b",
        "c",
        "none",
    ]
    assert list(dinosaurs.order_by_child("height").start_at("t").get()) == ["text"]


@call(CLIENT, "Query.equal_to")
def rows_that_equal(place: Place) -> None:
    """A number, a string, a boolean and a key."""
    dinosaurs = rows(place)
    for value, key in ((4, "b"), ("tall", "text"), (True, "true")):
        assert list(dinosaurs.order_by_child("height").equal_to(value).get()) == [key]
    assert dinosaurs.order_by_key().equal_to("c").get() == {"c": DINOSAURS["c"]}


@call(CLIENT, "Query.limit_to_first", "Query.limit_to_last")
def a_window_of_rows(place: Place) -> None:
    """From either end, within a range too."""
    dinosaurs = rows(place)
    assert list(dinosaurs.order_by_child("height").limit_to_first(3).get()) == ["none", "true", "a"]
    assert list(dinosaurs.order_by_child("height").limit_to_last(2).get()) == ["b", "text"]
    assert list(dinosaurs.order_by_child("height").end_at(9).limit_to_last(1).get()) == ["b"]


@call(CLIENT, "Query.get")
def an_empty_answer_is_empty(place: Place) -> None:
    """Whether nothing matches or nothing is there."""
    assert not rows(place).order_by_child("height").equal_to(99).get()
    assert not place.reference("/nowhere").order_by_key().get()


@call(CLIENT, "Query.get")
def rows_of_a_list_come_as_a_list(place: Place) -> None:
    """The library sorts those too."""
    letters = place.reference("/letters")
    letters.set(["a", "b", "c"])
    assert letters.order_by_key().limit_to_first(2).get() == ["a", "b"]
    assert letters.order_by_key().limit_to_last(1).get() == {"2": "c"}


@refused(CLIENT, "Query.get", why="a query by child or value needs .indexOn in the rules")
def a_query_needs_an_index(place: Place) -> None:
    """The library passes on the database's own words, for the owner as well."""
    dinosaurs = rows(place)
    text = 'Index not defined, add ".indexOn": "weight", for path "/dinosaurs", to the rules'
    with pytest.raises(exceptions.InvalidArgumentError) as error:
        dinosaurs.order_by_child("weight").get()
    assert str(error.value) == text
    with pytest.raises(exceptions.InvalidArgumentError, match=r'"\.value", for path "/dinosaurs"'):
        dinosaurs.order_by_value().get()


@refused(
    CLIENT, "Query.get", "Query.limit_to_first", "Query.equal_to", "Query.start_at",
    why="the database wants a positive limit, string keys, and no range beside equal_to",
)  # fmt: skip
def a_query_makes_sense(place: Place) -> None:
    """What the library lets through, the database refuses in its own words."""
    by_key = rows(place).order_by_key
    for query, text in (
        (by_key().limit_to_first(0), "limitToFirst must be positive"),
        (by_key().start_at(5), "Provided key index type is invalid, must be string"),
        (by_key().equal_to("a").start_at("a"), "equalTo cannot be specified in addition"),
        (by_key().start_at([1]), "Constraint index field must be a JSON primitive"),
    ):
        with pytest.raises(exceptions.InvalidArgumentError, match=text):
            query.get()


@refused(
    CLIENT, "Reference.order_by_child", "Query.limit_to_first", "Query.limit_to_last",
    "Query.start_at", "Query.end_at", "Query.equal_to",
    why="the library checks bounds, limits and paths itself",
)  # fmt: skip
def a_query_is_well_formed(place: Place) -> None:
    """It says so before it sends anything."""
    node = place.reference()
    for path in ("$key", "$value", "$priority", "/a", "a.b", ""):
        with pytest.raises(ValueError, match=r"path|order_by"):
            node.order_by_child(path)
    query = node.order_by_key()
    for method in (query.start_at, query.end_at, query.equal_to):
        with pytest.raises(ValueError, match="must not be None"):
            method(None)
    for limit in (query.limit_to_first, query.limit_to_last):
        with pytest.raises(ValueError, match="non-negative integer"):
            limit(-1)
    with pytest.raises(ValueError, match="both first and last"):
        query.limit_to_first(1).limit_to_last(1)
