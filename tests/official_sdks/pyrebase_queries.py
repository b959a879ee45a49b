"""What pyrebase4's ``Database`` does: queries."""

from typing import Any

import pytest
import requests

from tests.official_sdks.admin_queries import DINOSAURS, RULES, SCORES
from tests.official_sdks.place import Place
from tests.official_sdks.pyrebase_database import CLIENT, client, words
from tests.official_sdks.registry import call, refused


def indexed(place: Place) -> Any:
    """Its ``Database`` with rows that are indexed."""
    db = client(place, {**RULES, ".write": True})
    db.set({"dinosaurs": DINOSAURS, "scores": SCORES, "numbers": {"b": 1, "a": 3, "c": 2}})
    return db


@call(CLIENT, "Database.order_by_child", "Database.get")
def rows_by_a_child(place: Place) -> None:
    """The database chooses the rows; the library sorts those of one type."""
    db = indexed(place)
    rows = db.child("dinosaurs").order_by_child("height").start_at(2).end_at(4).get()
    assert [row.key() for row in rows.each()] == ["a", "c", "b"]
    assert dict(db.child("dinosaurs").order_by_child("height").equal_to("tall").get().val()) == {
        "text": DINOSAURS["text"]
    }


@call(CLIENT, "Database.order_by_key", "Database.start_at", "Database.end_at")
def rows_by_key(place: Place) -> None:
    """A range of them."""
    db = indexed(place)
    rows = db.child("dinosaurs").order_by_key().start_at("b").end_at("none").get()
    assert list(rows.val()) == ["b", "c", "none"]


@call(CLIENT, "Database.order_by_value", "Database.limit_to_last")
def rows_by_value(place: Place) -> None:
    """Numbers, in their order."""
    db = indexed(place)
    rows = db.child("scores").order_by_value().start_at(1).end_at(9).get()
    assert dict(rows.val()) == {"n": 1}
    rows = db.child("scores").order_by_value().end_at(True).limit_to_last(1).get()
    assert dict(rows.val()) == {"t": True}


@call(CLIENT, "Database.equal_to")
def rows_that_equal(place: Place) -> None:
    """A number, a string and a boolean, each written as JSON by the library."""
    db = indexed(place)
    for value, key in ((4, "b"), ("tall", "text"), (True, "true")):
        rows = db.child("dinosaurs").order_by_child("height").equal_to(value).get()
        assert list(rows.val()) == [key]


@call(CLIENT, "Database.limit_to_first", "Database.limit_to_last")
def a_window_of_rows(place: Place) -> None:
    """From either end."""
    db = indexed(place)
    assert list(db.child("dinosaurs").order_by_key().limit_to_first(2).get().val()) == ["a", "b"]
    assert list(db.child("dinosaurs").order_by_key().limit_to_last(1).get().val()) == ["true"]


@call(CLIENT, "Database.shallow")
def a_shallow_read_stops_at_the_keys(place: Place) -> None:
    """The library gives back the keys alone."""
    db = indexed(place)
    assert sorted(db.child("dinosaurs").shallow().get().val()) == sorted(DINOSAURS)
    assert db.child("dinosaurs/a/height").shallow().get().val() == 2


@call(CLIENT, "Database.sort")
def rows_are_sorted_by_the_library(place: Place) -> None:
    """By any child, both ways."""
    db = indexed(place)
    rows = db.child("dinosaurs").order_by_key().end_at("c").get()
    assert list(db.sort(rows, "height").val()) == ["a", "c", "b"]
    assert list(db.sort(rows, "height", reverse=True).val()) == ["b", "c", "a"]


@call(CLIENT, "Database.get")
def an_empty_answer_is_empty(place: Place) -> None:
    """Whether nothing matches or nothing is there."""
    db = indexed(place)
    assert not db.child("dinosaurs").order_by_key().equal_to("zzz").get().val()
    assert not db.child("nowhere").order_by_key().get().val()


@refused(CLIENT, "Database.get", why="a query by child or value needs .indexOn in the rules")
def a_query_needs_an_index(place: Place) -> None:
    """The library keeps the database's own words."""
    db = indexed(place)
    with pytest.raises(requests.HTTPError) as refusal:
        db.child("dinosaurs").order_by_child("weight").get()
    assert words(refusal) == (
        'Index not defined, add ".indexOn": "weight", for path "/dinosaurs", to the rules'
    )


@refused(
    CLIENT, "Database.limit_to_first", "Database.limit_to_last", "Database.start_at",
    "Database.end_at", "Database.equal_to", why="a filter needs an order",
)  # fmt: skip
def a_filter_needs_an_order(place: Place) -> None:
    """The library lets it through, the database refuses it."""
    db = indexed(place)
    for query in (
        db.limit_to_first, db.limit_to_last, db.start_at, db.end_at, db.equal_to
    ):  # fmt: skip
        query(1)
        with pytest.raises(requests.HTTPError) as refusal:
            db.child("dinosaurs").get()
        assert words(refusal) == "orderBy must be defined when other query parameters are defined"
