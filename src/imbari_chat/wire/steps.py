"""JSON text read and written in steps, for large values in a thread beside others.

The standard library reads and writes a whole document without ever letting another thread run,
a second for some tens of megabytes. Here it is given pieces of bounded size, and whatever holds
them together is done in Python, between whose instructions others have their turn.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from json import JSONDecoder, JSONEncoder
from typing import TYPE_CHECKING, Any, Final, TypeVar

from imbari_chat.errors import InvalidData

if TYPE_CHECKING:
    from imbari_chat.wire.json import Json

__all__ = ["read", "write"]

T = TypeVar("T")

_CHARACTERS: Final = 64 * 1024
"""Of a piece that is read at once; a single string may have more."""
_ITEMS: Final = 1000
"""Of a piece that is written at once."""
_DEEPEST: Final = 200
"""Levels that are read; the database takes far fewer."""

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_SCALAR = rf"(?:{_STRING}|[^\s\"\[\]{{}},:]++)"
_SPACE = re.compile(r"[ \t\n\r]*+")
_FLAT = re.compile(rf'[\[{{](?:[^\[\]{{}}"]++|{_STRING})*+[\]}}]', re.DOTALL)
_ROWS = re.compile(rf"(?:{_SCALAR}\s*+,\s*+)++", re.DOTALL)
_PAIRS = re.compile(rf"(?:{_STRING}\s*+:\s*+{_SCALAR}\s*+,\s*+)++", re.DOTALL)


def read(text: str, decoder: JSONDecoder) -> "Json":
    """The value of a whole document, as ``decoder`` reads it.

    Raises:
        InvalidData: It is not JSON, or nested too deep.
    """
    reader = _Reader(text, decoder)
    try:
        value, end = reader.value(reader.after_space(0), 0)
        if reader.after_space(end) != len(text):
            raise _not_json()
    except (StopIteration, IndexError, ValueError):
        raise _not_json() from None
    return value


def write(value: "Json", encoder: JSONEncoder) -> str:
    """The text of a value, as ``encoder`` writes it.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    pieces: list[str] = []
    _write(value, encoder, pieces)
    return "".join(pieces)


class _Reader:
    """Recursive descent, which leaves everything that is small and flat to the decoder."""

    def __init__(self, text: str, decoder: JSONDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]  # typeshed leaves it out

    def value(self, at: int, depth: int) -> "tuple[Json, int]":
        """``object | array | string | number | constant``, and where it ends"""
        first = self._text[at]
        if first not in "[{" or _FLAT.match(self._text, at, at + _CHARACTERS):
            value: Json
            value, end = self._scan(self._text, at)
            return value, end
        if depth >= _DEEPEST:
            raise InvalidData("not JSON that can be read: nested too deep")
        return self._array(at, depth) if first == "[" else self._object(at, depth)

    def after_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()

    def _array(self, at: int, depth: int) -> "tuple[Json, int]":
        """``"[" {scalar ","} value {"," {scalar ","} value} "]"``, as no flat one is empty"""
        items: list[Json] = []
        at = self.after_space(at + 1)
        while True:
            rows = _ROWS.match(self._text, at, at + _CHARACTERS)
            if rows:
                items.extend(self._decoder.decode(f"[{self._without_comma(rows)}]"))
                at = self.after_space(rows.end())
            item, at = self.value(at, depth + 1)
            items.append(item)
            more, at = self._more(at, "]")
            if not more:
                return items, at

    def _object(self, at: int, depth: int) -> "tuple[Json, int]":
        """The same, of ``string ":" value``"""
        members: dict[str, Json] = {}
        at = self.after_space(at + 1)
        while True:
            pairs = _PAIRS.match(self._text, at, at + _CHARACTERS)
            if pairs:
                members.update(self._decoder.decode(f"{{{self._without_comma(pairs)}}}"))
                at = self.after_space(pairs.end())
            if self._text[at] != '"':
                raise _not_json()
            key, at = self._scan(self._text, at)
            at = self.after_space(at)
            if self._text[at] != ":":
                raise _not_json()
            members[key], at = self.value(self.after_space(at + 1), depth + 1)
            more, at = self._more(at, "}")
            if not more:
                return members, at

    def _more(self, at: int, end: str) -> tuple[bool, int]:
        at = self.after_space(at)
        if self._text[at] == ",":
            return True, self.after_space(at + 1)
        if self._text[at] != end:
            raise _not_json()
        return False, at + 1

    @staticmethod
    def _without_comma(found: "re.Match[str]") -> str:
        return found[0].rstrip()[:-1]


def _write(value: "Json", encoder: JSONEncoder, pieces: list[str]) -> None:
    if isinstance(value, dict):
        opened = "{"
        for members in _batches(value.items()):
            if any(isinstance(item, dict | list) for _, item in members):
                for key, item in members:
                    pieces.append(f"{opened}{encoder.encode(key)}:")
                    _write(item, encoder, pieces)
                    opened = ","
            else:
                pieces.append(opened + encoder.encode(dict(members))[1:-1])
            opened = ","
        pieces.append("}" if value else "{}")
    elif isinstance(value, list):
        opened = "["
        for items in _batches(value):
            if any(isinstance(item, dict | list) for item in items):
                for item in items:
                    pieces.append(opened)
                    _write(item, encoder, pieces)
                    opened = ","
            else:
                pieces.append(opened + encoder.encode(items)[1:-1])
            opened = ","
        pieces.append("]" if value else "[]")
    else:
        pieces.append(encoder.encode(value))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _ITEMS)):
        yield batch


def _not_json() -> InvalidData:
    return InvalidData("not JSON")
