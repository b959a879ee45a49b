"""The order of a conversation: what stands where, what is ahead of its time, what arrived when."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.schema import decode, paths
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import (
    arrivals,
    is_ahead,
    latest,
    latest_time,
    message_place,
    place_of_message,
    place_of_session,
    session_place,
    time_of,
)
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.tree import from_json

NOW = 1_800_000_000_000
HOUR = 3_600_000
S = SessionId("-S")

KEYS = st.sampled_from(["0", "2", "10", "-3", "-M", "-Mx", "zzz", "~", "é"])
STAMPS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text(max_size=2),
    st.just({"deep": 1}),
)  # fmt: skip
RECORDS = st.one_of(
    st.sampled_from(["junk", 1, True]),
    st.fixed_dictionaries({"timestamp": STAMPS, "lastMessageTime": STAMPS}),
)


def _message(key: str, timestamp: int, sender: str = "admin") -> Message:
    return Message.model_validate(
        {"$id": key, "text": "Hi", "from": sender, "timestamp": timestamp}
    )


def _id_of(milliseconds: int) -> str:
    return PushIds(lambda: [7] * 12).make(milliseconds)


@given(st.dictionaries(KEYS, RECORDS, max_size=9))
def test_records_stand_where_the_service_sorts_them(stored: dict[str, Json]) -> None:
    """Whatever is stored: junk for a time, ids that look like numbers."""
    node = from_json(stored)
    kept = {key: raw for key, raw in stored.items() if node.at(Path((key,))).exists}
    for order, place in (
        (paths.messages_in_order(), place_of_message),
        (paths.sessions_in_order(), place_of_session),
    ):
        served = [key for key, _ in order.ordered(node)]
        assert sorted(kept, key=lambda key: place(key, kept[key])) == served


@given(st.dictionaries(KEYS, st.integers(-5, 5), max_size=9))
def test_a_message_stands_where_its_record_does(stored: dict[str, int]) -> None:
    """Read or not."""
    for key, time in stored.items():
        raw: Json = {"text": "Hi", "from": "admin", "timestamp": time}
        assert message_place(_message(key, time)) == place_of_message(key, raw)
        session = Session.model_validate({"$id": key, "lastMessageTime": time})
        assert session_place(session) == place_of_session(key, {"lastMessageTime": time})


@pytest.mark.parametrize(
    ("stored", "time"),
    [(5, 5), (-5, -5), (4.75, 4), (NOW + 0.5, NOW), (True, 0), ("5", 0), (None, 0), ({"5": 5}, 0)],
)
def test_a_place_tells_its_time(stored: Json, time: int) -> None:
    """In whole milliseconds; what is no number is none."""
    assert time_of(place_of_message("-M", {"timestamp": stored})) == time


@pytest.mark.parametrize("key", ["0", "-M", "zzz"])
def test_a_minute_ahead_is_not_ahead(key: str) -> None:
    """This machine may be wrong by as much."""
    places = [message_place(_message(key, NOW + 60_000 + more)) for more in (-1, 0, 1)]
    assert [is_ahead(place, NOW) for place in places] == [False, False, True]


def test_ids_that_look_like_numbers_are_in_the_order_of_numbers() -> None:
    """As an import of an array leaves them."""
    raw: Json = [{"text": str(n), "from": "admin", "timestamp": 1} for n in range(12)]
    read = [one.record.text for one in decode.messages(S, raw) if one.record]
    assert read == [str(n) for n in range(12)]


@given(
    st.lists(st.integers(-200, 200), max_size=30).map(sorted),
    st.integers(0, 20),
)
@example([*range(-15, 0), *range(5, 20)], 10)
def test_what_is_ahead_of_its_time_takes_at_most_half_of_the_room(
    minutes: list[int], count: int
) -> None:
    """As long as there are others to fill the rest; nothing is left out without need."""
    messages = [_message(f"-M{n:03}", NOW + m * 60_000) for n, m in enumerate(minutes)]
    places = [message_place(one) for one in messages]
    given = latest(places, count, NOW)
    ahead = [place for place in places if is_ahead(place, NOW)]
    others = places[: len(places) - len(ahead)]
    taken = [place for place in given if is_ahead(place, NOW)]
    assert given == sorted(given)
    assert len(given) == min(count, len(places))
    assert len(taken) == min(len(ahead), max(count // 2, count - len(others)))
    assert taken == ahead[len(ahead) - len(taken) :]
    assert given[: len(given) - len(taken)] == others[len(others) - len(given) + len(taken) :]


def test_a_time_of_the_servers_own_is_believed() -> None:
    """Whatever the ids of fast machines say."""
    answered = [_message(_id_of(NOW + HOUR), NOW), _message(_id_of(NOW + HOUR + 1), NOW + 5)]
    assert [at for _, at in arrivals(answered, NOW + 10)] == [NOW, NOW + 5]
    at_once = [_message(_id_of(NOW + 1), NOW), _message(_id_of(NOW + 2), NOW)]
    assert [at for _, at in arrivals(at_once, NOW + 10)] == [NOW, NOW]


def test_the_time_of_a_slow_browser_is_not_believed_where_the_id_knows_better() -> None:
    """It claims to be older than what stood there when its id was made."""
    question = _message(_id_of(NOW), NOW, "customer")
    slow = _message(_id_of(NOW + 5), NOW - HOUR)
    junk = _message("z" * 20, NOW - HOUR)
    assert {one.id: at for one, at in arrivals([junk, slow, question], NOW + 10)} == {
        question.id: NOW,
        slow.id: NOW + 5,
        junk.id: NOW - HOUR,
    }
    latest_of_all, ahead = _id_of(latest_time(NOW)), _id_of(latest_time(NOW) + 1)
    for key, at in [(latest_of_all, latest_time(NOW)), (ahead, NOW - HOUR)]:
        assert arrivals([question, _message(key, NOW - HOUR)], NOW)[1][1] == at


def test_an_id_that_tells_no_time_is_believed_by_its_own() -> None:
    """The website's old ones; the next of them is late all the same."""
    found = arrivals([_message("zz", 500), _message("zy", 1000)], NOW)
    assert [(message.id, at) for message, at in found] == [("zy", 1000), ("zz", 500)]
