"""One line of a pane: its texts, and what is left of it."""

import pytest
from rich.style import Style

from imbari_chat.desk.cells import strip

RED, FILL = Style(color="red"), Style(reverse=True)


@pytest.mark.parametrize(
    ("parts", "width", "shown"),
    [
        ((), 4, [("    ", FILL)]),
        ((("ab", RED),), 4, [("ab", RED), ("  ", FILL)]),
        ((("ab", RED), ("cd", FILL)), 4, [("ab", RED), ("cd", FILL)]),
        ((("abcdef", RED),), 4, [("abc…", RED)]),
        ((("abc", RED), ("def", FILL)), 4, [("abc", RED), ("…", FILL)]),
        ((("abcd", RED), ("e", FILL)), 4, [("abcd", RED)]),
        ((), 0, []),
    ],
)
def test_a_line_is_as_wide_as_its_pane(
    parts: tuple[tuple[str, Style], ...], width: int, shown: list[tuple[str, Style]]
) -> None:
    """Texts are cut where it ends, and it is filled up to there."""
    line = strip(parts, width, 0, FILL)
    assert [(text, ink) for text, ink, _ in line if text] == shown
    assert (line.cell_length, len(line.text)) == (width, width)
