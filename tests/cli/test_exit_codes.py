"""Errors become exit codes and lines in one place."""

import io
import sys

import pytest

from imbari_chat import errors
from imbari_chat.cli import exit_codes, stderr
from imbari_chat.cli.exit_codes import (
    ExitCode,
    Interrupted,
    TimeoutReached,
    UsageError,
    boundary,
    code_of,
    undelivered,
)
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import OutputFailed, ReaderGone

_RULES = errors.RulesError("unknown variable", line=3, column=7, where="my.json", hint="  x\n  ^")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ImbariError("x"), 1),
        (errors.StreamOverflow("x"), 1),
        (errors.ConfigError("x"), 2),
        (UsageError("x"), 2),
        (errors.NotFound("x"), 3),
        (errors.AuthError("x"), 4),
        (errors.AccessDenied("x"), 5),
        (errors.Conflict("x"), 6),
        (errors.InvalidData("x"), 7),
        (_RULES, 7),
        (errors.Unavailable("x"), 8),
        (errors.QuotaExceeded("x"), 9),
        (TimeoutReached("x"), 124),
        (OutputFailed("x"), 1),
    ],
)
def test_each_error_has_its_code(error: errors.ImbariError, code: int) -> None:
    """The table that scripts rely on."""
    assert code_of(error) == code


def test_an_error_of_a_finer_kind_has_its_parents_code() -> None:
    """A subclass needs no entry of its own."""

    class NoSuchSession(errors.NotFound):
        pass

    assert code_of(NoSuchSession("x")) == ExitCode.NOT_FOUND


def _raising(error: BaseException) -> int:
    def command() -> None:
        raise error

    return boundary(command)


def test_at_a_prompt_the_hint_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What the library advises to programs is no help there."""
    missing = errors.SessionNotFound.named("-Nowhere")
    assert "sessions()" in str(missing)
    assert _raising(missing) == 3
    assert capsys.readouterr().err == (
        "error: there is no conversation '-Nowhere'\nhint: List them: imbari-chat inbox\n"
    )


def test_at_a_prompt_nobody_is_told_to_call_a_method(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a start the way back to it is named; of others nothing is."""
    _raising(errors.StartUnfinished("no answer", session_id="-N", hint="Call start()"))
    assert capsys.readouterr().err == (
        "error: no answer\n"
        "hint: It may have been started. Look with: imbari-chat customer --resume\n"
    )
    _raising(errors.Unavailable("the outbox is full", hint="Wait with flush()"))
    assert capsys.readouterr().err == "error: the outbox is full\n"


def test_an_error_is_a_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, and what to do."""
    assert _raising(errors.NotFound("no such thing", where="/a/b", hint="Look again")) == 3
    assert capsys.readouterr().err == "error: no such thing (at /a/b)\nhint: Look again\n"


def test_broken_rules_are_shown_with_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    """As compilers do it."""
    assert _raising(_RULES) == 7
    assert capsys.readouterr().err == "error: my.json:3:7: unknown variable\n  x\n  ^\n"


def test_a_bug_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback is for whoever asks for it."""
    monkeypatch.delenv("IMBARI_CHAT_DEBUG", raising=False)
    assert _raising(ZeroDivisionError("oops")) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: unexpected ZeroDivisionError: oops\nhint: ")
    assert "Traceback" not in told


def test_a_traceback_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code stays the same."""
    monkeypatch.setenv("IMBARI_CHAT_DEBUG", "1")
    assert _raising(errors.NotFound("no such thing")) == 3
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.endswith("error: no such thing\n")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(13, "Permission denied", "/etc/x"), "Permission denied (at /etc/x)"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("it is gone"), "it is gone"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    error: OSError, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An OSError is no bug."""
    assert _raising(error) == 1
    assert capsys.readouterr().err == f"error: {told}\n"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (ReaderGone(), 0)])
def test_interruptions_are_quiet(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C and a reader that has read enough need no words."""
    assert _raising(error) == code
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "told"), [(KeyboardInterrupt(), "\n"), (Interrupted(), ""), (ReaderGone(), "")]
)
def test_the_line_that_a_terminal_echoed_ctrl_c_on_is_ended(
    error: BaseException,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where it is a key, nothing was echoed."""
    monkeypatch.setattr(Stderr, "is_terminal", True)
    _raising(error)
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("error", "lets_go"),
    [
        (ReaderGone(), True),
        (OutputFailed("x"), True),
        (errors.NotFound("x"), False),
        (ZeroDivisionError("x"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_output_that_fails_is_let_go(
    error: BaseException, *, lets_go: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was printed before another error is still to be written."""
    calls: list[bool] = []
    monkeypatch.setattr(exit_codes, "let_go_of_stdout", lambda: calls.append(True))
    _raising(error)
    assert calls == [True] * lets_go


def test_a_commands_own_code_is_passed_on() -> None:
    """Anything but a number is success."""
    assert boundary(lambda: 10) == 10
    assert boundary(lambda: None) == 0


@pytest.mark.parametrize(
    ("not_sent", "unknown", "what"),
    [
        (1, 0, "1 message was not sent"),
        (2, 0, "2 messages were not sent"),
        (0, 1, "1 message may not have been sent"),
        (0, 2, "2 messages may not have been sent"),
        (1, 2, "1 message was not sent, and 2 more may not have been"),
    ],
)
def test_undelivered_messages_end_in_the_exit_code_of_the_network(
    not_sent: int, unknown: int, what: str
) -> None:
    """What is known to be lost is told from what may be there."""
    error = undelivered(not_sent=not_sent, unknown=unknown)
    assert error is not None
    assert (error.what, error.outcome_unknown) == (what, unknown > 0)
    assert code_of(error) == ExitCode.UNAVAILABLE


def test_without_undelivered_messages_there_is_no_error() -> None:
    """All is well."""
    assert undelivered(not_sent=0, unknown=0) is None


def test_ctrl_c_that_is_a_key_ends_as_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal has echoed nothing, so no line is ended."""

    def command() -> None:
        raise Interrupted

    assert boundary(command) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_bells_and_ended_lines_are_a_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    """A log has neither."""
    monkeypatch.setattr(Stderr, "is_terminal", is_terminal)
    Stderr().ring()
    Stderr().end_line()
    assert capsys.readouterr().err == ("\a\n" if is_terminal else "")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_a_person_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    """Nothing in a pipe is taken for an answer."""
    typed = io.StringIO(" yes \nmore\n")
    monkeypatch.setattr(typed, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr(sys, "stdin", typed)
    assert stderr.ask("Sure? ") == ("yes" if is_terminal else "")
    assert capsys.readouterr().err == ("Sure? " if is_terminal else "")


def test_whoever_does_not_listen_to_narration_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Standard error may be closed, or its disk full."""

    def write(_: str) -> int:
        raise OSError

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "write", write)
    Stderr().warn("nobody reads this")
