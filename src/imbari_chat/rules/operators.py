"""Operators and string methods on values: no coercion, and an error rather than a guess."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from imbari_chat.rules.values import EvaluationError, Value
from imbari_chat.wire.json import Number, is_number

__all__ = ["BINARY", "describe", "length", "negate"]

_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
_NUMERIC: Final = (int, float)  # a union would be made anew each time it is asked about
_PLAIN: Final = (str, *_NUMERIC)


def describe(value: Value) -> str:
    """What sort of value it is, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if is_number(value):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object"


def length(value: Value) -> int:
    """``value.length``. [unsure] in which unit; here UTF-16 code units, as in JavaScript.

    Raises:
        EvaluationError: It is not a string.
    """
    if not isinstance(value, str):
        raise EvaluationError(f".length of {describe(value)}")
    if value.isascii():
        return len(value)
    return len(value) + sum(character > "\uffff" for character in value)


def negate(value: Value) -> Number:
    """``-value``.

    Raises:
        EvaluationError: It is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMERIC):
        raise EvaluationError(f"- of {describe(value)}")
    return _stored(-value)


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left is None or isinstance(left, _PLAIN):
        return left == right
    return _objects_equal(left, right)


def _objects_equal(left: Value, right: Value) -> bool:  # noqa: ARG001  # see below
    """[unsure] whether two objects can ever be equal; here they never are."""
    return False


def _different(left: Value, right: Value) -> bool:
    return not _equal(left, right)


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        return _appended(left) + _appended(right)
    a, b = _numbers("+", left, right)
    return _stored(a + b)


def _appended(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, _NUMERIC):
        raise EvaluationError(f"+ of a string and {describe(value)}")
    return _number_text(value)


def _number_text(value: Number) -> str:
    """A number appended to a string; integers without a fraction.

    [unsure] for very large and very small numbers; here as JavaScript writes them.
    """
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _subtract(left: Value, right: Value) -> Number:
    a, b = _numbers("-", left, right)
    return _stored(a - b)


def _multiply(left: Value, right: Value) -> Number:
    a, b = _numbers("*", left, right)
    return _stored(a * b)


def _divide(left: Value, right: Value) -> Number:
    a, b = _numbers("/", left, right)
    return _stored(a / b) if b else math.nan


def _remainder(left: Value, right: Value) -> Number:
    """``left % right``. [unsure] with which sign; here that of ``left``, as in JavaScript."""
    a, b = _numbers("%", left, right)
    if not b:
        return math.nan
    rest = abs(a) % abs(b)
    return _stored(-rest if a < 0 else rest)


def _numbers(operator: str, left: Value, right: Value) -> tuple[Number, Number]:
    if (
        isinstance(left, _NUMERIC)
        and isinstance(right, _NUMERIC)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    ):
        return left, right
    raise EvaluationError(f"{operator} of {describe(left)} and {describe(right)}")


def _stored(value: Number) -> Number:
    """A result as a 64-bit integer where it is one, else as a double."""
    if isinstance(value, int):
        return value if _INT64_MIN <= value <= _INT64_MAX else float(value)
    if value.is_integer() and _INT64_MIN <= value < _INT64_MAX:
        return int(value)
    return value


def _ordering(operator: str, test: Callable[[int], bool]) -> Callable[[Value, Value], bool]:
    def compare(left: Value, right: Value) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            a, b = _string_order(left), _string_order(right)
            return test((a > b) - (a < b))
        x, y = _numbers(operator, left, right)
        if math.isnan(x) or math.isnan(y):
            return False
        return test((x > y) - (x < y))

    return compare


def _string_order(text: str) -> bytes:
    """The sort key of a string. [unsure] beyond ASCII; here UTF-16 code units."""
    return text.encode("ascii" if text.isascii() else "utf-16-be", "surrogatepass")


BINARY: Final[Mapping[str, Callable[[Value, Value], Value]]] = {
    "==": _equal,
    "===": _equal,
    "!=": _different,
    "!==": _different,
    "<": _ordering("<", lambda sign: sign < 0),
    "<=": _ordering("<=", lambda sign: sign <= 0),
    ">": _ordering(">", lambda sign: sign > 0),
    ">=": _ordering(">=", lambda sign: sign >= 0),
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
}
