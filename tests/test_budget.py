"""Which variants of a large table run when everything does."""

import pytest

from tests import budget

MANY = [f"t/test_a.py::test_many[{number}]" for number in range(60)]
ALL = [*MANY, "t/test_a.py::test_one[x]", "t/test_a.py::test_alone"]


@pytest.fixture
def sixth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "rounds", lambda thorough: max(thorough // 6, 1))


@pytest.mark.usefixtures("sixth")
def test_each_function_has_its_share_and_one_at_least() -> None:
    """So that nothing is without a test because it is a small table."""
    drawn = budget.drawn(ALL, 7)
    assert len(drawn & set(MANY)) == 10
    assert drawn - set(MANY) == set(ALL) - set(MANY)


@pytest.mark.usefixtures("sixth")
def test_all_workers_draw_the_same_and_other_runs_others() -> None:
    """The order in which a worker has found them does not matter."""
    assert budget.drawn(reversed(ALL), 7) == budget.drawn(ALL, 7)
    several = set().union(*(budget.drawn(ALL, seed) for seed in range(100)))
    assert several == set(ALL)


def test_with_time_for_all_of_them_all_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none twice, where more are asked for than there are."""
    monkeypatch.setattr(budget, "rounds", lambda thorough: thorough * 10)
    assert budget.drawn(ALL, 7) == set(ALL)
