"""Rules that are refused: the message, and the place it is reported at."""

from typing import Any

import pytest

from imbari_chat.errors import RulesError
from imbari_chat.rules import Ruleset, excerpt, report
from imbari_chat.wire.json import dumps
from tests.rules.specs import load

EXPRESSIONS = load("refused_expressions")
FILES = load("files")
BEFORE = '{"rules": {"$k": {'
CASES = [
    pytest.param(*case[:4], id=f"{case[4:] or ''}{case[1]}")
    for group in EXPRESSIONS["groups"]
    for case in group["cases"]
]


def refusal(text: str) -> RulesError:
    with pytest.raises(RulesError) as caught:
        Ruleset.parse(text)
    return caught.value


@pytest.mark.parametrize(("kind", "expression", "message", "at"), CASES)
def test_expression_is_refused(kind: str, expression: str, message: str, at: str) -> None:
    """The service's message, at the column of what is wrong."""
    text = f"{BEFORE}{dumps(kind)}: {dumps(expression)}}}}}}}"
    error = refusal(text)
    assert error.what == message
    offset = expression.rindex(at) if at == "data)" else expression.index(at)
    if not at:
        offset = len(expression)
    assert (error.line, error.column) == (1, len(BEFORE) + len(dumps(kind)) + 4 + offset)


@pytest.mark.parametrize("case", FILES["refused"], ids=lambda case: repr(case["text"]))
def test_file_is_refused(case: dict[str, Any]) -> None:
    """The first thing wrong, at its line and column in the uploaded text."""
    error = refusal(case["text"])
    assert (error.what, [error.line, error.column]) == (case["message"], case["at"])


@pytest.mark.parametrize("case", FILES["accepted"], ids=lambda case: repr(case["text"]))
def test_file_is_accepted(case: dict[str, Any]) -> None:
    """The dialect reads as the JSON it stands for."""
    rules = Ruleset.parse(case["text"])
    assert rules.json == case["plain"]
    assert rules.text == case["text"]


def test_a_report_points_at_the_place() -> None:
    """File, line and column, the message, and a caret under the character."""
    error = refusal('{\n  "rules": {\n\t".read": "nope == 1"\n  }\n}')
    assert report(error) == (
        "database.rules.json:3:12: Unknown variable 'nope'.\n"
        '  \t".read": "nope == 1"\n'
        "  \t          ^"
    )
    assert report(error, "other.json").startswith("other.json:3:12: ")


def test_an_excerpt_of_a_long_line_keeps_the_place_in_view() -> None:
    """A minified file does not fill the screen."""
    shown, caret = excerpt("x" * 5_000 + "!" + "y" * 5_000, 1, 5_001).split("\n")
    assert len(shown) < 120
    assert shown[caret.index("^")] == "!"


@pytest.mark.parametrize("column", [1, 2, 60, 61, 62, 100, 240, 300])
def test_an_excerpt_has_what_is_around_its_place(column: int) -> None:
    """Sixty characters before it and forty from it on, as far as there are such."""
    line = "".join(chr(0x4E00 + at) for at in range(300))
    shown, caret = excerpt(line, 1, column).split("\n")
    first = max(column - 61, 0)
    assert shown == "  " + line[first : first + 100]
    assert caret == " " * (2 + column - 1 - first) + "^"


def test_an_excerpt_beyond_the_text_is_empty() -> None:
    """The end of a file is a place, too."""
    assert excerpt("a\n", 2, 1) == "  \n  ^"


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5_000 + "true" + ")" * 5_000,
        "!" * 5_000 + "true",
        "data" + ".parent()" * 5_000 + ".exists()",
        "true ? " * 5_000,
        "true ? true : " * 5_000 + "true",
        "auth[" * 5_000,
        "1 == (" * 5_000,
    ],
)
def test_unreasonable_nesting_is_refused(expression: str) -> None:
    """However deep an expression goes, the answer is an error at a place."""
    refusal(dumps({"rules": {".read": expression}}))


@pytest.mark.parametrize("text", ["[" * 5_000, '{"a":' * 5_000, '{"rules":' + '{"a":' * 5_000])
def test_an_unreasonably_deep_file_is_refused(text: str) -> None:
    """However deep a file goes, the answer is an error at a place."""
    refusal(text)


@pytest.mark.parametrize(
    ("before", "after", "most", "at"),
    [("(", ")", 39, 40), ("false ? true : ", "", 39, 593), ("!", "", 119, 0)],
)
def test_reasonable_nesting_is_accepted(before: str, after: str, most: int, at: int) -> None:
    """Nobody who writes rules by hand meets the limit; one level more is refused at its place."""
    one, more = (
        dumps({"rules": {".read": before * count + "true" + after * count}})
        for count in (most, most + 1)
    )
    Ruleset.parse(one)
    error = refusal(more)
    assert error.what == "Expression is nested too deeply."
    assert error.column == more.index(before) + at + 1


def test_a_file_may_be_64_levels_deep() -> None:
    """Lists or objects; one level more is refused at its place."""
    Ruleset.parse('{"rules":' + '{"a":' * 62 + "{}" + "}" * 63)
    Ruleset.parse(dumps({"rules": {f"k{one}": {} for one in range(70)}}))
    assert "deeper" in refusal('{"rules":{"x":{},"y":{},"z":' + '{"a":' * 64).what
    for opening in ('{"a":', "["):
        error = refusal('{"rules":' + opening * 64)
        assert error.what == "Nested deeper than 64 levels."
        assert error.column == len('{"rules":' + opening * 63) + 1
