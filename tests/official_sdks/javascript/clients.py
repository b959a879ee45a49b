"""JavaScript clients by name, and how their cases are registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.official_sdks.javascript.programs import in_chromium, in_node
from tests.official_sdks.registry import Check, call, refused

__all__ = [
    "ADMIN_AUTH",
    "ADMIN_DATABASE",
    "AUTH",
    "CHROMIUM",
    "NODE",
    "STARTS",
    "UNIT",
    "beside",
    "both",
]

NODE: Final = "firebase/database in Node"
CHROMIUM: Final = "firebase/database in Chromium"
AUTH: Final = "firebase/auth in Node"
ADMIN_DATABASE: Final = "firebase-admin for Node, database"
ADMIN_AUTH: Final = "firebase-admin for Node, auth"
UNIT: Final = "@firebase/rules-unit-testing"

_HERE: Final = Path(__file__).parent

STARTS: Final = {
    NODE: in_node(_HERE / "database.mjs"),
    CHROMIUM: in_chromium(_HERE / "database.mjs"),
    AUTH: in_node(_HERE / "auth.mjs"),
    ADMIN_DATABASE: in_node(_HERE / "admin_database.mjs", "firebase-admin"),
    ADMIN_AUTH: in_node(_HERE / "admin_auth.mjs", "firebase-admin"),
    UNIT: in_node(_HERE / "unit.mjs", "@firebase/rules-unit-testing"),
}
"""How each of them is started."""


def beside(client: str) -> tuple[pytest.MarkDecorator, ...]:
    """Marks of a test that needs a client's program: it runs beside the others that need it."""
    if client not in STARTS:
        return ()
    return pytest.mark.peer, pytest.mark.xdist_group(client)


def both(*calls: str, why: str = "") -> Callable[[Check], Check]:
    """Register a function that makes these calls of the database SDK, in Node and in Chromium.

    Args:
        calls: As the SDK spells them.
        why: They are refused, and this is the reason; empty when they succeed.
    """

    def register(check: Check) -> Check:
        for client in (NODE, CHROMIUM):
            if why:
                refused(client, *calls, why=why)(check)
            else:
                call(client, *calls)(check)
        return check

    return register
