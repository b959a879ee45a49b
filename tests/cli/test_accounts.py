"""auth and admins, against the emulator's Auth half."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.cli import auth, colleagues
from imbari_chat.cli.colleagues import Colleagues, open_accounts
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.places import SocketPlace
from imbari_chat.errors import NotFound
from imbari_chat.identity import factory
from imbari_chat.identity.accounts import Account
from imbari_chat.schema import strict_rules
from imbari_chat.view.people import Person
from tests import plain_http
from tests.cli.harness import Program, Visitor

_EMAIL = "admin@example.com"
_PASSWORD = "a-good-password"


@pytest.fixture
def admin(program: Program) -> str:
    """An account that is an admin."""
    program("admins", "create", _EMAIL, "--password-stdin", stdin=f"{_PASSWORD}\n")
    return _EMAIL


def _log_in(program: Program) -> str:
    return program("auth", "login", _EMAIL, "--password-stdin", stdin=f"{_PASSWORD}\n").stderr


def test_an_admin_signs_in_and_replies(
    program: Program, visitor: Visitor, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on commands act as that admin, under the rules."""
    told = _log_in(program)
    assert f"signed in to demo-imbari as {admin}" in told
    assert "no admin yet" not in told
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    status = program.json("auth", "status")
    assert (status["identity"], status["email"], status["admin"]) == ("login", admin, True)
    session = visitor.writes("Hello")
    assert program.json("reply", session, "Hi")["message"]["sender_uid"] == status["uid"]


def test_rules_that_know_nothing_of_the_team_leave_it_out(
    program: Program,
    visitor: Visitor,
    emulator: Emulator,
    admin: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of what is listed and shown; what is asked by it is denied."""
    _log_in(program)
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    session = visitor.writes("Hello")
    new = r'"(assignments|labels|snoozes|blocks|cannedReplies|adminNotes)": \{'
    emulator.load_rules(re.sub(new, r'"\1-to-come": {', strict_rules()))
    try:
        for command in ("inbox", f"show {session} --peek"):
            result = program(*command.split())
            assert "Hello" in result.stdout
            assert "the rules in force are older" in result.stderr
        program("inbox", "--mine", code=5)
    finally:
        emulator.load_rules(strict_rules())


def test_the_password_is_kept_nowhere(program: Program, admin: str, place: Path) -> None:
    """A refresh token is, in a file that nobody else reads."""
    _log_in(program)
    kept = [file for file in (place / "data").rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        assert _PASSWORD not in file.read_text(encoding="utf-8")
        assert file.stat().st_mode & 0o077 == 0


def test_the_password_may_come_from_the_environment(
    program: Program, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For machines that have secrets there."""
    monkeypatch.setenv("IMBARI_CHAT_PASSWORD", _PASSWORD)
    program("auth", "login", admin)


def test_an_e_mail_that_is_left_out_is_asked_for(
    program: Program, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is given is not."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return admin

    monkeypatch.setattr(auth, "ask", ask)
    monkeypatch.setenv("IMBARI_CHAT_PASSWORD", _PASSWORD)
    assert f"as {admin};" in program("auth", "login").stderr
    assert f"as {admin};" in program("auth", "login", admin).stderr
    assert asked == ["E-mail: "]


def test_no_command_takes_a_password_as_an_argument(program: Program) -> None:
    """Arguments are seen by every user of the machine, and kept in histories."""
    for command in (["auth", "login"], ["admins", "create"]):
        help_page = program(*command, "--help").stdout
        assert "--password-stdin" in help_page
        assert "--password " not in help_page


def test_signing_out_forgets(program: Program, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice is fine."""
    _log_in(program)
    assert program("auth", "logout").stderr == "signed out\n"
    assert program("auth", "logout").stderr == "nobody was signed in\n"
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    program("auth", "status", code=4)


def test_rights_come_and_go(program: Program, admin: str) -> None:
    """The list follows, and narration says from when."""
    assert [one["email"] for one in program.json("admins", "list")] == [admin]
    assert admin in program("admins", "list").stdout
    assert program.json("admins", "revoke", admin)["is_admin"] is False
    assert program.json("admins", "list") == []
    assert "no admins" in program("admins", "list").stderr
    assert "from the next sign-in on" in program("admins", "grant", admin).stderr


def test_whoever_is_no_admin_is_denied(
    program: Program, visitor: Visitor, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing in works, with a warning; reading does not."""
    visitor.writes("Hello")
    program("admins", "revoke", admin)
    assert f"{admin} is no admin yet" in _log_in(program)
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "login")
    result = program("inbox", code=5)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")


def test_an_account_can_be_made_once(program: Program, admin: str) -> None:
    """The second time somebody else may have taken the name."""
    program("admins", "create", admin, "--password-stdin", stdin="another-one\n", code=6)


def test_on_an_emulator_a_stale_sign_in_is_no_obstacle(
    program: Program, visitor: Visitor, admin: str, emulator: Emulator
) -> None:
    """An emulator forgets its users; its owner steps in, and that is said."""
    _log_in(program)
    emulator.reset()
    visitor.writes("Hello")
    result = program("inbox")
    assert "Amina Nakato" in result.stdout
    assert "using its owner" in result.stderr
    assert program.json("auth", "status")["identity"] == "emulator"


def test_status_says_what_the_token_claims_and_until_when(program: Program, admin: str) -> None:
    """A person as well as a program."""
    _log_in(program)
    status = program.json("auth", "status")
    assert status["claims"]["admin"] is True
    assert 0 < status["expires_at"] / 1000 - time.time() <= 3600
    told = program("auth", "status").stdout
    assert admin in told
    assert "admin=True" in told
    assert "sign_in_provider" not in told


def test_a_token_proves_who_is_signed_in(
    program: Program, admin: str, emulator: Emulator, visitor: Visitor
) -> None:
    """To the service itself; alone on its line."""
    session = visitor.writes("Hello")
    _log_in(program)
    token = program("auth", "token").stdout
    assert token.count("\n") == 1
    answer = plain_http.get(
        f"http://{emulator.database_host}/chatSessions.json",
        params={"ns": emulator.namespace, "shallow": "true", "auth": token.strip()},
        trust_env=False,
    )
    assert answer.json() == {session: True}


def test_an_emulators_owner_has_a_token_too(program: Program) -> None:
    """That of all emulators."""
    assert program("auth", "token").stdout == "owner\n"
    assert program.json("auth", "status")["uid"] == "imbari-chat"


def test_a_person_reads_a_table_of_admins(program: Program, admin: str) -> None:
    """With who cannot sign in."""
    (account,) = program.json("admins", "list")
    table = program("admins", "list", width=120, terminal=True).stdout
    assert admin in table
    assert account["id"] in table
    assert "disabled" not in table


@pytest.mark.parametrize(
    ("typed", "set_to", "confirm"),
    [(["one"], None, False), (["one", "one"], None, True), ([], "one", True)],
)
def test_a_new_password_is_typed_twice(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], set_to: str | None, confirm: bool
) -> None:
    """Nobody knows it yet; one that the environment has is known."""
    monkeypatch.setenv("IMBARI_CHAT_PASSWORD", set_to or "")
    left = iter(typed)
    monkeypatch.setattr(auth, "ask_secretly", lambda _: next(left))
    assert auth.password(from_stdin=False, confirm=confirm) == "one"
    assert list(left) == []


@pytest.mark.parametrize(
    ("typed", "confirm", "problem"),
    [(["one", "other"], True, "differ"), ([""], False, "no password")],
)
def test_no_password_is_guessed(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], confirm: bool, problem: str
) -> None:
    """Of two that differ neither is taken."""
    monkeypatch.delenv("IMBARI_CHAT_PASSWORD", raising=False)
    left = iter(typed)
    monkeypatch.setattr(auth, "ask_secretly", lambda _: next(left))
    with pytest.raises(UsageError, match=problem):
        auth.password(from_stdin=False, confirm=confirm)


class _Access:
    """Who commands act as, without asking anybody."""

    uid, account = "service", "bot@imbari"
    expires_at = 1_710_252_300.5

    def socket(self) -> SocketRequest:
        return SocketRequest(SocketPlace("h", "n", secure=True), "gauth", {"cred": "s3cret"})

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("flags", "facts"),
    [
        (
            {"IMBARI_CHAT_IDENTITY": "service-account"},
            {"identity": "service-account", "email": "bot@imbari", "unrestricted": False},
        ),
        (
            {"IMBARI_CHAT_IDENTITY": "application-default"},
            {"identity": "application-default", "unrestricted": False},
        ),
        (
            {"IMBARI_CHAT_IDENTITY": "auto", "IMBARI_CHAT_UNRESTRICTED": "true"},
            {"identity": "service-account", "email": "bot@imbari", "unrestricted": True},
        ),
    ],
)
def test_status_names_the_service_account(
    program: Program,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: dict[str, str],
    facts: dict[str, object],
) -> None:
    """By its key, if it has one here; and whether rules hold for it."""
    key = place / "key.json"
    key.write_text("{}")
    monkeypatch.setattr("imbari_chat.identity.factory.admin_access", lambda _: _Access())
    for name in ("FIREBASE_DATABASE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMBARI_CHAT_DATABASE_URL", "https://imbari.firebaseio.com")
    monkeypatch.setenv("IMBARI_CHAT_CREDENTIALS", str(key))
    for name, value in flags.items():
        monkeypatch.setenv(name, value)
    document = json.loads(program("auth", "status", "--json").stdout)
    assert {name: document[name] for name in facts} == facts
    assert (document["uid"], document["expires_at"]) == ("service", 1_710_252_300_500)
    assert ("credentials" in document) is ("email" in document)
    assert "2024-03-1" in program("auth", "status").stdout


@pytest.mark.parametrize("terminal", [True, False])
def test_a_person_is_told_that_a_token_is_a_secret(
    program: Program, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """And until when; a script reads the token alone either way."""
    monkeypatch.setattr("imbari_chat.identity.factory.admin_access", lambda _: _Access())
    result = program("auth", "token", terminal=terminal)
    assert result.stdout == "s3cret\n"
    assert ("a secret, until 2024-03-1" in result.stderr) is terminal


def test_of_a_token_that_does_not_end_nothing_is_said(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an emulator's owner has."""
    access = _Access()
    monkeypatch.setattr(access, "expires_at", None)
    monkeypatch.setattr("imbari_chat.identity.factory.admin_access", lambda _: access)
    result = program("auth", "token", terminal=True)
    assert (result.stdout, "a secret" in result.stderr) == ("s3cret\n", False)


def test_a_new_admins_password_is_typed_twice(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a program gives it; nothing is made of two that differ."""
    typed = iter(["one", "other", "a-good-one", "a-good-one"])
    monkeypatch.delenv("IMBARI_CHAT_PASSWORD", raising=False)
    monkeypatch.setattr(auth, "ask_secretly", lambda _: next(typed))
    assert "the two passwords differ" in program("admins", "create", _EMAIL, code=2).stderr
    assert program.json("admins", "list") == []
    program("admins", "create", _EMAIL)
    assert [one["email"] for one in program.json("admins", "list")] == [_EMAIL]


@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_what_was_done_is_told_as_data_where_that_is_asked_for(
    program: Program, admin: str, command: str
) -> None:
    """And to a person in words."""
    told = program("admins", command, admin)
    assert (told.stdout, admin in told.stderr) == ("", True)
    quiet = program("admins", command, admin, "--quiet", "--json")
    assert quiet.stderr == ""
    assert json.loads(quiet.stdout)["account"] == {
        "id": program.json("admins", "grant", admin)["id"],
        "email": admin,
        "is_admin": command == "grant",
        "disabled": False,
    }


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"database_emulator": "127.0.0.1:1"}, "sign_in_project"),
        ({}, "project"),
    ],
)
def test_accounts_are_those_of_the_database(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], asked: str
) -> None:
    """With an emulated one, those of a live project are never what is meant."""
    taken: list[str] = []
    for name in ("project", "sign_in_project"):
        monkeypatch.setattr(factory, name, lambda _, name=name: taken.append(name))
    monkeypatch.setattr("imbari_chat.identity.accounts.AdminAccounts", lambda *_, **__: None)
    where = Settings(database_url="https://imbari.firebaseio.com", **settings)
    open_accounts(where)
    assert taken == [asked]


@pytest.mark.parametrize(
    ("settings", "can"),
    [
        ({}, False),
        ({"credentials": "key.json"}, True),
        ({"identity": "application-default"}, True),
        ({"credentials": "key.json", "database_emulator": "127.0.0.1:1"}, False),
        ({"database_emulator": "127.0.0.1:1"}, False),
        ({"database_emulator": "127.0.0.1:1", "auth_emulator": "127.0.0.1:2"}, True),
        ({"auth_emulator": "127.0.0.1:2"}, True),
    ],
)
def test_whoever_may_not_look_at_accounts_does_not_try(
    nowhere: Path, settings: dict[str, Any], can: bool
) -> None:
    """An admin who signs in may not; whoever has an emulator may."""
    people = Colleagues(Settings(database_url="https://imbari.firebaseio.com", **settings))
    assert people.can_be_asked is can
    people.close()


class _Accounts:
    """Four, found by e-mail or uid."""

    def __init__(self) -> None:
        self.listed = 0
        self._all = [
            Account("u1", "amina@x.example", "Amina", is_admin=True, disabled=False),
            Account("u2", "brian@x.example", "Noor", is_admin=True, disabled=False),
            Account("u3", None, "Noor", is_admin=True, disabled=False),
            Account("u4", "carol@x.example", "Carol", is_admin=False, disabled=False),
        ]

    def find(self, reference: str) -> Account:
        for one in self._all:
            if reference in (one.uid, one.email):
                return one
        raise NotFound("nobody")

    def admins(self, *, among: int) -> list[Account]:
        assert among == 10_000
        self.listed += 1
        return [one for one in self._all if one.is_admin]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("reference", "person", "listed"),
    [
        ("u1", Person("u1", "Amina", "amina@x.example"), 0),
        ("amina@x.example", Person("u1", "Amina", "amina@x.example"), 0),
        ("Amina", Person("u1", "Amina", "amina@x.example"), 1),
        ("u3", Person("u3", "Noor", None), 0),
        ("Noor", None, 1),
        ("u4", None, 1),
        ("carol@x.example", None, 0),
        ("Carol", None, 1),
        ("nobody@x.example", None, 0),
    ],
)
async def test_a_colleague_is_named_by_uid_e_mail_or_a_name_that_is_nobody_elses(
    nowhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: str,
    person: Person | None,
    listed: int,
) -> None:
    """Who is no admin is no colleague. All are listed only for what may be a name."""
    accounts = _Accounts()
    monkeypatch.setattr(colleagues, "open_accounts", lambda _: accounts)
    people = Colleagues(Settings(database_url="https://imbari.firebaseio.com"))
    assert await people.find(reference) == person
    assert accounts.listed == listed
    people.close()
