"""Documents for programs, in the letters that their reader takes."""

import json

import pytest

from imbari_chat.cli.data_text import json_text


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
