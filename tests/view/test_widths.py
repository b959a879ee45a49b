"""Texts in columns, by the widest opinion of how many they take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.view.widths import columns_of, cut, widest, wrapped

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
TEXTS = st.text("a b\u4e2d\u0301\u200d\ufe0f\U0001f468\n", max_size=30)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        ("one two\n\nthree", 20, ["one two", "", "three"]),
        ("extraordinary", 5, ["extra", "ordin", "ary"]),
        ("an extraordinary", 5, ["an", "extra", "ordin", "ary"]),
        ("\u4e2d\u4e2d\u4e2d", 4, ["\u4e2d\u4e2d", "\u4e2d"]),
        ("ab", 1, ["ab"]),
    ],
)
def test_a_text_is_wrapped_between_words_and_within_those_that_do_not_fit(
    text: str, width: int, lines: list[str]
) -> None:
    """Two columns are the least, since some signs take them."""
    assert wrapped(text, width) == lines


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("Amina", 5, "Amina"),
        ("Amina", 4, "Ami…"),
        ("A mina", 3, "A…"),
        ("Amina", 1, "…"),
        ("Amina", 0, ""),
        ("", 0, ""),
        ("\u4e2d\u4e2d", 3, "\u4e2d…"),
    ],
)
def test_what_is_cut_says_so(text: str, width: int, shown: str) -> None:
    """Within the width, without a blank before the mark."""
    assert cut(text, width) == shown


@given(TEXTS, st.integers(2, 12))
def test_no_line_is_wider_than_anybody_allows(text: str, width: int) -> None:
    """And no sign but blanks and ends of lines is lost, joined emoji that do not fit aside."""
    lines = wrapped(text, width)
    assert all(widest(line) <= width for line in lines)
    assert widest(cut(text, width)) <= width
    if "\u200d" not in text and "\u0301" not in text and "\ufe0f" not in text:
        assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(
    ("character", "columns"),
    [
        ("a", 1),
        ("\u4e2d", 2),
        ("\u0301", 0),
        ("\u200d", 0),
        ("\ufe0f", 1),
        ("\u2764", 1),
        ("\U0001f000", 2),
        ("\U0001f1f0", 2),
        ("\U0001faff", 2),
        ("\u0378", 2),
    ],
)
def test_a_sign_has_the_room_that_anybody_gives_it(character: str, columns: int) -> None:
    """What this Python does not know yet is an emoji, most likely."""
    assert columns_of(character) == columns
