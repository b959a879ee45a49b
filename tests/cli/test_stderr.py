"""What standard error says, in which colour, and to whom."""

import getpass
import io
import json
import logging
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli.stderr import (
    Stderr,
    agrees,
    ask,
    ask_secretly,
    colours,
    is_waiting_shown,
    narrating_log,
    show_waiting,
    wipe_waiting,
)
from imbari_chat.errors import ImbariError, NotFound, RulesError, StartUnfinished

WIPED = "\r\x1b[2K"


class Screen(io.StringIO):
    """A terminal, or a file; it shows what was flushed."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self.is_terminal, self.shown = is_terminal, ""

    def isatty(self) -> bool:
        return self.is_terminal

    def flush(self) -> None:
        self.shown = self.getvalue()


def _screen(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = True) -> Screen:
    """What standard error is from now on: a person's terminal, or a file."""
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


COLOURED: list[tuple[Callable[[Stderr], None], str]] = [
    (lambda one: one.say("done"), "\x1b[2mdone\x1b[0m\n"),
    (lambda one: one.warn("careful"), "\x1b[33mwarning:\x1b[0m careful\n"),
    (
        lambda one: one.error(NotFound("no such thing", hint="Look again")),
        "\x1b[31merror:\x1b[0m no such thing\n\x1b[36mhint:\x1b[0m Look again\n",
    ),
    (
        lambda one: one.error(RulesError("bad", line=3, column=7, hint="  x\n  ^\n")),
        "\x1b[31merror:\x1b[0m rules:3:7: bad\n  x\n  ^\n",
    ),
    (
        lambda one: one.error(RulesError("bad", line=3, column=7)),
        "\x1b[31merror:\x1b[0m rules:3:7: bad\n",
    ),
    (lambda one: one.name_target(_settings()), "\x1b[2mat http://here\x1b[0m\n"),
    (lambda one: one.ring(), "\a"),
    (lambda one: one.end_line(), "\n"),
    (lambda one: one.quote("two\nlines\x1b[2J"), "  two\n  lines\ufffd[2J\n"),
]


def _settings() -> Any:
    return SimpleNamespace(target=lambda: "http://here")


@pytest.mark.parametrize(("tell", "shown"), COLOURED)
def test_a_person_sees_at_once_what_is_said(
    monkeypatch: pytest.MonkeyPatch, tell: Callable[[Stderr], None], shown: str
) -> None:
    """In the colours of its kind."""
    screen = _screen(monkeypatch)
    tell(Stderr())
    assert screen.shown == shown


@pytest.mark.parametrize("quiet", [True, False])
def test_in_quiet_mode_only_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    """Which is also what a person gave and gets back."""
    log = _screen(monkeypatch, is_terminal=False)
    tell = Stderr(quiet=quiet)
    tell.say("done")
    tell.name_target(_settings())
    assert log.shown == ("" if quiet else "done\nat http://here\n")
    tell.error(NotFound("no such thing"))
    tell.give_back("Hello")
    assert log.shown.endswith("error: no such thing\nwarning: not sent:\n  Hello\n")


@pytest.mark.parametrize(
    ("environment", "is_terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_a_terminal_whose_owner_likes_them(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_terminal: bool, coloured: bool
) -> None:
    screen = _screen(monkeypatch, is_terminal=is_terminal)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours(screen) is coloured
    Stderr().warn("careful")
    assert ("\x1b" in screen.shown) is coloured
    assert Stderr().is_terminal is is_terminal


LINES: list[tuple[ImbariError, dict[str, object]]] = [
    (NotFound("no café"), {"where": None, "hint": None}),
    (NotFound("no café", where="/a", hint="Look again"), {"where": "/a", "hint": "Look again"}),
    (
        StartUnfinished("no café", session_id="-N", hint="Call start()"),
        {
            "where": None,
            "hint": "It may have been started. Look with: imbari-chat customer --resume",
        },
    ),
    (
        RulesError("no café", line=3, column=7),
        {"where": None, "hint": None, "line": 3, "column": 7},
    ),
]


@pytest.mark.parametrize(("error", "facts"), LINES)
@pytest.mark.parametrize(("encoding", "word"), [("utf-8", "café"), ("ascii", "caf\\u00e9")])
def test_an_error_is_one_line_of_json_for_a_program(
    monkeypatch: pytest.MonkeyPatch,
    error: ImbariError,
    facts: dict[str, object],
    encoding: str,
    word: str,
) -> None:
    """By the same names each time, in the encoding of who reads it."""
    read = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(read, encoding=encoding))
    Stderr().error_line(error, kind="one", code=9)
    (line,) = read.getvalue().decode(encoding).splitlines()
    assert word in line
    told = {"kind": "one", "exit_code": 9, "message": "no café", **facts}
    assert json.loads(line) == {"version": 1, "error": told}


def test_where_no_encoding_is_known_json_is_utf_8(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a program that has put something else in the place of its standard error."""
    log = _screen(monkeypatch, is_terminal=False)
    Stderr().error_line(NotFound("no café"), kind="one", code=9)
    assert "no café" in log.shown


def test_where_an_error_came_from_is_told_line_by_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a terminal would obey among it is not."""
    log = _screen(monkeypatch, is_terminal=False)
    try:
        raise NotFound("no such thing\x1b[2J")
    except NotFound as error:
        Stderr().trace(error)
    first, *_, last = log.shown.splitlines()
    assert first.startswith("Traceback")
    assert last.endswith("no such thing\ufffd[2J")
    assert log.shown.count("\n") > 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "not sent:"),
        ({"to": "Amina"}, "not sent to Amina:"),
        ({"to": "Amina", "unknown": False}, "not sent to Amina:"),
        (
            {"unknown": True},
            "it is not known whether this was sent; look before sending it again:",
        ),
        (
            {"to": "Amina", "unknown": True},
            "it is not known whether this was sent to Amina; look before sending it again:",
        ),
    ],
)
def test_what_did_not_arrive_is_given_back(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str
) -> None:
    log = _screen(monkeypatch, is_terminal=False)
    Stderr().give_back("One\nTwo", **given)
    assert log.shown == f"warning: {said}\n  One\n  Two\n"


def test_the_librarys_warnings_are_narrated_while_the_block_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither what is less than a warning, nor what is said afterwards, if it ended badly too."""
    log = _screen(monkeypatch, is_terminal=False)
    logger = logging.getLogger("imbari_chat.somewhere")

    def fails() -> None:
        logger.info("nothing special")
        logger.warning("listening to %s has ended", "amina")
        raise KeyError

    with pytest.raises(KeyError), narrating_log(Stderr()):
        fails()
    logger.warning("and what now?")
    assert log.shown == "warning: listening to amina has ended\n"


def _types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    keys = Screen()
    keys.write(text)
    keys.seek(0)
    monkeypatch.setattr(sys, "stdin", keys)


def test_a_question_takes_the_place_of_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there before the answer, of which one line is taken."""
    screen = _screen(monkeypatch)
    _types(monkeypatch, " maybe \nmore\n")
    seen: list[str] = []
    readline = sys.stdin.readline

    def read() -> str:
        seen.append(screen.shown)
        return readline()

    monkeypatch.setattr(sys.stdin, "readline", read)
    show_waiting("waiting")
    screen.truncate(0)
    screen.seek(0)
    assert ask("Sure? ") == "maybe"
    assert seen == [f"{WIPED}Sure? "]


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y", True), ("Yes ", True), ("YES", True), ("", False), ("n", False), ("yesterday", False)],
)
def test_whoever_does_not_say_yes_does_not_agree(
    monkeypatch: pytest.MonkeyPatch, typed: str, agreed: bool
) -> None:
    """What is asked about may be a stranger's words."""
    screen = _screen(monkeypatch)
    _types(monkeypatch, f"{typed}\n")
    assert agrees("Delete \x1b[2J?") is agreed
    assert screen.shown == "Delete \ufffd[2J? [y/N] "


def test_a_secret_is_asked_for_where_narration_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output may go to a file."""
    screen = _screen(monkeypatch)
    asked: list[object] = []

    def hidden(question: str, stream: object) -> str:
        asked.extend((question, stream))
        return "secret"

    monkeypatch.setattr(getpass, "getpass", hidden)
    _types(monkeypatch, "")
    assert ask_secretly("Password: ") == "secret"
    assert asked == ["Password: ", screen]


def test_what_is_waited_for_is_said_on_the_line_at_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, and it is wiped once."""
    screen = _screen(monkeypatch)
    show_waiting("the service\n")
    assert screen.shown.startswith(f"{WIPED}\x1b[2mthe service")
    assert screen.shown.endswith("\x1b[0m")
    assert is_waiting_shown()
    said = screen.shown
    for _ in range(2):
        wipe_waiting()
        assert not is_waiting_shown()
        assert screen.shown == f"{said}{WIPED}"
    show_waiting("")
    Stderr().warn("careful")
    assert screen.shown.endswith(f"{WIPED}\x1b[33mwarning:\x1b[0m careful\n")
