"""The regular expressions of the rules language: a small subset, read the service's way.

The subset has literals, ``.``, classes, groups, ``|``, the quantifiers ``* + ? {n} {n,} {n,m}``,
``\\s \\w \\d \\S \\W \\D`` and the flag ``i``. ``^`` stands only first and ``$`` only last.

Other JavaScript syntax is mostly not refused but means something else. At the start of the pattern
or of a group, ``| ( ) ? + * { }`` stand for themselves, so ``(?:x)`` finds the text ``?:x``; a
quantifier may follow another, so ``x+?`` is an optional ``x+``; ``\\b`` is the letter b. [src]

The service searches with dk.brics.automaton, whose characters are UTF-16 units: ``.`` is any one of
them, a line feed too, and what lies beyond U+FFFF is two.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from imbari_chat.rules.automaton import (
    Automaton,
    Characters,
    Choice,
    Edge,
    Piece,
    Repeat,
    Sequence,
    free,
)

__all__ = ["Pattern", "PatternMistake", "compile_pattern"]

_MAX_GROUPS = 30
_MAX_QUANTIFIERS = 8
_MAX_COUNT_DIGITS = 6
_LITERAL_AT_START: Final = frozenset("|)?+*{}")
_LAST_UNIT = 0xFFFF
_PAIRED = re.compile("[\U00010000-\U0010ffff]")
_ANCHORED = re.compile(r"\^?((?:[^\\$]|\\.|\$(?!\Z))*)", re.DOTALL)

Ranges: TypeAlias = tuple[tuple[int, int], ...]


class PatternMistake(Exception):
    """A pattern outside the subset; the expression's parser turns it into a RulesError.

    Attributes:
        at: Offset in the pattern.
        reason: What is wrong there.
    """

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(at, reason)
        self.at = at
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A regular expression ready to search with, in time linear in the text."""

    automaton: Automaton

    def search(self, text: str, spend: Callable[[int], None] = free) -> bool:
        """Whether it matches anywhere in ``text``; see :meth:`Automaton.search`."""
        return self.automaton.search(_utf16(text), spend)


class _TooLarge(PatternMistake):
    """Reading it differently would not help."""


def compile_pattern(source: str, *, ignore_case: bool = False) -> Pattern:
    """Read what stands between the slashes.

    Args:
        ignore_case: Letters A to Z match in either case; other letters have none here.

    Raises:
        PatternMistake: It is outside the subset, or too large.
    """
    reader = _Reader(_utf16(source), ignore_case=ignore_case)
    piece = reader.pattern()
    try:
        return Pattern(Automaton(piece))
    except OverflowError as error:
        raise _TooLarge(0, str(error)) from None


def _utf16(text: str) -> str:
    """The text with each pair of surrogates as two characters."""
    if text.isascii():
        return text
    return _PAIRED.sub(lambda match: _surrogates(ord(match[0]) - 0x10000), text)


def _surrogates(offset: int) -> str:
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))


def _complement(ranges: Ranges) -> Ranges:
    result: list[tuple[int, int]] = []
    following = 0
    for low, high in ranges:
        if following < low:
            result.append((following, low - 1))
        following = high + 1
    result.append((following, _LAST_UNIT))
    return tuple(result)


def _span(first: str, last: str) -> tuple[int, int]:
    return ord(first), ord(last)


_SPACE: Ranges = (_span("\t", "\n"), _span("\r", "\r"), _span(" ", " "))
_DIGIT: Ranges = (_span("0", "9"),)
_ANY: Ranges = ((0, _LAST_UNIT),)
_WORD: Ranges = (_span("0", "9"), _span("A", "Z"), _span("_", "_"), _span("a", "z"))
_SHORTHANDS: dict[str, Ranges] = {
    "s": _SPACE,
    "d": _DIGIT,
    "w": _WORD,
    "S": _complement(_SPACE),
    "D": _complement(_DIGIT),
    "W": _complement(_WORD),
}


def _escaped(letter: str) -> Ranges:
    r"""What a backslash and a letter match.

    [unsure] for ``\n``, ``\t`` and the like: only the six class letters are documented, so every
    other character stands for itself.
    """
    return _SHORTHANDS.get(letter, (_span(letter, letter),))


def _with_other_case(ranges: Ranges) -> Ranges:
    folded = list(ranges)
    for first, last, shift in (("A", "Z", 32), ("a", "z", -32)):
        low, high = _span(first, last)
        folded.extend(
            (max(start, low) + shift, min(end, high) + shift)
            for start, end in ranges
            if start <= high and end >= low
        )
    return tuple(folded)


class _Reader:
    """Recursive descent over one pattern; each method's grammar line is its first."""

    def __init__(self, source: str, *, ignore_case: bool) -> None:
        self.source = source
        self.ignore_case = ignore_case
        self.at = 0
        self.depth = 0
        self.not_groups: set[int] = set()

    def pattern(self) -> Piece:
        """``["^"] body ["$"]``; the anchors belong to the first and the last option."""
        anchored = self.peek() == "^"
        if anchored:
            self.at += 1
        options = self.body(may_start_literally=not anchored)
        if anchored:
            options[0] = Sequence((Edge.START, options[0]))
        if self.peek() == "$":
            self.at += 1
            options[-1] = Sequence((options[-1], Edge.END))
        if self.peek() == ")":
            raise self.expected("end-of-string", self.at)
        if self.at < len(self.source):
            self.unexpected()
        return Choice(tuple(options))

    def body(self, *, may_start_literally: bool) -> list[Piece]:
        """``[literal] sequence {"|" sequence}``, the literal being one of ``| ( ) ? + * { }``"""
        start = self.at
        if may_start_literally and self.peek() in _LITERAL_AT_START:
            return self.options([self.literal()], may_be_done=False)
        if not may_start_literally or self.peek() != "(":
            return self.options([], may_be_done=False)
        try:
            group = self.quantified()
        except _TooLarge:
            raise
        except PatternMistake:
            # A parenthesis that opens no group stands for itself here.
            self.at = start
            return self.options([self.literal()], may_be_done=False)
        return self.options([group], may_be_done=True)

    def options(self, first: list[Piece], *, may_be_done: bool) -> list[Piece]:
        """``sequence {"|" sequence}``, after what was read of the first already"""
        options = [self.sequence(first, may_be_empty=may_be_done)]
        while self.peek() == "|":
            self.at += 1
            options.append(self.sequence([], may_be_empty=False))
        return options

    def sequence(self, pieces: list[Piece], *, may_be_empty: bool) -> Piece:
        """``quantified {quantified}``"""
        if self.peek() == ")" and not may_be_empty:
            # The service takes it for a character here, and then misses the one that closes.
            raise self.expected("')'")
        if self.peek() in ("", "|", "$", "^") and not may_be_empty:
            self.unexpected()
        while self.peek() not in ("", "|", ")", "$", "^"):
            pieces.append(self.quantified())
        return Sequence(tuple(pieces))

    def quantified(self) -> Piece:
        """``item {"*" | "+" | "?" | "{" n ["," [m]] "}"}``"""
        piece = self.item()
        low: int
        high: int | None
        for _ in range(_MAX_QUANTIFIERS):
            match self.peek():
                case "*":
                    low, high = 0, None
                case "+":
                    low, high = 1, None
                case "?":
                    low, high = 0, 1
                case "{":
                    low, high = self.counts()
                case _:
                    return piece
            self.at += 1
            piece = Repeat(piece, low, high)
        raise _TooLarge(self.at, "too many quantifiers in a row")

    def counts(self) -> tuple[int, int | None]:
        """``"{" n ["," [m]]``, up to the closing brace"""
        start = self.at
        self.at += 1
        low = self.number()
        high: int | None = low
        if self.peek() == ",":
            self.at += 1
            high = None if self.peek() == "}" else self.number()
        if self.peek() != "}":
            raise self.expected("'}'", self.at)
        if high is not None and high < low:
            raise PatternMistake(start, "the counts are in the wrong order")
        return low, high

    def number(self) -> int:
        start = self.at
        while self.peek() and self.peek() in "0123456789":
            self.at += 1
        digits = self.source[start : self.at]
        if not digits or (digits[0] == "0" and digits != "0"):
            raise self.expected("integer", start)
        if len(digits) > _MAX_COUNT_DIGITS:
            raise _TooLarge(start, "the count is too large")
        return int(digits)

    def item(self) -> Piece:
        """``group | class | "." | "\\" any | any other character``"""
        character = self.peek()
        match character:
            case "(":
                return self.group()
            case "[":
                return self.character_class()
            case ".":
                self.at += 1
                return Characters(_ANY)
            case "\\":
                return self.characters(_escaped(self.escaped_letter()))
            case "" | "^" | "$" | "|" | ")" | "?" | "+" | "*" | "{":
                self.unexpected()
        return self.literal()

    def literal(self) -> Piece:
        character = self.peek()
        self.at += 1
        return self.characters((_span(character, character),))

    def escaped_letter(self) -> str:
        if self.at + 1 >= len(self.source):
            raise PatternMistake(self.at, "a backslash must be followed by a character")
        self.at += 2
        return self.source[self.at - 1]

    def group(self) -> Piece:
        """``"(" body ")"``"""
        start = self.at
        if start in self.not_groups:
            raise PatternMistake(start, "'(' opens no group")
        if self.depth >= _MAX_GROUPS:
            raise _TooLarge(start, f"groups are nested deeper than {_MAX_GROUPS}")
        self.depth += 1
        try:
            self.at += 1
            options = self.body(may_start_literally=True)
            if self.peek() != ")":
                raise self.expected("')'")
        except PatternMistake:
            self.not_groups.add(start)
            raise
        finally:
            self.depth -= 1
        self.at += 1
        return Choice(tuple(options))

    def character_class(self) -> Piece:
        """``"[" ["^"] entry {entry} "]"``"""
        start = self.at
        self.at += 1
        negated = self.peek() == "^"
        if negated:
            self.at += 1
        ranges: list[tuple[int, int]] = []
        while self.peek() != "]":
            if not self.peek():
                raise self.expected("']'")
            ranges.extend(self.class_entry())
        if {_span('"', '"'), _span("\\", "\\")} <= {*ranges}:
            # Seen with both in one class; which of the two it was is not known.
            raise self.expected("']'")
        if not ranges:
            raise PatternMistake(start, "a class cannot be empty")
        self.at += 1
        return self.characters(tuple(ranges), negated=negated)

    def class_entry(self) -> Ranges:
        """``class letter | character "-" character | character``"""
        start = self.at
        low = self.class_character()
        if len(low) > 1 or low[0][0] != low[0][1]:
            return low
        if self.peek() != "-" or self.source[self.at + 1 : self.at + 2] in ("", "]"):
            return low
        self.at += 1
        # The end of a range is a character, so here a class letter stands for itself.
        high = ord(self.escaped_letter() if self.peek() == "\\" else self.one())
        if high < low[0][0]:
            raise PatternMistake(start, "the range is in the wrong order")
        return ((low[0][0], high),)

    def class_character(self) -> Ranges:
        if self.peek() == "\\":
            return _escaped(self.escaped_letter())
        character = self.one()
        return (_span(character, character),)

    def one(self) -> str:
        self.at += 1
        return self.source[self.at - 1]

    def characters(self, ranges: Ranges, *, negated: bool = False) -> Characters:
        return Characters(_with_other_case(ranges) if self.ignore_case else ranges, negated)

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def unexpected(self) -> NoReturn:
        character = self.peek()
        reason = f"unexpected '{character}'" if character else "unexpected end-of-string"
        raise PatternMistake(self.at, reason)

    def expected(self, what: str, at: int | None = None) -> PatternMistake:
        """That ``what`` is missing, by default at the end, which is as far as the service reads.

        Its words, and its count: positions are in what the anchors leave.
        """
        anchored = self.source.startswith("^")
        body = _ANCHORED.match(self.source)
        assert body is not None
        position = len(body[1]) if at is None else at - anchored
        if what.startswith("'"):
            return PatternMistake(self.at, f"expected {what} at position {position}")
        return PatternMistake(self.at, f"{what} expected at position {position}")
