"""Where a command acts is said before it does, and consented to where it must be."""

import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.cli.options import Target, with_admin_chat
from imbari_chat.cli.stderr import Stderr
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.cli.harness import Program, Visitor

WRITES: list[list[str]] = [
    ["reply", "SESSION", "Hello"],
    ["resolve", "SESSION"],
    ["reopen", "SESSION"],
    ["show", "SESSION"],
    ["customer", "--name", "Amina", "--email", "amina@example.com"],
    ["doctor", "--fix-unread"],
    ["auth", "login", "desk@example.com", "--password-stdin"],
    ["admins", "grant", "desk@example.com"],
    ["admins", "revoke", "desk@example.com"],
    ["admins", "create", "new@example.com", "--password-stdin"],
    ["rules", "deploy", "rules.json", "--yes"],
    ["assign", "SESSION"],
    ["label", "SESSION", "refund"],
    ["snooze", "SESSION", "2h"],
    ["notes", "SESSION", "Pays late"],
    ["block", "SESSION", "--reason", "Shouts"],
    ["block", "SESSION", "--lift"],
    ["canned", "save", "hi", "Hello"],
    ["canned", "delete", "hi"],
]

READS: list[list[str]] = [
    ["inbox"],
    ["show", "SESSION", "--peek"],
    ["label", "SESSION"],
    ["notes", "SESSION"],
    ["block"],
    ["canned", "list"],
    ["doctor"],
    ["auth", "status"],
    ["admins", "list"],
]


def run(program: Program, visitor: Visitor, place: Path, command: Sequence[str]) -> str:
    session = visitor.writes("Hello")
    (place / "rules.json").write_text('{"rules": {".read": true}}')
    program.run("canned", "save", "hi", "Hello")
    arguments = [session if one == "SESSION" else one for one in command]
    result = program.run(*arguments, stdin="hunter2hunter2\n")
    assert "Traceback" not in result.stderr
    return result.stderr


_NEVER_QUIET = ["doctor"], ["doctor", "--fix-unread"], ["auth", "status"]
"""They narrate nothing."""


@pytest.fixture
def account(program: Program) -> None:
    program("admins", "create", "desk@example.com", "--password-stdin", stdin="hunter2hunter2\n")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("command", WRITES, ids=" ".join)
def test_whatever_writes_names_its_target_first(
    program: Program, visitor: Visitor, emulator: Emulator, place: Path, command: list[str]
) -> None:
    """Nobody finds out afterwards where it went."""
    try:
        first = run(program, visitor, place, command).splitlines()[0]
    finally:
        emulator.load_rules(_rules())
    assert first == f"at the emulator at {emulator.database_host} (project demo-imbari)"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "command", [one for one in (*WRITES, *READS) if one[:2] not in _NEVER_QUIET], ids=" ".join
)
def test_whatever_is_to_be_quiet_says_no_more_than_where_secrets_go(
    program: Program, visitor: Visitor, emulator: Emulator, place: Path, command: list[str]
) -> None:
    """That is said before a password is asked for, whatever is wanted."""
    try:
        said = run(program, visitor, place, [*command, "--quiet"]).splitlines()
    finally:
        emulator.load_rules(_rules())
    asks = "--password-stdin" in command
    assert said == [f"at the emulator at {emulator.database_host} (project demo-imbari)"] * asks


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_whatever_only_reads_says_nothing_of_it(
    program: Program, visitor: Visitor, place: Path, command: list[str]
) -> None:
    """Narration is for what matters."""
    assert "at the emulator at" not in run(program, visitor, place, command)


def test_consent_lets_a_file_speak_until_it_changes(program: Program, place: Path) -> None:
    """It says what the file makes the target, so that nobody consents blindly."""
    file = place / "imbari-chat.toml"
    file.write_text("unrestricted = true\n")
    program("inbox", code=2)
    trusted = program("config", "trust").stderr.splitlines()
    assert trusted[0].startswith("at the emulator at ")
    assert trusted[1] == f"trusted as it is now: {file}"
    program("inbox")
    file.write_text("unrestricted = true # and more\n")
    program("inbox", code=2)
    program("config", "trust")
    assert program("config", "trust", "--withdraw").stderr == "consent withdrawn\n"
    assert program("config", "trust", "--withdraw").stderr == "there was no consent\n"
    program("inbox", code=2)


def test_a_file_that_is_not_there_cannot_be_trusted(program: Program, place: Path) -> None:
    """It is said where it was looked for."""
    for options in ((), ("--withdraw",)):
        told = program("config", "trust", *options, code=3).stderr
        assert told == (
            f"error: there is no settings file here (at {place / 'imbari-chat.toml'})\n"
        )


def test_a_file_that_cannot_be_used_is_not_trusted(program: Program, place: Path) -> None:
    """Consent is to what it says, and it says nothing."""
    file = place / "imbari-chat.toml"
    file.write_text("unrestricted = true\ncolour = 'red'\n")
    program("config", "trust", code=2)
    assert program("config", "trust", "--withdraw").stderr == "there was no consent\n"
    file.write_text("unrestricted = true\n")
    program("inbox", code=2)


@pytest.mark.parametrize("email", ["o'brien@example.com", "a`b`@example.com", "plain@example.com"])
def test_a_hint_for_a_shell_is_quoted(
    program: Program, place: Path, emulator: Emulator, email: str
) -> None:
    """An address may hold what a shell would obey."""
    plain_http.post(
        f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=k",
        json={"email": email, "password": "hunter2hunter2"},
        trust_env=False,
    ).raise_for_status()
    said = program("auth", "login", email, "--password-stdin", stdin="hunter2hunter2\n").stderr
    hint = said.split("`imbari-chat ", 1)[1].rsplit("`, then", 1)[0]
    assert shlex.split(hint) == ["admins", "grant", email]


def _rules() -> str:
    from imbari_chat.schema import strict_rules

    return strict_rules()


@pytest.mark.parametrize(
    ("ways", "named", "transport", "outbox", "tells"),
    [
        ({}, False, "rest", "memory", True),
        ({"writes": True}, True, "rest", "memory", True),
        ({"queues": True}, False, "rest", "durable", True),
        ({"draws": True}, False, "rest", "memory", False),
        ({"lasts": True}, False, "auto", "auto", False),
        ({"lasts": True, "writes": True}, True, "auto", "auto", False),
    ],
)
def test_what_a_command_is_to_do_decides_how_it_goes_there(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ways: dict[str, bool],
    named: bool,
    transport: str,
    outbox: str,
    tells: bool,
) -> None:
    """A short one takes no connection that has to be made, and keeps nothing unless it is to."""
    told: list[str] = []

    @asynccontextmanager
    async def telling(_: object, what: str) -> AsyncIterator[None]:
        told.append(what)
        yield

    @asynccontextmanager
    async def chat(settings: Settings, **_: object) -> AsyncIterator[Settings]:
        yield settings

    async def work(chat: Any) -> Settings:
        settings: Settings = chat
        return settings

    monkeypatch.setattr("imbari_chat.cli.waiting.telling_of_a_wait", telling)
    monkeypatch.setattr("imbari_chat.client.AsyncAdminChat", chat)
    settings = with_admin_chat(Target({}), Stderr(), work, **ways)
    assert (settings.transport, settings.outbox) == (transport, outbox)
    assert told == [settings.target()] * tells
    assert capsys.readouterr().err == f"at {settings.target()}\n" * named
    chosen = Target({"transport": "websocket", "outbox": "durable"})
    settings = with_admin_chat(chosen, Stderr(quiet=True), work, **ways)
    assert (settings.transport, settings.outbox) == ("websocket", "durable")


def test_consent_that_is_to_be_quiet_is(program: Program, place: Path) -> None:
    """Given, taken back, or not there."""
    (place / "imbari-chat.toml").write_text("timeout = 5\n")
    for options in ((), ("--withdraw",), ("--withdraw",)):
        assert program("config", "trust", "--quiet", *options).stderr == ""
