"""Texts in columns, by the widest opinion of how many they take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.view.widths import clusters, columns_of, cut, is_disputed, widest, wrapped

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
        ("abc", 1, ["ab", "c"]),
        (FAMILY, 6, [FAMILY]),
        (FAMILY, 5, ["\U0001f468"]),
        (f"{FAMILY}ab", 4, ["\U0001f468ab"]),
        (f"{FAMILY}abc", 4, ["\U0001f468ab", "c"]),
        (f"a{FAMILY}b", 4, ["a", "\U0001f468b"]),
        ("\u4e2d\u0301\u4e2d", 2, ["\u4e2d\u0301", "\u4e2d"]),
        ("e\u0301" * 3, 2, ["e\u0301" * 2, "e\u0301"]),
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
        ("\u20dd", 0),
        ("\u200b", 0),
        ("\u1160", 1),
        ("\u0903", 1),
    ],
)
def test_a_sign_has_the_room_that_anybody_gives_it(character: str, columns: int) -> None:
    """What this Python does not know yet is an emoji, most likely."""
    assert columns_of(character) == columns


SETTLED = [
    (0x20, 0x7E), (0xA0, 0x2FF), (0x370, 0x482), (0x48A, 0x52F), (0x2010, 0x2027),
    (0x2500, 0x25FF), (0x4E00, 0x9FFF),
]  # fmt: skip


@pytest.mark.parametrize(("first", "last"), SETTLED)
def test_of_some_scripts_everybody_counts_the_same(first: int, last: int) -> None:
    """Latin, Greek, Cyrillic, Chinese and lines; what stands beside them is another matter."""
    for code in (first, last):
        assert not is_disputed(f"é{chr(code)}")
    for code in (first - 1, last + 1):
        assert is_disputed(f"é{chr(code)}")


def test_one_sign_makes_a_text_disputed() -> None:
    """Wherever it stands; ASCII alone never is, nor nothing."""
    for text in (f"{FAMILY}abc", f"abc{FAMILY}", f"é{FAMILY}"):
        assert is_disputed(text)
    assert not is_disputed("")
    assert not is_disputed("abc\x07")


def test_the_widest_opinion_counts() -> None:
    """That of the table or that of the library."""
    assert (widest("abc"), widest("\u4e2d\u4e2d"), widest(FAMILY)) == (3, 4, 6)
    assert widest("\u2764\ufe0f") == 2
    assert widest("é\u0301") == 1


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("ab", ["a", "b"]),
        ("e\u0301x", ["e\u0301", "x"]),
        ("\u0301a", ["\u0301", "a"]),
        (f"a{FAMILY}b", ["a", FAMILY, "b"]),
        ("\U0001f44d\U0001f3fbx", ["\U0001f44d\U0001f3fb", "x"]),
        ("\U0001f44d\U0001f3ffx", ["\U0001f44d\U0001f3ff", "x"]),
        ("\U0001f44d\U0001f3fa", ["\U0001f44d", "\U0001f3fa"]),
        ("\U0001f44d\U0001f400", ["\U0001f44d", "\U0001f400"]),
        ("\u2764\ufe0fx", ["\u2764\ufe0f", "x"]),
    ],
)
def test_what_belongs_together_is_one_piece(text: str, pieces: list[str]) -> None:
    """A sign with its marks, its tone, and what is joined to it."""
    assert list(clusters(text)) == pieces
