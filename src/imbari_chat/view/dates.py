"""Instants in words. Told what the time is and where the reader lives; English on every machine.

All times are milliseconds since the epoch. A zone of None is the system's own. An instant that no
calendar holds, and the 0 of a record that does not say, give an empty string.
"""

from datetime import datetime, tzinfo
from typing import Final

from imbari_chat.schema.models import as_datetime

__all__ = ["clock_time", "day", "full", "since"]

_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def since(then: int, now: int, zone: tzinfo | None) -> str:
    """How long ago, at most six characters: ``now``, ``4m``, ``3h``, ``2d``, ``12 Mar``, ``2024``.

    A time in the future, by another machine's clock, is ``now``.
    """
    local = _local(then, zone)
    if local is None:
        return ""
    passed = now - then
    if passed < _MINUTE:
        return "now"
    if passed < _HOUR:
        return f"{passed // _MINUTE}m"
    if passed < _DAY:
        return f"{passed // _HOUR}h"
    if passed < 7 * _DAY:
        return f"{passed // _DAY}d"
    today = _local(now, zone)
    if today is not None and today.year == local.year:
        return f"{local.day} {_MONTHS[local.month - 1][:3]}"
    return str(local.year)


def clock_time(then: int, zone: tzinfo | None) -> str:
    """The time of day, ``14:05``."""
    local = _local(then, zone)
    return f"{local:%H:%M}" if local is not None else ""


def day(then: int, now: int, zone: tzinfo | None) -> str:
    """The day: ``today``, ``yesterday``, ``Tuesday 12 March``, with the year if it is another."""
    local, today = _local(then, zone), _local(now, zone)
    if local is None:
        return ""
    if today is not None:
        days_ago = (today.date() - local.date()).days
        if days_ago in {0, 1}:
            return ("today", "yesterday")[days_ago]
    name = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"
    return name if today is not None and today.year == local.year else f"{name} {local.year}"


def full(then: int, zone: tzinfo | None) -> str:
    """Date and time, sortable: ``2024-03-12 14:05``."""
    local = _local(then, zone)
    return f"{local:%Y-%m-%d %H:%M}" if local is not None else ""


def _local(milliseconds: int, zone: tzinfo | None) -> datetime | None:
    instant = as_datetime(milliseconds) if milliseconds > 0 else None
    try:
        return instant.astimezone(zone) if instant is not None else None
    except (OverflowError, OSError, ValueError):  # the last day of year 9999, further east
        return None
