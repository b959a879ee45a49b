"""From values to events, each change once."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.events.diff import MessageDiff, SessionDiff
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
from imbari_chat.schema.order import Place, place_of_message
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json


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


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcdef"), st.sampled_from([_message("1"), _message("2")]), max_size=6
        ),
        max_size=8,
    )
)
def test_replaying_the_events_gives_the_window(windows: list[dict[str, Any]]) -> None:
    """Whatever sequence of snapshots, a consumer that applies the events holds the last one."""
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
        assert held == {key: record["text"] for key, record in window.items()}


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
