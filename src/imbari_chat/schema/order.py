"""The order of a conversation and of the inbox: the only home of what comes before what.

Messages stand by (``timestamp``, id), sessions by (``lastMessageTime``, id), as the service sorts
them: what is no number stands before or after all numbers, and ids that look like integers stand by
number, before all others. Under the strict rules both times are the server's. Under the compat
rules a time may be a browser's, up to a day ahead of the server's.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from imbari_chat.schema.models import Message, Session
from imbari_chat.wire.json import Json
from imbari_chat.wire.keys import SortKey, key_order
from imbari_chat.wire.order import value_order
from imbari_chat.wire.pushid import is_push_id, timestamp_of
from imbari_chat.wire.tree import from_json

__all__ = [
    "Place",
    "arrivals",
    "is_ahead",
    "latest",
    "latest_time",
    "message_place",
    "place_of_message",
    "place_of_session",
    "session_place",
    "time_of",
]

Place: TypeAlias = SortKey
"""Where a record stands: the order of its time, then of its id."""

_TOLERANCE: Final = 60_000
"""Milliseconds by which this machine may be wrong about the server's time."""

_NUMBER = value_order(from_json(0))[0]


def message_place(message: Message) -> Place:
    """Where a message stands in its conversation."""
    return ((_NUMBER, message.timestamp), key_order(message.id))


def session_place(session: Session) -> Place:
    """Where a session stands in the inbox."""
    return ((_NUMBER, session.last_message_time), key_order(session.id))


def place_of_message(key: str, raw: Json) -> Place:
    """Where a stored message stands, whatever is stored."""
    return _place(key, raw, "timestamp")


def place_of_session(key: str, raw: Json) -> Place:
    """Where a stored session stands, whatever is stored."""
    return _place(key, raw, "lastMessageTime")


def time_of(place: Place) -> int:
    """The time by which something stands there, ms, rounded down; 0 if that is no number."""
    match place:
        case ((kind, int() | float() as time), *_) if kind == _NUMBER:
            return int(time)
    return 0


def is_ahead(place: Place, now: int) -> bool:
    """Whether what stands there was stamped later than the server's time.

    Args:
        place: Where.
        now: The server's time, ms, give or take a minute.
    """
    end: Place = (_NUMBER, latest_time(now))
    return place[:1] > (end,)


def latest_time(now: int) -> int:
    """The latest stamp that is not ahead of the server's time, ms.

    Args:
        now: The server's time, ms, give or take a minute.
    """
    return now + _TOLERANCE


def latest(places: Sequence[Place], count: int, now: int) -> list[Place]:
    """The last ``count`` of these, in order, where what is ahead of its time is not alone.

    Whoever may choose a time can put any number of records at the end, for a day. They take at most
    half of the room as long as there are others.

    Args:
        places: In order.
        count: How many at most.
        now: The server's time, ms.
    """
    ahead = [place for place in places if is_ahead(place, now)]
    others = places[: len(places) - len(ahead)]
    room = max(count // 2, count - len(others))
    ahead = ahead[max(len(ahead) - room, 0) :]
    return [*others[max(len(others) - (count - len(ahead)), 0) :], *ahead]


def arrivals(messages: Iterable[Message], now: int) -> list[tuple[Message, int]]:
    """When each of these reached the server, ms, as far as it can be told, in the order of the ids.

    What has a later id than another message has a later time as well, if its time is the server's
    and its writer had seen that message. Otherwise the time is a slow browser's, and the id, which
    the website's library makes by the server's clock, knows better, unless it is ahead.

    Args:
        messages: In any order.
        now: The server's time, ms.
    """
    latest_yet, found = 0, []
    for message in sorted(messages, key=lambda one: key_order(one.id)):
        arrival = message.timestamp
        if arrival < latest_yet and is_push_id(message.id):
            made = timestamp_of(message.id)
            arrival = max(arrival, made) if made <= latest_time(now) else arrival
        latest_yet = max(latest_yet, message.timestamp)
        found.append((message, arrival))
    return found


def _place(key: str, raw: Json, name: str) -> Place:
    value = raw.get(name) if isinstance(raw, dict) else None
    if type(value) is int:
        return ((_NUMBER, value), key_order(key))
    return (value_order(from_json(value)), key_order(key))
