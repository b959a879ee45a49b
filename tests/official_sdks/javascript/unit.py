"""What @firebase/rules-unit-testing does."""

from typing import Final

from tests.official_sdks.javascript.clients import UNIT as CLIENT
from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused

__all__: list[str] = []

RULES: Final = """{"rules": {
  "users": {"$uid": {".read": "auth.uid === $uid", ".write": "auth.uid === $uid"}},
  "levels": {".write": "newData.val() === auth.token.level"}
}}"""


@call(
    CLIENT, "assertFails", "assertSucceeds", "initializeTestEnvironment",
    "RulesTestContext.database", "RulesTestEnvironment.authenticatedContext",
    "RulesTestEnvironment.cleanup", "RulesTestEnvironment.clearDatabase",
    "RulesTestEnvironment.unauthenticatedContext",
    "RulesTestEnvironment.withSecurityRulesDisabled",
)  # fmt: skip
def rules_unit_tests_run(place: Place) -> None:
    """Users, nobody, rules switched off, and the database cleared."""
    outcome = place.play("unit", rules=RULES)
    assert outcome["wrong"].startswith("Error: Expected request to fail")
    assert outcome["written"] == {
        "anywhere": "x",
        "levels": 2,
        "users": {"ada": {"name": "Ada"}},
    }
    assert outcome["cleared"] is None


@refused(CLIENT, "initializeTestEnvironment", why="the rules do not parse")
def rules_that_do_not_parse_stop_unit_tests(place: Place) -> None:
    """With a text, not a hang."""
    for rules in ("{", "no rules", '{"rules": {".read": "auth.uid ==="}}'):
        assert place.play("misspelt", rules=rules) != "done"
