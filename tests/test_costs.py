"""What a run says of its costs."""

import time

import pytest

from tests.costs import COSTLY, Costs, said

BURNT = 0.05


def test_the_costly_are_named_with_their_sum() -> None:
    """Several tests of a file together, dearest first."""
    half = COSTLY / 2
    assert said([("a", half), ("b", COSTLY * 2), ("a", half + 1), ("c", 1)]) == [
        f"{COSTLY * 3 + 2:.0f} s of CPU in tests",
        f"{COSTLY * 2:7.1f} s in b",
        f"{COSTLY + 1:7.1f} s in a",
    ]


def test_a_report_carries_what_its_phase_cost(request: pytest.FixtureRequest) -> None:
    """Computing costs; it is the same plugin that the run has."""
    assert any(isinstance(one, Costs) for one in request.config.pluginmanager.get_plugins())
    costs = Costs()
    costs.pytest_runtest_logstart()
    until = time.process_time() + BURNT
    while time.process_time() < until:
        pass
    hook = costs.pytest_runtest_makereport()
    next(hook)
    report = pytest.TestReport("a", ("a", 0, "a"), {}, "passed", None, "call")
    with pytest.raises(StopIteration):
        hook.send(report)
    assert vars(report)["cpu"] >= BURNT
