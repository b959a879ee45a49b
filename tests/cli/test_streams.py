"""Standard streams that are closed, full or left early: what was done is not called undone."""

import io
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from imbari_chat.cli.colleagues import open_accounts
from imbari_chat.cli.main import run
from imbari_chat.config import Settings
from tests.cli.harness import Program, Visitor
from tests.cli.test_reply import said_in

_RUN = [sys.executable, "-c", "from imbari_chat.cli.main import run; run()"]
_FULL = "standard output cannot be written: No space left on device"


def shell(arguments: Sequence[str], streams: str) -> subprocess.CompletedProcess[str]:
    """The program as a shell starts it, with redirections."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {streams}', "sh", *_RUN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reply_with_closed_output_is_sent_and_not_reported_as_failed(visitor: Visitor) -> None:
    """Whoever tries again after an error would send it twice."""
    session = visitor.writes("Hello")
    result = shell(["reply", session, "precious words"], ">&-")
    assert (result.returncode, result.stderr.splitlines()[2]) == (0, "sent")
    assert said_in(session) == ["Hello", "precious words"]


def test_closed_standard_error_and_input_change_nothing(visitor: Visitor) -> None:
    """Narration is then for nobody, and there is no text."""
    session = visitor.writes("Hello")
    result = shell(["show", session, "--json"], "2>&- <&-")
    assert result.returncode == 0
    assert "Hello" in result.stdout
    assert shell(["reply", session, "-"], "<&-").returncode == 7


def test_data_for_closed_output_is_an_error(place: Path) -> None:
    """As with any program."""
    result = shell(["version"], ">&-")
    assert result.returncode == 1
    assert result.stderr == "error: standard output cannot be written: Bad file descriptor\n"


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["--version"], ["inbox", "-h"]])
def test_a_reader_who_leaves_is_no_failure(place: Path, arguments: list[str]) -> None:
    """As in ``| head -1``; here it has left before the first line."""
    command = [*_RUN, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(30), process.stderr.read()) == (0, "")


_WRITERS = [
    (["reply", "SESSION", "precious words"], "precious words"),
    (["resolve", "SESSION"], '"resolved"'),
    (["assign", "SESSION"], '"assignee": {'),
    (["label", "SESSION", "refund"], '"refund"'),
    (["snooze", "SESSION", "2h"], '"snoozed_until": 1'),
    (["notes", "SESSION", "Pays late"], "Pays late"),
    (["block", "SESSION", "--reason", "Shouts"], "Shouts"),
    (["canned", "save", "hi", "Good day"], "Good day"),
    (["admins", "grant", "noor@example.com"], '"noor@example.com"'),
]


@pytest.mark.parametrize(("command", "sign"), _WRITERS, ids=[one[0][0] for one in _WRITERS])
def test_what_was_done_is_done_though_its_record_cannot_be_printed(
    program: Program,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    sign: str,
) -> None:
    """A warning says so; the exit code is that of what was done. Unasked there is no record."""
    session = visitor.writes("Hello")
    with closing(open_accounts(Settings.load())) as accounts:
        accounts.create("noor@example.com", "a-good-password")
    arguments = [session if one == "SESSION" else one for one in command]
    warnings = []
    for options in ([], ["--json"]):
        with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as other:
            other.setattr(sys, "stdout", full)
            with pytest.raises(SystemExit) as ended:
                run([*arguments, *options])
        assert ended.value.code == 0
        warnings.append(capsys.readouterr().err.count(f"warning: this was done, and {_FULL}"))
    assert warnings == [0, 1]
    looks = (
        ["show", session, "--peek"], ["notes", session], ["canned", "list"], ["admins", "list"],
    )  # fmt: skip
    assert sign in "".join(program(*look, "--json").stdout for look in looks)


@pytest.mark.parametrize("line", [["inbox", "--json"], ["--version"]])
def test_what_is_only_printed_and_cannot_be_is_an_error(
    place: Path,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: list[str],
) -> None:
    """There is nothing else to it."""
    visitor.writes("Hello")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            run(line)
    assert ended.value.code == 1
    assert _FULL in capsys.readouterr().err


def test_a_customer_whose_output_is_full_has_spoken_all_the_same(
    program: Program,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All lines are sent; it is said once that none of it could be printed."""
    said = io.TextIOWrapper(io.BytesIO(b"One\nTwo\n"), encoding="utf-8")
    with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        patched.setattr(sys, "stdin", said)
        with pytest.raises(SystemExit) as ended:
            run(["customer", "--name", "Amina", "--email", "amina@example.com", "--json"])
    assert ended.value.code == 0
    assert capsys.readouterr().err.count(_FULL) == 1
    (session,) = program.inbox()
    assert said_in(session["id"]) == ["One", "Two"]
