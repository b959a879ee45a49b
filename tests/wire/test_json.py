"""JSON: its text, its equality, its numbers."""

import gc
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, canonical_number, dumps, parse, same, utf16_length
from tests.specs import cases
from tests.wire.strategies import numbers, values

lone = st.characters(categories=["Cs"])


@cases("wire/same")
def test_equality_is_that_of_the_database(case: dict[str, Any]) -> None:
    """Strict where Python is not: booleans are not numbers, at any depth."""
    assert same(case["a"], case["b"]) is case["same"]
    assert same(case["b"], case["a"]) is case["same"]


@given(values)
def test_a_value_is_the_same_as_its_copy(value: Json) -> None:
    """Equality is reflexive, by content."""
    assert same(value, json.loads(json.dumps(value)))


@given(
    st.lists(
        st.sampled_from([0, 0.0, False, 1, 1.0, True, "1", None, [], {}, [1], [True], {"a": 1.0}]),
        min_size=3,
        max_size=3,
    )
)
def test_equality_is_an_equivalence(triple: list[Json]) -> None:
    """Symmetric and transitive, even around the values that Python confuses."""
    a, b, c = triple
    assert same(a, b) == same(b, a)
    if same(a, b) and same(b, c):
        assert same(a, c)


@given(values, values)
def test_equality_is_stricter_than_python_and_never_laxer(a: Json, b: Json) -> None:
    """What is the same here is equal in Python too."""
    if same(a, b):
        assert a == b


@given(values)
def test_what_is_written_reads_back(value: Json) -> None:
    """Text loses nothing, compact or pretty, as a string or as bytes."""
    assert same(parse(dumps(value)), value)
    assert same(parse(dumps(value).encode()), value)
    assert same(parse(dumps(value, pretty=True)), value)


@given(st.text(st.characters() | lone, max_size=8))
@example("é\ud800")
@example("\udc00")
def test_any_string_can_be_sent(text: str) -> None:
    """A lone surrogate is escaped, so that the text is always UTF-8, and reads back."""
    written = dumps({text: text}).encode()
    assert parse(written) == {text: text}


def test_characters_stand_as_they_are() -> None:
    """Nothing that UTF-8 can say is escaped, but what JSON itself asks for."""
    assert dumps({"é": "😀\u2028\n", "n": [1, None]}) == '{"é":"😀\u2028\\n","n":[1,null]}'


def test_pretty_text_has_a_space_before_the_colon() -> None:
    """Two spaces a level, and no line end at the end."""
    assert dumps({"a": {"b": 1}}, pretty=True) == '{\n  "a" : {\n    "b" : 1\n  }\n}'
    assert dumps({}, pretty=True) == "{}"
    assert dumps({"kids": [8952, 9224], "z": []}, pretty=True) == (
        '{\n  "kids" : [ 8952, 9224 ],\n  "z" : []\n}'
    )
    rows: Json = [None, {"a": {"b": "x"}}]
    assert dumps({"rows": rows}, pretty=True) == (
        '{\n  "rows" : [ null, {\n    "a" : {\n      "b" : "x"\n    }\n  } ]\n}'
    )
    assert dumps("x", pretty=True) == '"x"'


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{bad", "{'a':1}", '{"a":1,}', "[1] 2", "NaN", "-Infinity", "[1e999]", "-1e999",
        '"\n"', "01", "\ufeff1", "[" * 100_000, "undefined", "1" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused(text: str) -> None:
    """Python's extensions, numbers beyond a double and bottomless nesting included."""
    with pytest.raises(InvalidData, match="not JSON"):
        parse(text)


@pytest.mark.parametrize("data", [b"\xff", b'"\xed\xa0\x80"', '"é"'.encode("latin-1"), b"\xfe\xff"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    """No guessing at other encodings."""
    with pytest.raises(InvalidData, match="UTF-8"):
        parse(data)


def test_a_syntax_error_says_where() -> None:
    """Line and column count from 1."""
    with pytest.raises(InvalidData) as caught:
        parse('{"a":\n  x}')
    assert caught.value.where == "line 2, column 3"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_cannot_say_are_not_written(number: float) -> None:
    """Anywhere in the value."""
    with pytest.raises(InvalidData):
        dumps({"a": [number]})


def test_the_last_of_duplicate_keys_wins() -> None:
    """As with every parser that fills a map."""
    assert parse('{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1.5, 1.5),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (-(2**63), -(2**63)),
        (1e300, 1e300),
        (-9.223372036854775808e18, -(2**63)),
    ],
)
def test_numbers_are_stored_as_integers_where_they_fit(number: float, stored: float) -> None:
    """Integral doubles become 64-bit integers; larger integers become doubles."""
    assert canonical_number(number) == stored
    assert type(canonical_number(number)) is type(stored)
    assert not math.copysign(1, canonical_number(number)) < 0 or stored < 0


@given(numbers)
def test_storing_a_number_twice_changes_nothing(number: float) -> None:
    """The canonical form is its own canonical form."""
    once = canonical_number(number)
    assert canonical_number(once) == once
    assert type(canonical_number(once)) is type(once)


@given(st.text(st.characters() | lone))
@example("a😀\ud800")
def test_length_counts_utf16_units(text: str) -> None:
    """A character beyond the basic plane counts twice, a lone surrogate once."""
    assert utf16_length(text) == sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def test_nothing_is_freed_where_a_nested_text_has_used_up_the_stack() -> None:
    """What goes there could do nothing before it goes: no socket would be closed."""
    went: list[bool] = []

    class Going:
        def __init__(self) -> None:
            self.circle = self

        def __del__(self) -> None:
            try:
                json.loads("[" * 200 + "]" * 200)
            except RecursionError:
                went.append(False)
            else:
                went.append(True)

    threshold = gc.get_threshold()
    gc.collect()
    try:
        Going()
        gc.set_threshold(800)  # one list for each bracket
        with pytest.raises(InvalidData, match="nested too deep"):
            parse("[" * 4000)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert went == [True]
