"""How a person names a moment: by a date, by a date and a time, or by how far it is from now."""

import re
from datetime import datetime, timedelta
from typing import Final

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.errors import InvalidData

__all__ = ["AGO", "WHEN", "later", "moment"]

AGO: Final = "so long ago (45m, 2h, 3d, 1w), or a date or time (2024-03-12, 2024-03-12T14:05)"
"""How to name a moment that is over."""

WHEN: Final = "in so long (45m, 2h, 3d, 1w), tomorrow, or a date or time (2024-03-12T14:05)"
"""How to name a moment that comes."""

_SO_LONG: Final = re.compile(r"(\+?)([0-9]{1,6})([mhdw])", re.ASCII)
_MILLISECONDS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LENGTH: Final = re.compile(r"\+?[0-9]+[mhdw]", re.ASCII)
_MORNING: Final = 9


def moment(text: str, now: int, *, option: str) -> int:
    """The moment that ``text`` names, in ms since the epoch.

    ``45m``, ``2h``, ``3d`` and ``1w`` are so long before ``now``, and ``+30m`` so long after it;
    anything else is a date or a date and time in ISO 8601, in this machine's time zone unless it
    names one.

    Args:
        text: What was typed.
        now: ms since the epoch.
        option: Where it was typed.

    Raises:
        UsageError: It names no moment.
    """
    given = text.strip()
    ago = _SO_LONG.fullmatch(given)
    if ago:
        length = int(ago[2]) * _MILLISECONDS[ago[3]]
        return now + length if ago[1] else now - length
    try:
        return int(datetime.fromisoformat(given).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {given[:40]!r} is neither a date nor a length of time",
            hint="For example 2h, 3d, 2024-03-12 or 2024-03-12T14:05",
        ) from None


def later(text: str, now: int, *, option: str) -> int:
    """The moment that ``text`` names, in ms since the epoch; tomorrow is at nine.

    Args:
        text: What was typed; see :data:`WHEN`.
        now: ms since the epoch.
        option: Where it was typed.

    Raises:
        UsageError: It names no moment.
        InvalidData: That has passed.
    """
    given = text.strip()
    if given == "tomorrow":
        day = datetime.fromtimestamp(now / 1000).astimezone() + timedelta(days=1)
        return int(day.replace(hour=_MORNING, minute=0, second=0).timestamp()) * 1000
    if _LENGTH.fullmatch(given):
        return 2 * now - moment(given.removeprefix("+"), now, option=option)
    try:
        then = moment(given, now, option=option)
    except UsageError as error:
        raise UsageError(error.what, hint=f"Say {WHEN}") from None
    if then <= now:
        raise InvalidData(f"{option} {given!r} has passed already")
    return then
