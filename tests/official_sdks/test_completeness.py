"""Nothing that a client can be asked is forgotten, also when a new release can do more."""

import pytest
from firebase_admin import auth

from tests.official_sdks.admin_accounts import CLIENT
from tests.official_sdks.suite import CASES
from tests.official_sdks.surface import SURFACE, methods


@pytest.mark.parametrize("client", SURFACE)
def test_every_public_call_has_a_case_and_every_case_a_call(client: str) -> None:
    """A call that a release adds or takes away has to be listed."""
    covered = {call for case in CASES if case.client == client for call in case.calls}
    assert covered == set(SURFACE[client])


def test_every_client_is_known() -> None:
    """No case escapes the comparison by the name of its client."""
    assert {case.client for case in CASES} == set(SURFACE)


def test_the_methods_of_firebase_admins_client_are_its_functions() -> None:
    """So that a case of the function covers the method."""
    assert set(methods(auth.Client)) - {"tenant_id"} <= set(SURFACE[CLIENT])
