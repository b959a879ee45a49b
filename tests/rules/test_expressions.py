"""What expressions come to: a table of them, and the difference between false and failing."""

from typing import Any

import pytest

from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, from_json
from tests.rules.specs import load

TABLE = load("expressions")
CASES = [
    pytest.param(case[0], case[1], case[2] if len(case) > 2 else {}, id=f"{group['name']}: {case}")
    for group in TABLE["groups"]
    for case in group["cases"]
]


def outcome(expression: str, given: dict[str, Any]) -> bool | str:
    """True, false, or "error" when even ``... || true`` is denied."""

    def allowed(rule: str) -> bool:
        captures: dict[str, str] = given.get("captures", {})
        declared: Json = {".read": rule}
        for name in reversed(captures):
            declared = {name: declared}
        decision = Ruleset.parse(dumps({"rules": declared})).read(
            Path(captures.values()),
            root=from_json(given.get("stored")),
            auth=TABLE["auths"][given.get("auth", "nobody")],
            now=given.get("now", 0),
        )
        return decision.allowed

    if allowed(expression):
        return True
    return False if allowed(f"({expression}) || true") else "error"


@pytest.mark.parametrize(("expression", "result", "given"), CASES)
def test_expression(expression: str, result: bool | str, given: dict[str, Any]) -> None:
    """An expression is true, is false, or fails, as recorded."""
    assert outcome(expression, given) == result


@pytest.mark.parametrize("operator", ["&&", "||", "+", "=="])
def test_a_chain_of_any_length_is_run(operator: str) -> None:
    """Thousands of operands of one operator are wide, not deep."""
    operands = {
        "&&": ["true"] * 5_000,
        "||": ["$x == 'no'"] * 5_000 + ["true"],
        "+": ["1"] * 5_000,
        "==": ["true"] * 5_000,
    }[operator]
    expression = f" {operator} ".join(operands)
    if operator == "+":
        expression += " == 5000"
    assert outcome(expression, {"captures": {"$x": "yes"}}) is True


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.5, "1.5"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.00001, "0.00001"),
        (0.0000015, "0.0000015"),
        (1e-6, "0.000001"),
        (9.5e-7, "9.5e-7"),
        (1e-7, "1e-7"),
        (-1e-7, "-1e-7"),
        (123456789.125, "123456789.125"),
        (999999999999999868928.0, "999999999999999900000"),
        (-1e21, "-1e+21"),
        (-0.0, "0"),
        (-2.5, "-2.5"),
        (2**53, "9007199254740992"),
        (2**62 + 1, "4611686018427387905"),
    ],
)
def test_a_number_appended_reads_as_in_javascript(number: float, text: str) -> None:
    """[unsure] in the extremes; integers never show a fraction."""
    assert outcome(f"data.val() + '' == '{text}'", {"stored": number}) is True


def test_arithmetic_beyond_64_bits_goes_on_in_doubles() -> None:
    """No result is too large to go on with."""
    big = 2**62
    assert outcome("data.val() * data.val() * data.val() > data.val()", {"stored": big}) is True
    half = f"{2**62}.0"  # of the first that is no such integer; its negative is the last that is
    assert outcome(f"2.0 * {half} + '' == '9223372036854776000'", {}) is True
    assert outcome(f"-2.0 * {half} + '' == '-9223372036854775808'", {}) is True
    assert outcome(f"-0.5 * {2**64} + '' == '-{2**63}'", {}) is True
    assert outcome(f"0.5 * {2**64} + '' == '9223372036854776000'", {}) is True  # never an integer
    for sums in (
        f"{2**63 - 2} + 1 + '' == '{2**63 - 1}' && -{2**62} * 2 + '' == '-{2**63}'",
        f"{2**63 - 1} + 1 + '' == '9223372036854776000'",
        f"-{2**62} * 3 + '' == '-13835058055282164000'",
        f"{2**62} * 3 + '' == '13835058055282164000'",
        "1.5 * 1e300 + '' == '1.5e+300'",
    ):
        assert outcome(sums, {}) is True
    huge = 1e300
    for expression in (
        "data.val() * data.val() + '' == 'Infinity' && data.val() * data.val() % 2 != 0",
        "5 % (data.val() * data.val()) == 5 && 5 % (1 / 0) + '' == 'NaN'",
        "data.val() * -data.val() + '' == '-Infinity'",
        "data.val() * data.val() * 0 + '' == 'NaN'",
        "-4.5 % 1.5 + '' == '0' && -0.0 + '' == '0' && 5.0 + '' == '5'",
    ):
        assert outcome(expression, {"stored": huge}) is True


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (False, "a boolean"),
        (0, "a number"),
        (0.5, "a number"),
        ("", "a string"),
        ({"a": 1}, "an object"),
        (["a"], "an object"),
    ],
)
def test_a_failure_names_the_sort_of_value(value: Json, kind: str) -> None:
    """Whatever it was, beside what would have done."""
    rules = Ruleset.parse(dumps({"rules": {".read": "auth.x - auth.yes == 0"}}))
    told = rules.read(Path(), root=EMPTY, auth={"x": value, "yes": True}, now=0).explain()
    assert told.splitlines()[1].endswith(f"=> error: - of {kind} and a boolean")


def test_strings_are_ordered_by_utf16_units() -> None:
    """[unsure]: an astral character sorts before one at the end of the basic plane."""
    stored = {"a": "\U0001f642", "b": "\uff5e"}
    assert outcome("data.child('a').val() < data.child('b').val()", {"stored": stored}) is True


def test_an_override_of_any_shape_is_auth() -> None:
    """An admin may act as anything; what is missing is null."""
    rules = Ruleset.parse("""{"rules": {".read": "auth.uid == null && auth != null"}}""")
    shapes: list[Json] = [{}, {"uid": None}, {"token": 5}, {"token": [1]}]
    for auth in shapes:
        assert rules.read(Path(), root=from_json(None), auth=auth, now=0).allowed
