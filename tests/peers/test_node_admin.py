"""firebase-admin and rules-unit-testing for Node, unmodified, over the socket."""

import pytest

from imbari_chat.emulator import Emulator
from tests.peers.node import Plays, SdkError

pytestmark = pytest.mark.peer

UNIT = """{"rules": {
  "users": {"$uid": {".read": "auth.uid === $uid", ".write": "auth.uid === $uid"}},
  "levels": {".write": "newData.val() === auth.token.level"}
}}"""


def test_the_owner_is_above_the_rules(emulator: Emulator, admin_plays: Plays) -> None:
    """Listens, writes, updates and transactions, where nobody else may do anything."""
    emulator.load_rules('{"rules": {"list": {".indexOn": "n"}}}')
    seen = admin_plays.play("above")
    assert seen["seen"] == ["b", "a"]
    assert seen["value"] == 6
    assert seen["all"] == {"a": {"n": 6}, "b": {"n": 2, "seen": True}}


def test_rules_are_set_and_read(emulator: Emulator, admin_plays: Plays) -> None:
    """Over REST, beside the socket."""
    rules = admin_plays.play("rules")
    assert rules == {"rules": {".read": "auth.uid === 'svc'"}}


def test_whoever_acts_for_a_user_is_bound_by_the_rules(
    emulator: Emulator, admin_plays: Plays
) -> None:
    """And whoever acts for nobody."""
    emulator.load_rules(UNIT)
    assert admin_plays.play("overridden") == {
        "svc": "done",
        "other": "PERMISSION_DENIED",
        "nobody": "PERMISSION_DENIED",
    }


def test_rules_unit_tests_run(admin_plays: Plays) -> None:
    """Users, nobody, rules switched off, and the database cleared."""
    outcome = admin_plays.play("unit", rules=UNIT)
    assert outcome.pop("cleared") is None
    assert set(outcome.values()) == {True}


@pytest.mark.parametrize("rules", ["{", "no rules", '{"rules": {".read": "auth.uid ==="}}'])
def test_rules_that_do_not_parse_stop_unit_tests(admin_plays: Plays, rules: str) -> None:
    """With a text, not a hang."""
    try:
        told = admin_plays.play("misspelt", rules=rules)
    except SdkError as error:
        told = str(error)
    assert told != "done"
