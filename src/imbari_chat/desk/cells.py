"""A stranger's text in its columns, however wide the terminal believes it to be.

It is given the columns of the widest of all opinions (:mod:`imbari_chat.view.widths`), those are
erased first (for who counts less), and the cursor is put behind them by address. What nobody
disputes costs nothing of that.
"""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.strip import Strip

from imbari_chat.view.widths import cut, is_disputed, widest

__all__ = ["strip"]


def strip(parts: Iterable[tuple[str, Style]], width: int, left: int, fill: Style) -> Strip:
    """One line of a pane: ``parts`` one behind the other, filled up to ``width``.

    Args:
        parts: Texts that have been cut to their room, and how each is drawn.
        width: Of the pane, in columns.
        left: The pane's own first column on the screen, counted from 0.
        fill: How what is left of the line is drawn.
    """
    segments: list[Segment] = []
    used = 0
    for text, style in parts:
        room = width - used
        shown = text if widest(text) <= room else cut(text, room)
        columns = widest(shown)
        if is_disputed(shown):
            start = left + used + 1
            # Blanks for what the library counts less than the widest opinion; the text covers them.
            segments.append(Segment(" " * (columns - cell_len(shown)), fill))
            segments.append(_control(f"\x1b[{start}G\x1b[{room}X", fill))
            segments.append(Segment(shown, style))
            segments.append(_control(f"\x1b[{start + columns}G"))
        else:
            segments.append(Segment(shown, style))
        used += columns
    segments.append(Segment(" " * max(0, width - used), fill))
    return Strip(segments, width)


def _control(sequence: str, style: Style | None = None) -> Segment:
    return Segment(sequence, style, [(ControlType.CURSOR_MOVE_TO_COLUMN, 0)])
