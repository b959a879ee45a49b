"""What the service's answers say of its clock.

A socket's greeting does so in milliseconds (reference: hello), an HTTP answer in whole seconds.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["SECOND", "Stamp", "http_date"]

SECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment that the service named.

    Attributes:
        timestamp: What its clock showed, ms since the epoch, or so much less.
        made: When it was asked, by this machine's clock, ms.
        read: When the answer came, likewise.
        within: By how much the service's clock may have shown more than it said, ms.
    """

    timestamp: int
    made: int
    read: int
    within: int = 0


def http_date(text: str | None, age: str | None = None) -> int | None:
    """The moment that a ``Date`` header names, ms; None if it names none, or a past one.

    Args:
        text: The header.
        age: The ``Age`` header, which a cache adds.
    """
    if text is None or age is not None:
        return None
    from email.utils import parsedate_to_datetime  # whoever has such a header has loaded it

    try:
        return int(parsedate_to_datetime(text).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None
