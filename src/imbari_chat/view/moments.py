"""How a person names a moment: by a date, by a date and a time, or by how far it is from now.

Told what the time is and where the writer lives; a zone of None is the system's own. All times are
milliseconds since the epoch.
"""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

__all__ = ["AGO", "WHEN", "coming", "morning", "named"]

AGO: Final = "so long ago (45m, 2h, 3d, 1w), or a date or time (2024-03-12, 2024-03-12T14:05)"
"""How to name a moment that is over."""

WHEN: Final = "in so long (45m, 2h, 3d, 1w), tomorrow, or a date or time (2024-03-12T14:05)"
"""How to name a moment that comes."""

_SO_LONG: Final = re.compile(r"(\+?)([0-9]{1,6})([mhdw])", re.ASCII)
_MILLISECONDS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_MORNING: Final = 9


def named(text: str, now: int, zone: tzinfo | None = None) -> int | None:
    """The moment that ``text`` names; None if it names none.

    ``45m``, ``2h``, ``3d`` and ``1w`` are so long before ``now``, and ``+30m`` so long after it;
    anything else is a date or a date and time in ISO 8601, on the spot unless it names a zone.
    """
    given = text.strip()
    if length := _SO_LONG.fullmatch(given):
        return now + _length(length) if length[1] else now - _length(length)
    try:
        then = datetime.fromisoformat(given)
        return int((then if then.tzinfo else then.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return None


def coming(text: str, now: int, zone: tzinfo | None = None) -> int | None:
    """The moment that ``text`` names where one to come is meant: lengths count on from ``now``, and
    ``tomorrow`` is at nine. None if it names none; one that has passed is given all the same."""
    given = text.strip()
    if given == "tomorrow":
        return morning(now, 1, zone)
    length = _SO_LONG.fullmatch(given)
    return now + _length(length) if length else named(given, now, zone)


def morning(now: int, days: int, zone: tzinfo | None = None) -> int:
    """Nine o'clock on the wall so many days after ``now``, though clocks may change until then."""
    day = datetime.fromtimestamp(now / 1000, zone) + timedelta(days=days)
    return int(day.replace(hour=_MORNING, minute=0, second=0).timestamp()) * 1000


def _length(found: re.Match[str]) -> int:
    return int(found[2]) * _MILLISECONDS[found[3]]
