"""A stranger's text in its columns, however wide the terminal believes it to be.

What the desk draws has the columns of the widest of all opinions (:mod:`imbari_chat.view.widths`).
Whatever is drawn, by the library's own fields and questions too, is written piece by piece, each at
the address where the library believes it to be: what a terminal counts otherwise moves nothing
behind it. What nobody disputes costs nothing of that but the addresses.
"""

from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from imbari_chat.view.widths import columns_of, cut, is_disputed, widest

__all__ = ["InColumns", "strip"]


def strip(parts: Iterable[tuple[str, Style]], width: int, fill: Style) -> Strip:
    """One line of a pane: ``parts`` one behind the other, filled up to ``width``.

    Args:
        parts: Texts, and how each is drawn.
        width: Of the pane, in columns.
        fill: How what is left of the line is drawn.
    """
    segments: list[Segment] = []
    used = 0
    for text, style in parts:
        shown = cut(text, width - used)
        columns = widest(shown)
        # Blanks for what the library counts less than the widest opinion.
        segments.append(Segment(shown + " " * (columns - cell_len(shown)), style))
        used += columns
    segments.append(Segment(" " * max(0, width - used), fill))
    return Strip(segments, width)


class InColumns(CompositorUpdate):
    """What the library would write, with each piece at its column.

    A piece is what is seen of one widget on one line: a question lies over some of them.

    Args:
        update: The library's.
    """

    def __init__(self, update: CompositorUpdate) -> None:
        self._update = update

    def render_segments(self, console: Console) -> str:
        """As a terminal obeys it."""
        return "".join(
            f"\x1b[{y + 1};{x + 1}H{_settled(line, x).render(console)}"
            for y, x, line in _pieces(self._update)
        )


def _pieces(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]]:
    """What is drawn on which row, from which column on."""
    match update:
        case LayoutUpdate():
            for y, lines in enumerate(update.strips, update.region.y):
                x = update.region.x
                for line in lines:
                    yield y, x, line
                    x += line.cell_length
        case ChopsUpdate():
            for y, first, last in update.spans:
                for end, (x, seen) in zip(
                    update.chop_ends[y], update.chops[y].items(), strict=True
                ):
                    if seen is not None and x <= last and end > first:
                        yield y, x, seen if end <= last else seen.crop(0, last - x)
        case _:
            raise TypeError(update)


def _settled(line: Strip, x: int) -> Strip:
    """A piece of a line whose disputed texts move nothing behind them.

    Args:
        line: As the library counts.
        x: Its first column on the screen, counted from 0.
    """
    drawn: list[Segment] = []
    left = list(line)
    while left:
        segment = left.pop(0)
        start, room = x, segment.cell_length
        drawn.append(segment)
        if not segment.control and is_disputed(segment.text):
            # Blanks first, for whoever counts less; those behind it are room for who counts more.
            drawn[-1] = Segment(" " * room, segment.style)
            while left and not left[0].control and left[0].text.isspace():
                room += left[0].cell_length
                drawn.append(left.pop(0))
            text = _drawable(segment.text, None if left else room)
            drawn.append(Segment(f"\x1b[{start + 1}G{text}\x1b[{start + room + 1}G", segment.style))
        x += room
    return Strip(drawn, line.cell_length)


def _drawable(text: str, room: int | None = None) -> str:
    """A text that may have been cut anywhere: no mark of it joins what stands before, and by
    nobody's count it is wider than its ``room``, if nothing of the same piece is drawn behind it.
    """
    text = text.rstrip(" ")
    while text and not columns_of(text[0]):
        text = text[1:]
    return text if room is None else cut(text, room)
