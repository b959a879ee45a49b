"""Which JSON values a field of each kind takes, and what is said of the others."""

from typing import Any

import pytest

from imbari_chat.emulator.auth.errors import Refused
from imbari_chat.emulator.auth.fields import Fields

ONE = ("FIRST", "SECOND")
INNER = {"n": "integer"}
VALUES: dict[str, Any] = {
    "text": "x", "empty": "", "named": "SECOND", "yes": True, "no": False, "zero": 0, "one": 1,
    "two": 2, "minus": -1, "whole": 2.0, "half": 0.5, "list": [], "texts": ["x", 5],
    "options": [0, "SECOND"], "no option": ["THIRD"], "past": [2], "objects": [{"n": 1}],
    "wrong inside": [{}, {"n": 0.5}], "object": {}, "inner": {"n": 1}, "wrong": {"n": "1"},
}  # fmt: skip
NUMBERS = {"zero", "one", "two", "minus", "whole", "half"}
TEXTS = {"text", "empty", "named"}


@pytest.mark.parametrize(
    ("kind", "taken", "refusals"),
    [
        ("string", TEXTS | NUMBERS, {"yes": "/it must be string"}),
        ("boolean", {"yes", "no"}, {"zero": "/it must be boolean"}),
        ("number", NUMBERS, {"no": "/it must be number", "text": "/it must be number"}),
        ("integer", NUMBERS - {"half"}, {"half": "/it must be integer"}),
        (ONE, {"named", "zero", "one"}, {"two": "/it must be equal to one of the allowed values"}),
        (["string"], {"list", "texts", "options", "no option", "past"}, {
            "objects": "/it/0 must be string", "text": "/it must be array",
        }),
        ([ONE], {"list", "options"}, {
            "past": "/it/0 must be equal to one of the allowed values",
            "no option": "/it/0 must be equal to one of the allowed values",
            "object": "/it must be array",
        }),
        ([INNER], {"list", "objects"}, {
            "wrong inside": "/it/1/n must be integer", "texts": "/it/0 must be object",
        }),
        (INNER, {"object", "inner"}, {
            "wrong": "/it/n must be integer", "list": "/it must be object",
        }),
    ],
    ids=[
        "string", "boolean", "number", "integer", "option", "strings", "options", "objects",
        "object",
    ],
)  # fmt: skip
def test_a_field_takes_what_its_kind_does(
    kind: Any, taken: set[str], refusals: dict[str, str]
) -> None:
    """Everything else is refused, by the place where it stands."""
    Fields({}).check({"it": kind})
    Fields({"it": None}).check({"it": kind})
    for name, value in VALUES.items():
        fields = Fields({"it": value})
        if name in taken:
            fields.check({"it": kind})
        else:
            with pytest.raises(Refused) as refused:
                fields.check({"it": kind})
            assert refusals.get(name, "/it") in refused.value.message, name
