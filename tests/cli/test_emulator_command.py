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
from typing import IO, Any

import pytest
from typer import Context
from typer.main import get_command

from imbari_chat.cli.app import Command
from imbari_chat.cli.emulator import family
from tests import plain_http, programs
from tests.ports import own_port

_COMMAND = [*programs.OURS, "emulator"]
_PATIENCE = 30.0


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return programs.run([*_COMMAND, *arguments], timeout=_PATIENCE)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hubs of other emulators on this machine are not found."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


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


def test_our_own_client_works_where_there_are_no_rules(nowhere: Path) -> None:
    """An inbox is a query, and without rules there is no index to ask for."""
    inbox = _child("from imbari_chat.cli.main import run; run(['inbox', '--json'])")
    done = _run("exec", "--no-rules", *inbox)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["conversations"] == []


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
    with programs.Popen(
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


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_start_serves_until_it_is_asked_to_end(nowhere: Path, ending: signal.Signals) -> None:
    """What a program needs comes first, on stdout, and by then it answers."""
    with _started("--json") as process:
        told = json.loads(_line(process.stdout))
        assert told["pid"] == process.pid
        assert (told["project"], told["namespace"]) == ("demo-imbari", "demo-imbari-default-rtdb")
        assert told["emulators"].keys() == {"database", "auth", "hub"}
        for name, variable in (
            ("database", "FIREBASE_DATABASE_EMULATOR_HOST"),
            ("auth", "FIREBASE_AUTH_EMULATOR_HOST"),
            ("hub", "FIREBASE_EMULATOR_HUB"),
        ):
            place = told["emulators"][name]
            assert told["environment"][variable] == f"{place['host']}:{place['port']}"
            socket.create_connection((place["host"], place["port"]), timeout=10).close()
        assert "ready" in _line(process.stderr)
        process.send_signal(ending)
        assert process.wait(_PATIENCE) == 0


def test_start_prints_what_a_shell_can_take(nowhere: Path) -> None:
    """Each line is an export or a comment, whatever the JSON in it needs quoted."""
    with _started() as process:
        assert "ready" in _line(process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        exports = process.stdout.read()
    script = f'{exports}\nprintf %s "$FIREBASE_CONFIG"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["projectId"] == "demo-imbari"
    assert f"pid {process.pid}" in exports
    assert "# database" in exports


def test_start_ends_with_the_process_it_is_told_of(nowhere: Path) -> None:
    """Somebody who is not its parent is as good as gone."""
    with _started("--parent", str(os.getppid())) as process:
        assert process.wait(_PATIENCE) == 0


def _get(told: "dict[str, Any]", path: str) -> int:
    host = told["environment"]["FIREBASE_DATABASE_EMULATOR_HOST"]
    return plain_http.get(f"http://{host}{path}").status_code


def test_rules_follow_their_file(nowhere: Path) -> None:
    """A file that is refused is told of with its place, and changes nothing."""
    rules = nowhere / "rules.json"
    rules.write_text('{"rules": {".read": false}}')
    with _started("--json", "--rules", "rules.json") as process:
        told = json.loads(_line(process.stdout))
        assert "ready" in _line(process.stderr)
        assert _get(told, "/a.json") == 401
        rules.write_text('{"rules": {".read": true, ".write": false}}')
        assert "new rules are in force" in _line(process.stderr)
        assert _get(told, "/a.json") == 200
        assert _get(told, "/a.json?ns=another") == 200
        rules.write_text('{"rules": {\n  ".read": "nope"}}')
        warning = _line(process.stderr)
        assert "warning: rules.json:2:" in warning
        assert "still are" in warning
        assert _get(told, "/a.json") == 200


def test_start_is_refused_with_rules_that_are(nowhere: Path) -> None:
    """File, line and column, before anything listens."""
    (nowhere / "rules.json").write_text('{"rules": {\n  ".read": "nope"}}')
    result = _run("start", "--rules", "rules.json")
    assert result.returncode == 7
    assert "rules.json:2:" in result.stderr
    assert result.stdout == ""


def test_rules_of_other_databases_are_taken_from_a_firebase_json(nowhere: Path) -> None:
    """Each instance has its own."""
    (nowhere / "open.json").write_text('{"rules": {".read": true}}')
    (nowhere / "closed.json").write_text('{"rules": {".read": false}}')
    rows = [{"rules": "open.json"}, {"instance": "vault", "rules": "closed.json"}]
    (nowhere / "firebase.json").write_text(json.dumps({"database": rows}))
    with _started("--json", "--config", "firebase.json") as process:
        told = json.loads(_line(process.stdout))
        assert _get(told, "/a.json") == 200
        assert _get(told, "/a.json?ns=vault") == 401


_WRITE = (
    "import os, urllib.request as u;"
    "u.urlopen(u.Request('http://' + os.environ['FIREBASE_DATABASE_EMULATOR_HOST'] + '/n.json',"
    " b'1', method='PUT'))"
)
_READ = (
    "import os, urllib.request as u;"
    "print(u.urlopen('http://' + os.environ['FIREBASE_DATABASE_EMULATOR_HOST'] + '/n.json')"
    ".read().decode())"
)


def test_exec_hands_its_state_on_by_exports(nowhere: Path) -> None:
    """The first time there is nothing to import yet; a bare switch means the same directory."""
    options = ("--no-rules", "--import", "state", "--export-on-exit")
    assert _run("exec", *options, *_child(_WRITE)).returncode == 0
    assert (nowhere / "state" / "firebase-export-metadata.json").exists()
    result = _run("exec", *options, *_child(_READ))
    assert (result.returncode, result.stdout) == (0, "1\n")
    named = _run("exec", "--import", "state", "--export-on-exit", "other", *_child(""))
    assert named.returncode == 0
    assert (nowhere / "other" / "database_export").is_dir()


@pytest.mark.parametrize(
    ("options", "code", "what"),
    [
        (["--export-on-exit"], 2, "needs a directory"),
        (["--export-on-exit", "."], 2, "the current one"),
        (["--import", "nowhere-at-all"], 2, "does not exist"),
        (["--fsync"], 2, "--data"),
        (["--rules", "r.json", "--no-rules"], 2, "contradict"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    nowhere: Path, options: list[str], code: int, what: str
) -> None:
    """Before the command runs."""
    result = _run("exec", *options, *_child("print('ran')"))
    assert result.returncode == code
    assert what in result.stderr
    assert result.stdout == ""


def test_a_switch_of_the_command_is_its_own(nowhere: Path) -> None:
    """What looks like ours, after the command's name, is not."""
    result = _run(
        "exec", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--export-on-exit"
    )
    assert result.stdout == "['--export-on-exit']\n"
    assert result.returncode == 0


def test_exec_keeps_data_in_a_directory(nowhere: Path) -> None:
    """From one run to the next."""
    options = ("--no-rules", "--data", "kept", "--fsync")
    assert _run("exec", *options, *_child(_WRITE)).returncode == 0
    assert _run("exec", *options, *_child(_READ)).stdout == "1\n"


def test_requests_are_logged_when_asked(nowhere: Path) -> None:
    """On stderr, and only then."""
    asked = _run("exec", "--no-rules", "--log-requests", *_child(_READ))
    assert "GET /n.json 200" in asked.stderr
    assert "nobody" in asked.stderr
    assert "GET /n.json" not in _run("exec", "--no-rules", *_child(_READ)).stderr


def test_the_hub_is_where_a_firebase_json_says(nowhere: Path) -> None:
    """And at a free port otherwise."""
    code = "import os; print(os.environ['FIREBASE_EMULATOR_HUB'])"
    with own_port() as port:
        emulators = {"database": {"port": 0}, "auth": {"port": 0}, "hub": {"port": port}}
        (nowhere / "firebase.json").write_text(json.dumps({"emulators": emulators}))
        told = _run("exec", "--config", "firebase.json", *_child(code)).stdout
    assert told == f"127.0.0.1:{port}\n"
    assert _run("exec", *_child(code)).stdout.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("", ""),
        ("--export-on-exit", "--export-on-exit="),
        ("--export-on-exit there", "--export-on-exit there"),
        ("--export-on-exit=there", "--export-on-exit=there"),
        ("--export-on-exit --no-rules", "--export-on-exit= --no-rules"),
        ("--export-on-exit -- run --export-on-exit", "--export-on-exit= -- run --export-on-exit"),
        ("--no-rules --export-on-exit", "--no-rules --export-on-exit="),
        ("--import here --export-on-exit", "--import here --export-on-exit="),
        ("--import --export-on-exit", "--import --export-on-exit"),
        ("--import", "--import"),
        ("--no-rules run --export-on-exit", "--no-rules run --export-on-exit"),
        ("-- --export-on-exit", "-- --export-on-exit"),
    ],
)
def test_export_on_exit_may_stand_alone(
    monkeypatch: pytest.MonkeyPatch, line: str, understood: str
) -> None:
    """Before another option, a double dash or nothing; it is no other option's value then."""
    monkeypatch.setattr(Command, "parse_args", lambda _self, _ctx, args: args)
    command: Any = get_command(family())
    execute = command.commands["exec"]
    given = line.split()
    assert execute.parse_args(Context(execute), given) == understood.split()
    assert given == line.split()
