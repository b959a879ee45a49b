"""emulator start and exec, as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_COMMAND = [sys.executable, "-c", "from imbari_chat.cli.main import run; run()", "emulator"]
_PATIENCE = 30.0


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*_COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _child(code: str) -> list[str]:
    return ["--", sys.executable, "-c", code]


def test_exec_answers_with_the_commands_code(nowhere: Path) -> None:
    """And the command finds the emulator by its environment."""
    code = "import os, sys; sys.exit(7 if os.environ['FIREBASE_DATABASE_EMULATOR_HOST'] else 1)"
    assert _run("exec", *_child(code)).returncode == 7


def test_exec_runs_under_the_shipped_rules(nowhere: Path) -> None:
    """A stranger may not list conversations; without rules everybody may."""
    code = (
        "import os, urllib.request as u;"
        "u.urlopen('http://' + os.environ['FIREBASE_DATABASE_EMULATOR_HOST']"
        " + '/chatSessions.json')"
    )
    denied = _run("exec", *_child(code))
    assert denied.returncode == 1
    assert "HTTP Error 401" in denied.stderr
    assert _run("exec", "--no-rules", *_child(code)).returncode == 0


def test_exec_passes_options_of_the_command_on(nowhere: Path) -> None:
    """After the command's name nothing is ours, with or without a double dash."""
    result = _run("exec", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--project")
    assert result.stdout == "['--project']\n"


def test_exec_takes_rules_from_a_firebase_json(nowhere: Path) -> None:
    """Paths in it are relative to it."""
    (nowhere / "shop").mkdir()
    (nowhere / "shop" / "open.json").write_text('{"rules": {".read": true}}')
    (nowhere / "shop" / "firebase.json").write_text(
        json.dumps(
            {
                "database": {"rules": "open.json"},
                "emulators": {"database": {"port": 0}, "auth": {"port": 0}},
            }
        )
    )
    code = (
        "import os, urllib.request as u;"
        "u.urlopen('http://' + os.environ['FIREBASE_DATABASE_EMULATOR_HOST'] + '/x.json')"
    )
    assert _run("exec", "--config", "shop/firebase.json", *_child(code)).returncode == 0


@contextmanager
def _started(*options: str) -> "Iterator[subprocess.Popen[str]]":
    """``emulator start`` at free ports, until the block ends."""
    with subprocess.Popen(
        [*_COMMAND, "start", "--database-port", "0", "--auth-port", "0", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_start_serves_until_it_is_asked_to_end(nowhere: Path, ending: signal.Signals) -> None:
    """The variables come first, on stdout, and by then it answers."""
    with _started("--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        variables = json.loads(process.stdout.readline())
        for name in ("FIREBASE_DATABASE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST"):
            host, _, port = variables[name].rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        assert "ready" in process.stderr.readline()
        process.send_signal(ending)
        assert process.wait(_PATIENCE) == 0


def test_start_prints_what_a_shell_can_take(nowhere: Path) -> None:
    """Each line is an export, whatever the JSON in it needs quoted."""
    with _started() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "ready" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        exports = process.stdout.read()
    script = f'{exports}\nprintf %s "$FIREBASE_CONFIG"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["projectId"] == "demo-imbari"
