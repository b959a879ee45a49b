"""What a start costs: each command loads its own imports and no others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest

from imbari_chat.emulator import Emulator

# One worker knows what others of these have started.
pytestmark = pytest.mark.xdist_group("start-up")

_SLOW = {
    "asyncio", "cryptography", "firebase_admin", "google.auth", "httpx", "imbari_chat.emulator",
    "imbari_chat.rules", "keyring", "prompt_toolkit", "pydantic", "pydantic_settings", "pyrebase",
    "requests", "rich", "sqlite3", "starlette", "textual", "typer", "uvicorn", "websockets",
}  # fmt: skip
"""What takes a hundredth of a second or more to load."""

_TALKS = "typer pydantic requests asyncio"
"""What it takes to ask a database once."""

_UNHEARD = {
    "imbari_chat.client.events.event_stream", "imbari_chat.engine.stream", "imbari_chat.net.sse",
    "imbari_chat.net.auto", "imbari_chat.net.http_client", "imbari_chat.net.websocket",
    "imbari_chat.wire.messages", "imbari_chat.client.customer", "imbari_chat.client.sync.clients",
    "typer._adapters",
}  # fmt: skip
"""Parts of ours that nobody needs who asks once as an admin; and Typer's conversion of values."""

_REPORT = """
import atexit, gc, json, sys
def report():
    garbage = [*["collecting"] * gc.isenabled(), *["frozen"] * (gc.get_freeze_count() > 0)]
    print("", json.dumps([*sorted(sys.modules), *garbage]), sep="\\n", file=sys.stderr)
atexit.register(report)  # what is registered first is called last
try:
    {code}
except SystemExit as end:
    print(end.code, file=sys.stderr)
"""


def _modules_after(code: str, **variables: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", _REPORT.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, **variables},
    )
    return set(json.loads(result.stderr.splitlines()[-1]))


def _modules_of(*arguments: str, **variables: str) -> set[str]:
    return _modules_after(
        f"from imbari_chat.cli.main import run; run({list(arguments)})", **variables
    )


@cache
def _modules_alone(*arguments: str) -> Set[str]:
    """Of a command where nothing is configured, run once for all who ask."""
    return _modules_of(*arguments)


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("line", "libraries"),
    [
        ("--version", ""),
        ("--help", "typer rich"),
        ("inbox --help", "typer rich"),
        ("desk --help", "typer rich"),
        ("emulator --help", "typer rich"),
        ("watch -h", "typer rich"),
        ("shwo", "typer"),
        ("desk", "typer"),
        ("inbox --limit 0", "typer pydantic"),
        ("inbox", _TALKS),
    ],
)
def test_a_command_loads_no_library_before_it_needs_it(line: str, libraries: str) -> None:
    """Help and what is mistyped need no model; and nobody talks to a database that is not named."""
    assert _modules_alone(*line.split()) & _SLOW == set(libraries.split())


def test_importing_the_package_loads_nothing_slow() -> None:
    """``import imbari_chat`` is cheap for whoever only wants a model."""
    assert not _modules_after("import imbari_chat") & _SLOW


_COMMANDS = {
    "imbari_chat.cli." + name
    for name in ("admins", "auth", "customer.command", "demo.command", "doctor", "emulator")
} | {f"imbari_chat.cli.{name}" for name in ("inbox", "show", "watch", "reply", "rules")}


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("arguments", "own"),
    [
        (["inbox"], "inbox"),
        (["--profile", "history", "show", "-Oabc"], "show"),
        (["--emulator", "127.0.0.1:1", "resolve", "1", "--quiet"], "reply"),
        (["--project=reply-1", "auth", "--help"], "auth"),
    ],
)
def test_a_command_loads_no_other(arguments: list[str], own: str) -> None:
    """Nor looks through the options of the others, also if a value has a command's name."""
    assert _modules_alone(*arguments) & _COMMANDS == {f"imbari_chat.cli.{own}"}


@pytest.mark.drawn
@pytest.mark.parametrize("arguments", [["--help", "inbox"], ["shwo", "inbox"], []])
def test_what_is_about_all_commands_loads_all(arguments: list[str]) -> None:
    """The help of the whole, and a mistyped name, whose likeness may be any."""
    assert _modules_alone(*arguments) >= _COMMANDS


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a command's environment says of an emulator, and a directory of its own."""
    with Emulator() as emulator:
        yield {
            **emulator.environment(),
            "IMBARI_CHAT_DATA_DIR": str(tmp_path),
            "IMBARI_CHAT_TOKEN_STORE": "auto",
        }


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("inbox", ""),
        ("show -Oabc", ""),
        ("history -Oabc", ""),
        ("reply -Oabc hello", ""),
        ("search hello", ""),
        ("export", ""),
        ("notes -Oabc", ""),
        ("canned list", ""),
        ("rules get", ""),
        ("outbox list", "sqlite3"),
        ("admins list", "rich firebase_admin google.auth httpx cryptography"),
    ],
)
def test_a_command_loads_the_libraries_that_it_needs_and_no_other(
    emulated: dict[str, str], line: str, more: str
) -> None:
    """As an emulator's owner, who needs no sign-in."""
    loaded = _modules_of(*line.split(), **{**emulated, "IMBARI_CHAT_TOKEN_STORE": "file"})
    assert loaded & _SLOW == {*_TALKS.split(), *more.split()}


_LOOKS = [["inbox"], ["show", "-Oabc"], ["resolve", "-Oabc"]]


def test_a_look_at_an_emulator_loads_no_keyring(emulated: dict[str, str]) -> None:
    """After the first, which finds out that no sign-in is kept there; nor what listens."""
    assert "keyring" in _modules_of("inbox", **emulated)
    for arguments in _LOOKS:
        loaded = _modules_of(*arguments, **emulated)
        assert "imbari_chat.identity.service" in loaded
        assert loaded & _SLOW == set(_TALKS.split()), arguments
        assert not loaded & _UNHEARD, arguments


def test_a_stored_sign_in_is_resumed_without_what_signs_in(emulated: dict[str, str]) -> None:
    """Nor with the libraries of those who stand above the rules."""
    kept = {**emulated, "IMBARI_CHAT_TOKEN_STORE": "file", "IMBARI_CHAT_PASSWORD": "secret1"}
    _modules_of("admins", "create", "a@example.com", **kept)
    assert "pyrebase" in _modules_of("auth", "login", "a@example.com", **kept)
    for arguments in _LOOKS:
        loaded = _modules_of(*arguments, **kept)
        assert "imbari_chat.identity.user" in loaded
        assert loaded & _SLOW == set(_TALKS.split()), arguments
        assert not loaded & _UNHEARD, arguments


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("arguments", "lasts"),
    [
        (["inbox"], False),
        (["--help"], False),
        (["watch", "--help"], True),
        (["demo", "-x"], True),
        (["customer", "--help"], True),
        (["emulator", "start", "--help"], True),
    ],
)
def test_only_commands_that_last_search_for_garbage(arguments: list[str], lasts: bool) -> None:
    """The others end before it could amount to anything; none looks once more at its end."""
    found = _modules_alone(*arguments)
    assert ("collecting" in found) is lasts
    assert "frozen" in found


def test_the_live_inbox_searches_for_garbage(emulated: dict[str, str]) -> None:
    """It lasts as well, though the command of its name does not; at its end none does."""
    assert {"collecting", "frozen"} <= _modules_of("inbox", "--live", **emulated)
