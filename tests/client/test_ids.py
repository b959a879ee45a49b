"""Ids: in order within a conversation, whatever the clocks say."""

import time
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.client.sending.ids import _MOST_AWAITED, _MOST_SEEN, Ids
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.engine.server_time import Stamp
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import message_place
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.keys import key_order
from imbari_chat.wire.pushid import PushIds, timestamp_of

A, B = SessionId("-A"), SessionId("-B")
NOW = 1_800_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


@dataclass
class Clock:
    """What this machine's clock shows, ms."""

    shows: int = NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """This machine's clock, to be set."""
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: clock.shows * 1_000_000)
    return clock


def _message(key: str, timestamp: int) -> Message:
    return Message.model_validate(
        {"$id": key, "text": "Hi", "from": "customer", "timestamp": timestamp}
    )


def _id_of(milliseconds: int, chance: int = 63) -> str:
    return PushIds(lambda: [chance] * 12).make(milliseconds)


@example([(A, 0, 0, DAY)])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B]),
            st.integers(-5_000, 5_000),
            st.integers(-9_000, 9_000),
            st.integers(-DAY, DAY),
        ),
        max_size=30,
    )
)
def test_ids_of_a_conversation_only_grow_and_follow_what_was_seen(
    steps: list[tuple[SessionId, int, int, int]],
) -> None:
    """Although the clock jumps: after the ids that were seen, and after the times."""
    ids = Ids()
    made: dict[SessionId, list[str]] = {A: [], B: []}
    with pytest.MonkeyPatch.context() as patch:
        for session, jump, stamp, ahead in steps:
            patch.setattr(time, "time_ns", lambda jump=jump: (NOW + jump) * 1_000_000)
            seen = _message(_id_of(NOW + stamp + ahead), NOW + stamp)
            ids.saw(session, seen)
            made[session].append(ids.message(session))
            assert made[session][-1] > seen.id
            assert timestamp_of(made[session][-1]) > seen.timestamp
    for keys in made.values():
        assert keys == sorted(set(keys))


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40), st.data())
def test_both_orders_agree_wherever_a_writer_had_seen_what_came_before(
    turns: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """The server's order by time, and the website's by key: three writers, clocks hours apart."""
    wrong = data.draw(st.lists(st.integers(-HOUR, HOUR), min_size=3, max_size=3))
    writers = [Ids() for _ in wrong]
    server, stored = NOW, [_message("z" * 20, NOW), _message(_id_of(NOW + 2 * DAY), NOW)]
    seen_by: dict[str, list[Message]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for who, reads in turns:
            shows = server + wrong[who]
            patch.setattr(time, "time_ns", lambda shows=shows: shows * 1_000_000)
            if reads:
                for message in stored:
                    writers[who].saw(A, message)
            key = writers[who].message(A)
            server += data.draw(st.integers(0, 3))
            seen_by[key] = [*stored[2:]] if reads else []
            stored.append(_message(key, server))
    for message in stored[2:]:
        for before in seen_by[message.id]:
            assert message_place(before) < message_place(message)
            assert key_order(before.id) < key_order(message.id)


def test_the_ids_remembered_are_those_seen_last(clock: Clock) -> None:
    """One that is seen again is kept longer than those that were not."""
    ids = Ids()
    again, once = _message("-again", NOW), _message("-once", NOW)
    for message in (again, once):
        ids.saw(A, message)
    for number in range(_MOST_SEEN - 2):
        ids.saw(A, _message(f"-{number}", NOW))
    assert {again.id, once.id} <= ids.seen(A)
    ids.saw(A, again)
    ids.saw(A, _message("-last", NOW))
    assert len(ids.seen(A)) == _MOST_SEEN
    assert again.id in ids.seen(A)
    assert once.id not in ids.seen(A)


def test_ids_whose_stamp_never_comes_are_not_awaited_for_ever(clock: Clock) -> None:
    """The first are forgotten; the last still says how wrong the clock is."""
    ids = Ids()
    made = [ids.message(A) for _ in range(3 * _MOST_AWAITED)]
    assert len(ids._made) == _MOST_AWAITED
    ids.saw(A, _message(made[0], NOW + HOUR))
    assert ids.now() == NOW
    ids.saw(A, _message(made[-1], NOW + HOUR))
    assert ids.now() == NOW + HOUR


def test_one_conversations_clock_is_not_anothers(clock: Clock) -> None:
    """And a time that no clock can show is nobody's."""
    ids = Ids()
    ids.saw(A, _message("-", NOW + 60_000))
    ids.saw(B, _message("-", 10**15))
    assert timestamp_of(ids.message(A)) > NOW + 60_000
    assert timestamp_of(ids.message(B)) == NOW
    assert timestamp_of(ids.session()) == NOW


def test_notes_have_ids_in_the_order_in_which_they_were_made(clock: Clock) -> None:
    """By the server's time, as all ids."""
    ids = Ids()
    assert ids.local() == NOW
    ids.stamped(NOW + HOUR, made=NOW)
    made = [ids.note() for _ in range(5)]
    assert made == sorted(set(made))
    assert {timestamp_of(one) for one in made} == {NOW + HOUR}


def test_a_message_follows_the_last_of_its_conversation(clock: Clock) -> None:
    """Of which only the time may be known."""
    ids = Ids()
    last = {"$id": A, "lastMessageTime": NOW + HOUR}
    ids.saw_session(Session.model_validate(last))
    assert timestamp_of(ids.message(A)) > NOW + HOUR
    key = ids.session()
    ids.saw_session(Session.model_validate({"$id": key}))  # which is not whole yet
    assert ids.now() == NOW


def test_the_latest_of_the_ids_is_followed_whichever_was_seen_last(clock: Clock) -> None:
    """One that is longer than the service's too."""
    ids = Ids()
    latest = _id_of(NOW + HOUR) + "z"
    for key in (_id_of(NOW + 1), latest, _id_of(NOW + 2)):
        ids.saw(A, _message(key, NOW))
    made = ids.message(A)
    assert made > latest
    assert {latest, made} <= ids.seen(A)


@pytest.mark.parametrize("junk", ["z" * 20, "z", "~" * 20, "é", _id_of(NOW + DAY + 1), "12"])
def test_junk_ids_drag_nothing_along(clock: Clock, junk: str) -> None:
    """What is further ahead of its message's time than any clock may be is not followed."""
    ids = Ids()
    ids.saw(A, _message(junk, NOW))
    assert timestamp_of(ids.message(A)) <= NOW + 1


def test_two_who_follow_the_same_id_do_not_make_the_same_one(clock: Clock) -> None:
    """A message's place is written once: the second would be taken for the first."""
    seen = _message(_id_of(NOW + HOUR), NOW)
    made = set()
    for _ in range(10):
        ids = Ids()
        ids.saw(A, seen)
        made.add(ids.message(A))
    assert len(made) == 10


def test_hearing_of_ones_own_messages_moves_nothing(clock: Clock) -> None:
    """Or a busy writer would run ahead of the clock, a millisecond for each."""
    ids = Ids()
    for _ in range(50):
        ids.saw(A, _message(ids.message(A), NOW - 5))
    assert timestamp_of(ids.message(A)) == NOW


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_ids_begin_with_the_servers_time_once_it_is_known(clock: Clock, wrong: int) -> None:
    """A confirmed write of one's own, read back, says how wrong this machine's clock is."""
    ids = Ids()
    clock.shows = NOW + wrong
    key = ids.session()
    clock.shows += 40
    session = {"$id": key, "createdAt": NOW + 20, "lastMessageTime": NOW + 20}
    ids.saw_session(Session.model_validate(session))
    assert abs(ids.now() - (NOW + 40)) <= 40
    assert abs(timestamp_of(ids.message(B)) - (NOW + 40)) <= 40


def test_what_others_stamped_says_nothing_about_this_clock(clock: Clock) -> None:
    """It may have been a browser."""
    ids = Ids()
    ids.saw(A, _message(_id_of(NOW), NOW + HOUR))
    ids.saw_session(Session.model_validate({"$id": A, "createdAt": NOW + HOUR}))
    assert ids.now() == NOW


@example(behind=DAY, writes=[(0, 0, 0), (0, 5_000, 5_000)])
@example(behind=-DAY, writes=[(0, 0, 0), (0, 5_000, 5_000)])
@example(behind=0, writes=[(0, 100, 100)])
@given(
    behind=st.integers(-DAY, DAY),
    writes=st.lists(st.tuples(*[st.integers(0, 5_000)] * 3), min_size=1),
)
def test_the_servers_time_is_as_close_as_the_fastest_answer(
    behind: int, writes: list[tuple[int, ...]]
) -> None:
    """However wrong the clock is; and where it is right within the bounds, it is believed."""
    clock, server, local = ServerClock(), NOW, NOW - behind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: local * 1_000_000)
        for pause, there, back in writes:
            server, local = server + pause, local + pause
            made = local
            server, local = server + there, local + there
            stamp = server
            server, local = server + back, local + back
            clock.stamped(stamp, made=made, read=local)
        closest = min(there + back for _, there, back in writes)
        assert abs(clock.now() - server) <= (closest if behind else 0)


def test_what_the_service_says_of_its_clock_is_looked_at_once(clock: Clock) -> None:
    """The latest that it said; in whole seconds, a clock that is right is believed."""
    said: list[Stamp | None] = [None]
    ids = Ids(lambda: said[0])
    assert ids.now() == NOW
    said[0] = Stamp(NOW + HOUR, NOW - 20, NOW)
    assert ids.now() == NOW + HOUR
    assert timestamp_of(ids.message(A)) == timestamp_of(ids.session()) == NOW + HOUR
    said[0] = Stamp(NOW - HOUR, NOW - 20, NOW)
    assert NOW - HOUR <= ids.now() <= NOW - HOUR + 20
    ids.stamped(NOW + 3 * HOUR, made=NOW)
    assert ids.now() == ids.now() == NOW + 3 * HOUR
    ids = Ids(lambda: Stamp(NOW - 700, NOW - 20, NOW, within=1000))
    assert ids.now() == NOW
    for junk in (-1, 0, 2**42, 2**80):
        assert Ids(lambda moment=junk: Stamp(moment, NOW - 20, NOW)).now() == NOW  # type: ignore[misc]  # bound at once


@pytest.mark.parametrize(
    ("moved", "shown"), [(-HOUR, 0), (-1000, 0), (-900, -900), (HOUR, HOUR), (-2 * DAY, 0)]
)
def test_a_clock_that_is_set_back_is_noticed_at_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, moved: int, shown: int
) -> None:
    """However long afterwards; one that goes forward may have slept."""
    monotonic = 5_000_000_000
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic)
    server = ServerClock()
    server.stamped(NOW, made=NOW - 10, read=NOW)
    for _ in range(2):
        assert server.now() == clock.shows
        clock.shows += HOUR
        monotonic += HOUR * 1_000_000
    clock.shows += moved
    assert server.now() == NOW + 2 * HOUR + shown


@pytest.mark.parametrize(
    ("stamps", "behind"),
    [
        ([(0, 100), (50, 150)], 50),
        ([(50, 150), (0, 100)], 50),
        ([(-100, 0), (-150, -50)], -50),
        ([(-150, -50), (-100, 0)], -50),
    ],
)
def test_each_answer_narrows_how_wrong_the_clock_is(
    clock: Clock, stamps: list[tuple[int, int]], behind: int
) -> None:
    """It is taken to be as right as all of them allow."""
    server = ServerClock()
    for least, most in stamps:
        server.stamped(NOW, made=NOW - most, read=NOW - least)
    assert server.now() == NOW + behind


def test_a_clock_that_is_set_back_meanwhile_says_nothing(clock: Clock) -> None:
    """What is known stays."""
    server = ServerClock()
    server.stamped(NOW, made=NOW + HOUR, read=NOW + HOUR + 10)
    server.stamped(NOW, made=NOW + 3 * HOUR, read=NOW)
    assert server.now() == NOW - HOUR


def test_a_clock_that_is_moved_is_measured_anew(clock: Clock) -> None:
    """What was known before contradicts what is stamped now."""
    server = ServerClock()
    server.stamped(NOW, made=NOW + HOUR, read=NOW + HOUR + 10)
    assert server.now() < NOW - HOUR + 20
    server.stamped(NOW, made=NOW - 10, read=NOW)
    assert abs(server.now() - NOW) <= 10
    server.stamped(NOW, made=NOW, read=NOW - HOUR)
    assert abs(server.now() - NOW) <= 10
