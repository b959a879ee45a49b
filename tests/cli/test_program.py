"""The root of the command line: options before the command, help, version."""

from pathlib import Path
from typing import Any

import pytest

from imbari_chat import __version__
from imbari_chat.cli.main import run
from imbari_chat.cli.options import Target
from imbari_chat.cli.program import _with_emulator_address
from imbari_chat.emulator import Emulator
from tests.cli.harness import Program, Visitor


def test_version(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """Every way of asking gives the same line."""
    run(["--version"])
    line = f"imbari-chat {__version__}\n"
    assert capsys.readouterr().out == line
    assert program("version").stdout == line
    assert program("--project", "x", "--version").stdout == line


def test_no_command_shows_the_help(program: Program) -> None:
    """With the exit code of a usage error, because nothing was done."""
    assert "Conversations" in program(code=2).stdout
    assert "login" in program("auth", code=2).stdout


def test_hot_verbs_come_first(program: Program) -> None:
    """Reading and replying is what most people come for."""
    page = program("--help").stdout
    places = [page.index(f"│ {verb} ") for verb in ("inbox", "show", "reply", "watch", "emulator")]
    assert places == sorted(places)


def test_every_command_has_a_help_page(program: Program) -> None:
    """One sentence at least."""
    for command in ("inbox", "show", "reply", "watch", "resolve", "reopen", "doctor", "version"):
        assert "Usage: imbari-chat" in program(command, "--help").stdout


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        (["--emulator", "inbox"], ["--emulator=127.0.0.1:9000", "inbox"]),
        (["--emulator"], ["--emulator=127.0.0.1:9000"]),
        (["--emulator", "localhost:9001", "inbox"], ["--emulator", "localhost:9001", "inbox"]),
        (["--emulator", "[::1]:9001", "inbox"], ["--emulator", "[::1]:9001", "inbox"]),
        (["--emulator=localhost:9001", "inbox"], ["--emulator=localhost:9001", "inbox"]),
        (["inbox"], ["inbox"]),
    ],
)
def test_the_emulators_address_may_be_left_out(given: list[str], understood: list[str]) -> None:
    """What follows is an address only if it looks like one."""
    assert _with_emulator_address(given) == understood


def _flags(**given: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("project", "database_url", "emulator", "profile", "credentials", "request_timeout")
    )
    return dict(Target.of(**{**nothing, **given}).flags)


def test_naming_an_emulator_names_both_halves(nowhere: Path) -> None:
    """Auth is at its usual port of the same host."""
    assert _flags(emulator="localhost:9001") == {
        "database_emulator": "localhost:9001",
        "auth_emulator": "localhost:9099",
    }


def test_the_environment_says_where_auth_is(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be at another port."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "localhost:1234")
    assert "auth_emulator" not in _flags(emulator="localhost:9001")


def test_options_before_the_command_win(
    program: Program, visitor: Visitor, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over an environment that points elsewhere."""
    visitor.writes("Hello")
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:1")
    program("inbox", code=8)
    monkeypatch.delenv("FIREBASE_DATABASE_EMULATOR_HOST")
    monkeypatch.delenv("FIREBASE_CONFIG")
    result = program("--emulator", emulator.database_host, "--profile", "x", "inbox")
    assert "Amina Nakato" in result.stdout
