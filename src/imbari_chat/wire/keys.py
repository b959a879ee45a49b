"""How keys sort: in queries, in answers, and in the hashes of nodes.

The collation of strings is decided in :func:`server_collation` and :func:`sdk_collation`, nowhere
else.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = [
    "MAX_KEY",
    "MIN_KEY",
    "Collation",
    "SortKey",
    "in_order",
    "key_order",
    "sdk_collation",
    "server_collation",
]

SortKey: TypeAlias = tuple[object, ...]
Collation: TypeAlias = Callable[[str], str | bytes]

MIN_KEY: Final = "[MIN_NAME]"
"""Stands for a key before all others in the bounds that the SDKs send."""

MAX_KEY: Final = "[MAX_NAME]"
"""Stands for a key after all others in the bounds that the SDKs send."""

_INTEGER_KEY = re.compile(r"-?0*[0-9]{1,10}")
_INT32_MIN = -(2**31)
_INT32_MAX = 2**31 - 1
_DIGITS = frozenset("0123456789")
_FIELDS = 16
_INDEX_DIGITS = 9


def server_collation(text: str) -> str:
    """Strings sort by their UTF-8 bytes, lone surrogates included.

    That is the order of code points, which is how Python compares strings. [unsure]: the order of
    the service beyond ASCII is not known.
    """
    return text


def sdk_collation(text: str) -> bytes:
    """Strings sort by UTF-16 code unit, as in the official SDKs."""
    return text.encode("utf-16-be", "surrogatepass")


def key_order(key: str, collation: Collation = server_collation) -> SortKey:
    """Keys that look like 32-bit integers first, by number and then length; then the rest.

    >>> sorted(["bar", "20", "03", "3", "0"], key=key_order)
    ['0', '3', '03', '20', 'bar']
    """
    if _INTEGER_KEY.fullmatch(key):
        number = int(key)
        if _INT32_MIN <= number <= _INT32_MAX:
            return (1, number, len(key), key)
    elif key == MIN_KEY:
        return (0,)
    elif key == MAX_KEY:
        return (3,)
    return (2, collation(key))


def in_order(keys: Collection[str]) -> Sequence[str]:
    """The keys of an object as the service writes them: by name, however they were stored.

    Recorded with plain names. [unsure] for those that look like integers, which here come as in
    an order by key, and for upper case, which here comes before lower case.
    """
    if len(keys) <= _FIELDS:
        return _record_in_order(tuple(keys))
    return _indexes_in_order([*keys]) or _in_order(keys)


def _indexes_in_order(keys: list[str]) -> list[str] | None:
    """Of a large array, whose keys need only be compared as numbers; None if they are no indexes.

    Worth it because a list of millions is written in one request, mostly in order already.
    """
    digits = "".join(keys) if keys[0][0] in _DIGITS else ""
    if not (digits.isascii() and digits.isdecimal()) or max(map(len, keys)) > _INDEX_DIGITS:
        return None
    has_leading_zeros = len("".join(map(str, map(int, keys)))) != len(digits)
    return None if has_leading_zeros else sorted(keys, key=int)


def _in_order(keys: Iterable[str]) -> list[str]:
    ordered = sorted(keys)  # as by server_collation, which is the order of Python's own strings
    for key in ordered:
        if key[-1:] in _DIGITS:
            ordered.sort(key=key_order)
            break
    return ordered


@lru_cache(maxsize=256)
def _record_in_order(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Of the few keys of a record, which are the same from one record to the next."""
    return tuple(_in_order(keys))
