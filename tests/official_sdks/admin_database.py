"""What firebase-admin's ``db`` does: reading, writing, listening and transactions."""

from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any, Final

import pytest
from firebase_admin import db, exceptions

from tests.official_sdks.place import Place, dying_threads, exchanges, until_closed
from tests.official_sdks.registry import call, refused

__all__ = ["CLIENT"]

CLIENT: Final = "firebase-admin db"

UNICODE: Final = "grüße/北京/🦖 and a space"


@call(CLIENT, "reference")
def a_reference_begins_anywhere(place: Place) -> None:
    """At the root, at a path, and in another database of the same server."""
    app = place.app()
    assert db.reference(app=app).path == "/"
    db.reference("/a/b", app=app).set(1)
    assert place.http().get("/a/b.json").json() == 1
    db.reference("a", app=app, url=place.url("other-" + place.namespace)).set("elsewhere")
    assert db.reference("/a", app=app).get() == {"b": 1}


@call(CLIENT, "reference")
def the_environment_names_the_emulator(place: Place) -> None:
    """The database is then the first label of the real URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", place.target.database)
        url = f"https://{place.namespace}.firebaseio.com"
        db.reference("/env", app=place.app(databaseURL=url)).set(1)
    assert place.http().get("/env.json").json() == 1


@refused(CLIENT, "reference", why="the library wants host:port, and one namespace in an http URL")
def an_address_has_one_form(place: Place) -> None:
    """The library says so before it sends anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", f"http://{place.target.database}")
        with pytest.raises(ValueError, match="host:port"):
            place.reference(databaseURL="https://x.firebaseio.com")
    for url in (f"http://{place.target.database}/", f"http://{place.target.database}/?ns=a&ns=b"):
        with pytest.raises(ValueError, match="Invalid database URL"):
            place.reference(databaseURL=url)


@refused(CLIENT, "reference", "Reference.child", why="a path has none of [ ] . ? # $")
def a_path_has_no_reserved_characters(place: Place) -> None:
    """The library says so before it sends anything."""
    for character in "[].?#$":
        with pytest.raises(ValueError, match="illegal characters"):
            place.reference(f"/a{character}b")
    with pytest.raises(ValueError, match="must not start"):
        place.reference().child("/a")


@call(CLIENT, "Reference.child", "Reference.parent", "Reference.key", "Reference.path")
def a_reference_knows_where_it_is(place: Place) -> None:
    """Up, down and its own name."""
    node = place.reference("/a").child("b/c")
    assert (node.key, node.path) == ("c", "/a/b/c")
    assert (node.parent.path, place.reference().parent, place.reference().key) == (
        "/a/b",
        None,
        None,
    )


@call(CLIENT, "Reference.get", "Reference.set")
def every_kind_of_value_comes_back(place: Place) -> None:
    """Leaves, nested objects and lists; nothing is kept of null and of what is empty."""
    node = place.reference("/v")
    for value in (True, False, 0, -1, 1.5, 2**53, "", "ü\n\"'", {"a": {"b": [1, "x", True]}}):
        node.set(value)
        assert node.get() == value
    node.set({"a": None, "b": {}, "c": [], "d": 1})
    assert node.get() == {"d": 1}
    node.set([1, None, 3])
    assert node.get() == [1, None, 3]
    assert place.reference("/nothing").get() is None


@call(CLIENT, "Reference.get", "Reference.set")
def keys_are_unicode(place: Place) -> None:
    """In a path, which the library hardly encodes, and in a value."""
    node = place.reference(UNICODE)
    node.set({"ключ": "значение"})
    assert node.get() == {"ключ": "значение"}
    first, second, third = UNICODE.split("/")
    assert place.reference().get() == {first: {second: {third: {"ключ": "значение"}}}}


@call(CLIENT, "Reference.get")
def a_shallow_read_stops_at_the_keys(place: Place) -> None:
    """A leaf is itself, and nothing is None."""
    node = place.reference("/a")
    node.set({"b": {"c": 1}, "d": 2})
    assert node.get(shallow=True) == {"b": True, "d": True}
    assert node.child("d").get(shallow=True) == 2
    assert node.child("e").get(shallow=True) is None


@call(CLIENT, "Reference.get")
def a_value_comes_with_its_tag(place: Place) -> None:
    """The tag follows the value, and absence has one too."""
    node = place.reference("/a")
    assert node.get(etag=True) == (None, "null_etag")
    node.set(1)
    value, tag = node.get(etag=True)
    node.set(2)
    assert value == 1
    assert node.get(etag=True)[1] != tag
    node.set(1)
    assert node.get(etag=True) == (1, tag)


@refused(CLIENT, "Reference.get", why="a shallow read has no tag")
def a_shallow_read_has_no_tag(place: Place) -> None:
    """The library says so before it sends anything."""
    with pytest.raises(ValueError, match="cannot both be set"):
        place.reference().get(etag=True, shallow=True)


@call(CLIENT, "Reference.get_if_changed")
def an_unchanged_value_is_not_sent_again(place: Place) -> None:
    """304 becomes False; a change brings the value and its tag."""
    node = place.reference("/a")
    node.set({"x": 1})
    tag = node.get(etag=True)[1]
    assert node.get_if_changed(tag) == (False, None, None)
    node.update({"x": 2})
    changed, value, newer = node.get_if_changed(tag)
    assert (changed, value) == (True, {"x": 2})
    assert node.get_if_changed(newer)[0] is False


@call(CLIENT, "Reference.set")
def the_server_fills_in_its_values(place: Place) -> None:
    """A timestamp in milliseconds, and an increment of nothing and of a number."""
    node = place.reference("/a")
    node.set({"at": {".sv": "timestamp"}, "n": {".sv": {"increment": 5}}})
    first = node.get()
    assert first["n"] == 5
    assert first["at"] > 1_600_000_000_000
    node.update({"n": {".sv": {"increment": -2}}})
    assert node.get() == {"at": first["at"], "n": 3}


@refused(CLIENT, "Reference.set", why="a key has none of . $ # [ ] /, and None is no value")
def a_bad_key_is_an_invalid_argument(place: Place) -> None:
    """The library passes on the database's own words."""
    node = place.reference("/a")
    with pytest.raises(exceptions.InvalidArgumentError, match=r"Key value can't be empty or cont"):
        node.set({"a.b": 1})
    with pytest.raises(exceptions.InvalidArgumentError):
        node.set({"at": {".sv": "bogus"}})
    with pytest.raises(ValueError, match="must not be None"):
        node.set(None)
    assert node.get() is None


@call(CLIENT, "Reference.set_if_unchanged")
def a_tag_guards_a_write(place: Place) -> None:
    """A stale one brings the present value and tag; absence can be guarded as well."""
    node = place.reference("/n")
    assert node.set_if_unchanged("null_etag", 1)[:2] == (True, 1)
    tag = node.get(etag=True)[1]
    assert node.set_if_unchanged(tag, 2)[0] is True
    done, current, newer = node.set_if_unchanged(tag, 3)
    assert (done, current) == (False, 2)
    assert node.set_if_unchanged(newer, {"x": 1})[0] is True
    assert node.set_if_unchanged("null_etag", 4)[:2] == (False, {"x": 1})
    assert node.get() == {"x": 1}


@call(CLIENT, "Reference.push")
def pushed_children_sort_by_age(place: Place) -> None:
    """Each has a new key of twenty characters; without a value it holds an empty string."""
    node = place.reference("/list")
    pushed = [node.push({"t": number}) for number in range(5)]
    keys = [child.key for child in pushed]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {20}
    assert pushed[3].get() == {"t": 3}
    assert node.push().get() == ""


@call(CLIENT, "Reference.update")
def an_update_reaches_several_paths_at_once(place: Place) -> None:
    """Named children are replaced, others stay, null removes, and keys may be paths."""
    node = place.reference("/a")
    node.set({"b": {"x": 1, "y": 2}, "c": 1, "d": 1})
    node.update({"b": {"x": 2}, "c": None, "e/f/ü": [1]})
    assert node.get() == {"b": {"x": 2}, "d": 1, "e": {"f": {"ü": [1]}}}


@refused(CLIENT, "Reference.update", why="an update under the rules is all or nothing")
def an_update_is_all_or_nothing(place: Place) -> None:
    """One refused path refuses the others."""
    place.rules({"mine": {".write": "auth.uid === 'u1'"}})
    node = place.reference(databaseAuthVariableOverride={"uid": "u1"})
    with pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"):
        node.update({"mine/a": 1, "yours/a": 1})
    assert place.reference().get() is None
    node.update({"mine/a": 1, "mine/b/c": 2})
    assert place.reference().get() == {"mine": {"a": 1, "b": {"c": 2}}}


@refused(CLIENT, "Reference.update", "Reference.push", why="the library wants something to write")
def there_is_something_to_write(place: Place) -> None:
    """The library says so before it sends anything."""
    nothing: tuple[object, ...] = (None, {}, [1])
    for value in nothing:
        with pytest.raises(ValueError, match="non-empty dictionary"):
            place.reference().update(value)
    with pytest.raises(ValueError, match="None keys"):
        place.reference().update({None: 1})
    with pytest.raises(ValueError, match="must not be None"):
        place.reference().push(None)


@call(CLIENT, "Reference.delete")
def a_deleted_node_takes_empty_parents_along(place: Place) -> None:
    """And deleting what is not there is no mistake."""
    place.reference("/a/b/c").set(1)
    place.reference("/a/b/c").delete()
    assert place.reference("/").get() is None
    place.reference("/a/b/c").delete()


@call(
    CLIENT, "Reference.listen", "ListenerRegistration.close",
    "Event.event_type", "Event.path", "Event.data",
)  # fmt: skip
def a_listener_hears_the_snapshot_then_changes(place: Place) -> None:
    """Puts and patches below it, until it is closed."""
    heard: Queue[Any] = Queue()
    room = place.reference("/room")
    room.set({"old": True})
    with dying_threads():
        registration = room.listen(heard.put)
        try:
            assert _event(heard) == ("put", "/", {"old": True})
            room.child("x/y").set(1)
            assert _event(heard) == ("put", "/x/y", 1)
            room.update({"z": "ü", "old": None})
            assert _event(heard) == ("patch", "/", {"z": "ü", "old": None})
            key = room.push({"at": {".sv": "timestamp"}}).key
            kind, path, value = _event(heard)
            assert (kind, path) == ("put", f"/{key}")
            assert value["at"] > 1_600_000_000_000
            room.child("x").delete()
            assert _event(heard) == ("put", "/x", None)
            place.reference("/elsewhere").set(1)
            room.delete()
            assert _event(heard) == ("put", "/", None)
        finally:
            until_closed(registration.close, room.child("wake").set)
    while not heard.empty():
        assert heard.get().path == "/wake"
    room.child("late").set(1)
    assert heard.empty()


@refused(CLIENT, "Reference.listen", why="a stream opens only where the rules allow a read")
def a_denied_listener_never_starts(place: Place) -> None:
    """The answer is 401, and the library raises it at once."""
    place.rules({"mine": {".read": "auth.uid === 'u1'"}})
    node = place.reference("/yours", databaseAuthVariableOverride={"uid": "u1"})
    with pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"):
        node.listen(lambda event: None)


@call(CLIENT, "Reference.transaction")
def a_transaction_returns_what_it_wrote(place: Place) -> None:
    """From nothing, and from what is there."""
    node = place.reference("/n")
    assert node.transaction(lambda value: [value, 1]) == [None, 1]
    assert node.transaction(lambda value: {"before": value}) == {"before": [None, 1]}
    assert node.get() == {"before": [None, 1]}


@call(CLIENT, "Reference.transaction")
def ten_threads_of_transactions_count_to_ten(place: Place) -> None:
    """No increment is lost."""
    node = place.reference("/counter")
    with ThreadPoolExecutor(10) as pool:
        for done in [pool.submit(node.transaction, lambda v: (v or 0) + 1) for _ in range(10)]:
            done.result()
    assert node.get() == 10


@refused(CLIENT, "Reference.transaction", why="the update function raises, or returns None")
def a_transaction_is_abandoned(place: Place) -> None:
    """By the caller; nothing is written, and the error is the caller's own."""

    def no(value: object) -> object:
        raise KeyError("no")

    node = place.reference("/n")
    node.set(1)
    with pytest.raises(KeyError):
        node.transaction(no)
    with pytest.raises(ValueError, match="must not be none"):
        node.transaction(lambda value: None)
    with pytest.raises(ValueError, match="must be a function"):
        node.transaction(2)
    assert node.get() == 1


@refused(CLIENT, "Reference.transaction", why="the value changed 25 times in between")
def a_transaction_gives_up(place: Place) -> None:
    """After 25 attempts, each told the value that came in between."""
    node = place.reference("/n")
    told: list[object] = []

    def always_late(value: object) -> str:
        told.append(value)
        node.set(len(told))
        return "mine"

    with pytest.raises(db.TransactionAbortedError):
        node.transaction(always_late)
    assert told == [None, *range(1, 25)]
    assert node.get() == 25


@call(CLIENT, "Reference.get", "Reference.set")
def an_override_becomes_auth_in_the_rules(place: Place) -> None:
    """A uid is that user, None is nobody, and {} stays the administrator."""
    rules = {"mine": {".read": "auth.uid === 'u1'", ".write": "auth.uid === 'u1'"}}
    place.rules({**rules, "open": {".read": "auth === null"}})
    user = place.reference(databaseAuthVariableOverride={"uid": "u1", "token": {"a": "ü"}})
    user.child("mine").set(1)
    assert user.child("mine").get() == 1
    nobody = place.reference(databaseAuthVariableOverride=None)
    assert nobody.child("open").get() is None
    with pytest.raises(exceptions.UnauthenticatedError):
        nobody.child("mine").get()
    assert place.reference(databaseAuthVariableOverride={}).get() == {"mine": 1}


@refused(CLIENT, "Reference.get", "Reference.set", why="the rules say no")
def a_denial_is_an_unauthenticated_error(place: Place) -> None:
    """Asked up to three times, because the library takes 401 for a stale credential."""
    place.rules({"mine": {".read": "auth.uid === 'u1'"}})
    node = place.reference("/other", databaseAuthVariableOverride={"uid": "u1"})
    with (
        exchanges() as seen,
        pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"),
    ):
        node.get()
    assert 1 <= len(seen) <= 3
    assert set(seen) == {("GET", 401)}
    with pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"):
        node.set(1)
    assert place.reference().get() is None


def _event(heard: "Queue[Any]") -> tuple[str, str, Any]:
    event = heard.get(timeout=60)
    return event.event_type, event.path, event.data
