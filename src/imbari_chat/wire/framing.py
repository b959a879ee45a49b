"""How a message becomes texts on a socket, and texts become a message again.

A message of more than 16,384 UTF-16 units travels in segments, after a text that says how many:

    3           a count, in at most 6 characters
    {"t":"d...  so many segments
    ...
    0           or nothing at all: keepalive, which means nothing

Both sides use this. A reader takes segments of any size, and a count of 1.
"""

import re
from collections.abc import Iterator
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import utf16_length

__all__ = ["KEEP_ALIVE", "MAX_UNITS", "Joiner", "TooLong", "segments", "texts"]

KEEP_ALIVE: Final = "0"
"""What a client sends into silence. A server never does: it stops the JavaScript SDK for good."""

MAX_UNITS: Final = 16_384
"""UTF-16 units of one text. At most 48 KiB of UTF-8, of which the Java SDK takes 64."""

_LONGEST_COUNT: Final = 6
_COUNT = re.compile(r"\s*[+-]?[0-9]+\s*")


class TooLong(InvalidData):
    """A message of more bytes than agreed."""


def texts(message: str) -> list[str]:
    """The texts that carry ``message``: itself, or a count and its segments."""
    if len(message) <= MAX_UNITS and utf16_length(message) <= MAX_UNITS:
        return [message]
    cut = list(segments(message))
    return [str(len(cut)), *cut]


def segments(message: str) -> Iterator[str]:
    """``message`` cut into pieces that are as long as one text may be.

    Cut between code points: half of a surrogate pair would not survive the way.
    """
    begin, end = 0, len(message)
    while begin < end:
        stop = begin + MAX_UNITS
        piece = message[begin:stop]
        excess = utf16_length(piece) - MAX_UNITS
        while excess > 0:  # no shorter than half of it, since no character is two more
            stop -= max(1, excess // 2)
            piece = message[begin:stop]
            excess = utf16_length(piece) - MAX_UNITS
        yield piece
        begin += len(piece)


class Joiner:
    """Texts in, messages out.

    Args:
        limit: Bytes of UTF-8 that one message may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._missing = 0
        self._pieces: list[str] = []
        self.held = 0
        """Bytes of a message that is not complete yet."""

    @property
    def is_waiting(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._missing)

    def take(self, text: str) -> str | None:
        """The message that ``text`` completes, or None if there is none yet.

        Raises:
            TooLong: The message has more bytes than it may.
            InvalidData: A count makes no sense.
        """
        if not self._missing:
            if len(text) > _LONGEST_COUNT or not _is_count(text):
                self._check(text)
                return text
            self._missing = int(text) if text.strip() else 0
            if self._missing < 0:
                raise InvalidData(f"a message cannot have {self._missing} segments")
            return None
        self._check(text)
        self._pieces.append(text)
        self._missing -= 1
        if self._missing:
            return None
        message = "".join(self._pieces)
        self._pieces.clear()
        self.held = 0
        return message

    def _check(self, text: str) -> None:
        self.held += len(text) if text.isascii() else len(text.encode(errors="replace"))
        if self.held > self._limit:
            raise TooLong(f"a message has at most {self._limit} bytes")
        if not self._missing:
            self.held = 0


def _is_count(text: str) -> bool:
    return not text.strip() or _COUNT.fullmatch(text) is not None
