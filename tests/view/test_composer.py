"""The entry field: typing, deleting and moving, by what a reader counts as one character."""

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.view.composer import Composer

FAMILY = "👨‍👩‍👧"


def test_text_goes_in_at_the_cursor() -> None:
    """Not at the end."""
    assert Composer("helo", 3).insert("l") == Composer("hello", 4)


def test_a_paste_brings_lines_and_no_control_characters() -> None:
    """Any kind of line break is one; an escape is not text."""
    assert Composer().insert("a\r\nb\rc\x1b[31m\x07").text == "a\nb\nc[31m"


def test_backspace_removes_what_looks_like_one_character() -> None:
    """A family is one, a letter with its accent is one."""
    assert Composer.holding("x" + FAMILY).backspace() == Composer("x", 1)
    assert Composer.holding("xe\u0301").backspace() == Composer("x", 1)
    assert Composer.holding("👍🏽").backspace() == Composer()


def test_delete_removes_what_stands_behind_the_cursor() -> None:
    """At the end there is nothing to delete."""
    assert Composer(FAMILY + "x", 0).delete() == Composer("x", 0)
    assert Composer.holding("x").delete() == Composer("x", 1)


def test_delete_word_takes_the_blanks_along() -> None:
    """As a shell does it."""
    assert Composer.holding("good morning  ").delete_word() == Composer("good ", 5)
    assert Composer.holding("  ").delete_word() == Composer()


def test_home_and_end_stay_on_the_line() -> None:
    """A message may have several."""
    composer = Composer("one\ntwo\nthree", 5)
    assert composer.home().cursor == 4
    assert composer.end().cursor == 7


def test_the_cursor_moves_by_words() -> None:
    """To the start of the one before, and behind the next."""
    composer = Composer("good morning all", 12)
    assert composer.word_left().cursor == 5
    assert composer.word_right().cursor == 16


@given(
    st.text(st.sampled_from("ab \n\u0301\u200d👩🏽"), max_size=20),
    st.lists(
        st.sampled_from(
            ["left", "right", "home", "end", "word_left", "word_right", "backspace", "delete",
             "delete_word"]
        ),
        max_size=30,
    ),
)  # fmt: skip
def test_the_cursor_never_leaves_the_text(text: str, edits: list[str]) -> None:
    """Whatever is pressed, and deleting never adds."""
    composer = Composer.holding(text)
    for edit in edits:
        after: Composer = getattr(composer, edit)()
        assert 0 <= after.cursor <= len(after.text) <= len(composer.text)
        composer = after


@given(st.text(st.characters(categories=["L", "N"]), max_size=10))
def test_left_undoes_right_in_plain_text(text: str) -> None:
    """One step each."""
    composer = Composer(text, len(text) // 2)
    if composer.cursor < len(text):
        assert composer.right().left() == composer
