"""Why the rules said no: the latest, cut short, and no more of it than was agreed."""

from dataclasses import dataclass
from typing import cast

import pytest

from imbari_chat.emulator.database.refusal import Refusals
from imbari_chat.rules import Decision

LONGEST = 16 * 1024


@dataclass
class Words:
    """A decision that is explained in these words."""

    text: str

    def explain(self) -> str:
        return self.text


def _add(refusals: Refusals, text: str) -> str:
    return refusals.add(cast("Decision", Words(text)))


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ([str(number) for number in range(101)], 100),
        (["x" * LONGEST] * 16, 16),
        (["x" * LONGEST] * 17, 16),
        (["x" * LONGEST] * 15 + ["x" * (LONGEST - 1), "x", "x"], 17),
        (["x" * LONGEST] * 20 + ["x"] * 101, 100),
    ],
)
def test_the_latest_are_kept_within_their_number_and_size(texts: list[str], kept: int) -> None:
    """Oldest first; and nothing is left of what was forgotten."""
    refusals = Refusals()
    for _ in range(2):
        for text in texts:
            assert _add(refusals, text) == text
        assert list(refusals) == texts[-kept:]
        assert len(refusals) == kept
        refusals.clear()
        assert list(refusals) == []


@pytest.mark.parametrize("extra", [0, 1, 1000])
def test_a_long_one_is_cut_short(extra: int) -> None:
    """To 16 KiB, and whoever was refused is told the same."""
    refusals = Refusals()
    given = "x" * LONGEST + "y" * extra
    told = f"{given[: LONGEST - 3]}..." if extra else given
    assert _add(refusals, given) == told
    assert list(refusals) == [told]
