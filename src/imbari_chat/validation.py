"""What Pydantic refuses, in our words: how a sentence about a value goes on."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["reason"]

_REASONS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a number that ends",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "path_type": "is not a path",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "value_error": "{error}",
}


def reason(detail: Mapping[str, Any]) -> str:
    """Why a value was refused, without the value.

    Args:
        detail: One of the ``errors()`` of a ``ValidationError``.
    """
    words = _REASONS.get(detail["type"], "cannot be used")
    return words.format_map(detail.get("ctx", {}))
