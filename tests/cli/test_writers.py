"""stdout is data and stderr is narration, each with one module that writes it."""

import ast
import io
import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

import imbari_chat.cli
from imbari_chat.cli.stderr import Stderr, ask, ask_secretly, narrating_log
from imbari_chat.cli.stdout import Stdout
from imbari_chat.client.sending.outbox import Outbox
from imbari_chat.errors import Unavailable
from imbari_chat.net.transport import Done, Transport, Withdraw
from imbari_chat.schema import plans
from imbari_chat.schema.events import RecordRejected
from imbari_chat.schema.paths import MessageId, SessionId

_PACKAGE = Path(imbari_chat.cli.__file__).parent
_DEMO_AND_LIVE = ("demo", "live")


def _uses(name: str) -> set[str]:
    """Modules of the command line that mention ``sys.<name>`` or print."""
    found = set()
    for file in _PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "write":
                target = node.value
                if isinstance(target, ast.Attribute) and target.attr == name:
                    found.add(file.stem)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                found.add(file.stem)
    return found


def test_one_module_writes_each_stream() -> None:
    """Whoever wants to change what is written has one place to look."""
    assert _uses("stdout") == {"stdout"}
    assert _uses("stderr") == {"stderr"}


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_json_keeps_every_text_and_obeys_none(text: str) -> None:
    """What a terminal would obey is escaped, and a parser gives it back."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        Stdout().line({"text": text})
    printed = stream.buffer.getvalue().decode("utf-8")
    assert json.loads(printed) == {"version": 1, "text": text}
    assert not [
        c for c in printed[:-1] if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028"
    ]


def test_json_in_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the encoding lacks is escaped."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    Stdout().line({"text": "深煎り é"})
    assert json.loads(raw.getvalue())["text"] == "深煎り é"


def test_drawing_in_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table does not fail for its rules."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Stdout().draw(Text("─ Amina"))
    assert raw.getvalue() == b"\\u2500 Amina\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(
    environment: dict[str, str], coloured: bool, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR and a dumb terminal get plain text, on both streams."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out, err = _Terminal(), _Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    Stdout().draw(Text("Amina", "red"))
    Stderr().warn("careful")
    assert ("\x1b[" in out.getvalue(), "\x1b[" in err.getvalue()) == (coloured, coloured)


def test_narration_cannot_be_hijacked(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with a line break cannot forge a second line."""
    Stderr().say("to Eve\nerror: all is lost\x1b[2J")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "\x1b" not in told


def test_quiet_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is merely informative goes."""
    tell = Stderr(quiet=True)
    tell.say("hello")
    tell.warn("careful")
    assert capsys.readouterr().err == "warning: careful\n"


async def test_the_librarys_warnings_are_narrated_but_for_those_of_messages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever sends gives back texts, and must not be preceded by ids."""

    def submit(_changes: object, done: Done) -> Withdraw:
        done(Unavailable("cannot connect"))
        return lambda: False

    outbox = Outbox(cast("Transport", SimpleNamespace(submit=submit, uid=None)))
    session_id, message_id = SessionId("amina"), MessageId("-O0123456789abcdefgh")
    plan = plans.reply(session_id, message_id, "hello", uid=None, after=None)
    with narrating_log(Stderr()):
        await outbox.deliver(plan, session_id, timeout=0, keep=True)
        assert len(await outbox.close()) == 1
        logging.getLogger("imbari_chat").warning("listening has ended")
    assert capsys.readouterr().err == "warning: listening has ended\n"


def test_a_malformed_record_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However often it is read; a new reason is news."""
    tell = Stderr()
    for reason in ("text: missing", "text: missing", "from: missing"):
        tell.rejected(RecordRejected("/messages/a/b", (reason,), None))
    assert capsys.readouterr().err.splitlines() == [
        "warning: malformed record at /messages/a/b: text: missing",
        "warning: malformed record at /messages/a/b: from: missing",
    ]


def test_nobody_is_asked_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a prompt in a pipe."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("an answer\n"))
    assert ask("E-mail: ") == ""
    assert ask_secretly("Password: ") == ""
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("paged", "terminal", "lines", "is_paged"),
    [
        (True, True, 5, True),
        (True, True, 4, False),
        (False, True, 5, False),
        (True, False, 5, False),
    ],
)
def test_what_is_longer_than_a_terminal_is_turned_page_by_page(
    monkeypatch: pytest.MonkeyPatch, paged: bool, terminal: bool, lines: int, is_paged: bool
) -> None:
    """By the person's own program, if a person sees it and it is made for that."""
    stream, shown = io.StringIO(), list[str]()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(Stdout, "is_terminal", terminal)
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LESS", "")  # so that what is set here goes with the test
    monkeypatch.delenv("LESS")
    monkeypatch.setattr("rich.pager.SystemPager.show", lambda _, text: shown.append(text))
    Stdout().draw(*(Text(f"line {at}") for at in range(lines)), paged=paged)
    text = "".join(f"line {at}\n" for at in range(lines))
    assert (shown, stream.getvalue()) == (([text], "") if is_paged else ([], text))
    assert (os.environ.get("LESS") == "FRX") is is_paged
    monkeypatch.setenv("LESS", "R")
    Stdout().draw(*(Text(f"line {at}") for at in range(lines)), paged=paged)
    assert os.environ["LESS"] == "R"
