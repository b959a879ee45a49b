"""Arguments as programs give them, checked where the call is made and before anything is sent.

What a type checker would have told is told to everybody else as well: a filter that fits nothing,
or a date that is a text, would otherwise come out as an empty list.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, get_args

from imbari_chat.engine.buffer import Overflow
from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Sender, Status

__all__ = [
    "checked_buffer",
    "checked_callable",
    "checked_count",
    "checked_kind",
    "checked_message_id",
    "checked_moment",
    "checked_seconds",
    "checked_sender",
    "checked_status",
    "one_of",
]

_EVENTS: Final = get_args(ChatEvent)
_LEAST_BUFFERED: Final = 2


def one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Check an argument that takes one of a few words.

    Raises:
        InvalidData: It is another one.
    """
    if value not in choices:
        quoted = [repr(one) for one in choices]
        raise InvalidData(
            f"{name} is {' or '.join([', '.join(quoted[:-1]), quoted[-1]])}, not {value!r}",
            where=name,
        )


def checked_status(value: object) -> None:
    """Check a filter on a session's status; None is none."""
    if value is not None:
        one_of("status", value, get_args(Status))


def checked_sender(value: object) -> None:
    """Check a filter on a message's sender; None is none."""
    if value is not None:
        one_of("sender", value, get_args(Sender))


def checked_count(name: str, value: object, *, least: int = 1) -> None:
    """Check how many of something are wanted.

    Raises:
        InvalidType: It is no whole number.
        InvalidData: It is less than ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, "a whole number", value)
    if value < least:
        raise InvalidData(f"{name} must be at least {least}, not {value}", where=name)


def checked_seconds(name: str, value: object, *, none: bool = False) -> None:
    """Check a time to wait; ``none`` says that None is one.

    Raises:
        InvalidType: It is no number.
        InvalidData: It is negative, or not a number to wait for.
    """
    if value is None and none:
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(name, "a number of seconds", value)
    try:
        seconds = float(value)
    except OverflowError:
        raise InvalidData(f"{name} is more seconds than there are", where=name) from None
    if not seconds >= 0:
        raise InvalidData(f"{name} must not be negative, and is {value}", where=name)


def checked_moment(value: object, name: str = "since") -> int | None:
    """A moment as milliseconds since the epoch; a datetime without a zone is local.

    Raises:
        InvalidType: It is neither a datetime nor a whole number.
        InvalidData: No calendar of this machine reaches there.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        try:
            return int(value.timestamp() * 1000)
        except (OverflowError, OSError, ValueError):
            raise InvalidData(f"{value} is no moment here", where=name) from None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(
            name,
            "a datetime or milliseconds since the epoch",
            value,
            hint="datetime.fromisoformat() reads a text" if isinstance(value, str) else None,
        )
    return value


def checked_buffer(buffer: object, overflow: object) -> None:
    """Check how much of a stream is kept for a slow consumer, and what becomes of more.

    Raises:
        InvalidType: ``buffer`` is no whole number.
        InvalidData: It is below 2, or ``overflow`` is not one of its words.
    """
    checked_count("buffer", buffer, least=_LEAST_BUFFERED)
    one_of("overflow", overflow, get_args(Overflow))


def checked_kind(value: Any) -> None:
    """Check that ``value`` is a class of events, or a base of some.

    Raises:
        InvalidType: It is not.
    """
    if not isinstance(value, type) or not any(issubclass(one, value) for one in _EVENTS):
        raise _wrong("kind", "a class of events such as MessageAdded", value)


def checked_callable(name: str, value: object, *, none: bool = False) -> None:
    """Check what is to be called; ``none`` says that None is nothing to call.

    Raises:
        InvalidType: It cannot be called.
    """
    if not callable(value) and not (none and value is None):
        raise _wrong(name, "something that can be called", value)


def checked_message_id(name: str, value: object) -> str | None:
    """The id of a message that is given as such or by its id.

    Raises:
        InvalidType: It is neither a message nor a text.
    """
    if isinstance(value, Message):
        return value.id
    if value is not None and not isinstance(value, str):
        raise _wrong(name, "a message or its id", value)
    return value


def _wrong(name: str, wanted: str, value: object, *, hint: str | None = None) -> InvalidType:
    if value is None or isinstance(value, type):
        shown = getattr(value, "__name__", "None")
    else:
        shown = f"{type(value).__name__} {value!r:.60}"
    return InvalidType(f"{name} is {wanted}, not {shown}", where=name, hint=hint)
