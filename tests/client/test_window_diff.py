"""From values to events, each change once."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.events import diff as module
from imbari_chat.client.events.diff import PENDING, MessageDiff, SessionDiff, WindowDiff
from imbari_chat.client.events.lowest import Lowest
from imbari_chat.schema.events import (
    ChatEvent,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.order import Place, latest_time, place_of_message, place_of_session
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from tests.view.records import message


def _message(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "from": "customer", "timestamp": 1, **more}


def _session(time: int, **more: Any) -> dict[str, Any]:
    return {
        "customerName": "A",
        "lastMessageTime": time,
        "unreadCount": 0,
        "status": "active",
        **more,
    }


def _messages(limit: int = 3) -> MessageDiff:
    return MessageDiff(SessionId("-S"), limit)


def _kinds(events: Sequence[ChatEvent]) -> list[tuple[str, str]]:
    return [(type(event).__name__, _subject(event)) for event in events]


def _subject(event: ChatEvent) -> str:
    match event:
        case MessageAdded() | MessageChanged() | MessageRemoved():
            return event.message.id
        case SessionAdded() | SessionChanged() | SessionRemoved():
            return event.session.id
        case _:
            return ""


def test_a_snapshot_that_changed_nothing_says_nothing() -> None:
    """A reconnect without loss is silent."""
    diff = _messages()
    diff.update({"a": _message("1")})
    assert diff.update({"a": _message("1")}) == []


def test_additions_changes_and_removals_are_told_apart() -> None:
    """In the order of the ids."""
    diff = _messages()
    diff.update({"a": _message("1"), "b": _message("2")})
    events = diff.update({"b": _message("2", read=True), "c": _message("3")})
    assert [type(event) for event in events] == [MessageRemoved, MessageChanged, MessageAdded]


def test_a_message_pushed_out_of_a_full_window_was_not_deleted() -> None:
    """The window moves; the message stays where it is."""
    diff = _messages(2)
    diff.update({"a": _message("1"), "b": _message("2")})
    events = diff.update({"b": _message("2"), "c": _message("3")})
    assert _kinds(events) == [("MessageAdded", "c")]


def test_a_message_deleted_from_a_full_window_is_reported_and_its_replacement_is_not_news() -> None:
    """An older message fills the gap; it did not just arrive."""
    diff = _messages(2)
    diff.update({"b": _message("2"), "c": _message("3")})
    window: Json = {"a": _message("1"), "b": _message("2")}
    assert diff.gap(window) is None
    assert _kinds(diff.update(window)) == [("MessageRemoved", "c")]


def test_news_in_a_full_window_is_what_is_unknown_wherever_its_id_sorts() -> None:
    """Ids are made by clocks that may be behind; only what comes in at the old end is old."""
    diff = _messages(2)
    floor, newest = _message("1", timestamp=1), _message("2", timestamp=2)
    diff.update({"m": floor, "n": newest})
    beside: dict[str, Json] = {"b": _message("3", timestamp=2), "n": newest}
    assert _kinds(diff.update(beside)) == [("MessageAdded", "b")]
    above: dict[str, Json] = {"n": newest, "a": _message("4", timestamp=3)}
    assert _kinds(diff.update(above)) == [("MessageAdded", "a")]


def test_true_and_one_are_different_values() -> None:
    """Strict JSON equality, all the way down."""
    diff = _messages()
    diff.update({"a": _message("1", mood=1)})
    assert _kinds(diff.update({"a": _message("1", mood=True)})) == [("MessageChanged", "a")]


def test_only_touched_children_are_looked_at() -> None:
    """What a push did not name is taken as unchanged."""
    diff = _messages()
    diff.update({"a": _message("1"), "b": _message("2")})
    events = diff.update({"a": _message("x"), "b": _message("y")}, frozenset({"b"}))
    assert _kinds(events) == [("MessageChanged", "b")]


def test_a_push_into_a_full_window_leaves_its_old_end_where_it_is() -> None:
    """What the push did not name is known to stand there still, so there is no gap."""
    diff = _messages(2)
    diff.update({"a": _message("1"), "b": _message("2")})
    window: Json = {"a": _message("1"), "b": _message("2", read=True)}
    assert diff.gap(window, frozenset({"b"})) is None
    assert _kinds(diff.update(window, frozenset({"b"}))) == [("MessageChanged", "b")]
    later: Json = {"b": _message("2", read=True), "c": _message("3")}
    assert diff.gap(later, frozenset({"a", "c"})) is None
    assert _kinds(diff.update(later, frozenset({"a", "c"}))) == [("MessageAdded", "c")]


def test_what_came_and_went_between_two_looks_may_stand_below_the_window() -> None:
    """Its push was folded with those that pushed it out, and the record above it is known."""
    diff = _messages(2)
    diff.update({"a": _message("1"), "b": _message("2")})
    window: Json = {"b": _message("2"), "c": _message("3")}
    gap = diff.gap(window, frozenset({"a", "aa", "c"}))
    assert gap is not None
    events = diff.fill(gap, {"a": _message("1"), "aa": _message("2")})
    assert _kinds(events + diff.update(window, gap=gap)) == [
        ("MessageAdded", "aa"),
        ("MessageAdded", "c"),
    ]


def _place(_: str, raw: Json) -> Place:
    return place_of_message("", raw)


_STEP = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), max_size=4)


@given(st.lists(st.tuples(_STEP, st.booleans())))
def test_the_lowest_record_is_the_lowest_however_the_window_came_about(
    steps: list[tuple[dict[str, int], bool]],
) -> None:
    """Told only what may have changed: records that move up or down, come and go."""
    lowest = Lowest()
    window: dict[str, Json] = {"x": {"timestamp": 5}}
    for step, anew in steps:
        touched = frozenset() if anew else frozenset(step)
        if anew:
            lowest.forget()
        window |= {key: {"timestamp": at} for key, at in step.items()}
        for key in [key for key, at in step.items() if at % 3 == 0]:
            del window[key]
        expected = min((place_of_message("", raw), key) for key, raw in window.items())
        assert lowest.of(window, touched, _place) == expected
        assert lowest.of(window, touched, _place) == expected


def test_a_window_that_changes_a_little_costs_little() -> None:
    """However often a record moves; nor is what is gone remembered."""
    asked: list[str] = []

    def place(key: str, raw: Json) -> Place:
        asked.append(key)
        return place_of_message(key, raw)

    lowest = Lowest()
    window: dict[str, Json] = {f"{at}": {"timestamp": at} for at in range(50)}
    for at in range(1000):
        window["7"] = {"timestamp": 100 + at}
        lowest.of(window, {"7"}, place)
        assert len(lowest._heap) <= 4 * len(window) + 1
    assert len(asked) < 50 + 5 * 1000


def test_a_record_that_did_not_change_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not by those who look at a window before it is delivered, nor when one beside it changes."""
    asked: list[str] = []

    def place(key: str, raw: Json) -> Place:
        asked.append(key)
        return place_of_message(key, raw)

    monkeypatch.setattr(module, "place_of_message", place)
    diff = _messages(4)

    def looks(window: Json, touched: frozenset[str] | None = None) -> list[str]:
        asked.clear()
        diff.is_crowded(window, 0, touched)
        diff.gap(window, touched)
        diff.update(window, touched)
        return sorted(set(asked)) if touched else sorted(asked)

    window: dict[str, Json] = {key: _message(key) for key in "abcd"}
    assert looks(window) == [*"abcd"]
    assert looks(dict(window)) == []
    assert looks({**window, "b": _message("b", read=True)}) == ["b"]
    assert looks({**window, "b": _message("b")}, frozenset("b")) == ["b"]


def test_a_malformed_record_is_reported_once_and_again_when_it_changes() -> None:
    """Not at every event."""
    diff = _messages()
    first = diff.update({"a": {"text": 1}})
    assert [type(event) for event in first] == [RecordRejected]
    assert diff.update({"a": {"text": 1}}) == []
    assert [type(event) for event in diff.update({"a": {"text": 2}})] == [RecordRejected]


def test_a_record_that_is_mended_arrives() -> None:
    """It was not there before, as far as anybody was told."""
    diff = _messages()
    diff.update({"a": {"text": 1}})
    assert _kinds(diff.update({"a": _message("1")})) == [("MessageAdded", "a")]


def test_sessions_come_oldest_first_after_removals() -> None:
    """Replaying the events ends with the newest on top."""
    diff = SessionDiff(5)
    diff.update({"x": _session(1), "y": _session(2)})
    events = diff.update({"y": _session(9), "z": _session(5)})
    assert _kinds(events) == [
        ("SessionRemoved", "x"),
        ("SessionAdded", "z"),
        ("SessionChanged", "y"),
    ]


def test_a_session_that_moved_out_of_the_window_is_not_deleted() -> None:
    """And one that is deleted from inside it is."""
    diff = SessionDiff(2)
    diff.update({"x": _session(1), "y": _session(2)})
    (out, _) = diff.update({"y": _session(2), "z": _session(3)})
    assert isinstance(out, SessionRemoved)
    assert not out.deleted
    (deleted, _) = diff.update({"x": _session(1), "y": _session(2)})
    assert isinstance(deleted, SessionRemoved)
    assert deleted.deleted


def test_a_full_window_that_shares_nothing_with_the_last_one_is_a_gap() -> None:
    """What lies between has to be read, and comes in between."""
    diff = _messages(2)
    diff.update({"a": _message("1"), "b": _message("2")})
    window: Json = {"e": _message("5"), "f": _message("6")}
    gap = diff.gap(window)
    assert gap is not None
    events = diff.fill(gap, {"b": _message("2"), "c": _message("3"), "d": _message("4")})
    events += diff.update(window, gap=gap)
    assert _kinds(events) == [("MessageAdded", key) for key in "cdef"]


def test_one_known_record_does_not_hide_a_gap() -> None:
    """A customer who was known writes again, and stands in the window where others were missed."""
    diff = SessionDiff(2)
    diff.update({"x": _session(1), "y": _session(2)})
    window: Json = {"z": _session(8), "y": _session(9)}
    gap = diff.gap(window)
    assert gap is not None
    events = diff.fill(gap, {"v": _session(6), "w": _session(7)})
    events += diff.update(window, gap=gap)
    assert _kinds(events) == [
        ("SessionAdded", "v"),
        ("SessionAdded", "w"),
        ("SessionRemoved", "v"),
        ("SessionRemoved", "w"),
        ("SessionRemoved", "x"),
        ("SessionAdded", "z"),
        ("SessionChanged", "y"),
    ]


def test_a_message_whose_id_sorts_before_the_newest_is_news_in_a_full_window() -> None:
    """What is not known is new, wherever its writer's clock puts it."""
    diff = _messages(3)
    diff.update({"m": _message("1"), "n": _message("2"), "z": _message("3")})
    events = diff.update({"n": _message("2"), "x": _message("4"), "z": _message("3")})
    assert _kinds(events) == [("MessageAdded", "x")]


def test_what_was_not_found_again_in_a_gap_was_deleted() -> None:
    """A record that the window no longer shows may be gone, or only below it."""
    diff = _messages(3)
    diff.update({key: _message(key) for key in "abc"})
    window: Json = {key: _message(key) for key in "efg"}
    gap = diff.gap(window)
    assert gap is not None
    events = diff.fill(gap, {"c": _message("c"), "d": _message("d")})
    for step in diff.updates(window, gap=gap, at_most=1):
        assert not diff.is_settled
        events += step
    assert diff.is_settled
    assert _kinds(events) == [
        ("MessageAdded", "d"),
        ("MessageRemoved", "b"),
        *[("MessageAdded", key) for key in "efg"],
    ]


JUNK: Final[list[Json]] = ["junk", 1, True, ["x"]]
"""What no record can be made of."""

JUNK_FOR_MESSAGES: Final[list[Json]] = [*JUNK, {"text": "x"}, {"text": 1, "timestamp": 1}]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcdef"),
            st.sampled_from([_message("1"), _message("2"), *JUNK_FOR_MESSAGES]),
            max_size=6,
        ),
        max_size=8,
    )
)
def test_replaying_the_events_gives_the_window(windows: list[dict[str, Any]]) -> None:
    """Whatever sequence of snapshots, a consumer that applies the events holds what is of use in
    the last one."""
    diff, held = _messages(100), {}
    for window in windows:
        for event in diff.update(window):
            match event:
                case MessageAdded(_, message):
                    assert message.id not in held
                    held[message.id] = message.text
                case MessageChanged(_, message, before):
                    assert held[message.id] == before.text
                    held[message.id] = message.text
                case MessageRemoved(_, message):
                    del held[message.id]
        assert held == {
            key: one["text"] for key, one in window.items() if one not in JUNK_FOR_MESSAGES
        }


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcdef"),
            st.builds(_session, st.integers(0, 3)) | st.sampled_from(JUNK),
            max_size=6,
        ),
        max_size=8,
    ),
    st.integers(2, 6),
)
def test_replaying_the_events_gives_the_sessions(windows: list[dict[str, Any]], limit: int) -> None:
    """The same of conversations, however few the window holds."""
    diff = SessionDiff(limit)
    held: dict[str, int] = {}
    for everything in windows:
        latest = sorted(everything, key=lambda key: place_of_session(key, everything[key]))[-limit:]
        window = {key: everything[key] for key in latest}
        for event in diff.update(window):
            match event:
                case SessionAdded(session):
                    assert session.id not in held
                    held[session.id] = session.last_message_time
                case SessionChanged(session, before):
                    assert held[session.id] == before.last_message_time
                    held[session.id] = session.last_message_time
                case SessionRemoved(session):
                    del held[session.id]
        assert held == {
            key: one["lastMessageTime"] for key, one in window.items() if one not in JUNK
        }


@pytest.mark.parametrize("junk", JUNK)
def test_what_does_not_fit_any_more_is_reported_and_removed(junk: Json) -> None:
    """It is not deleted; when it fits again it is added."""
    for diff, record in ((_messages(), _message("x")), (SessionDiff(3), _session(1))):
        kinds = []
        fits: Json = {"a": record}
        windows: list[Json] = [fits, {"a": junk}, fits, {"a": junk}, {}]
        for window in windows:
            events = diff.update(window)
            kinds.append([type(one).__name__ for one in events])
            assert not any(isinstance(one, SessionRemoved) and one.deleted for one in events)
        name = "Message" if isinstance(diff, MessageDiff) else "Session"
        added, removed = [f"{name}Added"], ["RecordRejected", f"{name}Removed"]
        assert kinds == [added, removed, added, removed, []]


SESSIONS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.builds(_session, st.integers(0, 5)) | st.sampled_from([{"unreadCount": -1}, "junk", 1]),
    max_size=8,
)


@given(st.lists(SESSIONS, max_size=5), st.integers(1, 4))
def test_steps_of_any_size_give_the_same_sessions(windows: list[Json], at_most: int) -> None:
    """All removals come first, and then the latest last, however the work is divided."""
    whole, stepwise = SessionDiff(5), SessionDiff(5)
    for window in windows:
        steps = list(stepwise.updates(window, at_most=at_most))
        assert all(len(step) <= 2 * at_most for step in steps)
        events = [event for step in steps for event in step]
        expected = whole.update(window)
        assert [one for one in events if not isinstance(one, RecordRejected)] == [
            one for one in expected if not isinstance(one, RecordRejected)
        ]
        assert sorted(map(repr, events)) == sorted(map(repr, expected))
        assert stepwise.horizon == whole.horizon


def test_the_horizon_before_is_that_of_the_last_window_in_every_step() -> None:
    """What came in between two windows is told from what was old by it."""
    diff = SessionDiff(2)
    diff.update({"a": _session(1), "b": _session(2)})
    horizons = [diff.horizon for _ in diff.updates({"c": _session(3), "d": _session(4)}, at_most=1)]
    assert set(horizons) == {1}
    assert diff.horizon == 3


def test_what_is_below_is_below_the_last_window_in_every_step() -> None:
    """Whoever asks meanwhile asks of what was delivered, also when its lowest has left already."""
    diff = _messages(2)
    first: Json = {"a": _message("a", timestamp=1), "b": _message("b", timestamp=2)}
    second: Json = {"c": _message("c", timestamp=3), "d": _message("d", timestamp=4)}
    diff.update(first)
    assert diff.is_full
    asked = [
        [(diff.is_below(message("x", "x", timestamp=at)), diff.may_miss(at)) for at in (0, 1, 2)]
        for _ in diff.updates(second, at_most=1)
    ]
    assert asked == [[(True, True), (False, True), (False, False)]] * 4
    assert (diff.is_below(message("b", "x", timestamp=2)), diff.may_miss(3)) == (True, True)


def test_a_large_snapshot_comes_in_steps() -> None:
    """An event loop gets a turn in between."""
    diff = SessionDiff(10_000)
    steps = diff.updates({f"-S{number:05d}": _session(number) for number in range(1000)})
    assert [len(step) for step in steps] == [200] * 5


def test_of_the_messages_there_at_first_only_the_last_are_given() -> None:
    """The others are known all the same: a change of theirs is news, their presence is not."""
    diff = MessageDiff(SessionId("-S"), 50, history=2)
    window: dict[str, Json] = {key: _message(key) for key in "abcd"}
    assert _kinds(diff.update(window)) == [("MessageAdded", "c"), ("MessageAdded", "d")]
    later: dict[str, Json] = {**window, "a": _message("a", read=True), "e": _message("e")}
    assert _kinds(diff.update(later)) == [("MessageChanged", "a"), ("MessageAdded", "e")]


def test_without_history_nothing_that_is_there_at_first_is_given() -> None:
    """Whatever comes then is news."""
    diff = MessageDiff(SessionId("-S"), 50, history=0)
    assert diff.update({"b": _message("b")}) == []
    assert _kinds(diff.update({"b": _message("b"), "c": _message("c")})) == [("MessageAdded", "c")]


def test_before_a_window_was_delivered_nothing_is_known() -> None:
    """Nothing is awaited either."""
    diff, sessions = _messages(), SessionDiff(2)
    assert (diff.has_begun, diff.is_settled, sessions.horizon) == (False, True, 0)
    assert not diff.holds("a")
    assert not diff.is_below(message("a", "x"))


def test_what_a_window_shows_it_holds() -> None:
    """Told or not, and not what was read of a gap; below it stands what is before its lowest."""
    diff = MessageDiff(SessionId("-S"), 2, history=0)
    diff.update({"b": _message("b", timestamp=5), "c": {"text": 1, "timestamp": 9}})
    assert [key for key in "abc" if diff.holds(key)] == ["b", "c"]
    stood = [(4, "z"), (5, "a"), (5, "b"), (5, "c"), (9, "a")]
    below = [diff.is_below(message(key, "x", timestamp=at)) for at, key in stood]
    assert below == [True, True, False, False, False]
    window: Json = {"e": _message("e", timestamp=11), "f": _message("f", timestamp=12)}
    gap = diff.gap(window)
    assert gap is not None
    diff.fill(gap, {"c": {"text": 2, "timestamp": 9}, "d": _message("d", timestamp=10)})
    assert [key for key in "bcd" if diff.holds(key)] == ["b", "c"]
    diff.update(window, gap=gap)
    assert [key for key in "bcdef" if diff.holds(key)] == ["e", "f"]


def test_a_window_that_is_not_full_shows_all() -> None:
    """Nothing stands below it, and no session can have been older."""
    diff, sessions = _messages(3), SessionDiff(3)
    diff.update({"b": _message("b", timestamp=5)})
    assert not diff.is_full
    assert not diff.may_miss(1)
    assert not diff.is_below(message("a", "x", timestamp=1))
    for keys in ("abc", "ab"):
        sessions.update({key: _session(7) for key in keys})
        assert sessions.horizon == (7 if len(keys) == 3 else 0)
    sessions.update({"a": "junk", "b": _session(8), "c": _session(9)})
    assert sessions.horizon == 0


def test_only_what_stands_before_a_window_has_to_be_read_of_a_conversation() -> None:
    """Of the inbox all, since what stood below may have moved up meanwhile."""
    diff, sessions = _messages(2), SessionDiff(2)
    diff.update({key: _message(key) for key in "ab"})
    gap = diff.gap({key: _message(key) for key in "fe"})
    assert gap is not None
    assert gap.until == place_of_message("e", _message("e"))
    sessions.update({key: _session(1) for key in "ab"})
    gap = sessions.gap({key: _session(2) for key in "fe"})
    assert gap is not None
    assert gap.until is None


def test_where_all_that_is_shown_has_moved_others_may_have() -> None:
    """Though each is known, and the window was never lost sight of."""
    for y, is_gap in ((9, True), (2, False)):
        diff = SessionDiff(2)
        diff.update({"x": _session(1), "y": _session(2)})
        touched = frozenset("xy" if is_gap else "x")
        assert (diff.gap({"x": _session(8), "y": _session(y)}, touched) is not None) is is_gap


def test_there_is_no_gap_above_the_lowest_that_stands_where_it_stood() -> None:
    """Whatever came and went meanwhile: it would stand in the window."""
    diff = _messages(2)
    diff.update({"a": _message("1"), "b": _message("2")})
    assert diff.gap({"a": _message("1"), "b": _message("2")}, frozenset({"gone"})) is None


LOST_SIGHT_OF = [
    ({"b": 1, "c": 1, "d": 2}, True),  # one of that time may have come below
    ({"c": 1, "d": 2, "e": 2}, True),
    ({"a": 1, "b": 1, "c": 1}, False),
]


@pytest.mark.parametrize(("window", "is_gap"), LOST_SIGHT_OF)
@pytest.mark.parametrize("later", [False, True])
def test_above_what_is_known_nothing_is_missed_that_came_later(
    window: dict[str, int], is_gap: bool, later: bool
) -> None:
    """If something later was known already. What is stamped ahead of its time says nothing."""
    for diff, record in ((_messages(4), _message), (SessionDiff(4), _session)):

        def shown(times: dict[str, int], diff: WindowDiff = diff, record: Any = record) -> Json:
            is_message = isinstance(diff, MessageDiff)
            return {
                key: record("x", timestamp=at) if is_message else record(at)
                for key, at in times.items()
            }

        last = {"z": 2 if later else latest_time(0) + 1}
        for _ in diff.updates(shown({"a": 1, "b": 1, "c": 1, **last}), now=0):
            pass
        gap = diff.gap(shown({**window, **last}))
        assert (gap is not None) is (is_gap and not later)


def test_the_lowest_is_found_again_after_a_window_was_not_full() -> None:
    """Whoever came in then may be the lowest when it is."""
    diff = _messages(3)
    diff.update({key: _message(key) for key in "bcd"})
    diff.update({key: _message(key) for key in "cde"}, frozenset("be"))
    diff.update({key: _message(key) for key in "d"}, frozenset("ce"))
    diff.update({key: _message(key) for key in "ad"}, frozenset("a"))
    diff.update({key: _message(key) for key in "adf"}, frozenset("f"))
    assert not diff.is_below(message("b", "x", timestamp=1))


def test_the_lowest_is_found_again_after_any_may_have_changed() -> None:
    """Of those that are there then."""
    diff = _messages(2)
    diff.update({key: _message(key) for key in "ab"})
    diff.update({key: _message(key) for key in "bc"}, frozenset("ac"))
    diff.update({key: _message(key) for key in "xy"})
    diff.update({key: _message(key) for key in "yz"}, frozenset("xz"))
    assert diff.is_below(message("x", "x", timestamp=1))
    assert not diff.is_below(message("yy", "x", timestamp=1))


def test_a_session_that_moved_up_while_a_gap_was_read_is_not_deleted() -> None:
    """It has been found again; one that was not has been."""
    diff = SessionDiff(2)
    diff.update({"x": _session(1), "y": _session(5)})
    window: Json = {"v": _session(8), "w": _session(9)}
    gap = diff.gap(window)
    assert gap is not None
    diff.fill(gap, {"x": _session(10)})
    told = [one for one in diff.update(window, gap=gap) if isinstance(one, SessionRemoved)]
    assert [(one.session.id, one.deleted) for one in told] == [("x", False), ("y", True)]


@pytest.mark.parametrize(
    ("times", "crowded"),
    [
        ((1, 2, 3, 4), False),
        ((1, 2, 60_001, 60_002), False),
        ((1, 60_001, 60_002, 60_003), True),
        ((1, 60_000, 60_002, 60_003), False),
        ((60_001, 60_002, 60_003), False),
    ],
)
@pytest.mark.parametrize("touched", [None, frozenset({"0"}), frozenset[str]()])
def test_a_window_is_crowded_if_most_of_it_is_ahead_of_its_time(
    times: tuple[int, ...], crowded: bool, touched: frozenset[str] | None
) -> None:
    """And if it is full. Only what comes in can make it so."""
    diff = _messages(4)
    window: dict[str, Json] = {f"{-at}": _message("x", timestamp=at) for at in times[:-1]}
    window["0"] = _message("x", timestamp=times[-1])  # the one that came last
    assert diff.is_crowded(window, 0, touched) is (crowded and touched != frozenset())
    window["0"] = _message("x", timestamp=0)
    assert not (touched and diff.is_crowded(window, 0, touched))


def test_what_fits_no_contract_is_reported_and_is_no_record() -> None:
    """Those after it are told all the same; nothing is told when it goes."""
    for diff, record in ((_messages(), _message("x")), (SessionDiff(3), _session(1))):
        window: Json = {"a": "junk", "b": record}
        told = [type(one).__name__.removeprefix("Message") for one in diff.update(window)]
        assert [one.removeprefix("Session") for one in told] == ["RecordRejected", "Added"]
        assert diff.update({"b": record}) == []


def test_what_was_written_here_is_marked_until_it_is_settled() -> None:
    """The mark is no part of the record."""
    for diff, record in ((_messages(), _message("x")), (SessionDiff(3), _session(1))):
        diff.update({"a": record})
        for pending in (True, False):
            mark = {PENDING: True} if pending else {}
            (told,) = diff.update({"a": {**record, "read": True, "unreadCount": 3, **mark}})
            assert isinstance(told, MessageChanged | SessionChanged)
            assert told.pending is pending


def test_the_last_messages_that_have_left_a_window_are_known() -> None:
    """What came back and left again counts as of then; what stands in a gap has been there, too."""
    diff = MessageDiff(SessionId("s"), 2)

    def shows(*numbers: int) -> dict[str, Json]:
        return {f"-M{n:05}": {"text": f"{n}", "from": "customer", "timestamp": n} for n in numbers}

    diff.update(shows(1, 2))
    assert [*diff.left] == []
    diff.update(shows(2, 3))
    assert [*diff.left] == [*shows(1)]
    gap = diff.gap(shows(8, 9))
    assert gap is not None
    diff.fill(gap, shows(4, 5))
    diff.update(shows(8, 9), gap=gap)
    assert {*diff.left} == {*shows(1, 2, 3, 4, 5)}
    diff.update(shows(1, 9))
    diff.update(shows(9, 10))
    assert [*diff.left][-1:] == [*shows(1)]
    for n in range(10, 600):
        diff.update(shows(n - 1, n))
    assert [*diff.left] == [*shows(*range(98, 598))]
