"""Standard error: what a command is doing, and what went wrong. Nothing else writes there.

Narration quotes what strangers typed (names, paths, the text of errors), so every line passes
:func:`~imbari_chat.view.sanitize.safe_text`.
"""

import getpass
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from imbari_chat.cli.data_text import json_text
from imbari_chat.errors import ImbariError, RulesError, SessionNotFound, StartUnfinished
from imbari_chat.view.advice import advice
from imbari_chat.view.sanitize import safe_text
from imbari_chat.wire.json import Json

if TYPE_CHECKING:
    from imbari_chat.config import Settings
    from imbari_chat.schema.events import RecordRejected

__all__ = [
    "Stderr",
    "agrees",
    "ask",
    "ask_secretly",
    "colours",
    "is_waiting_shown",
    "narrating_log",
    "show_waiting",
    "wipe_waiting",
]

_RED: Final = "31"
_YELLOW: Final = "33"
_DIM: Final = "2"
_CYAN: Final = "36"

_HINTS: Final[dict[type, str]] = {
    SessionNotFound: "List them: imbari-chat inbox",
    StartUnfinished: "It may have been started. Look with: imbari-chat customer --resume",
}
"""What to do at a prompt, where the library tells what to do in a program."""

_OUTBOX: Final = "imbari_chat.client.sending.outbox"


class Stderr:
    """Writes narration, one line each.

    Args:
        quiet: Leave out what is merely informative; warnings and errors stay.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._reported: set[tuple[str, tuple[str, ...]]] = set()

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees it."""
        return sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Something worth knowing; not in quiet mode."""
        if not self.quiet:
            _write(_styled(safe_text(text), _DIM))

    def warn(self, text: str) -> None:
        """Something is wrong, and the command goes on."""
        _write(f"{_styled('warning:', _YELLOW)} {safe_text(text)}")

    def name_target(self, settings: "Settings") -> None:
        """Say where something is about to be changed, before it is."""
        self.say(f"at {settings.target()}")

    def rejected(self, event: "RecordRejected") -> None:
        """A stored record does not fit the contract; said once, however often it is read."""
        key = (event.path, event.reasons)
        if key not in self._reported:
            self._reported.add(key)
            self.warn(f"malformed record at {event.path}: {'; '.join(event.reasons)}")

    def error(self, error: ImbariError) -> None:
        """The command ends here. Broken rules are shown with the line they are in."""
        if isinstance(error, RulesError):
            place = f"{error.where or 'rules'}:{error.line}:{error.column}"
            _write(f"{_styled('error:', _RED)} {safe_text(f'{place}: {error.what}')}")
            if error.hint:
                _write(safe_text(error.hint, multiline=True).rstrip())
            return
        where = f" (at {error.where})" if error.where else ""
        _write(f"{_styled('error:', _RED)} {safe_text(f'{error.what}{where}')}")
        if hint := _hint(error):
            _write(f"{_styled('hint:', _CYAN)} {safe_text(hint)}")

    def error_line(self, error: ImbariError, *, kind: str, code: int) -> None:
        """The same as one line of JSON, for a program that reads JSON."""
        facts: dict[str, Json] = {
            "kind": kind,
            "exit_code": code,
            "message": error.what,
            "where": error.where,
            "hint": _hint(error),
        }
        if isinstance(error, RulesError):
            facts |= {"line": error.line, "column": error.column}
        _write(json_text({"error": facts}, encoding=sys.stderr.encoding or "utf-8"))

    def end_line(self) -> None:
        """Leave the line on which a terminal has just echoed ``^C``."""
        if self.is_terminal:
            _write("")

    def ring(self) -> None:
        """Sound the terminal's bell, if there is a terminal."""
        if self.is_terminal:
            sys.stderr.write("\a")
            sys.stderr.flush()

    def trace(self, error: BaseException) -> None:
        """Where an error came from, for whoever asked for it."""
        for line in "".join(traceback.format_exception(error)).splitlines():
            _write(safe_text(line))

    def quote(self, text: str) -> None:
        """A person's own text, given back to them; exact but for what a terminal would obey."""
        for line in safe_text(text, multiline=True).splitlines():
            _write(f"  {line}")

    def give_back(self, text: str, *, to: str = "", unknown: bool = False) -> None:
        """A person's own text that was to be sent and did not arrive.

        Args:
            text: What they wrote.
            to: Whom it was for, if that is worth saying.
            unknown: It may have arrived all the same.
        """
        whom = f" to {to}" if to else ""
        if unknown:
            self.warn(f"it is not known whether this was sent{whom}; look before sending it again:")
        else:
            self.warn(f"not sent{whom}:")
        self.quote(text)


class _Log(logging.Handler):
    """The library's own warnings, as narration.

    What the outbox warns of is left out: it knows ids, and whoever sends from here gives back texts
    and ends in an error.
    """

    def __init__(self, stderr: Stderr) -> None:
        super().__init__(logging.WARNING)
        self._stderr = stderr

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _OUTBOX:
            return
        self._stderr.warn(record.getMessage())


@contextmanager
def narrating_log(stderr: Stderr) -> Iterator[None]:
    """Send the library's warnings to ``stderr`` while the block runs."""
    logger, handler = logging.getLogger("imbari_chat"), _Log(stderr)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def ask(question: str) -> str:
    """A person's answer, or nothing when there is no terminal to ask at."""
    if not sys.stdin.isatty():
        return ""
    wipe_waiting()
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def agrees(question: str) -> bool:
    """Whether a person says yes; nobody does when there is no terminal to ask at."""
    return ask(f"{safe_text(question)} [y/N] ").lower() in {"y", "yes"}


def ask_secretly(question: str) -> str:
    """A person's answer without an echo, or nothing when there is no terminal to ask at."""
    return getpass.getpass(question, stream=sys.stderr) if sys.stdin.isatty() else ""


def colours(stream: TextIO) -> bool:
    """True if ``stream`` is a terminal whose owner did not ask for plain text (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _hint(error: ImbariError) -> str | None:
    return next((_HINTS[kind] for kind in type(error).__mro__ if kind in _HINTS), advice(error))


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colours(sys.stderr) else text


class _Waiting:
    """Whether the line at the cursor says that something is waited for."""

    is_shown = False


def show_waiting(text: str) -> None:
    """Say on the line at the cursor of a terminal that something is waited for."""
    sys.stderr.write(f"\r\x1b[2K{_styled(safe_text(text), _DIM)}")
    sys.stderr.flush()
    _Waiting.is_shown = True


def is_waiting_shown() -> bool:
    """Whether it is said still."""
    return _Waiting.is_shown


def wipe_waiting() -> None:
    """Take that line away: something else is about to be on the terminal."""
    if _Waiting.is_shown:
        _Waiting.is_shown = False
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def _write(line: str) -> None:
    wipe_waiting()
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        return  # nobody listens to narration; the command itself is not affected
