"""How a person names a moment that comes."""

import re
from datetime import datetime, timedelta
from typing import Final

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.since import moment
from imbari_chat.errors import InvalidData

__all__ = ["WHEN", "later"]

WHEN: Final = "in so long (45m, 2h, 3d, 1w), tomorrow, or a date or time (2024-03-12T14:05)"

_LENGTH: Final = re.compile(r"\+?[0-9]+[mhdw]", re.ASCII)
_MORNING: Final = 9


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
