"""Tests that share a program, or are variants of a function, run in one worker."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import conftest


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


@pytest.fixture
def scheduler() -> Any:
    pytest.importorskip("xdist", reason="nothing is handed out without pytest-xdist")
    options = {"tx": ["popen"], "dist": "loadgroup"}
    config = SimpleNamespace(getvalue=options.get, getoption=options.get)
    return conftest.pytest_xdist_make_scheduler(cast("Any", config), None)


def test_what_is_handed_out_at_once(scheduler: Any) -> None:
    """A group, whatever its tests are; else a function's variants, whatever their names hold."""
    share = scheduler._split_scope
    variants = ["t/test_a.py::test_b[1]", "t/test_a.py::test_b[a[0]@b::c]", "t/test_a.py::test_b"]
    assert {share(one) for one in variants} == {"t/test_a.py::test_b"}
    assert share("t/test_a.py::test_c") == "t/test_a.py::test_c"
    assert {share(f"{one}@web") for one in variants} == {"web"}


def test_what_is_done_is_forgotten_and_what_is_not_is_counted(scheduler: Any) -> None:
    """A worker that dies loses the rest of a group, which begins with the test that killed it."""
    given = {
        "a": {"a[1]": True, "a[2]": True},
        "b": {"b[1]": True, "b[2]": False},
        "c": {"c": False},
    }
    assert scheduler._pending_of(given) == 2
    assert given == {"b": {"b[1]": True, "b[2]": False}, "c": {"c": False}}
