"""What Pydantic refuses is said in our words, all of them."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from imbari_chat import validation


class _Colour(Enum):
    RED = "red"
    BLUE = "blue"


class _Named(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # as Pydantic has it
    name: str


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("must be odd")
    return number


REFUSED: list[tuple[str, Any, object, str]] = [
    ("missing", _Named, {}, "is missing"),
    ("extra_forbidden", _Named, {"name": "", "more": 1}, "is not known"),
    ("string_type", str, 1, "is not a text"),
    ("int_type", int, None, "is not a whole number"),
    ("int_parsing", int, "many", "is not a whole number"),
    ("int_parsing_size", int, "9" * 5000, "is too large a number"),
    ("int_from_float", int, 1.5, "is not a whole number"),
    ("float_type", float, None, "is not a number"),
    ("float_parsing", float, "much", "is not a number"),
    ("finite_number", FiniteFloat, "inf", "is not a number that ends"),
    ("bool_type", bool, None, "is neither true nor false"),
    ("bool_parsing", bool, "perhaps", "is neither true nor false"),
    ("path_type", Path, 1, "is not a path"),
    ("greater_than", Annotated[int, Field(gt=3)], 3, "must be more than 3"),
    ("greater_than_equal", Annotated[int, Field(ge=3)], 2, "must be at least 3"),
    ("less_than", Annotated[int, Field(lt=3)], 3, "must be less than 3"),
    ("less_than_equal", Annotated[int, Field(le=3)], 4, "must be at most 3"),
    ("literal_error", Literal["a", "b"], "c", "must be 'a' or 'b'"),
    ("enum", _Colour, "green", "must be 'red' or 'blue'"),
    ("value_error", Annotated[int, AfterValidator(_odd)], 2, "must be odd"),
    ("dict_type", dict[str, int], 1, "cannot be used"),
]


@pytest.mark.parametrize(("kind", "model", "value", "words"), REFUSED)
def test_a_refused_value_is_told_in_our_words(
    kind: str, model: Any, value: object, words: str
) -> None:
    """Without the value, which may be a secret or a stranger's text."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(model).validate_python(value)
    (detail,) = refused.value.errors()
    assert detail["type"] == kind
    assert validation.reason(detail) == words


def test_all_words_are_in_this_table() -> None:
    """Whoever adds one adds what leads to it."""
    assert [kind for kind, *_ in REFUSED[:-1]] == list(validation._REASONS)
