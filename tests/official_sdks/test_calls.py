"""Every call of every client, against every emulator there is."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.official_sdks.differences import DIFFERENCES
from tests.official_sdks.javascript.clients import beside
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.registry import CASES, Case
from tests.official_sdks.suite import HALF, run


def _cases() -> Iterator[Any]:
    """Those against Google's run beside each other, and the others beside what shares a program."""
    for case in CASES:
        for where, marks in (("embedded", beside(case.client)), ("google", pytest.mark.peer)):
            yield pytest.param(where, case, id=f"{where}-{case.name}", marks=marks)


@pytest.mark.drawn
@pytest.mark.parametrize(("where", "case"), list(_cases()))
def test_a_client_gets_what_it_was_promised(
    where: str, case: Case, programs: Programs, request: pytest.FixtureRequest
) -> None:
    """Unmodified, whoever answers it; and the case does make the calls it is listed for."""
    fixture = "embedded_target" if where == "embedded" else f"google_{HALF[case.client]}"
    target = request.getfixturevalue(fixture)
    run(case, target, programs)


def test_every_difference_is_of_a_case() -> None:
    """Nobody looks at a name that no case has."""
    assert set(DIFFERENCES) <= {case.name for case in CASES}
