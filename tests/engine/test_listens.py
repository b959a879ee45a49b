"""What is listened to on one socket: who is told what, and what the server is asked for."""

from typing import Any

import pytest

from imbari_chat.engine.listens import Listen, Listens, hash_of, is_larger
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Push
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

ROOM = Path.parse("/room")
LAST = Query.by_child("n").limit_to_last(2)


def _put(path: str, data: Any, tag: int | None = None) -> Push:
    return Push("d", {"p": path, "d": data} if tag is None else {"p": path, "d": data, "t": tag})


def _merge(path: str, data: Any, tag: int | None = None) -> Push:
    return Push("m", {"p": path, "d": data} if tag is None else {"p": path, "d": data, "t": tag})


def _take(listens: Listens, push: Push) -> list[tuple[Path, Json, Any]]:
    told = listens.take(push, with_priorities=True)
    return [(listen.path, listen.value, touched) for listen, touched in told]


def _current(
    listens: Listens, hearer: int, query: Query | None = None, value: Any = None
) -> Listen:
    """Somebody listens to the room, and has been told what is there."""
    listen = listens.add(hearer, ROOM, query)
    listen.asked()
    listens.take(_put("room", value, listen.tag), with_priorities=False)
    listen.answered(unindexed=False)
    listen.is_news = False
    return listen


def test_those_who_listen_to_the_same_share_it() -> None:
    """Until the last of them goes."""
    listens = Listens()
    first = _current(listens, 1)
    assert listens.add(2, ROOM, None) is first
    assert listens.add(3, ROOM, Query.by_child("n")) is first  # only an order
    assert listens.add(4, ROOM, LAST) is not first
    assert listens.remove(1) is None
    assert listens.remove(3) is None
    assert listens.remove(2) is first
    assert listens.remove(2) is None


def test_only_a_query_is_told_apart_by_a_tag() -> None:
    """All of a place is asked for by its path."""
    listens = Listens()
    assert listens.add(1, ROOM, None).target() == {"p": "/room"}
    query = {"l": 2, "vf": "r", "i": "n"}
    assert listens.add(2, ROOM, LAST).target() == {"p": "/room", "q": query, "t": 1}
    assert listens.add(3, ROOM, Query.by_child("n").limit_to_last(3)).target()["t"] == 2


@pytest.mark.parametrize(
    "query",
    [
        Query.by_child("n").start_at(1),
        Query.by_child("n").end_at(1),
        Query.by_child("n").limit_to_first(1),
        Query.by_child("n").equal_to(1),
    ],
)
def test_any_bound_makes_it_another_listen(query: Query) -> None:
    """Of a part, which has a tag."""
    listens = Listens()
    everything = _current(listens, 1)
    part = listens.add(2, ROOM, query)
    assert part is not everything
    assert (part.query, part.tag) == (query, 1)


def test_tags_are_positive_and_never_used_again() -> None:
    """A listen of everything has none."""
    listens = Listens()
    assert listens.add(1, ROOM, None).tag is None
    assert [_current(listens, hearer, LAST).tag for hearer in (2, 3)] == [1, 1]
    listens.remove(2)
    listens.remove(3)
    again = listens.add(4, ROOM, LAST)
    assert again.tag == 2
    again.asked()
    assert _take(listens, _put("room", {"old": 1}, 1)) == []
    assert again.value is None
    listens.lost()
    assert again.tag == 2


def test_pushes_go_to_what_they_are_about() -> None:
    """Above, at and below, with a tag to its listen alone."""
    listens = Listens()
    room, last = _current(listens, 1, value={"a": 1}), _current(listens, 2, LAST, {"a": 1})
    deep = listens.add(3, ROOM / "a/x", None)
    deep.asked()
    deep.answered(unindexed=False)
    assert _take(listens, _put("room/a", {"x": 5})) == [
        (ROOM, {"a": {"x": 5}}, frozenset({"a"})),
        (ROOM / "a/x", 5, None),
    ]
    assert _take(listens, _put("room/b", 2, last.tag)) == [
        (ROOM, {"a": 1, "b": 2}, frozenset({"b"}))
    ]
    assert _take(listens, _put("", {"room": {"c": 3}})) == [
        (ROOM, {"c": 3}, None),
        (ROOM / "a/x", None, None),
    ]
    assert _take(listens, _put("elsewhere", 1)) == []
    assert _take(listens, _put("room/c", 9, 77)) == []
    assert (room.value, last.value) == ({"c": 3}, {"a": 1, "b": 2})


def test_a_merge_is_one_change() -> None:
    """Its keys are paths, some of which may be elsewhere."""
    listens = Listens()
    _current(listens, 1, value={"a": {"x": 1}, "b": 2})
    told = _take(listens, _merge("", {"/room/a/x": 3, "room/b": None, "other": 1}))
    assert told == [(ROOM, {"a": {"x": 3}}, frozenset({"a", "b"}))]
    with pytest.raises(InvalidData):
        listens.take(_merge("room", 5), with_priorities=False)


def test_a_push_before_what_it_changes_is_dropped() -> None:
    """The server sends the whole first, or says that what is here is right."""
    listens = Listens()
    room, last = listens.add(1, ROOM, None), listens.add(2, ROOM, LAST)
    room.asked()
    last.asked()
    assert _take(listens, _put("room/a", 1)) == []
    assert _take(listens, _merge("room", {"a": 1}, last.tag)) == []
    assert (room.value, last.value) == (None, None)


def test_nobody_is_told_before_the_server_says_ok() -> None:
    """What came until then is told at once."""
    listens = Listens()
    room = listens.add(1, ROOM, None)
    room.asked()
    assert _take(listens, _put("room", {"a": 1})) == []
    assert _take(listens, _put("room/b", 2)) == []
    room.answered(unindexed=False)
    assert room.is_news
    assert room.value == {"a": 1, "b": 2}


def test_a_connection_later_the_copy_is_named_by_its_hash() -> None:
    """Of what it is by then, and it stays while nothing else is said."""
    listens = Listens()
    room = _current(listens, 1, value={"a": 1})
    listens.lost()
    assert room.needs_hash
    room.hash = hash_of(room.value)
    assert room.asked() == {"p": "/room", "h": hash_of({"a": 1})}
    room.answered(unindexed=False)
    assert not room.is_news
    _take(listens, _put("room/a", 2))
    listens.lost()
    assert room.needs_hash


def test_without_a_hash_the_copy_counts_for_nothing() -> None:
    """The server is told that nothing is here, so its silence means that nothing is there."""
    listens = Listens()
    room = _current(listens, 1, value={"a": 1})
    listens.lost()
    assert room.asked() == {"p": "/room", "h": ""}
    room.answered(unindexed=False)
    assert (room.value, room.is_news) == (None, True)


def test_a_hash_helps_only_where_there_is_something_to_compare() -> None:
    """Once for each value."""
    listens = Listens()
    room = listens.add(1, ROOM, None)
    needs = [room.needs_hash]  # nothing is here
    room.asked()
    listens.take(_put("room", {"a": 1}), with_priorities=False)
    needs.append(room.needs_hash)
    room.hash = hash_of(room.value)
    needs.append(room.needs_hash)
    assert needs == [False, True, False]


def test_everything_is_asked_for_anew_on_another_connection() -> None:
    """What came on the one before says nothing of what comes on it."""
    listens = Listens()
    room, last = _current(listens, 1, value={"a": 1}), _current(listens, 2, LAST)
    assert (list(listens), len(listens), listens.due()) == ([room, last], 2, [])
    listens.lost()
    assert listens.due() == [room, last]
    assert not room.is_current
    assert _take(listens, _put("room/a", 2)) == []  # it may be of what is no more
    assert room.value == {"a": 1}
    listens.remove(1)
    assert (list(listens), len(listens)) == ([last], 1)
    listens.end(last)
    assert len(listens) == 0


@pytest.mark.parametrize(
    ("is_current", "is_news", "is_to_be_told"),
    [(True, False, False), (True, True, True), (False, False, True)],
)
def test_who_comes_later_waits_for_what_is_not_right_yet(
    is_current: bool, is_news: bool, is_to_be_told: bool
) -> None:
    """With those who were there; the value is told when the server says that it is right."""
    listens = Listens()
    room = _current(listens, 1, value={"a": 1})
    room.is_news = is_news
    if not is_current:
        listens.lost()
    listens.add(2, ROOM, None)
    assert room.is_news is is_to_be_told


def test_what_a_push_says_is_told_once() -> None:
    """An ok that follows has nothing to add."""
    listens = Listens()
    room = _current(listens, 1, value={"a": 1})
    assert _take(listens, _put("room/a", 2)) == [(ROOM, {"a": 2}, frozenset({"a"}))]
    assert not room.is_news


def test_leaving_a_part_does_not_hold_up_the_whole() -> None:
    """What is still under way for it carries its tag."""
    listens = Listens()
    last = _current(listens, 1, LAST)
    assert listens.remove(1) is last
    everything = listens.add(2, ROOM, None)
    assert listens.due() == [everything]


def test_what_was_left_is_asked_for_when_the_server_has_heard_of_it() -> None:
    """Pushes without a tag that are under way would be taken for new ones. Tagged ones cannot."""
    listens = Listens()
    _current(listens, 1)
    _current(listens, 2, LAST)
    listens.remove(1)
    listens.remove(2)
    again, last = listens.add(3, ROOM, None), listens.add(4, ROOM, LAST)
    assert listens.due() == [last]
    listens.left(ROOM)
    assert listens.due() == [again, last]
    listens.remove(3)
    third = listens.add(5, ROOM, None)  # the one before was never asked for
    assert third in listens.due()
    third.asked()
    listens.remove(5)
    listens.lost()
    assert listens.add(6, ROOM, None) in listens.due()


def test_priorities_are_left_out() -> None:
    """As a stream leaves them out."""
    listens = Listens()
    room = _current(listens, 1, value={"a": 1})
    with_priority = {".value": 3, ".priority": 9}
    assert _take(listens, _put("room/b", {"x": with_priority, ".priority": 1}))[0][1] == {
        "a": 1,
        "b": {"x": 3},
    }
    assert _take(listens, _put("room/b/.priority", 4)) == []
    assert room.value == {"a": 1, "b": {"x": 3}}


def test_a_query_without_an_index_is_kept_to_its_window_here() -> None:
    """The server sends what it likes, and anything may have moved."""
    listens = Listens()
    last = listens.add(1, ROOM, LAST)
    last.asked()
    whole = {key: {"n": n} for n, key in enumerate("abc")}
    listens.take(_put("room", whole, last.tag), with_priorities=False)
    last.answered(unindexed=True)
    assert last.value == {"b": {"n": 1}, "c": {"n": 2}}
    ((_, value, touched),) = _take(listens, _put("room/d", {"n": 7}, last.tag))
    assert (value, touched) == ({"c": {"n": 2}, "d": {"n": 7}}, None)


@pytest.mark.parametrize(
    ("query", "unindexed"),
    [(LAST, False), (Query.by_priority().limit_to_last(2), True)],
)
def test_the_server_keeps_to_the_window_otherwise(query: Query, unindexed: bool) -> None:
    """By priority it always can, and nothing here could tell."""
    listens = Listens()
    last = listens.add(1, ROOM, query)
    last.asked()
    whole: Json = {key: {"n": n} for n, key in enumerate("abc")}
    listens.take(_put("room", whole, last.tag), with_priorities=False)
    last.hash = "of the whole"
    last.answered(unindexed=unindexed)
    assert (last.value, last.hash) == (whole, "of the whole")


def test_what_the_window_leaves_has_another_hash() -> None:
    """Than what the server had sent."""
    listens = Listens()
    last = listens.add(1, ROOM, LAST)
    last.asked()
    listens.take(_put("room", {"0": 1, "1": 2, "2": 3}, last.tag), with_priorities=False)
    last.hash = "of the whole"
    last.answered(unindexed=True)
    assert last.value == {"1": 2, "2": 3}
    assert last.needs_hash


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        (None, [None]),
        ([{"l": 2, "vf": "r", "i": "n"}], [LAST]),
        ([{}], [None]),
        ([{"l": 3, "vf": "r", "i": "n"}], []),
    ],
)
def test_what_is_revoked_is_named(named: Any, ended: list[Query | None]) -> None:
    """By its query, or as the listen of everything."""
    listens = Listens()
    _current(listens, 1)
    _current(listens, 2, LAST)
    body = {"p": "room"} if named is None else {"p": "room", "q": named}
    assert [one.query for one in listens.revoked(Push("c", body))] == ended


def test_a_path_without_a_listen_of_everything_is_revoked_as_a_whole() -> None:
    """Somebody must have been meant."""
    listens = Listens()
    last = _current(listens, 1, LAST)
    assert listens.revoked(Push("c", {"p": "room"})) == [last]
    listens.end(last)
    assert listens.remove(1) is None
    assert listens.due() == []


def test_counting_stops_at_the_limit() -> None:
    """Values, with the objects that hold them."""
    assert not is_larger([{"a": 1, "b": [2, None, 3]}], 5)
    assert is_larger([{"a": 1, "b": [2, None, 3]}], 4)
    assert is_larger([1, 2, 3], 2)
    assert not is_larger([], 0)


def test_a_value_that_has_no_hash_is_sent_again() -> None:
    """A server that says what it should not gets to say it anew."""
    assert hash_of({"a.b": 1}) == ""
