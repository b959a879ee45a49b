"""Push ids: keys that clients make without asking, and that sort by when they were made.

Twenty characters: eight for the time in milliseconds, then twelve for chance.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from imbari_chat.errors import InvalidData

__all__ = ["PushIds", "is_push_id", "rank_of", "timestamp_of"]

_ALPHABET: Final = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_DIGIT: Final = {character: digit for digit, character in enumerate(_ALPHABET)}
_TIME_DIGITS: Final = 8
_CHANCE_DIGITS: Final = 12
_LENGTH: Final = _TIME_DIGITS + _CHANCE_DIGITS
_BASE: Final = 64
_CHANCES: Final = _BASE**_CHANCE_DIGITS
_BYTES: Final = _LENGTH * 6 // 8
_FROM_BASE64: Final = bytes.maketrans(
    (ascii_uppercase + ascii_lowercase + digits + "+/").encode(), _ALPHABET.encode()
)
"""The same digits, written otherwise."""


class PushIds:
    """A maker of push ids. Within one millisecond it counts upwards, so its ids stay in order.

    Not safe to share between threads.

    Args:
        random_digits: Gives twelve numbers from 0 to 63, as unpredictable as the caller can.
    """

    def __init__(self, random_digits: Callable[[], Sequence[int]]) -> None:
        self._random_digits = random_digits
        self._asked = -1
        self._last = -1  # the whole id as one number, so that a carry runs into the time

    def make(self, now: int, after: str | None = None) -> str:
        """The next id, greater than every id made before for the same or an earlier time.

        Args:
            now: Milliseconds since the epoch, by the server's clock as far as it is known.
            after: A key of somebody else's that the id has to sort after as well. It then stands in
                a later millisecond with chance of its own: whoever else follows the same key makes
                another id.

        Raises:
            ValueError: The time does not fit eight digits, or the random digits are not twelve
                numbers from 0 to 63.
        """
        bound = None if after is None else rank_of(after)
        if bound is not None and now <= bound // _CHANCES:
            now = bound // _CHANCES + 1
        if not 0 <= now < _BASE**_TIME_DIGITS:
            raise ValueError(f"a push id cannot hold the time {now}")
        if now == self._asked:
            number = self._last + 1
        else:
            number = now * _CHANCES + self._chance()
            if now > self._asked:
                number = max(number, self._last + 1)
        self._asked, self._last = now, number
        return b64encode(number.to_bytes(_BYTES)).translate(_FROM_BASE64).decode()

    def _chance(self) -> int:
        chosen = self._random_digits()
        if len(chosen) != _CHANCE_DIGITS or min(chosen) < 0 or max(chosen) >= _BASE:
            raise ValueError("a push id takes twelve random digits from 0 to 63")
        number = 0
        for digit in chosen:
            number = number * _BASE + digit
        return number


def is_push_id(text: str) -> bool:
    """True if ``text`` has the shape of a push id."""
    return len(text) == _LENGTH and _DIGIT.keys() >= set(text)


def rank_of(key: str) -> int | None:
    """Where ``key`` stands among push ids: one of a higher rank sorts after it.

    Any key made of the same characters has a rank, also a shorter or a longer one; None for others.
    """
    ranked = [_DIGIT.get(character) for character in key[:_LENGTH]]
    rank = 0
    for digit in ranked + [0] * (_LENGTH - len(ranked)):
        if digit is None:
            return None
        rank = rank * _BASE + digit
    return rank


def timestamp_of(push_id: str) -> int:
    """When ``push_id`` was made, in milliseconds since the epoch, by its maker's clock.

    Raises:
        InvalidData: It is not a push id.
    """
    if not is_push_id(push_id):
        raise InvalidData("not a push id", where=repr(push_id[:80]))
    time = 0
    for character in push_id[:_TIME_DIGITS]:
        time = time * _BASE + _DIGIT[character]
    return time
