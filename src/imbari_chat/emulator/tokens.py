"""Unsigned JSON Web Tokens: how both halves of the emulator say who somebody is.

An ID token of the Auth emulator has the header ``{"alg":"none","typ":"JWT"}`` and an empty
signature, so its text ends with a dot. Nothing here verifies anything, on purpose: an emulator
has no keys, and it accepts a signed token without checking the signature.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, dumps, parse

__all__ = ["decode_unverified", "encode_unsigned", "parse_object"]

# Far below the depth at which Python's JSON encoder gives up on what its decoder has read.
_DEPTH_LIMIT: Final = 64


def encode_unsigned(claims: Mapping[str, Json]) -> str:
    """The claims as a JWT of algorithm ``none``."""
    return f"{_encode({'alg': 'none', 'typ': 'JWT'})}.{_encode(claims)}."


def decode_unverified(token: str) -> dict[str, Json]:
    """The claims of a JWT, whatever its algorithm; the signature is not looked at.

    Raises:
        ValueError: The text is not a JWT whose header and payload are JSON objects.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("a JWT has three parts")
    parse_object(_decode(parts[0]))
    return parse_object(_decode(parts[1]))


def parse_object(text: str | bytes) -> dict[str, Json]:
    """A JSON object, nested at most 64 deep.

    Raises:
        ValueError: The text is something else.
    """
    try:
        value = parse(text)
    except InvalidData as error:
        raise ValueError(str(error)) from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for one caller
    if _deeper(value, _DEPTH_LIMIT):
        raise ValueError("nested too deep")
    return value


def _deeper(value: Json, limit: int) -> bool:
    level: list[Json] = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return bool(level)


def _encode(part: Mapping[str, Json]) -> str:
    raw = dumps(dict(part)).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    except ValueError as error:
        raise ValueError("not base64url") from error
