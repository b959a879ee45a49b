"""How keys, values and priorities sort."""

import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.keys import in_order, key_order, sdk_collation
from imbari_chat.wire.order import Index, priority_order, value_order
from imbari_chat.wire.tree import EMPTY, from_json
from tests.specs import cases
from tests.wire.strategies import keys, nodes

anything = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=4)


@cases("wire/key_order")
def test_keys_sort_as_listed(case: dict[str, Any]) -> None:
    """Integers by number, then words."""
    shuffled = random.sample(case["ordered"], len(case["ordered"]))
    assert sorted(shuffled, key=key_order) == case["ordered"]


indexes = st.integers(0, 10**10).map(str)


@given(st.lists(keys) | st.lists(indexes, min_size=17) | st.lists(indexes | keys, min_size=17))
@example([str(index) for index in range(30, 0, -1)])
@example([str(index) for index in range(20)] + ["01"])
@example(["100", "20"])
@example(["01"] + [str(index) for index in range(20)])
@example([str(index) for index in range(20)] + ["x"])
@example(["x"] + [str(index) for index in range(20)])
@example([str(index) for index in range(20)] + ["\N{ARABIC-INDIC DIGIT THREE}"])
@example([str(index) for index in range(20)] + ["4294967296"])
@example(["b", "B", "a", "10", "9", "-1", "-x", "01", "99999999999"])
def test_an_answers_keys_are_in_the_order_of_queries_by_key(names: list[str]) -> None:
    """However they are made, and whether or not some look like integers."""
    assert [*in_order(names)] == sorted(names, key=key_order)


@given(anything, anything)
@example("\ud800", "\ue000")
@example("\udfff", "\ud7ff")
def test_words_sort_by_their_utf8_bytes(a: str, b: str) -> None:
    """Lone surrogates included: they must not crash a sort."""

    def raw(text: str) -> bytes:
        return ("x" + text).encode(errors="surrogatepass")

    assert (key_order("x" + a) < key_order("x" + b)) is (raw(a) < raw(b))


@given(anything, anything)
@example("\ud800", "😀")
def test_the_sdks_sort_words_by_utf16(a: str, b: str) -> None:
    """Which differs from UTF-8 beyond the basic plane."""

    def units(text: str) -> list[int]:
        data = text.encode("utf-16-le", "surrogatepass")
        return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]

    assert (sdk_collation(a) < sdk_collation(b)) is (units(a) < units(b))


def test_the_two_collations_differ() -> None:
    """A fullwidth letter and an emoji swap places."""
    words = ["ｚ", "😀"]
    assert sorted(words, key=key_order) == ["ｚ", "😀"]
    assert sorted(words, key=lambda key: key_order(key, sdk_collation)) == ["😀", "ｚ"]


@given(keys, keys)
def test_different_keys_never_tie(a: str, b: str) -> None:
    """A sort by key is total, so a window is always one and the same."""
    assert (key_order(a) == key_order(b)) is (a == b)


def test_values_sort_by_type_first() -> None:
    """Nothing, false, true, numbers, strings, objects."""
    ordered: list[Json] = [None, False, True, -1.5, 0, 2, 10, "", "10", "9", "a", {"x": 1}]
    places = [value_order(from_json(value)) for value in ordered]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


def test_objects_tie() -> None:
    """Their key decides, not their content."""
    assert value_order(from_json({"a": 1})) == value_order(from_json([5]))
    assert value_order(EMPTY) != value_order(from_json({"a": 1}))


def test_priorities_sort_by_type_first() -> None:
    """None, numbers, strings."""
    ordered = [None, -1, 0, 1.5, 10, "", "10", "9"]
    places = [priority_order(priority) for priority in ordered]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("text", ["$key", "$value", "$priority", "height", "size/height"])
def test_an_index_gives_its_text_back(text: str) -> None:
    """As it stands in orderBy."""
    assert str(Index.parse(text)) == text


def test_an_index_knows_its_name_in_rules() -> None:
    """``.indexOn`` writes ``.value`` where ``orderBy`` writes ``$value``."""
    assert Index.parse("$value").rule == ".value"
    assert Index.parse("size/height").rule == "size/height"


@pytest.mark.parametrize("text", ["", "/", "$height", "a.b", "a#"])
def test_what_is_no_index_is_refused(text: str) -> None:
    """With the service's text."""
    with pytest.raises(InvalidData, match="orderBy must be a valid JSON encoded path"):
        Index.parse(text)


@given(st.sampled_from(["$key", "$value", "$priority", "a", "a/b"]), nodes, nodes)
def test_places_can_always_be_compared(text: str, a: Any, b: Any) -> None:
    """Whatever the values, exactly one of before, after and equal holds."""
    index = Index.parse(text)
    left, right = index.sort_key("x", a), index.sort_key("y", b)
    assert (left < right) + (right < left) + (left == right) == 1
