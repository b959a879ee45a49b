"""Exit codes, which error ends in which, and the one place where an error becomes one.

Every command runs inside :func:`boundary`: whatever goes wrong, a person sees one line that says
what, perhaps one that says what to do, and never a traceback unless ``IMBARI_CHAT_DEBUG=1``.
"""

import os
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import OutputFailed, ReaderGone, let_go_of_stdout, open_closed_streams
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    Conflict,
    ImbariError,
    InvalidData,
    NotFound,
    QuotaExceeded,
    RulesError,
    Unavailable,
)

__all__ = [
    "MEANINGS",
    "ExitCode",
    "Interrupted",
    "TimeoutReached",
    "UsageError",
    "boundary",
    "code_of",
    "undelivered",
]

DEBUG: Final = "IMBARI_CHAT_DEBUG"


class ExitCode(IntEnum):
    """What a script can tell apart."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_SIGNED_IN = 4
    DENIED = 5
    CONFLICT = 6
    INVALID = 7
    UNAVAILABLE = 8
    QUOTA = 9
    CHECK_FAILED = 10
    TIMEOUT = 124
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.DONE: "done",
    ExitCode.FAILURE: "failure of another kind than these",
    ExitCode.USAGE: "usage: the command, an option or a setting cannot be",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.NOT_SIGNED_IN: "not signed in, or not any more",
    ExitCode.DENIED: "denied by the security rules",
    ExitCode.CONFLICT: "conflict: somebody else changed it first",
    ExitCode.INVALID: "invalid data, or rules that are not in order",
    ExitCode.UNAVAILABLE: "network or service; what was to be sent is given back, or kept if asked",
    ExitCode.QUOTA: "quota of the project used up",
    ExitCode.CHECK_FAILED: "a check failed",
    ExitCode.TIMEOUT: "--timeout reached",
    ExitCode.INTERRUPTED: "Ctrl-C",
}


class Interrupted(Exception):  # not an error either
    """A person pressed Ctrl-C where it is a key like any other, not a signal."""


class UsageError(ImbariError):
    """The command was called in a way it does not offer."""


class TimeoutReached(ImbariError):
    """The time the caller gave with ``--timeout`` is over."""


_CODES: Final[dict[type[ImbariError], ExitCode]] = {
    UsageError: ExitCode.USAGE,
    ConfigError: ExitCode.USAGE,
    NotFound: ExitCode.NOT_FOUND,
    AuthError: ExitCode.NOT_SIGNED_IN,
    AccessDenied: ExitCode.DENIED,
    Conflict: ExitCode.CONFLICT,
    InvalidData: ExitCode.INVALID,
    RulesError: ExitCode.INVALID,
    Unavailable: ExitCode.UNAVAILABLE,
    QuotaExceeded: ExitCode.QUOTA,
    TimeoutReached: ExitCode.TIMEOUT,
}


def code_of(error: ImbariError) -> ExitCode:
    """The exit code of an error: that of its nearest class that has one, else a plain failure."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return ExitCode.FAILURE


def undelivered(*, not_sent: int, unknown: int) -> Unavailable | None:
    """The error of a command that ends with messages whose texts it has just given back.

    Args:
        not_sent: How many were certainly not sent.
        unknown: Of how many it is not known.

    Returns:
        None if there are none.
    """
    if not_sent:
        what = f"{_counted(not_sent)} {'was' if not_sent == 1 else 'were'} not sent"
        what += f", and {unknown} more may not have been" if unknown else ""
    elif unknown:
        what = f"{_counted(unknown)} may not have been sent"
    else:
        return None
    return Unavailable(what, outcome_unknown=bool(unknown))


def _counted(messages: int) -> str:
    return f"{messages} message{'' if messages == 1 else 's'}"


def boundary(command: Callable[[], object], *, as_json: bool = False) -> int:
    """Run ``command`` and turn whatever comes of it into an exit code and a line on stderr.

    Args:
        command: Returns an exit code, or anything else for 0. It may raise whatever it likes.
        as_json: Tell of an error in JSON, on the last line of standard error.
    """
    open_closed_streams()
    try:
        result = command()
    except KeyboardInterrupt:
        Stderr().end_line()
        return ExitCode.INTERRUPTED
    except Interrupted:
        return ExitCode.INTERRUPTED
    except ReaderGone:
        let_go_of_stdout()
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001  # the top of the program
        stderr = Stderr()
        if isinstance(error, OutputFailed):
            let_go_of_stdout()
        if _debugging():
            stderr.trace(error)
        known = error if isinstance(error, ImbariError) else _explained(error)
        code = code_of(known)
        if as_json:
            stderr.error_line(known, kind=code.name.lower().replace("_", "-"), code=code)
        else:
            stderr.error(known)
        return code
    return result if isinstance(result, int) else ExitCode.DONE


def _explained(error: Exception) -> ImbariError:
    """Whatever is not ours: a file that cannot be used, or else a mistake of ours."""
    if isinstance(error, OSError):
        where = None if error.filename is None else str(error.filename)
        return ImbariError(error.strerror or str(error), where=where)
    return ImbariError(
        f"unexpected {type(error).__name__}: {error}",
        hint=f"This is a mistake in imbari-chat; {DEBUG}=1 shows where",
    )


def _debugging() -> bool:
    return os.environ.get(DEBUG, "") not in {"", "0"}
