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
from tests.official_sdks.javascript import (
    accounts,
    admin,
    admin_users,
    clients,
    listening,
    presence,
    rules,
    unit,
    writing,
)
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.place import Place, Target
from tests.official_sdks.registry import CASES, Case
from tests.official_sdks.surface import calls_made

__all__ = ["CASES", "HALF", "MODULES", "run"]

HALF: Final = {
    admin_database.CLIENT: "database",
    admin_accounts.CLIENT: "auth",
    admin_providers.TENANTS: "auth",
    pyrebase_database.CLIENT: "database",
    pyrebase_auth.CLIENT: "auth",
    clients.NODE: "database",
    clients.CHROMIUM: "database",
    clients.AUTH: "auth",
    clients.ADMIN_DATABASE: "database",
    clients.ADMIN_AUTH: "auth",
    clients.UNIT: "database",
}
"""Which half of an emulator each client talks to."""

MODULES: Final = (
    admin_accounts, admin_database, admin_providers, admin_queries, admin_tokens, pyrebase_auth,
    pyrebase_database, pyrebase_queries, listening, presence, rules, writing,
    accounts, admin, admin_users, unit,
)  # fmt: skip
"""Where cases come from: each registers its own when it is imported."""


def run(case: Case, target: Target, programs: Programs) -> None:
    """Run a case in a place of its own; skips when what it runs in is not here.

    Raises:
        AssertionError: The client did not get what it was promised, or the case does not make
            the calls it is listed for.
    """
    difference = differences.DIFFERENCES.get(case.name) if target.name == "google" else None
    check = difference.instead if difference else case.check
    if case.client in clients.STARTS:
        program = programs.of(case.client)
        with Place(target, program) as place:
            check(place)
            made = program.made()
    else:
        with calls_made(case.client) as made, Place(target) as place:
            check(place)
    assert set(case.calls) <= made, f"never called: {set(case.calls) - made}"
