"""What is written and not sent outlives the desk, conversation by conversation."""

from pathlib import Path

import pytest

from imbari_chat.desk.drafts import Drafts
from imbari_chat.schema.paths import SessionId

AMINA, BRIAN = SessionId("amina"), SessionId("brian")


def test_each_conversation_has_its_draft(tmp_path: Path) -> None:
    """Another one's is not touched; a blank one is forgotten."""
    file = tmp_path / "drafts.json"
    drafts = Drafts(file)
    drafts.put(AMINA, "one")
    drafts.put(BRIAN, "two")
    assert drafts.texts == Drafts(file).texts == {AMINA: "one", BRIAN: "two"}
    drafts.put(AMINA, "other")
    drafts.put(BRIAN, "  ")
    assert drafts.texts == Drafts(file).texts == {AMINA: "other"}
    before = file.stat().st_ino
    drafts.put(AMINA, "other")
    assert file.stat().st_ino == before  # written only when it is another


def test_without_a_file_they_are_in_memory_alone() -> None:
    """For a desk that tries things out."""
    drafts = Drafts(None)
    drafts.put(AMINA, "one")
    assert drafts.texts == {AMINA: "one"}


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"brian": 1}'])
def test_what_cannot_be_read_gives_nothing_back(tmp_path: Path, stored: str) -> None:
    """Cut off by a full disk, or not ours."""
    file = tmp_path / "drafts.json"
    file.write_text(stored)
    assert Drafts(file).texts == {}
