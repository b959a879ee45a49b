"""Which messages of a session are old, by what was read of it: without a service."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from imbari_chat.client.events import new_messages
from imbari_chat.client.events.new_messages import _Known
from imbari_chat.schema.models import Message
from imbari_chat.schema.order import latest_time, message_place
from tests.view.records import NOW, message, session

FAR = latest_time(NOW) + 1_000
"""A time that is ahead."""


@dataclass
class Newest:
    """What a read gave."""

    timely: list[Message] = field(default_factory=list)
    ahead: list[Message] = field(default_factory=list)
    is_all: bool = True
    is_all_ahead: bool = True
    now: int = NOW
    lower: list[Message] = field(default_factory=list)


def at(*times: int) -> list[Message]:
    """Messages of these times after NOW, ms, each named by its time."""
    return [message(f"m{time}", "x", timestamp=NOW + time) for time in times]


def known(newest: Any, before: _Known | None = None) -> _Known:
    about = session("amina")
    return (before or _Known.by(about)).after(about, newest)


def old(one: _Known, *messages: Message) -> list[bool]:
    return [one.is_old(each, NOW) for each in messages]


def test_before_anything_was_read_the_sessions_time_tells() -> None:
    """What is stamped until then is old."""
    before = _Known.by(session("amina", at=5))
    assert old(before, *at(4, 5, 6)) == [True, True, False]


def test_of_what_was_read_wholly_nothing_else_is_old() -> None:
    """Whoever writes with a slow clock is heard all the same."""
    whole = known(Newest(at(2, 4)))
    assert old(whole, *at(1, 2, 3, 4, 5)) == [False, True, False, True, False]
    assert (whole.floor, whole.ahead_floor) == (None, None)


def test_below_what_was_read_all_is_old() -> None:
    """It was there before, and was not looked at."""
    part = known(Newest(at(2, 4), is_all=False))
    assert old(part, *at(1, 2, 3, 4, 5)) == [True, True, False, True, False]


def test_no_more_are_remembered_than_need_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was forgotten is old, and not what comes to stand below all of it; what a fast clock
    stamped is remembered until its time."""
    monkeypatch.setattr(new_messages, "_MOST_REMEMBERED", 2)
    few = known(Newest(at(-4, -2, -1)))
    assert few.ids is not None
    assert list(few.ids) == ["m-2", "m-1"]
    assert old(few, *at(-5, -4, -3, 0)) == [False, True, False, False]
    then = known(Newest(at(-3, -2, -1)), few)
    assert old(then, *at(-5, -4, -3, -2)) == [False, True, True, True]
    fast = known(Newest(at(-4, 0, 1, 2, 4)))
    assert fast.ids is not None
    assert list(fast.ids) == ["m0", "m1", "m2", "m4"]


@pytest.mark.parametrize(
    ("looked", "lowest", "passed"), [(0, 0, True), (0, 1, False), (9, 1, False), (-1, 0, False)]
)
def test_a_look_goes_down_to_the_time_of_the_last_one(
    looked: int, lowest: int, passed: bool
) -> None:
    """And to its own: what a fast clock has stamped is above what comes meanwhile. All is known."""
    before = known(Newest(at(-1, lowest), now=NOW + looked))
    assert before.is_passed(at(lowest), NOW) is passed
    assert not before.is_passed(at(lowest - 3), NOW)
    assert before.is_passed([], NOW)


def test_a_clock_that_was_set_back_makes_nothing_new() -> None:
    """Of what was timely a moment ago, some is not now, and a look went deeper for others."""
    before = known(Newest(at(2, 4), is_all=False))
    after = known(Newest(at(1), is_all=False), before)
    assert old(after, *at(1, 2, 4)) == [True, True, True]
    assert after.floor == before.floor
    assert known(Newest(at(3), is_all=False), before).floor == message_place(*at(3))
    assert known(Newest(at(1)), before).floor is None
    assert known(Newest(is_all=False), before).floor == before.floor


def test_what_is_ahead_is_remembered_for_as_long_as_it_is() -> None:
    """A stamp of tomorrow is new once."""
    there = message("far", "x", timestamp=FAR)
    first = known(Newest(at(1), [there]))
    assert old(first, there, message("other", "x", timestamp=FAR)) == [True, False]
    then = known(Newest(at(2), now=NOW), first)
    assert list(then.ahead) == ["far"]
    assert known(Newest(at(2), now=FAR), first).ahead == {}


def test_what_was_ahead_from_the_beginning_is_old() -> None:
    """Up to the lowest that was read, if others are below; later ones are new."""
    there = [message(f"f{by}", "x", timestamp=FAR + by) for by in (2, 4)]
    first = known(Newest(at(1), there, is_all_ahead=False))
    assert first.ahead_floor == message_place(there[0])
    below, between = (message(f"f{by}", "x", timestamp=FAR + by) for by in (1, 3))
    assert old(first, below, between) == [True, False]
    then = known(Newest(at(2), there[1:], is_all_ahead=False), first)
    assert then.ahead_floor == first.ahead_floor
    assert known(Newest(at(1), there)).ahead_floor is None
    assert known(Newest(at(1), is_all_ahead=False)).ahead_floor is None


@pytest.mark.parametrize(
    ("timely", "is_all_ahead", "later", "is_old"),
    [
        (at(), False, 0, [True, True, False]),
        (at(), False, -1, [False, True, False]),
        (at(1), False, 0, [False, False, False]),
        (at(), True, 0, [False, False, False]),
    ],
)
def test_what_was_all_ahead_to_begin_with_is_old_when_its_time_has_come(
    timely: list[Message], is_all_ahead: bool, later: int, is_old: list[bool]
) -> None:
    """Up to the session's time of then, since nobody looked further down. Before, only what stood
    below what was read, and was ahead as well."""
    there = [message("far", "x", timestamp=FAR)]
    about = session("amina", lastMessageTime=FAR)
    read: Any = Newest(timely, there, is_all=False, is_all_ahead=is_all_ahead)
    first = _Known.by(about).after(about, read)
    later_on = session("amina", lastMessageTime=FAR + 5)
    again = first.after(later_on, read).after(later_on, read)
    for one in (first, again):
        now = FAR - latest_time(0) + later
        told = [message(f"f{by}", "x", timestamp=FAR + by) for by in (-1, 0, 1)]
        assert [one.is_old(each, now) for each in told] == is_old


def test_no_more_that_is_ahead_is_remembered_than_need_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many the lowest are old for as long as they are ahead."""
    monkeypatch.setattr(new_messages, "_MOST_AHEAD", 2)
    there = [message(f"f{9 - by}", "x", timestamp=FAR + by) for by in (1, 3, 5)]
    many = known(Newest(at(1), there))
    assert list(many.ahead) == ["f6", "f4"]
    between = [message("g", "x", timestamp=FAR + by) for by in (2, 4)]
    assert old(many, *there, *between) == [True, True, True, True, False]
    assert known(Newest(at(1), there[1:])).ahead_floor is None


@pytest.mark.parametrize(
    ("fields", "moved"),
    [
        ({}, False),
        ({"unreadCount": 5}, False),
        ({"lastMessage": "other"}, True),
        ({"lastMessageTime": NOW + 1}, True),
        ({"lastCustomerMessageId": "-m"}, True),
    ],
)
def test_a_session_moves_with_a_message(fields: dict[str, Any], moved: bool) -> None:
    """By its preview, its time, or the message that it names."""
    assert _Known.by(session("amina")).has_moved(session("amina", **fields)) is moved
    assert _Known(None, 0).has_moved(session("amina"))


@pytest.mark.parametrize(
    ("to", "foreseen"),
    [
        ({"lastMessageTime": NOW, "lastMessage": "m0"}, True),
        ({"lastMessageTime": NOW + 1, "lastMessage": "m1"}, True),
        ({"lastMessageTime": NOW + 1, "lastMessage": "m1", "lastCustomerMessageId": "m-1"}, True),
        ({"lastMessageTime": NOW + 1, "lastMessage": "m1", "lastCustomerMessageId": "m9"}, False),
        ({"lastMessageTime": NOW + 1, "lastMessage": "m0"}, False),
        ({"lastMessageTime": NOW + 2, "lastMessage": "m2"}, False),
        ({"lastMessageTime": NOW - 1, "lastMessage": "m-1"}, False),
    ],
)
def test_a_session_may_come_to_what_was_read_already(to: dict[str, Any], foreseen: bool) -> None:
    """What was written together with it, by who is signed in, and is no older than it was."""
    by = {"m2": None}
    read = [
        message(one.id, one.id, timestamp=one.timestamp, senderUid=by.get(one.id, "u"))
        for one in at(-1, 0, 1, 2)
    ]
    assert known(Newest(read)).has_foreseen(session("amina", **to)) is foreseen


@pytest.mark.parametrize(("when", "named"), [(-6, "m-5"), (-4, "m-5"), (4, "m5"), (9, "m5")])
def test_of_messages_that_read_alike_a_session_names_the_nearest(when: int, named: str) -> None:
    """By its time, which is about when it was written."""
    alike: Any = Newest([message(one.id, "thanks", timestamp=one.timestamp) for one in at(-5, 5)])
    about = session("amina", at=when, lastMessage="thanks")
    told = _Known.by(session("amina", at=10)).new(about, alike)
    assert [one.id for one in told] == [named]
