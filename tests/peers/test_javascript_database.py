"""The official JavaScript SDK's database in Node, unmodified, over the socket.

What its clients see is what the service shows them: every kind of event with its order and its
previous sibling, whoever wrote and whatever they wrote by.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from firebase_admin import auth

from imbari_chat import AdminChat
from imbari_chat.emulator import Emulator
from tests.peers.conftest import RULES
from tests.peers.node import Plays

pytestmark = pytest.mark.peer

INDEXED = """{"rules": {".read": true, ".write": true,
  "list": {".indexOn": ["n", ".value", "deep/er"]}
}}"""
GUARDED = """{"rules": {
  ".read": "root.child('open').exists() || !root.child('never').exists()",
  "open": {".write": true},
  "settled": {".read": true}
}}"""
PERSONAL = """{"rules": {
  "settled": {".read": true},
  "users": {"$uid": {".read": "auth.uid === $uid", ".write": "auth.uid === $uid"}},
  "inbox": {".read": "auth.token.admin === true"}
}}"""


def ranked(value: Any, priority: Any) -> dict[str, Any]:
    """A value with its priority."""
    return {".value": value, ".priority": priority}


def test_events_of_one_change_come_in_their_order(plays: Plays) -> None:
    """Removed, added, moved, changed, value; each with the previous sibling of the end."""
    seen = plays.play(
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


def test_only_a_change_of_the_ordered_field_moves(emulator: Emulator, plays: Plays) -> None:
    """Also when the rank stays; a change of another field is a change alone."""
    emulator.load_rules(INDEXED)
    start = {"a": {"n": 1, "x": 0}, "b": {"n": 5, "x": 0}}
    steps = [["orderByChild", "n"]]
    moved = plays.play("changes", path="list", steps=steps, start=start, change={"a/n": 2})
    assert [row[0] for row in moved["then"]] == ["child_moved", "child_changed", "value"]
    changed = plays.play("changes", path="list", steps=steps, start=start, change={"a/x": 2})
    assert [row[0] for row in changed["then"]] == ["child_changed", "value"]


LIST = {
    "a": {"n": 3, "deep": {"er": "z"}},
    "b": {"n": 1, "deep": {"er": "y"}},
    "c": {"n": 2},
    "d": {"n": "text"},
    "e": {"n": True},
    "f": {"n": {"o": 1}},
    "10": {"n": 2},
    "9": {"x": 0},
}
BY_N = ["orderByChild", "n"]


@pytest.mark.parametrize(
    ("steps", "keys"),
    [
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
    ],
    ids=lambda value: json.dumps(value) if value and isinstance(value[0], list) else None,
)
def test_queries_and_limits_show_the_same_by_get_and_by_listening(
    emulator: Emulator, plays: Plays, steps: list[list[Any]], keys: list[str]
) -> None:
    """To clients that have seen nothing of the data before."""
    emulator.load_rules(INDEXED)
    httpx.put(f"http://{emulator.database_host}/list.json", json=LIST).raise_for_status()
    (found,) = plays.play("windows", path="list", queries=[steps])
    assert found == {"got": keys, "listened": keys}


def test_without_an_index_listening_works_and_a_get_fails(emulator: Emulator, plays: Plays) -> None:
    """The SDK filters what comes then, and warns."""
    httpx.put(f"http://{emulator.database_host}/list.json", json=LIST).raise_for_status()
    (found,) = plays.play("windows", path="list", queries=[[BY_N, ["limitToFirst", 2]]])
    assert found["listened"] == ["9", "e"]
    assert found["got"] == 'Index not defined, add ".indexOn": "n", for path "/list", to the rules'


@pytest.mark.parametrize("rules", [INDEXED, '{"rules": {".read": true, ".write": true}}'])
def test_windows_move_with_what_others_write(emulator: Emulator, plays: Plays, rules: str) -> None:
    """Who leaves and who comes, with and without an index."""
    emulator.load_rules(rules)
    start = {key: {"n": number} for number, key in enumerate("abcd")}
    httpx.put(f"http://{emulator.database_host}/list.json", json=start).raise_for_status()
    steps = [BY_N, ["limitToLast", 2]]
    writes = [["e", {"n": 9}], ["e", None], ["c/n", -1], ["a/n", 7], ["x", {"n": -5}]]
    first, *then = plays.play("moving", path="list", steps=steps, writes=writes)
    assert [row[1] for row in first] == ["c", "d"]
    assert [[row[:2] for row in rows] for rows in then] == [
        [["child_removed", "c"], ["child_added", "e"]],
        [["child_removed", "e"], ["child_added", "c"]],
        [["child_removed", "c"], ["child_added", "b"]],
        [["child_removed", "b"], ["child_added", "a"]],
        [],
    ]


WINDOWS: list[list[list[Any]]] = [
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


@pytest.mark.parametrize("whole", [True, False], ids=["beside everything", "queries alone"])
@pytest.mark.parametrize("seed", [3, 1_234_567])
def test_what_a_listener_has_been_told_is_what_a_newcomer_is_told(
    plays: Plays, seed: int, whole: bool
) -> None:
    """After random writes of others and of its own, and after being away; for every window."""
    queries = [*WINDOWS, []] if whole else WINDOWS
    assert plays.play("wandering", seed=seed, rounds=60, queries=queries) == []


def test_transactions_lose_nothing_under_contention(plays: Plays) -> None:
    """Five clients, eight each: forty, and some of them had to try again."""
    counted = plays.play("contention", clients=5, rounds=8)
    assert counted["value"] == 40
    assert counted["calls"] > 40


def test_a_transaction_sees_nothing_first_and_then_what_is_there(
    emulator: Emulator, plays: Plays
) -> None:
    """One that gives up changes nothing, and one that is not allowed says so."""
    emulator.load_rules(
        '{"rules": {".read": true, "t": {".write": true}, "locked": {".write": false}}}'
    )
    seen = plays.play("transaction", start={"n": 1})
    assert seen["given"] == [None, {"n": 1}]
    assert seen["value"] == {"seen": {"n": 1}}
    assert seen["stopped"] is False
    assert seen["refused"] == "permission_denied"


def test_priorities_are_stored_ordered_and_hashed(plays: Plays) -> None:
    """A transaction on what has one commits, and keeps it."""
    seen = plays.play("priorities")
    assert seen["before"] == {
        "a": ranked("x", 7),
        "b": {"k": 1, ".priority": "last"},
        "c": 3,
    }
    assert seen["order"] == ["a", "c", "b"]
    assert seen["after"] == ranked("x!", 7)


def test_a_goodbye_is_done_when_its_client_goes(plays: Plays) -> None:
    """Set, update and removal in one; what was cancelled is not."""
    ((_, value),) = plays.play("goodbye")
    assert value.pop("b").keys() == {"gone", "at"}
    assert value == {"a": "offline", "d": "kept"}


def test_server_values_come_to_what_the_server_says(plays: Plays) -> None:
    """A guess first, as the SDK has it, and the truth with the acknowledgement."""
    seen = plays.play("ordered")
    assert [value for value in seen["values"] if value is not None][:2] == [4, 9]
    assert seen["time"] > 1_500_000_000_000


def test_writes_made_offline_are_shown_at_once_and_sent_later(plays: Plays) -> None:
    """In their order; what others wrote meanwhile is there as well."""
    seen = plays.play("offline")
    assert seen["connected"] == [False, True, False, True]
    assert [row[:2] for row in seen["shown"]] == [
        ["child_added", "a"],
        ["child_added", "b"],
        ["child_added", "c"],
        ["child_changed", "a"],
        ["child_removed", "b"],
    ]
    assert seen["meanwhile"] == {"a": 1}
    assert [row[:2] for row in seen["later"]] == [["child_added", "d"]]
    assert seen["end"] == {"a": {"x": 4}, "c": 3, "d": 5}


def test_a_refused_update_is_seen_by_its_writer_to_come_and_go(
    emulator: Emulator, plays: Plays
) -> None:
    """By nobody else, and with its reason in the console."""
    emulator.load_rules(GUARDED)
    seen = plays.play("refused")
    assert seen["what"] == "PERMISSION_DENIED"
    assert [row[:2] for row in seen["mine"] if row[0] != "value"] == [
        ["child_added", "locked"],
        ["child_added", "open"],
        ["child_removed", "locked"],
        ["child_removed", "open"],
    ]
    assert seen["theirs"] == []
    assert seen["told"] is True


def test_what_is_not_allowed_is_refused_by_its_name(emulator: Emulator, plays: Plays) -> None:
    """Each call in the SDK's own way."""
    emulator.load_rules('{"rules": {}}')
    seen = plays.play("denied")
    assert seen["seen"] == [["cancelled", "PERMISSION_DENIED"]]
    assert seen["get"] == "Permission denied"
    assert (seen["set"], seen["later"]) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


def test_other_rules_cancel_what_they_do_not_allow(emulator: Emulator, plays: Plays) -> None:
    """A default listen and a query alike, each once, and nothing else."""
    rules = '{"rules": {"free": {".read": true}, "settled": {".read": true}, "k": {".read": true}}}'
    emulator.load_rules(rules)
    plays.play("watching")
    emulator.load_rules(rules.replace('"k": {".read": true}', '"k": {}'))
    seen = plays.play("revoked")
    assert seen["all"] == [["cancelled", "PERMISSION_DENIED"]]
    assert seen["window"] == [["cancelled", "PERMISSION_DENIED"]]
    assert seen["free"] == []


def test_mock_users_are_who_they_say(emulator: Emulator, plays: Plays) -> None:
    """Unsigned tokens that ended in 1970."""
    emulator.load_rules(PERSONAL)
    assert plays.play("mocked") == ["done", "PERMISSION_DENIED"]


def test_a_renewed_token_allows_more_and_none_allows_nothing(
    emulator: Emulator, plays: Plays, admin_app: Any
) -> None:
    """On the same socket; what signing out takes away is cancelled."""
    emulator.load_rules(PERSONAL)
    user = auth.create_user(email="ada@example.com", password="correct horse", app=admin_app)
    httpx.put(
        f"http://{emulator.database_host}/inbox.json",
        headers={"Authorization": "Bearer owner"},
        json="hello",
    ).raise_for_status()
    seen = plays.play("renewal", email="ada@example.com", password="correct horse")
    assert (seen["uid"], seen["inbox"]) == (user.uid, "Permission denied")
    auth.set_custom_user_claims(user.uid, {"admin": True}, app=admin_app)
    assert plays.play("renew") == {
        "inbox": "hello",
        "seen": [["cancelled", "PERMISSION_DENIED"]],
    }


def test_a_page_and_our_desk_hold_one_conversation(
    emulator: Emulator, plays: Plays, tmp_path: Path
) -> None:
    """Under the shipped rules: the page over a socket, the desk over REST and streams."""
    emulator.load_rules(RULES)
    session = "-Oabcdefghijklmnopqr"
    said = plays.play("greet", session=session, text="Do you ship to Kampala?")
    assert said == {
        "halves": ["PERMISSION_DENIED", "PERMISSION_DENIED"],
        "whole": "done",
        "again": "PERMISSION_DENIED",
    }
    target: dict[str, Any] = {
        "project": emulator.project,
        "database_emulator": emulator.database_host,
        "auth_emulator": emulator.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
    }
    with AdminChat.from_env(**target) as desk, desk.open(session) as conversation:
        heard = [each.text for each in conversation.history()]
        conversation.reply("Every Tuesday.")
    assert heard == ["Do you ship to Kampala?"]
    assert plays.play("answered", count=2) == [
        ["customer", "Do you ship to Kampala?"],
        ["admin", "Every Tuesday."],
    ]


def test_large_values_cross_in_segments(plays: Plays) -> None:
    """Both ways, with a tag and without."""
    assert plays.play("large", length=30_000) == [30_000, 29_999]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a b%/é😀/x?y", 1),
        ("text", 'line\nfeed, "quotes", \u2028 and 😀'),
        ("list", {"0": "a", "2": "c"}),
        ("numbers", {"half": 0.5, "large": 2**53, "small": -1e-9}),
        ("flags", {"no": False, "yes": True}),
    ],
)
def test_keys_and_values_arrive_as_they_were_sent(plays: Plays, path: str, value: Any) -> None:
    """With whatever is in them."""
    assert plays.play("literal", path=path, value=value) == value


def test_rest_and_the_socket_see_one_database(emulator: Emulator, plays: Plays) -> None:
    """What one has been answered, the other reads."""
    plays.play("literal", path="x", value={"y": 1})
    assert httpx.get(f"http://{emulator.database_host}/x.json").json() == {"y": 1}
