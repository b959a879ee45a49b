"""Keys and paths: what is legal, and how paths relate.

A path is an immutable tuple of keys. Limits are those of the service: a key has at most 768 bytes
of UTF-8, a path at most 32 levels.
"""

import re
from collections.abc import Iterable
from typing import Self
from urllib.parse import quote, unquote

from imbari_chat.errors import InvalidData

__all__ = [
    "MAX_DEPTH",
    "MAX_KEY_BYTES",
    "ROOT",
    "Path",
    "check_key",
    "illegal_in_key",
    "keys_of_url",
]

MAX_KEY_BYTES = 768
MAX_DEPTH = 32

_ILLEGAL = re.compile(r"[$#\[\]/.\x00-\x1f\x7f]")


def illegal_in_key(key: str) -> str | None:
    """Why ``key`` cannot name a child, or None if it can.

    Keys have a case, and Unicode is not normalised. [unsure]
    """
    if not key:
        return "a key cannot be empty"
    found = _ILLEGAL.search(key)
    if found:
        return f"a key cannot contain {found[0]!r}"
    try:
        size = len(key) if key.isascii() else len(key.encode())
    except UnicodeEncodeError:
        return "a key must be valid Unicode; a lone surrogate is not"
    if size > MAX_KEY_BYTES:
        return f"a key has at most {MAX_KEY_BYTES} bytes of UTF-8, this one has {size}"
    return None


def check_key(key: str) -> str:
    """Return ``key`` unchanged.

    Raises:
        InvalidData: It cannot name a child.
    """
    reason = illegal_in_key(key)
    if reason is not None:
        raise InvalidData(f"illegal key: {reason}", where=repr(key[:80]))
    return key


def keys_of_url(text: str) -> list[str]:
    """The keys that a URL's path names: split on slashes first, then percent-decode each.

    ``%2F`` inside a segment is therefore part of a key, and illegal there, not a separator; empty
    segments are ignored. [unsure] of both. The keys are not checked.

    Raises:
        InvalidData: A segment is not UTF-8.
    """
    try:
        return [key for part in text.split("/") if (key := unquote(part, errors="strict"))]
    except UnicodeDecodeError:
        raise InvalidData("a path must be UTF-8", where=repr(text[:80])) from None


class Path(tuple[str, ...]):
    """Where in the database: a tuple of keys, immutable and safe to share.

    ``str(path)`` is the slash form with a leading slash; ``"/"`` is the root.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"/a/b"``; leading, trailing and doubled slashes are ignored.

        Raises:
            InvalidData: A segment is not a legal key, or there are more than 32.
        """
        return cls.of(part for part in text.split("/") if part)

    @classmethod
    def of(cls, keys: Iterable[str]) -> Self:
        """Build a path from keys, checking each.

        Raises:
            InvalidData: A key is illegal, or there are more than 32.
        """
        path = cls(check_key(key) for key in keys)
        if len(path) > MAX_DEPTH:
            raise InvalidData(f"a path has at most {MAX_DEPTH} levels, this one has {len(path)}")
        return path

    def to_url(self) -> str:
        """The percent-encoded slash form, with a leading slash."""
        return "/" + "/".join(quote(key, safe="") for key in self)

    def __str__(self) -> str:
        return "/" + "/".join(self)

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"

    def __truediv__(self, other: "str | Path") -> "Path":
        """``path / "key"`` or ``path / other_path``; a string may hold slashes."""
        if isinstance(other, Path):
            return Path((*self, *other))
        if other and "/" not in other:
            return Path((*self, check_key(other)))
        return Path((*self, *Path.parse(other)))

    @property
    def parent(self) -> "Path":
        """One level up; the root is its own parent."""
        return Path(self[:-1])

    @property
    def key(self) -> str | None:
        """The last key, or None for the root."""
        return self[-1] if self else None

    def contains(self, other: "Path") -> bool:
        """True if ``other`` is this path or below it."""
        return self == other[: len(self)]

    def relative_to(self, ancestor: "Path") -> "Path":
        """This path as seen from ``ancestor``.

        Raises:
            ValueError: ``ancestor`` does not contain this path.
        """
        if not ancestor.contains(self):
            raise ValueError(f"{self} is not below {ancestor}")
        return Path(self[len(ancestor) :])


ROOT = Path()
