"""Stored strings on their way to a screen: the one place that decides what may be drawn.

Whatever a stranger typed is hostile to a terminal. :func:`safe_text` gives plain text: it knows no
markup and adds none. Draw it with ``rich.text.Text`` (or ``print``), never through Rich's markup,
where ``[link=...]`` typed by a customer would come alive.

What may not be drawn becomes U+FFFD, so that nothing vanishes without a trace; a run of it becomes
one. A line break that may not break becomes ``⏎``.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

__all__ = ["ELLIPSIS", "LINE_MARK", "MAX_JOINS", "MAX_MARKS", "REPLACEMENT", "safe_text"]

REPLACEMENT: Final = "\ufffd"
LINE_MARK: Final = "⏎"
ELLIPSIS: Final = "…"

MAX_MARKS: Final = 4
"""Combining marks on one base; more is zalgo. Vietnamese needs 2, pointed Hebrew 3, Tibetan 4."""

MAX_JOINS: Final = 3
"""Joiners in one emoji; a family of four needs 3. Terminals disagree how wide a longer one is."""

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_STYLES: Final = frozenset("\ufe0e\ufe0f")  # text or emoji presentation

_LINE_BREAK: Final = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_MANY_BREAKS: Final = re.compile("\n{3,}")
_BREAKS: Final = re.compile("\n+")

# Invisible, although Unicode files them under letters, marks and symbols.
_INVISIBLE: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE0E)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)

# Controls, formats, private use, surrogates, unassigned.
_NEVER: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})

# What one character of the result may cost to read: an endless run collapses to one character.
_READ_AHEAD: Final = 8


def safe_text(text: str, *, max_length: int | None = None, multiline: bool = False) -> str:
    """``text`` as it may be written to a terminal. Idempotent; never raises.

    Kept: letters, digits, symbols, spaces, emoji with their joiners and style selectors, the
    joiners that Persian and the Indic scripts spell with, and up to :data:`MAX_MARKS` combining
    marks on a base. Replaced: C0 and C1 controls (without ESC, a CSI or OSC sequence is only
    letters), bidi marks, overrides and isolates, zero-width and other invisible characters, lone
    surrogates, private use, unassigned code points, marks without a base or beyond the limit.
    A tab becomes a space.

    Args:
        text: Any string.
        max_length: Longest result in code points, at least 1; a cut ends in ``…``. None: no limit.
        multiline: Keep line breaks, all kinds as ``\\n``. Three or more in a row become two with
            ``⏎`` between, so that a message cannot scroll its neighbours away.
    """
    if text.isascii() and text.isprintable() and (max_length is None or len(text) <= max_length):
        return text
    readable = text if max_length is None else text[: max_length * _READ_AHEAD]
    readable = _LINE_BREAK.sub("\n", readable)
    readable = (
        _MANY_BREAKS.sub(f"\n{LINE_MARK}\n", readable)
        if multiline
        else _BREAKS.sub(LINE_MARK, readable)
    )
    if max_length is None:
        return "".join(_drawable(readable))
    drawn = list(islice(_drawable(readable), max_length + 1))
    if len(drawn) > max_length or len(text) > max_length * _READ_AHEAD:
        del drawn[max_length - 1 :]
        while drawn and drawn[-1] in {_ZWJ, _ZWNJ}:
            drawn.pop()
        drawn.append(ELLIPSIS)
    return "".join(drawn)


def _drawable(text: str) -> Iterator[str]:
    """The characters of ``text``, each as it may be drawn after those before it."""
    before = ""
    marks = 0  # on the current base
    joins = 0  # in the current emoji
    for character, following in zip(text, chain(islice(text, 1, None), ("",)), strict=True):
        drawn = " " if character == "\t" else character
        if drawn in {_ZWJ, _ZWNJ}:
            if _joins_emoji(drawn, before, following) and joins < MAX_JOINS:
                joins += 1
            elif not _joins_letters(before, following, marks):
                drawn = REPLACEMENT
        elif drawn in _STYLES:
            if not _takes_style(before):
                drawn = REPLACEMENT
        elif _is_mark(drawn):
            marks += 1
            if marks > MAX_MARKS or before in {"", "\n", REPLACEMENT} or drawn in _INVISIBLE:
                drawn = REPLACEMENT
        else:
            marks = 0
            if not _is_skin_tone(drawn) and before != _ZWJ:
                joins = 0
            if not _is_visible(drawn):
                drawn = REPLACEMENT
        if drawn == REPLACEMENT == before:
            continue
        before = drawn
        yield drawn


def _is_visible(character: str) -> bool:
    """True for a character that stands for itself, alone on the screen."""
    if character == "\n":
        return True
    if character in _INVISIBLE:
        return False
    return unicodedata.category(character) not in _NEVER or _is_new_emoji(character)


def _is_new_emoji(character: str) -> bool:
    """True in the block reserved for pictographs, some younger than this Python's Unicode."""
    return 0x1F300 <= ord(character) <= 0x1FAFF


def _is_pictograph(character: str) -> bool:
    # U+2194 and U+2195, the nodding and shaking heads' arrows, are the only ones that are not So.
    return (
        _is_new_emoji(character)
        or character in "↔↕"
        or (
            unicodedata.category(character) == "So"
            and character not in _INVISIBLE
            and character != REPLACEMENT
        )
    )


def _is_skin_tone(character: str) -> bool:
    return 0x1F3FB <= ord(character) <= 0x1F3FF


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Mc", "Me"}


def _joins_emoji(joiner: str, before: str, following: str) -> bool:
    return (
        joiner == _ZWJ
        and bool(before and following)
        and (before == "\ufe0f" or _is_pictograph(before))
        and _is_pictograph(following)
    )


def _joins_letters(before: str, following: str, marks: int) -> bool:
    """True between letters, or a letter and a mark, of a script that spells with joiners."""
    if not (_spells_with_joiners(before) and _spells_with_joiners(following)):
        return False
    return not _is_mark(following) or (marks < MAX_MARKS and following not in _INVISIBLE)


def _spells_with_joiners(character: str) -> bool:
    """True for letters and marks from Arabic to Mongolian: Persian, Syriac, Indic, Khmer."""
    return (
        bool(character)
        and 0x0620 <= ord(character) <= 0x18AF
        and unicodedata.category(character)[0] in "LM"
    )


def _takes_style(before: str) -> bool:
    """True if a style selector may follow: emoji are symbols, punctuation, digits and ``ℹ``."""
    if before in {"", "\n", REPLACEMENT}:
        return False
    return before == "ℹ" or _is_new_emoji(before) or unicodedata.category(before)[0] in "SPN"
