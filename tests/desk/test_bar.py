"""One line of a pane: its texts, and what is left of it."""

import pytest
from rich.style import Style
from textual.app import App, ComposeResult

from imbari_chat.desk.bar import Bar, Parts
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
    line = strip(parts, width, FILL)
    assert [(text, ink) for text, ink, _ in line if text] == shown
    assert (line.cell_length, len(line.text)) == (width, width)


async def test_a_bar_is_as_high_as_it_is_full() -> None:
    """What its lines leave is blank."""
    lines: list[Parts] = [[("ab", FILL)], [("cd", FILL)], [("ef", FILL)]]
    bar = Bar(lambda: lines, name="bar", height=0)

    class Page(App[None]):
        def compose(self) -> ComposeResult:
            yield bar

    async with Page().run_test(size=(6, 8)) as pilot:
        bar.update()
        await pilot.pause()
        assert (bar.id, bar.size.height) == ("bar", 3)
        assert [(one.text, str(one.style)) for one in bar.render_line(2)] == [
            ("ef", "reverse"),
            ("    ", "none"),
        ]
        lines = lines[:2]
        bar.update()
        await pilot.pause()
        assert bar.size.height == 2
        assert bar.render_line(5).text.strip() == ""
