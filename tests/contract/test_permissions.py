"""The strict rules, row by row of the permission table: who is let in, who is kept out."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.playing import Play

PLAY = Play(
    "contract/permissions",
    (Path(__file__).parents[2] / "database.rules.json").read_text("utf-8"),
)


@pytest.mark.parametrize(("case", "caller"), list(PLAY.rows("allowed")))
def test_the_rules_let_in(case: dict[str, Any], caller: str) -> None:
    """Whoever the table lets do it can do it."""
    decision = PLAY.decide(case, caller)
    assert decision.allowed, decision.explain()


@pytest.mark.parametrize(("case", "caller"), list(PLAY.rows("refused")))
def test_the_rules_keep_out(case: dict[str, Any], caller: str) -> None:
    """Whoever the table keeps out is kept out."""
    decision = PLAY.decide(case, caller)
    assert not decision.allowed, decision.explain()


def test_every_row_of_the_table_is_both_granted_and_refused() -> None:
    """A row that nobody may use, or everybody, would prove nothing."""
    rows = {case["row"] for case in PLAY.cases}
    for verdict in ("allowed", "refused"):
        assert rows == {case["row"] for case in PLAY.cases if case[verdict]}
