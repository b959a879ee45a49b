"""Where Google's own emulators answer a client differently, and why ours does not follow."""

from typing import Final, NamedTuple

from tests.official_sdks import admin_providers, pyrebase_auth
from tests.official_sdks.javascript import admin_users, clients
from tests.official_sdks.registry import Check

__all__ = ["DIFFERENCES", "Difference"]


class Difference(NamedTuple):
    """What to expect of Google's emulator in place of a case.

    Attributes:
        why: The reason for the difference.
        instead: Asserts what Google's does.
    """

    why: str
    instead: Check


DIFFERENCES: Final[dict[str, Difference]] = {
    f"{pyrebase_auth.CLIENT}: a_profile_update_sends_nulls_and_works": Difference(
        "Google's emulator refuses null; ours takes it for absent, so that defaults work",
        pyrebase_auth.profile_update_with_nulls_fails,
    ),
    f"{admin_providers.TENANTS}: users_of_a_tenant_are_not_built": Difference(
        "Google's emulator has tenants, of the first use of a name; ours says 501",
        admin_providers.users_of_a_tenant,
    ),
    f"{clients.ADMIN_AUTH}: tenants_are_not_built": Difference(
        "Google's emulator has tenants; ours says 501",
        admin_users.tenants,
    ),
}
