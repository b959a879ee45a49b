"""The text of a rules file: its JSON dialect, and where in it everything stands.

The dialect is JSON with ``//`` and ``/* */`` comments, trailing commas, and raw newlines and tabs
inside strings. Every string remembers the offset each of its characters was written at, so that a
mistake inside an expression is reported at its place in the file, whatever escapes precede it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from imbari_chat.errors import RulesError
from imbari_chat.wire.json import Json, Scalar

__all__ = [
    "RULE_KEYS",
    "Constant",
    "Element",
    "Fragment",
    "ListElement",
    "Member",
    "ObjectElement",
    "Text",
    "excerpt",
    "mistake",
    "parse_source",
    "plain",
    "report",
]

RULE_KEYS = (".read", ".write", ".validate")

_MAX_NESTING = 64
_SHOWN_BEFORE = 60
_SHOWN = 100
_SPACE = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NUMBER_CHARACTERS = frozenset("+-.0123456789eE")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of text inside a rules file, written with or without escapes.

    Attributes:
        text: The characters as they are meant.
        offsets: For each of them, and for the end, its offset in ``file``.
        file: The whole rules text.
    """

    text: str
    offsets: tuple[int, ...]
    file: str

    def mistake(self, at: int, message: str) -> RulesError:
        """The error that says ``message`` of the character at offset ``at`` of ``text``."""
        return mistake(self.file, self.offsets[min(at, len(self.text))], message)


@dataclass(frozen=True, slots=True)
class Text:
    """A string, with the offset of its opening quote."""

    start: int
    fragment: Fragment

    @property
    def value(self) -> str:
        return self.fragment.text


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a boolean or null."""

    start: int
    value: Scalar | None


@dataclass(frozen=True, slots=True)
class ListElement:
    """A list."""

    start: int
    items: tuple["Element", ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One ``"key": value`` of an object."""

    key: Text
    value: "Element"


@dataclass(frozen=True, slots=True)
class ObjectElement:
    """An object, its members in the order of the text."""

    start: int
    members: tuple[Member, ...]


Element: TypeAlias = Text | Constant | ListElement | ObjectElement


def plain(element: Element) -> Json:
    """The JSON value an element stands for; of a key written twice the last one counts."""
    if isinstance(element, ObjectElement):
        return {member.key.value: plain(member.value) for member in element.members}
    if isinstance(element, ListElement):
        return [plain(item) for item in element.items]
    return element.value


def mistake(file: str, offset: int, message: str) -> RulesError:
    """The error that says ``message`` of offset ``offset`` in the rules text ``file``."""
    line = file.count("\n", 0, offset) + 1
    column = offset - file.rfind("\n", 0, offset)
    return RulesError(message, line=line, column=column, hint=excerpt(file, line, column))


def excerpt(text: str, line: int, column: int) -> str:
    """The line a mistake is on, and a caret under its column (both 1-based), indented by two.

    Of a long line only the part around the column.
    """
    lines = text.split("\n")
    whole = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    first = max(0, column - 1 - _SHOWN_BEFORE)
    shown = whole[first : first + _SHOWN]
    before = whole[first : column - 1]
    padding = "".join("\t" if character == "\t" else " " for character in before)
    return f"  {shown}\n  {padding}^"


def report(error: RulesError, file_name: str = "database.rules.json") -> str:
    """The error as compilers write it: file, line and column, message, excerpt."""
    headline = f"{file_name}:{error.line}:{error.column}: {error.what}"
    return f"{headline}\n{error.hint}" if error.hint else headline


def parse_source(file: str, check: Callable[[str, Sequence[str], Fragment], object]) -> Element:
    """Read a rules text.

    Args:
        check: Called of a text that breaks off, for each rule read until then: with its kind, the
            keys above it below ``rules``, and its expression. The service checks a rule as soon as
            it has read it, so what this raises is told before the break: a quote inside an
            expression is the mistake of the expression it ends, not of the JSON that follows.

    Raises:
        RulesError: It is not the dialect described above.
    """
    reader = _Reader(file)
    try:
        return reader.document()
    except RulesError:
        for kind, location, fragment in reader.rules:
            check(kind, location, fragment)
        raise


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.at = 0
        self.depth = 0
        self.location: list[str] = []
        self.rules: list[tuple[str, Sequence[str], Fragment]] = []

    def document(self) -> Element:
        self.skip()
        element = self.element()
        self.skip()
        if self.at < len(self.file):
            self.fail(f"Unexpected '{self.peek()}'.")
        return element

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        raise mistake(self.file, self.at if at is None else at, message)

    def peek(self) -> str:
        return self.file[self.at : self.at + 1]

    def skip(self) -> None:
        """Pass over blanks and comments."""
        while self.at < len(self.file):
            if self.file[self.at] in _SPACE:
                self.at += 1
            elif self.file.startswith("//", self.at):
                end = self.file.find("\n", self.at)
                self.at = len(self.file) if end < 0 else end
            elif self.file.startswith("/*", self.at):
                end = self.file.find("*/", self.at + 2)
                if end < 0:
                    self.fail("Unterminated comment.")
                self.at = end + 2
            else:
                return

    def element(self) -> Element:
        character = self.peek()
        if character == "{":
            return self.object()
        if character == "[":
            return self.list()
        if character == '"':
            return self.text()
        return self.constant()

    def object(self) -> ObjectElement:
        start = self.at
        return ObjectElement(start, tuple(self.members()))

    def members(self) -> Iterator[Member]:
        self.open()
        if self.peek() == ",":
            self.fail("Unexpected ','.")
        while self.peek() != "}":
            if self.peek() != '"':
                self.fail("Expected '\"'.")
            key = self.text()
            self.skip()
            if self.peek() != ":":
                self.fail("Expected ':'.")
            self.at += 1
            self.skip()
            yield Member(key, self.member_value(key.value))
            self.comma_or("}")
        self.close()

    def member_value(self, key: str) -> Element:
        above = tuple(self.location)
        self.location.append(key)
        value = self.element()
        self.location.pop()
        if above[:1] == ("rules",) and key in RULE_KEYS and isinstance(value, Text):
            self.rules.append((key, above[1:], value.fragment))
        return value

    def list(self) -> ListElement:
        start = self.at
        items: list[Element] = []
        self.open()
        while self.peek() != "]":
            items.append(self.element())
            self.comma_or("]")
        self.close()
        return ListElement(start, tuple(items))

    def open(self) -> None:
        self.depth += 1
        if self.depth > _MAX_NESTING:
            self.fail(f"Nested deeper than {_MAX_NESTING} levels.")
        self.at += 1
        self.skip()

    def close(self) -> None:
        self.depth -= 1
        self.at += 1

    def comma_or(self, end: str) -> None:
        self.skip()
        if self.peek() == ",":
            self.at += 1
            self.skip()
        elif self.peek() != end:
            self.fail(f"Expected ',' or '{end}'.")

    def constant(self) -> Constant:
        start = self.at
        for word, value in _WORDS.items():
            if self.file.startswith(word, start):
                self.at += len(word)
                return Constant(start, value)
        while self.peek() in _NUMBER_CHARACTERS:
            self.at += 1
        try:
            number = float(self.file[start : self.at])
        except ValueError:
            self.fail("Parse error.", start)
        return Constant(start, number)

    def text(self) -> Text:
        start = self.at
        self.at += 1
        characters: list[str] = []
        offsets: list[int] = []
        while (character := self.peek()) != '"':
            if not character:
                self.fail("Unterminated string.", start)
            offsets.append(self.at)
            characters.append(self.escape() if character == "\\" else character)
            if character != "\\":
                self.at += 1
        offsets.append(self.at)
        self.at += 1
        return Text(start, Fragment("".join(characters), tuple(offsets), self.file))

    def escape(self) -> str:
        start = self.at
        letter = self.file[start + 1 : start + 2]
        if letter == "u":
            high = self.code_unit(start)
            if 0xD800 <= high < 0xDC00 and self.file.startswith("\\u", self.at):
                after_high = self.at
                low = self.code_unit(self.at)
                if 0xDC00 <= low < 0xE000:
                    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
                self.at = after_high
            return chr(high)
        if letter not in _ESCAPES:
            self.fail(f"Invalid escape: '\\{letter}'")
        self.at += 2
        return _ESCAPES[letter]

    def code_unit(self, start: int) -> int:
        digits = self.file[start + 2 : start + 6]
        if len(digits) < 4 or not _HEX_DIGITS.issuperset(digits):
            self.fail("Invalid escape: '\\u'", start)
        self.at = start + 6
        return int(digits, 16)
