"""The compat rules, case by case: the website as it is and our own clients do what they do."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.playing import Play

PLAY = Play(
    "contract/compat",
    (Path(__file__).parents[2] / "examples" / "rules" / "compat.rules.json").read_text("utf-8"),
)


@pytest.mark.parametrize(("case", "caller"), list(PLAY.rows("allowed")))
def test_the_compat_rules_let_in(case: dict[str, Any], caller: str) -> None:
    """Whoever the table lets do it can do it."""
    decision = PLAY.decide(case, caller)
    assert decision.allowed, decision.explain()


@pytest.mark.parametrize(("case", "caller"), list(PLAY.rows("refused")))
def test_the_compat_rules_keep_out(case: dict[str, Any], caller: str) -> None:
    """Whoever the table keeps out is kept out."""
    decision = PLAY.decide(case, caller)
    assert not decision.allowed, decision.explain()
