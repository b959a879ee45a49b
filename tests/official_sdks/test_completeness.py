"""Nothing that a client can be asked is forgotten, also when a new release can do more."""

from fnmatch import fnmatchcase

import pytest
from firebase_admin import auth

from tests.official_sdks.admin_accounts import CLIENT
from tests.official_sdks.javascript.clients import STARTS, beside
from tests.official_sdks.javascript.left_out import LEFT_OUT
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.place import Place, Target
from tests.official_sdks.suite import CASES
from tests.official_sdks.surface import SURFACE, methods


def covered(client: str) -> set[str]:
    """The calls that cases of a client are listed for."""
    return {call for case in CASES if case.client == client for call in case.calls}


@pytest.mark.parametrize("client", SURFACE)
def test_every_public_call_has_a_case_and_every_case_a_call(client: str) -> None:
    """A call that a release adds or takes away has to be listed."""
    assert covered(client) == set(SURFACE[client])


@pytest.mark.parametrize(
    "client", [pytest.param(client, marks=beside(client)) for client in STARTS]
)
def test_every_call_in_javascript_has_a_case_or_a_reason(
    client: str, programs: Programs, embedded_target: Target
) -> None:
    """The installed package says what there is; no reason is left over."""
    program = programs.of(client)
    with Place(embedded_target, program):
        surface = program.surface()
    cases, reasons = covered(client), LEFT_OUT[client]
    left_out = {name for name in surface if any(fnmatchcase(name, each) for each in reasons)}
    assert cases | left_out == surface
    assert not cases & left_out
    assert [each for each in reasons if not any(fnmatchcase(name, each) for name in surface)] == []


def test_every_client_is_known() -> None:
    """No case escapes the comparison by the name of its client."""
    assert {case.client for case in CASES} == set(SURFACE) | set(STARTS)


def test_the_methods_of_firebase_admins_client_are_its_functions() -> None:
    """So that a case of the function covers the method."""
    assert set(methods(auth.Client)) - {"tenant_id"} <= set(SURFACE[CLIENT])
