"""JSON as Realtime Database understands it: its text, its types, its equality, its numbers.

Python's ``==`` says ``1 == True`` and ``0 == False``, all the way down a dict; the database does
not. Compare with :func:`same`. Python's parser takes ``NaN`` and turns ``1e999`` into infinity;
read with :func:`parse`.
"""

import json
import math
import re
from collections.abc import Generator
from typing import NoReturn, TypeAlias

from imbari_chat.collector import unsearched
from imbari_chat.errors import InvalidData, raise_alone
from imbari_chat.wire import steps

__all__ = [
    "Json",
    "Number",
    "Scalar",
    "canonical_number",
    "dumps",
    "is_number",
    "parse",
    "parse_in_steps",
    "same",
    "utf16_length",
]

Number: TypeAlias = int | float
Scalar: TypeAlias = str | bool | int | float
Json: TypeAlias = "Scalar | list[Json] | dict[str, Json] | None"

_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1

_SURROGATE = re.compile("[\ud800-\udfff]")


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


def parse(text: str | bytes, *, in_steps: bool = False) -> Json:
    """Read one JSON value.

    Of duplicate keys the last one wins. [unsure] A string may hold a lone surrogate, written as an
    escape.

    Args:
        text: JSON; bytes must be UTF-8 without a byte order mark.
        in_steps: Let other threads run in between; slower, and errors tell no place.

    Raises:
        InvalidData: It is not JSON, or not a JSON this package can hold: ``NaN``, an infinite
            number, bytes that are not UTF-8, or nesting too deep to read.
    """
    try:
        whole = text if isinstance(text, str) else text.decode()
        if in_steps:
            return steps.read(whole, _DECODER)
        # A search in the depths of a nested text would leave no stack to what is freed there.
        value: Json = unsearched(_DECODER.decode, whole)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise_alone(InvalidData(f"not JSON: {error.msg}", where=where))  # it holds all of the text
    except UnicodeDecodeError:  # so does this one
        raise_alone(InvalidData("not JSON: the bytes are not UTF-8"))
    except RecursionError:
        raise InvalidData("not JSON that can be read: nested too deep") from None
    except ValueError as error:
        raise InvalidData(f"not JSON: {error}") from None
    return value


def parse_in_steps(text: str) -> Generator[None, None, Json]:
    """The same piece by piece, a millisecond's worth each; whoever has it may do others' work.

    Raises:
        InvalidData: As :func:`parse`.
    """
    return steps.reading(text, _DECODER)


def dumps(value: Json, *, pretty: bool = False, in_steps: bool = False) -> str:
    """Write a JSON value; the text can always be encoded as UTF-8.

    Characters stand as they are, except lone surrogates, which are escaped. Doubles have their
    shortest text that reads back the same. [unsure] for very large ones.

    Args:
        value: What to write.
        pretty: Write for people, as the service does: ``"key" : value``, two more spaces before the
            members of each object, and lists along the line, ``[ 1, 2 ]``.
        in_steps: Let other threads run in between, as ``pretty`` always does; slower.

    Raises:
        InvalidData: A number is NaN or infinite.
    """
    try:
        if pretty:
            text = _pretty(value, "")
        else:
            text = steps.write(value, _COMPACT) if in_steps else _COMPACT.encode(value)
    except ValueError as error:
        raise InvalidData(f"not JSON: {error}") from None
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def utf16_length(text: str) -> int:
    """The length of ``text`` as JavaScript and the security rules count it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _pretty(value: Json, indent: str) -> str:
    """Public answers of the live service show lists along the line, whatever their length.

    Objects in lists, which they do not show, begin on that line and are indented by objects only.
    [unsure]
    """
    if isinstance(value, dict) and value:
        inner = f"{indent}  "
        rows = (f"{inner}{dumps(key)} : {_pretty(item, inner)}" for key, item in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return f"[ {', '.join(_pretty(item, indent) for item in value)} ]"
    return _COMPACT.encode(value)


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise ValueError("a number is too large for a double")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
