"""The bodies of REST writes: JSON, and legal keys in it.

The texts of the errors are those of the service, positions included. A body is parsed by the
standard library; only one with an illegal key is scanned again, to say where the key is.
"""

import re
from collections.abc import Callable
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.paths import illegal_in_key
from imbari_chat.wire.updates import illegal_in_update_key

__all__ = ["parse_body", "parse_update"]

_LARGE: Final = 64 * 1024
"""Bytes from which on a body is read in steps."""

_RESERVED: Final = frozenset({".value", ".priority", ".sv"})

_TOKEN = re.compile(
    r"""
    [{}\[\]]                                        # nesting
    | (?P<string> "[^"\\]* (?:\\.[^"\\]*)* ") \s* (?P<colon>:)?
    """,
    re.VERBOSE | re.DOTALL,
)


def parse_body(text: bytes) -> Json:
    """Read the body of a PUT or POST.

    Keys are legal ones, or the reserved ``.value``, ``.priority`` and ``.sv``.

    Raises:
        InvalidData: There is no body, it is not JSON, or it has an illegal key; ``what`` is the
            service's text.
    """
    value = _parse(text, "Invalid data; couldn't parse JSON object, array, or value.")
    if not _keys_are_legal(value, _illegal):
        raise _illegal_key(text.decode(), _illegal)
    return value


def parse_update(text: bytes) -> dict[str, Json] | None:
    """Read the body of a PATCH: an object, or null. Its own keys may be paths.

    Raises:
        InvalidData: There is no body, it is something else, or it has an illegal key; ``what`` is
            the service's text.
    """
    refusal = (
        "Invalid data; couldn't parse JSON object."
        " Are you sending a JSON object with valid key names?"
    )
    value = _parse(text, refusal)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidData(refusal)
    if not _keys_are_legal(value, illegal_in_update_key):
        raise _illegal_key(text.decode(), illegal_in_update_key)
    return value


def _parse(text: bytes, refusal: str) -> Json:
    if not text.strip():
        raise InvalidData("Error: No data supplied.")
    try:
        return parse(text, in_steps=len(text) >= _LARGE)
    except InvalidData as error:
        raise InvalidData(refusal) from error


def _illegal(key: str) -> str | None:
    return None if key in _RESERVED else illegal_in_key(key)


def _keys_are_legal(value: Json, at_top: Callable[[str], str | None]) -> bool:
    """Whether every key is legal; ``at_top`` judges those of the outermost object.

    Rows share their keys, so each key is looked at once.
    """
    legal = set(_RESERVED)
    waiting = [value]
    if isinstance(value, dict):
        if any(map(at_top, value)):
            return False
        waiting = list(value.values())
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            fresh = item.keys() - legal
            if any(map(illegal_in_key, fresh)):
                return False
            legal |= fresh
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return True


def _illegal_key(text: str, at_top: Callable[[str], str | None]) -> InvalidData:
    """The service's answer to the first illegal key of ``text``, which is JSON.

    Lines and columns count from 1, columns in characters, to the opening quote.
    """
    depth = 0
    for token in _TOKEN.finditer(text):
        if token["string"] is None:
            depth += 1 if token[0] in "{[" else -1
        elif token["colon"]:
            key = parse(token["string"])
            assert isinstance(key, str)
            if at_top(key) if depth == 1 else _illegal(key):
                line = text.count("\n", 0, token.start()) + 1
                column = token.start() - text.rfind("\n", 0, token.start())
                return InvalidData(
                    f"Invalid data; couldn't parse key beginning at {line}:{column}."
                    " Key value can't be empty or contain $ # [ ] / or ."
                )
    raise AssertionError("an illegal key was seen but not found")
