"""What a connection wants written when it has ended: kept, cut, judged and done."""

import sys
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.emulator.database.credentials import ADMIN, NOBODY
from imbari_chat.emulator.database.on_disconnect import OnDisconnect
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.messages import location
from imbari_chat.wire.paths import Path
from tests.emulator.database.sockets_in_memory import NOW, Room


def kept(*steps: tuple[str, str, Any]) -> dict[str, Json]:
    """What is kept after these steps, by path."""
    store = OnDisconnect(4096)
    for action, path, value in steps:
        place = location(path)
        match action:
            case "set":
                store.put({place: value}, NOBODY, 1)
            case "update":
                store.put({place / key: item for key, item in value.items()}, NOBODY, 1)
            case _:
                store.cancel(place)
    return {str(path): value for each in store.partings() for path, value in each.values.items()}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("set", "/p", 1)], {"/p": 1}),
        ([("set", "/p/a", 1), ("set", "/p", {"b": 2})], {"/p": {"b": 2}}),
        ([("set", "/p", {"a": 1, "b": 2}), ("set", "/p/a", 3)], {"/p": {"a": 3, "b": 2}}),
        ([("set", "/p", 7), ("set", "/p/a", 1)], {"/p": {"a": 1}}),
        ([("set", "/p", None), ("set", "/p/a/b", 1)], {"/p": {"a": {"b": 1}}}),
        ([("set", "/p", {".value": 1, ".priority": 2}), ("set", "/p/a", 1)],
         {"/p": {"a": 1, ".priority": 2}}),
        ([("set", "/p", ["x", "y"]), ("set", "/p/1", "z")], {"/p": {"0": "x", "1": "z"}}),
        ([("set", "/p", {"a": 1}), ("cancel", "/p", None)], {}),
        ([("set", "/p/a", 1), ("set", "/p/b", 2), ("cancel", "/p", None)], {}),
        ([("set", "/p", 1), ("set", "/q", 2), ("cancel", "/", None)], {}),
        ([("set", "/p", {"a": 1, "b": 2}), ("cancel", "/p/a", None)], {"/p/b": 2}),
        (
            [("set", "/p", {"a": {"x": 1, "y": 2}, "b": 3}), ("cancel", "/p/a/x", None)],
            {"/p/a/y": 2, "/p/b": 3},
        ),
        ([("set", "/p", 7), ("cancel", "/p/a", None)], {"/p": 7}),
        ([("set", "/p", None), ("cancel", "/p/a", None)], {"/p": None}),
        ([("set", "/p", {".sv": "timestamp"}), ("cancel", "/p/a", None)],
         {"/p": {".sv": "timestamp"}}),
        ([("set", "/p", {".value": 1, ".priority": 2}), ("cancel", "/p/a", None)],
         {"/p": {".value": 1, ".priority": 2}}),
        ([("set", "/p", ["x", None, "z"]), ("cancel", "/p/0", None)], {"/p/2": "z"}),
        ([("set", "/p", {"a": 1}), ("cancel", "/p/b", None)], {"/p/a": 1}),
        ([("update", "/p", {"a": 1, "b": None})], {"/p/a": 1, "/p/b": None}),
        ([("update", "/p", {"a": 1}), ("update", "/p", {"b": 2, "a": 3})], {"/p/a": 3, "/p/b": 2}),
        ([("set", "/p", {"a": 1}), ("update", "/p", {"b": 2})], {"/p": {"a": 1, "b": 2}}),
        ([("set", "/p", 1), ("set", "/p/.priority", 5)], {"/p": {".value": 1, ".priority": 5}}),
        ([("set", "/p", {"a": 1}), ("set", "/p/.priority", 5)], {"/p": {"a": 1, ".priority": 5}}),
        ([("set", "/p/.priority", 5), ("set", "/p", 1)], {"/p": 1}),
        ([("set", "/p", ["x"]), ("set", "/p/.priority", 5)], {"/p": {"0": "x", ".priority": 5}}),
        ([("set", "/p", {".value": 1, ".priority": 2}), ("set", "/p/.priority", 5)],
         {"/p": {".value": 1, ".priority": 5}}),
        ([("set", "/p", {".sv": "timestamp"}), ("set", "/p/.priority", 5)],
         {"/p": {".sv": "timestamp", ".priority": 5}}),
    ],
)  # fmt: skip
def test_what_overlaps_is_kept_as_the_service_does(
    steps: list[tuple[str, str, Any]], expected: dict[str, Json]
) -> None:
    """A set takes all at and below it; what is cut out of an object leaves the siblings."""
    assert same(dict(kept(*steps)), dict(expected))


paths = st.lists(st.sampled_from("abc"), max_size=3).map(lambda keys: "/" + "/".join(keys))
objects = st.recursive(
    st.integers(0, 9), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
)


@given(
    st.lists(
        st.tuples(st.just("set"), paths, st.none() | objects)
        | st.tuples(st.just("cancel"), paths, st.none()),
        max_size=8,
    )
)
def test_no_two_places_contain_one_another(steps: list[tuple[str, str, Any]]) -> None:
    """So that they are one update, and each has one value."""
    places = [Path.parse(path) for path in kept(*steps)]
    assert len(set(places)) == len(places)
    assert not any(a != b and a.contains(b) for a in places for b in places)


def test_too_much_is_refused() -> None:
    """And what was there stays; what is cancelled makes room."""
    store = OnDisconnect(10)
    store.put({Path.parse("/a"): 1}, NOBODY, 6)
    with pytest.raises(InvalidData):
        store.put({Path.parse("/b"): 1}, NOBODY, 6)
    assert [dict(each.values) for each in store.partings()] == [{Path.parse("/a"): 1}]
    store.cancel(Path())
    store.put({Path.parse("/b"): 1}, NOBODY, 6)


sets = st.tuples(
    st.booleans(),
    st.dictionaries(st.sampled_from("abc"), st.none() | objects | st.lists(objects, max_size=3)),
    st.integers(0, 50),
)


@example([("/", (False, {"a": {"a": 1, "b": 2}}, 40)), ("/a/c", None)])
@given(st.lists(st.tuples(paths, st.none() | sets), max_size=8))
def test_what_is_cancelled_makes_room_to_the_byte(
    steps: list[tuple[str, tuple[bool, dict[str, Json], int] | None]],
) -> None:
    """Whatever was set in whatever else, by whom, and split or overwritten on the way."""
    store = OnDisconnect(100)
    for path, given_ in steps:
        place = Path.parse(path)
        if given_ is None:
            store.cancel(place)
            continue
        admin, values, size = given_
        with suppress(InvalidData):
            who = ADMIN if admin else NOBODY
            store.put({place / key: value for key, value in values.items()}, who, size)
    store.cancel(Path())
    assert store.partings() == []
    with pytest.raises(InvalidData, match="has at most 100 bytes"):
        store.put({Path(("a",)): 1}, NOBODY, 101)
    store.put({Path(("a",)): 1}, NOBODY, 99)  # and one, as nothing is too small to be counted
    with pytest.raises(InvalidData):
        store.put({Path(("b",)): 1}, NOBODY, 1)
    store.put({Path(("b",)): 1}, NOBODY, 0)


def test_what_is_asked_for_together_is_counted_once() -> None:
    """Each place has its share, which is free again without it."""
    store = OnDisconnect(100)
    store.put({Path((name,)): 1 for name in "abcde"}, NOBODY, 50)
    store.put({Path(("f",)): 1}, NOBODY, 40)
    with pytest.raises(InvalidData):
        store.put({Path(("g",)): 1}, NOBODY, 40)
    for name in "abcd":
        store.cancel(Path((name,)))
    store.put({Path(("g",)): 1}, NOBODY, 40)


@pytest.mark.parametrize("room", [67, 68])
def test_what_is_split_is_counted_by_its_parts(room: int) -> None:
    """Each has its share of the whole, and one byte."""
    store = OnDisconnect(100)
    store.put({Path(("p",)): dict.fromkeys("abcd", 1)}, NOBODY, 40)  # 41
    store.cancel(Path(("p", "a")))  # of four times eleven
    with nullcontext() if room == 67 else pytest.raises(InvalidData):
        store.put({Path(("q",)): 1}, NOBODY, room)


@pytest.mark.parametrize("together", [1, 5])
def test_nothing_is_too_small_to_be_counted(together: int) -> None:
    """Or there would be no end of it."""
    store = OnDisconnect(100)

    def put_many() -> None:
        for number in range(200):
            values: dict[Path, Json] = {Path((f"{number}", f"{n}")): 1 for n in range(together)}
            store.put(values, NOBODY, together)

    with pytest.raises(InvalidData):
        put_many()
    assert 0 < sum(len(each.values) for each in store.partings()) <= 100


def _calls(above: str | None, many: int, *, together: bool) -> int:
    """Function calls that it takes to set so many places and to cancel them."""
    values: dict[Path, Json] = {Path(("p", f"{n}", "x")): 1 for n in range(many)}
    store = OnDisconnect(10 * many)
    calls, before = 0, sys.getprofile()

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        if above:
            store.put({Path((above,)): {f"{n}": {"x": 0} for n in range(many)}}, NOBODY, many)
        for batch in [values] if together else [{path: value} for path, value in values.items()]:
            store.put(batch, NOBODY, len(batch))
        for path in values:
            store.cancel(path)
    finally:
        sys.setprofile(before)
    assert {path for each in store.partings() for path in each.values} <= {Path(("q",))}
    return calls


@pytest.mark.parametrize("above", [None, "p", "q"])
@pytest.mark.parametrize("together", [True, False])
def test_each_place_costs_what_it_is(above: str | None, *, together: bool) -> None:
    """However many there are, in whatever stands above them, with one message or with many."""
    few, many = (_calls(above, number, together=together) / number for number in (50, 500))
    assert many <= 1.5 * few


def test_what_others_asked_for_stays_theirs() -> None:
    """An object that somebody else set is split, not changed in their name."""
    store = OnDisconnect(100)
    store.put({Path.parse("/p"): {"a": 1, "b": 2}}, NOBODY, 1)
    store.put({Path.parse("/p/a"): 3}, ADMIN, 1)
    store.put({Path.parse("/q"): 7}, NOBODY, 1)
    store.put({Path.parse("/q/a"): 3}, ADMIN, 1)  # what cannot be split
    found = [(each.who is ADMIN, dict(each.values)) for each in store.partings()]
    assert found == [
        (True, {Path.parse("/p/a"): 3}),
        (False, {Path.parse("/p/b"): 2}),
        (False, {Path.parse("/q"): {"a": 3}}),
    ]


def test_it_is_done_when_the_connection_ends_and_not_before() -> None:
    """In one update, with the time of then."""
    room = Room()
    client, other = room.connect(), room.connect()
    other.ask("q", {"p": "/", "h": ""})
    client.ask("o", {"p": "/a", "d": {".sv": "timestamp"}})
    client.ask("om", {"p": "/b", "d": {"c": 1, "d/e": 2}})
    other.said.clear()
    assert room.read() is None
    room.now += 5000
    client.leave()
    assert room.read() == {"a": NOW + 5000, "b": {"c": 1, "d": {"e": 2}}}
    assert [each["a"] for each in other.said] == ["m"]
    client.leave()
    assert len(other.said) == 1
    client = room.connect()
    client.ask("o", {"p": "/a", "d": 1})
    client.leave()
    assert [each["a"] for each in other.said] == ["m", "d"]


def test_what_was_cancelled_is_not_done() -> None:
    """The rest is."""
    room = Room()
    client = room.connect()
    client.ask("o", {"p": "/a", "d": {"x": 1, "y": 2}})
    client.ask("oc", {"p": "/a/x", "d": None})
    room.rest("/a/x", "as it was")
    client.leave()
    assert room.read() == {"a": {"x": "as it was", "y": 2}}


RULES = """{"rules": {".read": true,
  "a": {".write": "!root.child('closed').exists()"},
  "b": {".write": true},
  "u": {"$uid": {".write": "auth.uid === $uid"}}
}}"""


def test_the_rules_are_asked_again_and_what_they_refuse_is_dropped() -> None:
    """Another of the same connection is still done."""
    room = Room(RULES)
    client = room.connect()
    assert client.status("o", {"p": "/a", "d": 1}) == "ok"
    assert client.status("o", {"p": "/b", "d": 2}) == "ok"
    room.rest("/closed", True)
    client.leave()
    assert room.read() == {"closed": True, "b": 2}


def test_what_was_asked_for_together_is_refused_together() -> None:
    """An update is one, also when it is a part of what is due."""
    rules = RULES.replace('"b": {".write": true}', '"b": {".write": true}, "c": {".write": true}')
    room = Room(rules)
    client = room.connect()
    client.ask("om", {"p": "/", "d": {"a": 1, "b": 2}})
    client.ask("o", {"p": "/c", "d": 3})
    room.rest("/closed", True)
    client.leave()
    assert room.read() == {"closed": True, "c": 3}


def test_it_is_done_in_the_name_of_whoever_asked() -> None:
    """Not of who has signed in since, nor of nobody."""
    room = Room(RULES)
    client = room.connect()
    client.ask("gauth", {"cred": "owner", "authvar": {"uid": "x"}})
    assert client.status("o", {"p": "/u/x", "d": 1}) == "ok"
    client.ask("gauth", {"cred": "owner", "authvar": {"uid": "y"}})
    assert client.status("o", {"p": "/u/y", "d": 2}) == "ok"
    assert client.status("o", {"p": "/u/x", "d": 3}) == "permission_denied"
    client.ask("unauth", {})
    client.leave()
    assert room.read("/u") == {"x": 1, "y": 2}


def test_an_increment_counts_from_what_is_there_then() -> None:
    """As every server value, it is resolved when it is done."""
    room = Room(data={"n": 1})
    client = room.connect()
    client.ask("o", {"p": "/n", "d": {".sv": {"increment": 1}}})
    room.rest("/n", 10)
    client.leave()
    assert room.read("/n") == 11


def test_what_makes_no_sense_by_then_is_dropped_and_the_rest_is_done() -> None:
    """A sum that was a number when it was asked for is none any more."""
    room = Room(data={"a": 1})
    client = room.connect()
    more: Json = {".sv": {"increment": 1e308}}
    assert client.status("o", {"p": "/a", "d": more}) == "ok"
    assert client.status("o", {"p": "/b", "d": "left"}) == "ok"
    room.rest("/a", 1e308)
    client.leave()
    assert room.read() == {"a": 1e308, "b": "left"}


def test_what_one_person_wanted_is_not_done_as_another() -> None:
    """Who wanted it may not any more, and whoever was signed in before them may."""
    room = Room()
    client = room.connect()
    for action, place in (("gauth", "/a"), ("unauth", "/b")):
        client.ask(action, {"cred": "owner", "authvar": {"uid": "u"}})
        assert client.status("o", {"p": place, "d": 1}) == "ok"
    room.set_rules('{"rules": {".write": "auth != null"}}')
    client.leave()
    assert room.read() == {"a": 1}
