"""Documents for programs, in the letters that their reader takes."""

import json

import pytest

from imbari_chat.cli.data_text import json_text, row_text
from imbari_chat.wire.json import Json


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "深"),
        ("UTF8", "深"),
        ("utf-8-sig", "深"),
        ("ascii", "\\u6df1"),
        ("cp1252", "\\u6df1"),
    ],
)
def test_a_text_is_itself_where_it_can_be(encoding: str, shown: str) -> None:
    """And means the same where it cannot."""
    line = json_text({"text": "深"}, encoding=encoding)
    assert line == f'{{"version":1,"text":"{shown}"}}'
    document = json_text({"text": "深"}, encoding=encoding, indent=2)
    assert document == f'{{\n  "version": 1,\n  "text": "{shown}"\n}}'
    assert json.loads(line) == json.loads(document) == {"version": 1, "text": "深"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\\b\tc\nd\re", r"a\\b\tc\nd\re"),
        ("\x00\x1f \x7f\x9f\u061c", r"\u0000\u001f \u007f\u009f\u061c"),
        ("\u202egnirts\u2069\ufeff\ud83d", r"\u202egnirts\u2069\ufeff\ud83d"),
        ("深煎り ☕ é", "深煎り ☕ é"),
        (None, ""),
        (True, "true"),
        (1.5, "1.5"),
        ({"a": [1, "深\x85"]}, '{"a":[1,"深\\u0085"]}'),
    ],
)
def test_a_value_of_a_row_is_one_cell_that_no_terminal_obeys(value: Json, shown: str) -> None:
    """What separates cells and lines is escaped, as is what escapes."""
    assert row_text([value]) == shown
    assert row_text([value, "x", value]) == f"{shown}\tx\t{shown}"
