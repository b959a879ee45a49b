"""What a team keeps of a conversation, in words."""

from datetime import UTC
from typing import Any

import pytest

from imbari_chat.schema.models import ID_FIELD
from imbari_chat.schema.teamwork import Assignment, Block, Labels, Snooze, TeamSnapshot
from imbari_chat.view.labels import block_words, team_marks
from tests.view.records import NOW, session

TOMORROW = NOW + 86_400_000
HELD = Assignment.model_validate({ID_FIELD: "amina", "to": "u2", "name": "Noor"})
LABELS = Labels.model_validate({ID_FIELD: "amina", "names": {"wholesale": True, "urgent": True}})
SNOOZE = Snooze.model_validate({ID_FIELD: "amina", "until": TOMORROW})
BLOCK = Block.model_validate({ID_FIELD: "u-amina", "reason": "spam"})


@pytest.mark.parametrize(
    ("kept", "marks"),
    [
        ({}, ""),
        ({"assignments": {"amina": HELD}}, "Noor"),
        ({"labels": {"amina": LABELS}}, "urgent, wholesale"),
        ({"snoozes": {"amina": SNOOZE}}, "snoozed until 2024-03-13 14:05"),
        ({"blocks": {"u-amina": BLOCK}}, "blocked: spam"),
        (
            {
                "assignments": {"amina": HELD},
                "labels": {"amina": LABELS},
                "snoozes": {"amina": SNOOZE},
                "blocks": {"u-amina": BLOCK},
            },
            "Noor · urgent, wholesale · snoozed until 2024-03-13 14:05 · blocked: spam",
        ),
    ],
)
def test_each_thing_kept_is_a_mark(kept: dict[str, Any], marks: str) -> None:
    """In this order; what is kept of others is not among them."""
    team = TeamSnapshot(at=NOW, **kept)
    assert team_marks(team, session("amina", customerUid="u-amina"), UTC) == marks
    assert team_marks(team, session("brian", customerUid="u-brian"), UTC) == ""


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({}, "blocked"),
        ({"reason": "spam"}, "blocked: spam"),
        ({"until": TOMORROW}, "blocked until 2024-03-13 14:05"),
        ({"until": TOMORROW, "reason": "spam"}, "blocked until 2024-03-13 14:05: spam"),
    ],
)
def test_a_block_says_how_long_and_why(block: dict[str, Any], words: str) -> None:
    """As far as either is known."""
    assert block_words(Block.model_validate({ID_FIELD: "u", **block}), UTC) == words
