"""Text measured in cells."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from imbari_chat.cli.live.cells import padded, spread, steady, wrapped

WORDS = st.text(st.sampled_from("ab 日本 é\n👍"), max_size=60)


def test_lines_break_at_spaces() -> None:
    """A word that fits a line is not cut."""
    assert wrapped("do you ship to Kampala", 8) == ["do you", "ship to", "Kampala"]


def test_a_long_word_is_cut() -> None:
    """An address without spaces does not leave the screen."""
    assert wrapped("see https://example.com", 8) == ["see", "https://", "example.", "com"]


def test_wide_characters_count_twice() -> None:
    """Four of them fill eight cells."""
    assert wrapped("日本日本日本", 8) == ["日本日本", "日本"]


@given(WORDS, st.integers(2, 20))
def test_no_line_is_too_wide_and_no_word_is_lost(text: str, width: int) -> None:
    """Only spaces at a break may go."""
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_a_line_is_cut_or_filled_to_its_width() -> None:
    """In cells."""
    assert padded(Text("日本日本"), 6).plain == "日本 …"
    assert padded(Text("a"), 3).plain == "a  "


def test_what_stands_on_the_right_stays() -> None:
    """It is the left that gives way."""
    assert spread(Text("a long name"), Text("4m"), 8).plain == "a lo… 4m"


def test_emoji_in_columns_take_their_basic_form() -> None:
    """Terminals disagree how wide the refined one is."""
    assert steady("👨‍👩‍👧 ❤️ 👍🏽") == "👨👩👧 ❤ 👍"
