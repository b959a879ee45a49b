"""Tests that share a program run in one worker."""

import pytest


@pytest.mark.peer  # as those are that share Google's emulator
def test_a_test_keeps_its_group(request: pytest.FixtureRequest) -> None:
    """Otherwise every worker would start every program, and nothing would say so.

    The mark has to be there before pytest-xdist reads it; and pytest-xdist 3.8 writes the group to
    where pytest 9.2 does not look for the name of a test.
    """
    if not request.config.getoption("loadgroup", False):
        pytest.skip("nothing is grouped: run with -n 2 --dist loadgroup")
    message = "install the pytest that constraints.txt names"
    assert request.node.nodeid.endswith("@peers"), message
