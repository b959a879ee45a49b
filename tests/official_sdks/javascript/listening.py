"""What listeners and queries of ``firebase/database`` are told, in Node and in Chromium."""

from typing import Any, Final

from tests.official_sdks.javascript.clients import CHROMIUM, both
from tests.official_sdks.place import Place
from tests.official_sdks.registry import unsupported

__all__: list[str] = []

OPEN: Final = {".read": True, ".write": True}
INDEXED: Final = {**OPEN, "list": {".indexOn": ["n", ".value", "deep/er"]}}
BY_N: Final = ["orderByChild", "n"]
LIST: Final = {
    "a": {"n": 3, "deep": {"er": "z"}},
    "b": {"n": 1, "deep": {"er": "y"}},
    "c": {"n": 2},
    "d": {"n": "text"},
    "e": {"n": True},
    "f": {"n": {"o": 1}},
    "10": {"n": 2},
    "9": {"x": 0},
}
Steps = list[list[Any]]
"""A query: names of the SDK's constraints, each with what it is given."""


def ranked(value: Any, priority: Any) -> dict[str, Any]:
    """A value with its priority."""
    return {".value": value, ".priority": priority}


@both(
    "onChildAdded", "onChildChanged", "onChildMoved", "onChildRemoved", "onValue", "query", "set",
    "update", "DataSnapshot.exportVal", "DataSnapshot.key", "DataSnapshot.val",
)  # fmt: skip
def events_of_one_change_come_in_their_order(place: Place) -> None:
    """Removed, added, moved, changed, value; each with the previous sibling of the end."""
    seen = place.play(
        "changes",
        path="l",
        steps=[],
        start={"a": ranked(1, 1), "b": ranked(2, 2), "c": ranked(3, 3), "d": ranked(4, 4)},
        change={"a": ranked(10, 9), "b": None, "e": ranked(5, 0), "d": ranked(44, 4)},
    )
    assert [row for row in seen["first"] if row[0] != "value"] == [
        ["child_added", "a", 1, None],
        ["child_added", "b", 2, "a"],
        ["child_added", "c", 3, "b"],
        ["child_added", "d", 4, "c"],
    ]
    *events, value = seen["then"]
    assert events == [
        ["child_removed", "b", 2],
        ["child_added", "e", 5, None],
        ["child_moved", "a", 10, "d"],
        ["child_changed", "d", 44, "c"],
        ["child_changed", "a", 10, "d"],
    ]
    assert value[1] == {
        "a": ranked(10, 9),
        "c": ranked(3, 3),
        "d": ranked(44, 4),
        "e": ranked(5, 0),
    }


@both("orderByChild", "onChildChanged", "onChildMoved")
def only_a_change_of_the_ordered_field_moves(place: Place) -> None:
    """Also when the rank stays; a change of another field is a change alone."""
    place.rules(INDEXED)
    start = {"a": {"n": 1, "x": 0}, "b": {"n": 5, "x": 0}}
    moved = place.play("changes", path="list", steps=[BY_N], start=start, change={"a/n": 2})
    assert [row[0] for row in moved["then"]] == ["child_moved", "child_changed", "value"]
    changed = place.play("changes", path="list", steps=[BY_N], start=start, change={"a/x": 2})
    assert [row[0] for row in changed["then"]] == ["child_changed", "value"]


QUERIES: Final[list[tuple[Steps, list[str]]]] = [
    ([BY_N], ["9", "e", "b", "10", "c", "a", "d", "f"]),
    ([["orderByKey"]], ["9", "10", "a", "b", "c", "d", "e", "f"]),
    ([["orderByPriority"]], ["9", "10", "a", "b", "c", "d", "e", "f"]),
    ([["orderByChild", "deep/er"], ["startAt", "a"]], ["b", "a"]),
    ([BY_N, ["limitToFirst", 2]], ["9", "e"]),
    ([BY_N, ["limitToLast", 2]], ["d", "f"]),
    ([BY_N, ["equalTo", 2]], ["10", "c"]),
    ([BY_N, ["equalTo", 2, "c"]], ["c"]),
    ([BY_N, ["equalTo", None]], ["9"]),
    ([BY_N, ["startAt", 2], ["endAt", 3]], ["10", "c", "a"]),
    ([BY_N, ["startAt", 2, "c"], ["endAt", "text"]], ["c", "a", "d"]),
    ([BY_N, ["startAfter", 2], ["endBefore", "text"]], ["a"]),
    ([BY_N, ["startAfter", 2, "10"], ["limitToFirst", 1]], ["c"]),
    ([BY_N, ["endBefore", 2, "c"], ["limitToLast", 1]], ["10"]),
    ([BY_N, ["endAt", False]], ["9"]),
    ([BY_N, ["startAt", None], ["endAt", True]], ["9", "e"]),
    ([["orderByKey"], ["startAt", "10"], ["endAt", "b"]], ["10", "a", "b"]),
    ([["orderByKey"], ["startAfter", "9"], ["endBefore", "b"]], ["10", "a"]),
    ([["orderByKey"], ["equalTo", "c"]], ["c"]),
    ([["orderByKey"], ["limitToLast", 1]], ["f"]),
    ([["orderByValue"], ["limitToFirst", 3]], ["9", "10", "a"]),
    ([["limitToFirst", 1]], ["9"]),
    ([["orderByKey"], ["startAt", "zz"]], []),
]
"""Each with the keys that it shows of ``LIST``."""


@both(
    "get", "query", "orderByChild", "orderByKey", "orderByPriority", "orderByValue", "startAt",
    "startAfter", "endAt", "endBefore", "equalTo", "limitToFirst", "limitToLast",
    "DataSnapshot.forEach",
)  # fmt: skip
def queries_and_limits_show_the_same_by_get_and_by_listening(place: Place) -> None:
    """To clients that have seen nothing of the data before."""
    place.rules(INDEXED)
    place.http().put("/list.json", json=LIST).raise_for_status()
    found = place.play("windows", path="list", queries=[steps for steps, _ in QUERIES])
    assert found == [{"got": keys, "listened": keys} for _, keys in QUERIES]


@both("get", "onValue", "orderByChild")
def without_an_index_listening_works_and_a_get_fails(place: Place) -> None:
    """The SDK filters what comes then, and warns."""
    place.rules(OPEN)
    place.http().put("/list.json", json=LIST).raise_for_status()
    (found,) = place.play("windows", path="list", queries=[[BY_N, ["limitToFirst", 2]]])
    assert found["listened"] == ["9", "e"]
    assert found["got"] == 'Index not defined, add ".indexOn": "n", for path "/list", to the rules'


@both("onChildAdded", "onChildRemoved", "limitToLast")
def windows_move_with_what_others_write(place: Place) -> None:
    """Who leaves and who comes, with and without an index."""
    place.rules(INDEXED)
    start = {key: {"n": number} for number, key in enumerate("abcd")}
    writes = [["e", {"n": 9}], ["e", None], ["c/n", -1], ["a/n", 7], ["x", {"n": -5}]]
    for path in ("list", "bare"):
        place.http().put(f"/{path}.json", json=start).raise_for_status()
        steps = [BY_N, ["limitToLast", 2]]
        first, *then = place.play("moving", path=path, steps=steps, writes=writes)
        assert [row[1] for row in first] == ["c", "d"]
        assert [[row[:2] for row in rows] for rows in then] == [
            [["child_removed", "c"], ["child_added", "e"]],
            [["child_removed", "e"], ["child_added", "c"]],
            [["child_removed", "c"], ["child_added", "b"]],
            [["child_removed", "b"], ["child_added", "a"]],
            [],
        ]


WINDOWS: Final[list[Steps]] = [
    [["limitToLast", 2]],
    [["limitToFirst", 2]],
    [["startAt", 1], ["endAt", 3]],
    [BY_N, ["limitToLast", 2]],
    [BY_N, ["limitToFirst", 3]],
    [BY_N, ["startAt", 1], ["endAt", "b"]],
    [BY_N, ["equalTo", 2]],
    [BY_N, ["startAfter", 1], ["limitToFirst", 2]],
    [["orderByKey"], ["limitToFirst", 2]],
    [["orderByKey"], ["startAfter", "a"], ["endBefore", "d"]],
    [["orderByValue"], ["limitToLast", 2]],
    [["orderByChild", "n/deep"], ["limitToLast", 1]],
]


@both("goOffline", "goOnline", "onValue", "remove", "runTransaction", "setPriority", "update")
def a_listener_has_been_told_what_a_newcomer_is_told(place: Place) -> None:
    """After random writes of others and of its own, and after being away; for every window."""
    assert place.play("wandering", seed=3, rounds=40, queries=[*WINDOWS, []]) == []


@both("goOffline", "goOnline", "onValue", "remove", "runTransaction", "setPriority", "update")
def a_listener_to_windows_alone_has_been_told_what_a_newcomer_is_told(place: Place) -> None:
    """Without a listener to everything, which knows what the windows show."""
    assert place.play("wandering", seed=1_234_567, rounds=40, queries=WINDOWS) == []


@both("onValue", "set")
def two_tabs_hear_each_other(place: Place) -> None:
    """Each its own write and the other's, of one database and one origin."""
    tabs = place.program
    for tab in (0, 1):
        assert tabs.play("listen", tab=tab, path="x") == [["value", None]]
    for writer in (0, 1):
        tabs.play("write", tab=writer, path="x/a", value=writer)
        kind = "child_changed" if writer else "child_added"
        told = [[kind, "a", writer, None], ["value", {"a": writer}]]
        assert [tabs.play("heard", tab=tab, events=2) for tab in (0, 1)] == [told, told]


@both("off", "onValue")
def a_listener_that_is_taken_off_hears_nothing_more(place: Place) -> None:
    """By ``off`` or by what ``onValue`` gave; one that wanted one event has had it."""
    for how, before in (("off", None), ("stop", 2)):
        assert place.play("silenced", how=how) == {"seen": [before, 1], "once": 1}


@both(
    "child", "DataSnapshot.child", "DataSnapshot.exists", "DataSnapshot.forEach",
    "DataSnapshot.hasChild", "DataSnapshot.hasChildren", "DataSnapshot.key", "DataSnapshot.size",
    "DataSnapshot.toJSON", "DataSnapshot.val",
)  # fmt: skip
def a_snapshot_tells_what_is_there(place: Place) -> None:
    """And what is not."""
    value = {"a": {"b": 1}, "c": 2}
    assert place.play("snapshots", value=value) == {
        "key": "s",
        "path": f"http://{place.target.database}/s/a",
        "exists": [True, False],
        "children": [True, True, 2],
        "has": [True, False],
        "same": [value, value],
        "nothing": None,
        "stopped": [True, 1],
    }


@both(
    "child", "ref", "refFromURL", "DatabaseReference.parent", "DatabaseReference.root",
    "Query.isEqual", "Query.key", "Query.ref", "Query.toJSON", "Query.toString",
)  # fmt: skip
def references_know_their_places(place: Place) -> None:
    """A query is not its reference, and an address leads back."""
    address = f"http://{place.target.database}/a/b"
    assert place.play("references") == {
        "keys": ["b", "a", None, None],
        "urls": [address, address, address],
        "equal": [True, False, True],
    }


@unsupported(CHROMIUM, "forceLongPolling", why="long polling is not served: see forceWebSockets")
def a_tab_that_may_only_poll_does_not_connect(place: Place) -> None:
    """It is refused at once, tries again, and is refused again."""
    assert place.program.play("polled", tab=2) == {"connected": 0, "values": 0}
    place.program.close(2)


@both("connectDatabaseEmulator", "enableLogging", "forceWebSockets", "getDatabase")
def what_goes_over_the_socket_can_be_logged(place: Place) -> None:
    """Until it is switched off; and it is a socket from the beginning."""
    seen = place.play("logged")
    assert seen["urls"] > 0
    assert seen["more"] == 0
