"""JSON in steps is the same JSON."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire import steps
from imbari_chat.wire.json import Json, dumps, parse, same

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(['},"', '"},"', "],[", ',"', ",", '{"a":1},"b"'])  # as members end
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(), inner, max_size=8),
    max_leaves=60,
)


STROKES = list('{}[]",:\\ \n\t1eE-.NaTrué\u00a0')


@pytest.fixture(autouse=True, scope="module")
def small_steps() -> Iterator[None]:
    """Pieces of a few characters, so that small values have many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_CHARACTERS", 24)
        patch.setattr(steps, "_SOON", 4)
        patch.setattr(steps, "_ITEMS", 3)
        yield


@given(values, st.sampled_from([None, 0, 2]), st.booleans())
def test_a_value_is_read_in_steps_as_at_once(
    value: Json, indent: int | None, escaped: bool
) -> None:
    """However it is laid out and escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=escaped)
    for spaced in (text, f" \n{text}\t "):
        assert same(parse(spaced, in_steps=True), parse(spaced))


def test_a_document_is_read_in_pieces_between_which_others_have_their_turn() -> None:
    """None of them is much larger than a piece may be, however deep it is."""
    rows: Json = {f"k{number}": {"a": number, "b": '},"'} for number in range(1000)}
    numbers: Json = list(range(1000))
    text = dumps({"path": "/", "data": rows, "more": numbers, "deep": [rows, [rows]]})
    read: list[int] = []

    class Noting(json.JSONDecoder):
        def decode(self, text: str) -> Json:  # type: ignore[override]
            read.append(len(text))
            found: Json = super().decode(text)
            return found

    turns = sum(1 for _ in steps.reading(text, Noting()))
    assert same(steps.read(text, Noting()), parse(text))
    assert max(read) <= 3 * steps._CHARACTERS + 2
    assert turns >= len(text) / (3 * steps._CHARACTERS)


@given(values)
def test_a_value_is_written_in_steps_as_at_once(value: Json) -> None:
    """To the byte."""
    assert dumps(value, in_steps=True) == dumps(value)


def _read(text: str, *, in_steps: bool) -> tuple[bool, Json]:
    try:
        return True, parse(text, in_steps=in_steps)
    except InvalidData:
        return False, None


@given(
    values,
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(list('{}[]",:\\ \n\t1eE-.NaTrué\u00a0')))
    ),
    st.sampled_from([None, 1]),
)
def test_what_is_not_json_at_once_is_not_json_in_steps(
    value: Json, strokes: list[tuple[int, str]], indent: int | None
) -> None:
    """Some characters of a document replaced by others: both read the same, or neither does."""
    text = list(json.dumps(value, indent=indent))
    for at, character in strokes[:4]:
        text[at % len(text)] = character
    (one, first), (other, second) = (_read("".join(text), in_steps=each) for each in (False, True))
    assert one == other
    assert same(first, second)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500])
def test_nesting_that_nobody_needs_is_refused(text: str) -> None:
    """Before the stack ends."""
    with pytest.raises(InvalidData):
        parse(text, in_steps=True)


def test_of_a_repeated_key_the_last_counts() -> None:
    """Also when they come in different pieces."""
    text = '{"a": 1, "b": "' + "x" * 40 + '", "a": [[2]], "c": 1, "a": 3, "d": [1]}'
    assert same(parse(text, in_steps=True), parse(text))


@pytest.mark.parametrize("text", ["[%s]", "{%s}", '{"a":[%s]}', "[{%s},1]", '[%s1,"a"]'])
def test_there_may_be_more_space_than_a_piece_holds(text: str) -> None:
    """Also where there is nothing else."""
    spaced = text % (" \n" * steps._CHARACTERS)
    assert same(parse(spaced, in_steps=True), parse(spaced))
    assert same(parse(spaced), parse(text % ""))


@pytest.mark.parametrize(
    "text",
    [
        '{"a" 1}',
        '{"a" [1]}',
        '{"a", "b"}',
        '{"a", [1]}',
        "{[1]: 2}",
        '{"a":1 "b":2}',
        "[1 2]",
        "[[1] [2]]",
        "[[1]]]",
        "[[1];[2]]",
        '{"a":[1];"b":[2]}',
        '{"a":[1] "b":[2]}',
        "{1: 2}",
        '{"a":}',
        "[1,]",
        '{"a":[1}',
        "{",
        '{"a"',
        "[1]]",
        '{"a":1},',
        "1 2",
    ],
)
def test_a_sign_that_is_missing_is_missed_in_steps_as_at_once(text: str) -> None:
    """Between a name and its value, between two of them, and at the end; or one too many there."""
    for in_steps in (False, True):
        with pytest.raises(InvalidData):
            parse(text, in_steps=in_steps)
