"""Texts of a socket: cut and joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.framing import MAX_UNITS, Joiner, TooLong, texts
from imbari_chat.wire.json import utf16_length

LIMIT = 1024 * 1024

# Long texts of few characters, so that cuts fall everywhere among pairs and single units.
long_texts = st.builds(
    lambda head, unit, count, tail: head + unit * count + tail,
    st.text(max_size=3),
    st.sampled_from(["x", "é", "😀", "x😀", "漢"]),
    st.integers(0, 3 * MAX_UNITS),
    st.text(max_size=3),
)


def joined(said: list[str], limit: int = LIMIT) -> list[str]:
    """The messages that come of these texts."""
    joiner = Joiner(limit)
    return [message for text in said if (message := joiner.take(text)) is not None]


@given(long_texts.filter(lambda text: len(text) > 6))
def test_cut_messages_join_to_what_they_were(message: str) -> None:
    """No text is longer than agreed, and no character is torn."""
    said = texts(message)
    assert joined(said) == [message]
    assert all(utf16_length(text) <= MAX_UNITS for text in said)
    assert all(text.encode().decode() == text for text in said)
    assert len(said) == 1 or said[0] == str(len(said) - 1)


def test_the_capture_of_40_kb_is_cut_as_it_was() -> None:
    """16384, 16384 and 7287 characters, after a count of 3."""
    said = texts("x" * (2 * 16384 + 7287))
    assert [len(text) for text in said] == [1, 16384, 16384, 7287]
    assert said[0] == "3"


def test_a_message_of_the_greatest_length_is_one_text() -> None:
    """One unit more, and it is cut; an emoji counts as two."""
    assert len(texts("x" * MAX_UNITS)) == 1
    assert len(texts("x" * (MAX_UNITS + 1))) == 3
    assert len(texts("x" * (MAX_UNITS - 1) + "😀")) == 3


def test_keepalives_are_nothing() -> None:
    """Before, between and after messages."""
    assert joined(["0", "", '{"a":1}', "0", "2", '{"b"', ":2}", ""]) == ['{"a":1}', '{"b":2}']


def test_a_count_of_one_and_short_segments_are_taken() -> None:
    """Some servers announce every message; segments may have any size."""
    assert joined(["1", '{"a":1}', "3", "{", "", "}"]) == ['{"a":1}', "{}"]


def test_within_a_message_digits_are_a_segment() -> None:
    """Also if they look like a count."""
    assert joined(["3", "[1", "2", "3]"]) == ["[123]"]


@pytest.mark.parametrize("count", ["-1", "-99999"])
def test_a_count_below_nothing_is_refused(count: str) -> None:
    """There is no such message."""
    with pytest.raises(InvalidData):
        joined([count])


def test_a_message_over_the_limit_is_refused_as_it_comes() -> None:
    """Not only when all of it is there; bytes count, not characters."""
    with pytest.raises(TooLong):
        joined(["x" * 11], limit=10)
    assert joined(["999999", "é" * 5], limit=10) == []
    with pytest.raises(TooLong):
        joined(["999999", "é" * 5, "x"], limit=10)
    assert joined(["x" * 10, "y" * 10], limit=10) == ["x" * 10, "y" * 10]


@given(st.lists(st.text(max_size=8) | st.sampled_from(["0", "1", "2", "3", "-1", " 2 "])))
def test_any_texts_are_messages_or_refused(said: list[str]) -> None:
    """Never anything else."""
    joiner = Joiner(20)
    for text in said:
        try:
            joiner.take(text)
        except InvalidData:
            return
        assert joiner.held <= 20


@pytest.mark.parametrize(
    ("text", "size"), [("x", 1), ("é", 2), ("漢", 3), ("😀", 4), ("\ud800", 1), ("x\udfffé", 4)]
)
def test_a_text_counts_in_bytes_whatever_stands_in_it(text: str, size: int) -> None:
    """Half a pair as the one byte that is sent in its place."""
    assert joined([text], size) == [text]
    with pytest.raises(TooLong, match=f"at most {size - 1} bytes"):
        joined([text], size - 1)
