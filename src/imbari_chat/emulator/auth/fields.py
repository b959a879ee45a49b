"""A request's body as the operations read it: typed, and as lenient as the service.

Keys are taken in any of ``photoUrl``, ``photoURL``, ``photo_url``; a number will do where a
string is expected; ``null`` is the same as absent; unknown fields are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from imbari_chat.emulator.auth.errors import Refused, invalid_payload
from imbari_chat.emulator.auth.schemas import Schema
from imbari_chat.emulator.tokens import parse_object
from imbari_chat.wire.json import Json, canonical_number, is_number

__all__ = ["Fields"]

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


class Fields:
    """One JSON object of a request.

    Every accessor answers None (or an empty list) when the field is absent, and raises the
    service's ``INVALID_ARGUMENT`` refusal when its type is wrong.
    """

    __slots__ = ("_at", "_values")

    def __init__(self, values: Mapping[str, Json], at: str = "") -> None:
        self._values = {_camel(key): value for key, value in values.items() if value is not None}
        self._at = at

    @classmethod
    def parse(cls, raw: bytes) -> "Fields":
        """Reads a body; an empty one has no fields.

        Raises:
            Refused: The body is not a JSON object.
        """
        if not raw.strip():
            return cls({})
        if raw.lstrip().startswith(b"["):
            raise invalid_payload(" must be object")
        try:
            return cls(parse_object(raw))
        except ValueError as error:
            raise invalid_payload(str(error), reason="parseError") from error

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """A string, or a number written as one."""
        value = self._values.get(name)
        return None if value is None else self._as_text(value, name)

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        value = self._values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(name, "boolean")

    def text_or_flag(self, name: str) -> str | bool | None:
        """Whatever says yes: a text that is not empty, or true."""
        return self.flag(name) if isinstance(self._values.get(name), bool) else self.text(name)

    def choice(self, name: str, options: Sequence[str]) -> str | None:
        """One of the options, by name or by its number among them."""
        value = self._values.get(name)
        return None if value is None else self._as_choice(value, name, options)

    def choices(self, name: str, options: Sequence[str]) -> list[str]:
        """A list of options."""
        return [
            self._as_choice(value, f"{name}/{index}", options)
            for index, value in enumerate(self._list(name))
        ]

    def check(self, schema: Schema) -> None:
        """Reads every field the schema has, for the sake of the refusals."""
        for name, kind in schema.items():
            self._check(name, kind)

    def integer(self, name: str) -> int | None:
        """An integer, as a number or as a string of digits (the service's 64-bit fields)."""
        text = self.text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise self._wrong(name, 'match format "int64"', be="")
        return int(text)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        return [
            self._as_text(value, f"{name}/{index}") for index, value in enumerate(self._list(name))
        ]

    def objects(self, name: str) -> list["Fields"]:
        """A list of objects."""
        found = []
        for index, value in enumerate(self._list(name)):
            if not isinstance(value, dict):
                raise self._wrong(f"{name}/{index}", "object")
            found.append(Fields(value, f"{self._at}/{name}/{index}"))
        return found

    def object(self, name: str) -> "Fields | None":
        """An object."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._wrong(name, "object")
        return Fields(value, f"{self._at}/{name}")

    def _check(self, name: str, kind: Any) -> None:
        match kind:
            case "string":
                self.text(name)
            case "boolean":
                self.flag(name)
            case "integer" | "number":
                self._number(name, kind)
            case tuple():
                self.choice(name, kind)
            case ["string"]:
                self.texts(name)
            case [tuple() as options]:
                self.choices(name, options)
            case [schema]:
                for item in self.objects(name):
                    item.check(schema)
            case _:
                inner = self.object(name)
                if inner is not None:
                    inner.check(kind)

    def _number(self, name: str, kind: str) -> None:
        value = self._values.get(name)
        whole = isinstance(value, float) and value.is_integer()
        if value is None or (
            is_number(value) and (kind == "number" or whole or isinstance(value, int))
        ):
            return
        raise self._wrong(name, kind)

    def _as_choice(self, value: Json, name: str, options: Sequence[str]) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(options):
            return options[value]
        if isinstance(value, str) and value in options:
            return value
        raise self._wrong(name, "equal to one of the allowed values")

    def _list(self, name: str) -> list[Json]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "array")
        return value

    def _as_text(self, value: Json, name: str) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and is_number(value):
            try:
                return str(canonical_number(value))
            except OverflowError:
                raise self._wrong(name, "string") from None
        raise self._wrong(name, "string")

    def _wrong(self, name: str, expected: str, *, be: str = "be ") -> Refused:
        return invalid_payload(f"{self._at}/{name} must {be}{expected}")


def _camel(key: str) -> str:
    words = _WORDS.findall(key)
    if not words:
        return key
    first, *rest = words
    return "".join([first.lower(), *(word.capitalize() for word in rest)])
