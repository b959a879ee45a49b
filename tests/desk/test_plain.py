"""What a terminal without UTF-8 is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.desk.plain import plain
from imbari_chat.view.widths import widest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Amina, 4 m", "Amina, 4 m"),
        ("──│╭╮╰╯", "--|++++"),
        ("● Amina… “yes” – it’s", '* Amina. "yes" - it\'s'),
        ("Zoë", "Zo?"),
        ("\u4e2d", "??"),
        ("e\u0301", "e"),
    ],
)
def test_a_sign_is_replaced_by_one_that_is_like_it(text: str, shown: str) -> None:
    """Or by as many question marks as it has columns."""
    assert plain(text) == shown


@given(st.text(max_size=20))
def test_what_is_shown_is_ascii_and_keeps_the_columns(text: str) -> None:
    """Whatever strangers write."""
    assert plain(text).isascii()
    if text.isprintable() and "\u200d" not in text:
        assert len(plain(text)) == sum(widest(one) for one in text)
