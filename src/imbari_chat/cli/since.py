"""Moments that are named on the command line."""

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.errors import InvalidData
from imbari_chat.view import moments

__all__ = ["later", "moment"]


def moment(text: str, now: int, *, option: str) -> int:
    """The moment that ``text`` names, in ms since the epoch; see :func:`moments.named`.

    Args:
        text: What was typed.
        now: ms since the epoch.
        option: Where it was typed.

    Raises:
        UsageError: It names no moment.
    """
    then = moments.named(text, now)
    if then is None:
        raise _no_moment(text, option, "For example 2h, 3d, 2024-03-12 or 2024-03-12T14:05")
    return then


def later(text: str, now: int, *, option: str) -> int:
    """The moment to come that ``text`` names, in ms since the epoch; see :func:`moments.coming`.

    Args:
        text: What was typed.
        now: ms since the epoch.
        option: Where it was typed.

    Raises:
        UsageError: It names no moment.
        InvalidData: That has passed.
    """
    then = moments.coming(text, now)
    if then is None:
        raise _no_moment(text, option, f"Say {moments.WHEN}")
    if then <= now:
        raise InvalidData(f"{option} {text.strip()!r} has passed already")
    return then


def _no_moment(text: str, option: str, hint: str) -> UsageError:
    what = f"{option} {text.strip()[:40]!r} is neither a date nor a length of time"
    return UsageError(what, hint=hint)
