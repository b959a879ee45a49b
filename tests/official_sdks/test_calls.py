"""Every call of every client, against every emulator there is."""

import pytest

from tests.official_sdks.differences import DIFFERENCES
from tests.official_sdks.javascript.clients import beside
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.registry import CASES, Case
from tests.official_sdks.suite import HALF, run


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=beside(case.client)) for case in CASES]
)
@pytest.mark.parametrize("where", ["embedded", pytest.param("google", marks=pytest.mark.peer)])
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
