"""A text being written, with its cursor: a value, and what editing makes of it."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

__all__ = ["Composer"]

_LINE_BREAK: Final = re.compile("\r\n?")
_WORD_BEFORE: Final = re.compile(r"\S+\s*\Z|\s+\Z")
_WORD_AFTER: Final = re.compile(r"\s*\S+|\s+")
_ZWJ: Final = "\u200d"


@dataclass(frozen=True, slots=True)
class Composer:
    """What stands in the entry field.

    Attributes:
        text: What is written so far, as it will be sent.
        cursor: Where the next character goes, 0 to ``len(text)``.
    """

    text: str = ""
    cursor: int = 0

    @classmethod
    def holding(cls, text: str) -> "Composer":
        """``text`` with the cursor behind it."""
        return cls(text, len(text))

    def insert(self, text: str) -> "Composer":
        """Type or paste. Line breaks become ``\\n``; other control characters are not text."""
        text = "".join(
            character
            for character in _LINE_BREAK.sub("\n", text)
            if character in "\n\t" or unicodedata.category(character) != "Cc"
        )
        return Composer(
            self.text[: self.cursor] + text + self.text[self.cursor :], self.cursor + len(text)
        )

    def backspace(self) -> "Composer":
        """Remove what stands before the cursor, as one reader would count it."""
        return self._without(self._left_of(self.cursor), self.cursor)

    def delete(self) -> "Composer":
        """Remove what stands behind the cursor."""
        return self._without(self.cursor, self._right_of(self.cursor))

    def delete_word(self) -> "Composer":
        """Remove the word before the cursor, and the blanks between."""
        return self._without(self._word_left(), self.cursor)

    def clear(self) -> "Composer":
        """Remove everything."""
        return Composer()

    def left(self) -> "Composer":
        return Composer(self.text, self._left_of(self.cursor))

    def right(self) -> "Composer":
        return Composer(self.text, self._right_of(self.cursor))

    def word_left(self) -> "Composer":
        return Composer(self.text, self._word_left())

    def word_right(self) -> "Composer":
        found = _WORD_AFTER.match(self.text, self.cursor)
        return Composer(self.text, found.end() if found else self.cursor)

    def home(self) -> "Composer":
        """To the start of the line."""
        return Composer(self.text, self.text.rfind("\n", 0, self.cursor) + 1)

    def end(self) -> "Composer":
        """To the end of the line."""
        found = self.text.find("\n", self.cursor)
        return Composer(self.text, len(self.text) if found < 0 else found)

    def _without(self, start: int, end: int) -> "Composer":
        return Composer(self.text[:start] + self.text[end:], start)

    def _word_left(self) -> int:
        found = _WORD_BEFORE.search(self.text[: self.cursor])
        return found.start() if found else 0

    def _left_of(self, index: int) -> int:
        index = max(index - 1, 0)
        while index > 0 and self._inside(index):
            index -= 1
        return index

    def _right_of(self, index: int) -> int:
        index = min(index + 1, len(self.text))
        while index < len(self.text) and self._inside(index):
            index += 1
        return index

    def _inside(self, index: int) -> bool:
        """True if a cursor at ``index`` would stand inside a letter with its marks, or an emoji."""
        character = self.text[index]
        return (
            self.text[index - 1] == _ZWJ
            or character == _ZWJ
            or unicodedata.combining(character) != 0
            or unicodedata.category(character) in {"Mn", "Me"}
            or 0x1F3FB <= ord(character) <= 0x1F3FF
        )
