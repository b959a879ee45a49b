"""The search for conditions that no case holds: what it changes, and that it finds a hole."""

from typing import Any

from tests.contract.playing import Table
from tests.mutants.mutation import mutants, parsed
from tests.mutants.score import play

RULES = """{"rules": {"rooms": {
  "$room": {
    ".write": "auth.uid != null && (newData.val() <= 10 || data.exists())",
    "id": {".validate": "newData.val().matches(/^[a-c]{2}$/) && newData.hasChildren(['x', 'y'])"},
    "$other": {".validate": false}
  }
}}}"""


def test_each_condition_is_dropped_turned_round_and_moved_by_one() -> None:
    """At every level of an expression, with limits, patterns and lists; ``$other`` is opened."""
    found = {(mutant.place, mutant.change) for mutant in mutants(parsed(RULES))}
    write = "/rooms/$room .write"
    for change in (
        "auth.uid != null is true",
        "not data.exists()",
        "< in newData.val() <= 10",
        "10 is 11 in newData.val() <= 10",
        "&& in newData.val() <= 10 || data.exists()",
    ):
        assert (write, change) in found
    validate = "/rooms/$room/id .validate"
    changes = {change for place, change in found if place == validate}
    for part in ("/[a-c]{2}$/", "/^[a-c]{2}/", "/^[a-c]{2,3}$/", "/^[a-c]{1,2}$/", "/^[a-c!]{2}$/"):
        assert any(f"is {part} in" in change for change in changes), part
    assert any(change.startswith('"x" left out') for change in changes)
    assert ("/rooms/$room/$other .validate", "false is true") in found
    assert ("/rooms/$room .read", "everybody is let in") in found
    assert ("/rooms/$room/id .write", "everybody is let in") in found


SEATS = (
    """{"rules": {"seats": {".read": true, ".write": "auth.uid != null && newData.val() <= 10"}}}"""
)
SPEC: dict[str, Any] = {
    "now": 1,
    "callers": {"nobody": None, "own": {"uid": "amina"}},
    "before": {"seats": 5},
    "writes": {},
    "cases": [
        {
            "row": "r",
            "name": "n",
            "update": {"/seats": 10},
            "allowed": ["own"],
            "refused": ["nobody"],
        },
        {"row": "r", "name": "n", "update": {"/seats": 11}, "allowed": [], "refused": ["own"]},
        {"row": "r", "name": "n", "read": "/seats", "allowed": ["nobody"], "refused": []},
        {"row": "r", "name": "n", "read": "/", "allowed": [], "refused": ["own"]},
        {"row": "r", "name": "n", "update": {"/": None}, "allowed": [], "refused": ["own"]},
    ],
}


def test_a_table_with_a_case_on_either_side_of_every_limit_leaves_nothing() -> None:
    """Ten and eleven, signed in and out, and the places above."""
    assert play(Table(SPEC), SEATS).unnoticed == []


def test_a_limit_that_no_case_stands_at_is_found() -> None:
    """Without the eleventh, more than the limit goes unnoticed, and so does its going."""
    without = {**SPEC, "cases": [SPEC["cases"][0], *SPEC["cases"][2:]]}
    assert play(Table(without), SEATS).unnoticed == [
        ("/seats .write", "newData.val() <= 10 is true"),
        ("/seats .write", "10 is 11 in newData.val() <= 10"),
    ]
