"""All cases of all clients, and how to run one."""

from typing import Final

from tests.official_sdks import (
    admin_accounts,
    admin_database,
    admin_providers,
    admin_queries,
    admin_tokens,
    differences,
    pyrebase_auth,
    pyrebase_database,
    pyrebase_queries,
)
from tests.official_sdks.place import Place, Target
from tests.official_sdks.registry import CASES, Case

__all__ = ["CASES", "HALF", "MODULES", "run"]

HALF: Final = {
    admin_database.CLIENT: "database",
    admin_accounts.CLIENT: "auth",
    admin_providers.TENANTS: "auth",
    pyrebase_database.CLIENT: "database",
    pyrebase_auth.CLIENT: "auth",
}
"""Which half of an emulator each client talks to."""

MODULES: Final = (
    admin_accounts, admin_database, admin_providers, admin_queries, admin_tokens, pyrebase_auth,
    pyrebase_database, pyrebase_queries,
)  # fmt: skip
"""Where cases come from: each registers its own when it is imported."""


def run(case: Case, target: Target) -> None:
    """Run a case in a place of its own.

    Raises:
        AssertionError: The client did not get what it was promised.
    """
    difference = differences.DIFFERENCES.get(case.name) if target.name == "google" else None
    with Place(target) as place:
        (difference.instead if difference else case.check)(place)
