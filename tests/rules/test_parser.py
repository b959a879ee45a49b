"""Reading expressions and files: round trips, and nothing but RulesError for any other text."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.errors import RulesError
from imbari_chat.rules import Ruleset, report
from imbari_chat.rules.parser import parse_expression
from imbari_chat.rules.source import Fragment, parse_source, plain
from imbari_chat.rules.syntax import Chain, Conditional, Expression, Logical, children
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import from_json
from tests.rules.unparse import EXPRESSIONS, unparse

AUTHS: list[Json] = [None, {"uid": "a", "token": {"a": [1, "b"], "b": {"c": 1.5}}}]
STORED = from_json({"a": {"b": "text", "n": 5}, "s": "x", "t": True})


def read(text: str) -> Expression:
    return parse_expression(Fragment(text, tuple(range(len(text) + 1)), text))


@given(EXPRESSIONS)
def test_an_expression_written_out_reads_as_itself(expression: Expression) -> None:
    """Precedence, associativity and literals survive, with the fewest parentheses."""
    # By their text, because to Python the literals 1 and true are equal.
    assert repr(read(unparse(expression))) == repr(expression)


@given(EXPRESSIONS)
def test_every_node_knows_where_it_was_written(expression: Expression) -> None:
    """The text from a node's start to its end reads as that node."""
    text = unparse(expression)
    pending = [read(text)]
    while pending:
        node = pending.pop()
        assert repr(read(text[node.start : node.end])) == repr(node)
        pending.extend(children(node))


def test_operators_of_one_level_are_one_node() -> None:
    """Wide, not deep; and taken from the left."""
    assert isinstance(read("1 - 2 - 3"), Chain)
    assert len(list(children(read("1 - 2 - 3 + 4")))) == 4
    assert len(list(children(read("true && true && true")))) == 3
    assert isinstance(read("true && true || true"), Logical)


def test_a_ternary_nests_to_the_right() -> None:
    """``a ? b : c ? d : e`` is ``a ? b : (c ? d : e)``."""
    tree = read("true ? 1 : false ? 2 : 3")
    assert isinstance(tree, Conditional)
    assert isinstance(tree.otherwise, Conditional)
    assert repr(tree) == repr(read("true ? 1 : (false ? 2 : 3)"))


WORDS = st.lists(
    st.sampled_from(
        [
            "auth",
            "data",
            "newData",
            "root",
            "now",
            "query",
            "$k",
            "$x",
            "true",
            "false",
            "null",
            "'a'",
            '"b"',
            "1",
            "2.5",
            "/a/",
            "/a*/i",
            ".",
            "..",
            "(",
            ")",
            "[",
            "]",
            ",",
            "?",
            ":",
            "!",
            "-",
            "+",
            "*",
            "/",
            "%",
            "==",
            "!=",
            "===",
            "<",
            "<=",
            ">",
            ">=",
            "&&",
            "||",
            "=",
            ".val()",
            ".child('a')",
            ".parent()",
            ".length",
            ".exists()",
            ".hasChildren(['a'])",
            ".matches(/^a$/)",
            ".uid",
            ".token",
            ".equalTo",
            ".replace('a','b')",
        ]
    ),
    max_size=12,
)
TEXTS = st.one_of(
    st.text(max_size=40),
    WORDS.map(" ".join),
    WORDS.map("".join),
    EXPRESSIONS.map(unparse),
    st.builds("({}) == null || {}".format, EXPRESSIONS.map(unparse), EXPRESSIONS.map(unparse)),
)


@given(TEXTS)
@example("'\\")
@example("/\\")
@example("/[")
@example("auth['")
@example("0e")
def test_any_expression_is_refused_at_a_place_or_decides(text: str) -> None:
    """Whatever is uploaded as a rule, out comes an error within the file or a decision."""
    file = dumps({"rules": {".write": text, "$k": {".read": text, ".validate": text}}})
    try:
        rules = Ruleset.parse(file)
    except RulesError as error:
        assert_is_placed(error, file)
        return
    for auth in AUTHS:
        path = Path.parse("/a/b")
        read = rules.read(path, root=STORED, auth=auth, now=1)
        write = rules.write(
            [path], before=STORED, after=STORED.put(path, from_json(1)), auth=auth, now=1
        )
        for decision in (read, write):
            verdict = "allowed" if decision.allowed else "denied"
            assert decision.explain().startswith(f"{verdict}: ")


DIALECT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "//",
                "/*",
                "*/",
                '"',
                "\\",
                "\n",
                '"rules"',
                '".read"',
                '".write"',
                '".indexOn"',
                '"a"',
                '"$a"',
                "true",
                "null",
                "5",
                '"true"',
                "-1e5",
                '"\\u0041"',
                '"\\ud83d"',
                '"data.val()',
                "==",
                "'\\\\n'\"",
            ]
        ),
        st.characters(),
    ),
    max_size=25,
)


UNITS = (0, 0x41, 0xD7FF, 0xD800, 0xD801, 0xDBFF, 0xDC00, 0xDC01, 0xDFFF, 0xE000, 0xFFFF)
"""Of UTF-16, about the bounds of those that are halves."""


def test_escaped_characters_are_those_of_json() -> None:
    """Two halves are one character, in their order and next to each other, and else themselves."""
    pairs = [f'"\\u{one:04x}\\u{other:04X}"' for one in UNITS for other in UNITS]
    file = f"[{','.join(pairs)}]"
    assert plain(parse_source(file, lambda *_: None)) == json.loads(file)


@given(st.one_of(DIALECT.map("".join), DIALECT.map(lambda words: '{"rules":{' + "".join(words))))
@example('{"rules":{"a')
@example('{"rules":{"\\')
@example('{"rules":{"\\u12')
@example('{"rules":-')
@example("/")
def test_any_file_is_refused_at_a_place_or_accepted(text: str) -> None:
    """Whatever is uploaded as a file, nothing but an error within it comes out."""
    try:
        rules = Ruleset.parse(text)
    except RulesError as error:
        assert_is_placed(error, text)
    else:
        assert rules.text == text


def assert_is_placed(error: RulesError, text: str) -> None:
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert error.what
    assert report(error).endswith("^")


def test_a_place_without_a_name_is_refused_where_it_stands() -> None:
    """No path leads to it."""
    with pytest.raises(RulesError, match="String can't contain") as caught:
        Ruleset.parse('{"rules": {"a": {"": {}}}}')
    assert (caught.value.line, caught.value.column) == (1, 18)
