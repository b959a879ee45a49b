"""JSON text read and written in steps, for large values in a thread beside others.

The standard library reads and writes a whole document without ever letting another thread run,
a second for some tens of megabytes. Here it is given pieces of bounded size, and whatever holds
them together is done in Python, between whose instructions others have their turn.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from json import JSONDecoder, JSONEncoder
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from imbari_chat.errors import InvalidData

if TYPE_CHECKING:
    from imbari_chat.wire.json import Json

__all__ = ["read", "reading", "write"]

T = TypeVar("T")

_Reading: TypeAlias = "Generator[None, None, tuple[Json, int]]"

_CHARACTERS: Final = 64 * 1024
"""Of a piece that is read at once; a single string may have more."""
_ITEMS: Final = 1000
"""Of a piece that is written at once."""
_DEEPEST: Final = 200
"""Levels that are read; the database takes far fewer."""

_SOON: Final = _CHARACTERS // 16
"""Characters of an object or array that are read before pieces of it are tried."""

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_SPACE = re.compile(r"[ \t\n\r]*+")
_FLAT = re.compile(rf'[\[{{](?:[^\[\]{{}}"]++|{_STRING})*+[\]}}]', re.DOTALL)
_COMMAS: Final = {
    "{": (re.compile(r'[}\]]\s*+(,)\s*+"'), re.compile(r'(,)\s*+"')),
    "[": (re.compile(r"[}\]]\s*+(,)"), re.compile(r"(,)")),
}
"""Where members may part: between those that hold others, which come first, and between any."""


def read(text: str, decoder: JSONDecoder) -> "Json":
    """The value of a whole document, as ``decoder`` reads it.

    Raises:
        InvalidData: It is not JSON, or nested too deep.
    """
    steps = reading(text, decoder)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        value: Json = end.value
        return value


def reading(text: str, decoder: JSONDecoder) -> "Generator[None, None, Json]":
    """The same, piece by piece: others may do something whenever it yields.

    Raises:
        InvalidData: As :func:`read`.
    """
    reader = _Reader(text, decoder)
    try:
        value, end = yield from reader.value(reader.after_space(0), 0)
        if reader.after_space(end) != len(text):
            raise _not_json()
    except (IndexError, ValueError):
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
    """Recursive descent, which leaves to the decoder what is small and flat, and whole pieces.

    Where a piece ends cannot be seen from there: the comma may be part of a text, or of something
    further down. A piece that is JSON when it is closed there has ended, and no other is.
    """

    def __init__(self, text: str, decoder: JSONDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]  # typeshed leaves it out

    def value(self, at: int, depth: int) -> "_Reading":
        """``object | array | string | number | constant``, and where it ends"""
        first = self._text[at]
        if first not in "[{" or _FLAT.match(self._text, at, at + _CHARACTERS):
            return self._scanned(at)
        if depth >= _DEEPEST:
            raise InvalidData("not JSON that can be read: nested too deep")
        found: Json
        if first == "[":
            items: list[Json] = []
            at = yield from self._members(at, depth, items.append, items.extend)
            found = items
        else:
            members: dict[str, Json] = {}
            at = yield from self._members(
                at, depth, lambda member: members.__setitem__(*member), members.update
            )
            found = members
        return found, at

    def after_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()

    def _members(
        self, at: int, depth: int, add: Callable[[Any], None], add_all: Callable[[Any], None]
    ) -> Generator[None, None, int]:
        """What an object or array holds, one by one or in pieces; returns where it ends."""
        opened = self._text[at]
        closed = "}" if opened == "{" else "]"
        at = self.after_space(at + 1)
        if self._text[at] == closed:
            return at + 1
        due = at + _SOON
        while True:
            if at >= due:
                yield
                if piece := self._piece(at, opened, closed):
                    found, comma = piece
                    add_all(found)
                    at = due = self.after_space(comma + 1)
                    continue
                due = at + _CHARACTERS
            name = None
            if opened == "{":
                name, at = self._name(at)
            member, at = yield from self.value(at, depth + 1)
            add(member if name is None else (name, member))
            at = self.after_space(at)
            if self._text[at] == closed:
                return at + 1
            if self._text[at] != ",":
                raise _not_json()
            at = self.after_space(at + 1)

    def _name(self, at: int) -> tuple[str, int]:
        """``string ":"``, and where the value begins"""
        if self._text[at] != '"':
            raise _not_json()
        name, at = self._scanned(at)
        at = self.after_space(at)
        if self._text[at] != ":":
            raise _not_json()
        return name, self.after_space(at + 1)

    def _piece(self, at: int, opened: str, closed: str) -> tuple[Any, int] | None:
        """A piece of members from here on, and where the comma behind them is."""
        for comma in _COMMAS[opened]:
            found = comma.search(self._text, at + _CHARACTERS, at + 2 * _CHARACTERS)
            if found:
                end = found.start(1)
                try:
                    return self._decoder.decode(f"{opened}{self._text[at:end]}{closed}"), end
                except (ValueError, RecursionError):
                    pass  # it does not end there, or is no JSON, which is found out one by one
        return None

    def _scanned(self, at: int) -> tuple[Any, int]:
        try:
            return self._scan(self._text, at)
        except StopIteration:
            raise _not_json() from None


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
