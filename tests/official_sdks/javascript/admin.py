"""What firebase-admin for Node does to a database, over the socket and over REST."""

from tests.official_sdks.javascript.clients import ADMIN_DATABASE as CLIENT
from tests.official_sdks.javascript.listening import ranked
from tests.official_sdks.place import Place
from tests.official_sdks.registry import call, refused

__all__: list[str] = []


@call(
    CLIENT, "getDatabase", "Database.ref", "Query.get", "Query.limitToLast", "Query.on",
    "Query.orderByChild", "Reference.set", "Reference.transaction", "Reference.update",
    "TransactionResult.toJSON",
)  # fmt: skip
def the_owner_is_above_the_rules(place: Place) -> None:
    """Listens, writes, updates and transactions, where nobody else may do anything."""
    place.rules({"list": {".indexOn": "n"}})
    seen = place.play("above")
    assert seen["seen"] == ["b", "a"]
    assert seen["moved"] == {"committed": True, "snapshot": 6}
    assert seen["all"] == {"a": {"n": 6}, "b": {"n": 2, "seen": True}}


@call(
    CLIENT, "DataSnapshot.child", "DataSnapshot.exists", "DataSnapshot.exportVal",
    "DataSnapshot.forEach", "DataSnapshot.getPriority", "DataSnapshot.hasChild",
    "DataSnapshot.hasChildren", "DataSnapshot.key", "DataSnapshot.numChildren", "DataSnapshot.ref",
    "DataSnapshot.toJSON", "DataSnapshot.val", "Query.once", "Query.toString", "Reference.child",
    "Reference.push", "Reference.remove", "Reference.setPriority", "Reference.setWithPriority",
    "ServerValue.increment",
)  # fmt: skip
def what_is_written_is_read(place: Place) -> None:
    """With priorities and server values."""
    assert place.play("written") == {
        "pushed": "pushed",
        "time": "number",
        "a": [ranked(1, 7), 7],
        "b": [ranked(2, 3), True],
        "exists": [True, False, True, 4],
        "keys": ["w", "c", "e", "b", "a"],
    }


@call(
    CLIENT, "Query.endAt", "Query.endBefore", "Query.equalTo", "Query.limitToFirst",
    "Query.limitToLast", "Query.orderByChild", "Query.orderByKey", "Query.orderByPriority",
    "Query.orderByValue", "Query.startAfter", "Query.startAt",
)  # fmt: skip
def queries_and_limits_show_their_window(place: Place) -> None:
    """In their order."""
    start = {"a": {".value": 3, ".priority": 1}, "b": 1, "c": {"n": 2}, "d": 2}
    place.http().put("/list.json", json=start).raise_for_status()
    windows = [
        ([["orderByKey"], ["startAt", "b"], ["endAt", "c"]], ["b", "c"]),
        ([["orderByKey"], ["startAfter", "a"], ["endBefore", "c"]], ["b"]),
        ([["orderByValue"], ["limitToFirst", 2]], ["b", "d"]),
        ([["orderByPriority"], ["limitToLast", 1]], ["a"]),
        ([["orderByChild", "n"], ["equalTo", 2]], ["c"]),
    ]
    found = place.play("windows", queries=[steps for steps, _ in windows])
    assert found == [keys for _, keys in windows]


@call(CLIENT, "Query.off", "Query.on")
def a_listener_that_is_taken_off_hears_nothing_more(place: Place) -> None:
    """What came before it has heard."""
    assert place.play("heard") == [None, 1]


@call(
    CLIENT, "Database.goOffline", "Database.goOnline", "Reference.onDisconnect",
    "OnDisconnect.cancel", "OnDisconnect.remove", "OnDisconnect.set",
    "OnDisconnect.setWithPriority", "OnDisconnect.update",
)  # fmt: skip
def a_goodbye_is_done_when_its_client_goes(place: Place) -> None:
    """What was cancelled is not; and the client comes back."""
    left, kept = place.play("goodbye")
    assert left == {
        "a": "gone",
        "b": ranked("gone", 1),
        "c": {"at": 1},
        "e": "kept",
    }
    assert kept == "kept"


@call(
    CLIENT, "getDatabaseWithUrl", "Database.refFromURL", "Query.isEqual", "Query.ref",
    "Query.toJSON", "Reference.getKey", "Reference.getParent", "Reference.getRoot",
    "Reference.key", "Reference.parent", "Reference.root",
)  # fmt: skip
def references_know_their_places(place: Place) -> None:
    """Also those of another database of the same server."""
    address = f"http://{place.target.database}/a/b"
    seen = place.play("references")
    assert seen["keys"] == ["b", "b", "a", "a", None, None]
    assert seen["urls"] == [address, address, address]
    assert seen["equal"] == [True, False, True]
    assert seen["elsewhere"] == [None, "elsewhere"]


@call(CLIENT, "enableLogging")
def what_goes_over_the_socket_can_be_logged(place: Place) -> None:
    """To a function."""
    assert place.play("logged") > 0


@call(CLIENT, "Database.getRules", "Database.getRulesJSON", "Database.setRules")
def rules_are_set_and_read(place: Place) -> None:
    """Over REST, beside the socket."""
    rules = {"rules": {".read": "auth.uid === 'svc'"}}
    assert place.play("rules") == [rules, rules]


@refused(CLIENT, "Reference.set", why="the app acts for a user, or for nobody, whom rules bind")
def whoever_acts_for_a_user_is_bound_by_the_rules(place: Place) -> None:
    """And whoever acts for nobody."""
    place.rules({"users": {"$uid": {".write": "auth.uid === $uid"}}})
    assert place.play("overridden") == {
        "svc": "done",
        "other": "PERMISSION_DENIED",
        "nobody": "PERMISSION_DENIED",
    }
