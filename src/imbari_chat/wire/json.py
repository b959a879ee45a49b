"""JSON as Realtime Database understands it: its types, its equality, its numbers.

Python's ``==`` says ``1 == True`` and ``0 == False``, all the way down a dict; the database does
not. Compare with :func:`same`.
"""

import math
from typing import TypeAlias

__all__ = ["Json", "Number", "Scalar", "canonical_number", "is_number", "same"]

Number: TypeAlias = int | float
Scalar: TypeAlias = str | bool | int | float
Json: TypeAlias = "Scalar | list[Json] | dict[str, Json] | None"

_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1


def is_number(value: object) -> bool:
    """True for an integer or a double; ``True`` and ``False`` are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(a: Json, b: Json) -> bool:
    """Strict equality: ``1`` and ``1.0`` are one number, ``True`` is not a number.

    Lists equal only lists and dicts only dicts; nulls are not pruned first.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(same(value, b[key]) for key, value in a.items())
        )
    if isinstance(a, list):
        return (
            isinstance(b, list)
            and len(a) == len(b)
            and all(same(left, right) for left, right in zip(a, b, strict=True))
        )
    if isinstance(b, dict | list):
        return False
    return a == b


def canonical_number(value: Number) -> Number:
    """The number as the database stores it.

    Integral doubles that fit 64 bits become integers (``1.0`` is ``1``, ``-0.0`` is ``0``);
    integers beyond 64 bits become doubles.

    Raises:
        ValueError: The number is NaN or infinite, which JSON cannot say.
    """
    if isinstance(value, int):
        if _INT64_MIN <= value <= _INT64_MAX:
            return value
        value = float(value)
    if not math.isfinite(value):
        raise ValueError("NaN and Infinity are not JSON numbers")
    if value.is_integer() and _INT64_MIN <= value <= _INT64_MAX:
        return int(value)
    return value
