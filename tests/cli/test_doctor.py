"""doctor, against sound and unsound set-ups."""

import json
from typing import Any

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests.cli.harness import Program, Visitor, outside


def _states(program: Program, code: int = 0) -> dict[str, Any]:
    checks = json.loads(program("doctor", "--json", code=code).stdout)
    return {check["name"]: check for check in checks}


def test_a_sound_set_up_passes(program: Program, visitor: Visitor) -> None:
    """Every check is made, and is ok."""
    visitor.writes("Hello")
    states = _states(program)
    assert list(states) == [
        "settings", "database", "auth", "rules for strangers", "sign-in", "rules for admins",
        "records", "unread counts",
    ]  # fmt: skip
    assert {check["state"] for check in states.values()} == {"ok"}


def test_a_person_reads_a_table(program: Program) -> None:
    """Short enough for 80 columns."""
    lines = program("doctor").stdout.splitlines()
    assert any(line.startswith("ok") and "database" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_missing_settings_fail(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only check that can be made says what to do."""
    for name in ("FIREBASE_DATABASE_EMULATOR_HOST", "FIREBASE_CONFIG", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name)
    states = _states(program, code=10)
    assert list(states) == ["settings"]
    assert "IMBARI_CHAT_DATABASE_URL" in states["settings"]["hint"]


def test_a_database_that_does_not_answer_fails(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auth is asked all the same; nothing else can be."""
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.delenv("FIREBASE_CONFIG")
    states = _states(program, code=10)
    assert {name: check["state"] for name, check in states.items()} == {
        "settings": "ok",
        "database": "fail",
        "auth": "ok",
    }


def test_nobody_signed_in_fails(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that helps."""
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    check = _states(program, code=10)["sign-in"]
    assert check["state"] == "fail"
    assert "auth login" in check["hint"]


def test_open_rules_are_a_warning(program: Program, emulator: Emulator) -> None:
    """The chat works, and so it does for everybody."""
    emulator.load_rules(
        '{"rules": {".read": true, "chatSessions": {".indexOn": "lastMessageTime"}}}'
    )
    try:
        assert _states(program)["rules for strangers"]["state"] == "warn"
    finally:
        emulator.load_rules(strict_rules())


@pytest.mark.parametrize(
    "rules",
    ['{"rules": {}}', '{"rules": {"chatSessions": {".read": "auth.token.admin === true"}}}'],
    ids=["nothing allowed", "no index"],
)
def test_rules_that_stop_an_admin_fail(program: Program, emulator: Emulator, rules: str) -> None:
    """Whether a right or an index is missing, the hint is to deploy ours."""
    emulator.load_rules(rules)
    try:
        check = _states(program, code=10)["rules for admins"]
    finally:
        emulator.load_rules(strict_rules())
    assert check["state"] == "fail"


def test_malformed_records_are_named(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """A warning: the chat goes on without them."""
    session = visitor.writes("Hello")
    outside(emulator, "/chatSessions/-Ojunk", {"customerName": 7, "lastMessageTime": 2})
    outside(emulator, f"/messages/{session}/zzz", 1)
    check = _states(program)["records"]
    assert check["state"] == "warn"
    assert "2 malformed" in check["found"]
    assert "/chatSessions/-Ojunk" in check["found"]
    assert f"/messages/{session}/zzz" in check["found"]


def test_a_count_that_drifted_is_named(
    program: Program, visitor: Visitor, emulator: Emulator
) -> None:
    """As the website's two-step writes can leave it."""
    session = visitor.writes("One", "Two")
    outside(emulator, f"/chatSessions/{session}/unreadCount", 5)
    check = _states(program)["unread counts"]
    assert check["state"] == "warn"
    assert f"{session} (Amina Nakato <amina@example.com>): 5 instead of 2" in check["found"]
