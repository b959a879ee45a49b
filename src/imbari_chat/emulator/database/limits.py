"""How much one request may carry, and the service's words for too much."""

from dataclasses import dataclass
from typing import Final

from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.wire.json import Json, dumps

__all__ = [
    "SIZE_LIMITS",
    "AnswerTooBig",
    "Limits",
    "answer_too_big",
    "body_too_big",
    "weight",
    "write_too_big",
]

_MIB: Final = 1024 * 1024

SIZE_LIMITS: Final = {"tiny": 1, "small": 10, "medium": 30, "large": None, "unlimited": None}
"""Names of ``writeSizeLimit`` and the seconds that a write may be estimated to take, or None.

``large``, which every database starts with, is a minute, and nothing that fits a body takes that:
not worth weighing a tree for.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Those of the service, in bytes. [unsure] that its MB are 1024 * 1024 of them.

    Attributes:
        body: Of one request.
        message: Of one message of a socket, and of what one wants written when it ends.
        answer: Of what one read gives.
        event: Of one event of a stream, which ends with it.
        per_second: What a write is estimated to do in a second.
    """

    body: int = 256 * _MIB
    message: int = 16 * _MIB
    answer: int = 256 * _MIB
    event: int = 512 * _MIB
    per_second: int = 10 * _MIB

    def room(self, size_limit: Json) -> int | None:
        """Bytes that a write under this ``writeSizeLimit`` may touch, or None for any number.

        [unsure] how the service estimates. Here it is the data that goes and comes, as exported
        JSON, at a fixed speed.
        """
        seconds = SIZE_LIMITS.get(size_limit) if isinstance(size_limit, str) else None
        return None if seconds is None else seconds * self.per_second


def weight(value: Json) -> int:
    """Bytes of a value as JSON."""
    return len(dumps(value).encode())


class AnswerTooBig(Refusal):
    """A read of more than one answer holds."""


def answer_too_big() -> AnswerTooBig:
    """A read of more than one answer holds."""
    text = "Data requested exceeds the maximum size that can be accessed with a single request."
    return AnswerTooBig(400, text)


def write_too_big() -> Refusal:
    """A write over its ``writeSizeLimit``. [unsure] in its status."""
    text = "Data to write exceeds the maximum size that can be modified with a single request."
    return Refusal(400, f"WRITE_TOO_BIG: {text}")


def body_too_big() -> Refusal:
    """A body over the hard limit."""
    return Refusal(413, "Payload is too large")
