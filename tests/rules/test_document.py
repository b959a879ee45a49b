"""docs/rules.md tells the truth: its examples are run, its table names functions that exist."""

import re
from pathlib import Path

import pytest

from tests.cli.harness import Program
from tests.docs.blocks import ROOT, Block, blocks

DOCUMENT = (ROOT / "docs" / "rules.md").read_text("utf-8")
BLOCKS = blocks(DOCUMENT, "docs/rules.md")
TRANSCRIPTS = [block for block in BLOCKS if block.language == "console"]
UNSETTLED = DOCUMENT.partition("## What no source settles")[2]


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda block: block.place)
def test_a_transcript_is_a_true_one(
    transcript: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rules and the data that the document shows."""
    rules, data, *_ = [block.text for block in BLOCKS if block.language == "json"]
    (tmp_path / "database.rules.json").write_text(rules, "utf-8")
    (tmp_path / "data.json").write_text(data, "utf-8")
    monkeypatch.chdir(tmp_path)
    command, *shown = transcript.text.splitlines()
    arguments = [quoted or bare for quoted, bare in re.findall(r"'([^']*)'|(\S+)", command)]
    assert arguments[:2] == ["$", "imbari-chat"]
    assert Program()(*arguments[2:], code=5).stdout.splitlines() == shown


def test_what_is_not_settled_stands_where_the_table_says() -> None:
    """Every point in the code is in the table, and every function in the table is there."""
    package = ROOT / "src" / "imbari_chat"
    named = re.findall(r"`([\w/]+\.py)` `(?:\w+\.)?(\w+)`", UNSETTLED)
    for file, function in named:
        inside = package / file if "/" in file else package / "rules" / file
        assert f"def {function}(" in inside.read_text("utf-8"), f"{file} {function}"
    for path in (package / "rules").glob("*.py"):
        for function, flag in re.findall(
            r"def (\w+)|(\[unsure\])", path.read_text("utf-8").partition('"""\n\n')[2]
        ):
            if function:
                last = function
            elif flag:
                assert (path.name, last) in named
