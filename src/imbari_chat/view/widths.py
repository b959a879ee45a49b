"""How many columns a stranger's text takes, by the widest of all opinions.

Libraries and terminals disagree on Indic vowel signs, joined and styled emoji, flags and whatever
is newer than their tables. Whoever draws in columns gives such a text the room that the widest of
them asks for, and says where the next column is instead of counting on where the text ends.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

from imbari_chat.view.sanitize import ELLIPSIS

__all__ = ["clusters", "columns_of", "cut", "is_disputed", "widest", "wrapped"]

_JOINER: Final = "\u200d"
_STYLES: Final = frozenset("\ufe0e\ufe0f")
_SETTLED: Final = (
    (0x20, 0x7E),
    (0xA0, 0x2FF),
    (0x2010, 0x2027),
    (0x2500, 0x25FF),
    (0x370, 0x482),
    (0x48A, 0x52F),
    (0x4E00, 0x9FFF),
)


def widest(text: str) -> int:
    """Columns by the widest opinion: each code point for itself."""
    return len(text) if text.isascii() else max(sum(map(columns_of, text)), cell_len(text))


def is_disputed(text: str) -> bool:
    """Whether anybody may count this text differently from the library that lays it out."""
    return not text.isascii() and any(
        all(not low <= ord(one) <= high for low, high in _SETTLED) for one in text
    )


@lru_cache(4096)
def columns_of(character: str) -> int:
    """Columns of one code point by the widest opinion."""
    if character in _STYLES:
        return 1  # a symbol that is drawn as an emoji becomes one wider
    category = unicodedata.category(character)
    if category in {"Mn", "Me", "Cf"}:
        return 0
    # Unassigned is what this Python's tables do not know yet: a new emoji, most likely. A flag's
    # halves are two wide for some.
    if category == "Cn" or ord(character) >= 0x1F000:
        return 2
    return max(cell_len(character), 1)


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns by anybody's count, with ``…`` where it was cut."""
    if widest(text) <= width:
        return text
    if width < 1:
        return ""
    kept = next(_pieces(text, width - 1))
    return (kept.rstrip() if widest(kept) < width else "") + ELLIPSIS


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns (at least 2) by anybody's count."""
    width = max(width, 2)
    return [line for one in text.split("\n") for line in _paragraph(one, width)]


def _paragraph(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if widest(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        *full, line = _pieces(word, width)
        yield from full
    yield line


def _pieces(text: str, width: int) -> Iterator[str]:
    """``text`` in pieces that fit, never cut before a mark or inside a joined emoji."""
    piece, used = "", 0
    for cluster in clusters(text):
        columns = widest(cluster)
        if piece and used + columns > width:
            yield piece
            piece, used = "", 0
        if columns <= width:
            piece, used = piece + cluster, used + columns
        else:  # wider than a line by somebody's count: its first sign stands for it
            piece, used = piece + cluster[0], used + widest(cluster[0])
    yield piece


def clusters(text: str) -> Iterator[str]:
    """``text`` in pieces that belong together: a sign with its marks, a joined emoji."""
    cluster = ""
    for one in text:
        goes_on = (
            unicodedata.category(one)[0] == "M"
            or one == _JOINER
            or cluster.endswith(_JOINER)
            or 0x1F3FB <= ord(one) <= 0x1F3FF
        )
        if cluster and not goes_on:
            yield cluster
            cluster = ""
        cluster += one
    if cluster:
        yield cluster
