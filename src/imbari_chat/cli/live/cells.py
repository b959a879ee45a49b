"""Text measured in terminal cells: wrapping, and lines that are exactly as wide as they should be.

Rich measures wide characters and joined emoji; terminals disagree with each other on the latter.
Where something stands to the right of a stranger's text, the text goes through :func:`steady`.
"""

import re
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.text import Text

__all__ = ["padded", "spread", "steady", "wrapped"]

_REFINEMENTS: Final = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_SPACES: Final = re.compile(r"( +)")


def steady(text: str) -> str:
    """``text`` with emoji in their basic forms, whose width every terminal agrees on."""
    return _REFINEMENTS.sub("", text)


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells (at least 2), broken at spaces if possible."""
    return [line for paragraph in text.split("\n") for line in _paragraph(paragraph, max(2, width))]


def padded(line: Text, width: int) -> Text:
    """``line`` in exactly ``width`` cells: cut with ``…``, or filled up with spaces."""
    fitted = line.copy()
    fitted.truncate(max(0, width), overflow="ellipsis", pad=True)
    return fitted


def spread(left: Text, right: Text, width: int) -> Text:
    """``left`` and ``right`` at the two ends of ``width`` cells; it is ``left`` that gives way."""
    room = width - right.cell_len - 1
    if room < 1:
        return padded(right, width)
    return Text.assemble(padded(left, room), " ", right)


def _paragraph(text: str, width: int) -> list[str]:
    lines = [""]
    used = 0
    for word in _SPACES.split(text):
        cells = cell_len(word)
        if used + cells <= width:
            lines[-1] += word
            used += cells
        elif word.isspace():
            lines.append("")
            used = 0
        else:
            if used:
                lines[-1] = lines[-1].rstrip(" ")
                lines.append("")
            *full, last = chop_cells(word, width) or [""]
            lines[-1:] = [*full, last]
            used = cell_len(last)
    return lines
