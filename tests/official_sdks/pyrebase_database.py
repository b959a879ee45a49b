"""What pyrebase4's ``Database`` does: reading, writing, streaming and comparing."""

import json
from collections.abc import Callable
from queue import Queue
from typing import Any, Final

import pyrebase
import pytest
import requests

from imbari_chat.emulator.tokens import encode_unsigned
from tests.official_sdks.place import Place, dying_threads
from tests.official_sdks.registry import call, refused, unsupported

__all__ = ["CLIENT"]

CLIENT: Final = "pyrebase4"

OPEN: Final = {".read": True, ".write": True}


def client(place: Place, rules: dict[str, Any] = OPEN) -> Any:
    """Its ``Database``, which can name no namespace: the one without a name, emptied."""
    plain = place.http("")
    assert plain.put("/.settings/rules.json", json={"rules": rules}).status_code == 200
    assert plain.delete("/.json").status_code == 200
    return _firebase(place).database()


def _firebase(place: Place) -> Any:
    return pyrebase.initialize_app(
        {
            "apiKey": "the-key",
            "authDomain": "localhost",
            "databaseURL": f"http://{place.target.database}",
            "storageBucket": "none",
        }
    )


def token(uid: str, **claims: Any) -> str:
    """An ID token as an Auth emulator makes them."""
    return encode_unsigned({"sub": uid, "user_id": uid, "iat": 0, "exp": 3600, **claims})


def words(refusal: "pytest.ExceptionInfo[requests.HTTPError]") -> str:
    """The database's own words; the library keeps its answer as text."""
    return str(json.loads(refusal.value.args[1])["error"])


@call(CLIENT, "initialize_app", "Firebase.database", "Firebase.auth")
def an_app_has_a_database_and_auth(place: Place) -> None:
    """One of each, for the address and the key it was given."""
    app = _firebase(place)
    assert app.database().database_url == f"http://{place.target.database}/"
    assert app.auth().api_key == "the-key"


@unsupported(CLIENT, "Firebase.storage", why="there is no Storage here; it would go to Google")
def storage_is_at_google(place: Place) -> None:
    """Its address is fixed."""
    storage = _firebase(place).storage()
    storage.child("a")
    assert storage.get_url(None).startswith("https://firebasestorage.googleapis.com/")


@call(CLIENT, "Database.child", "Database.set", "Database.get", "PyreResponse.val")
def what_is_written_is_read(place: Place) -> None:
    """Of every kind, by one path or several steps; a write gives back what it wrote."""
    db = client(place)
    for value in (True, False, 1, -1.5, "", "ü\n\"'", {"a": {"b": "x"}}):
        assert db.child("v").set(value) == value
        assert db.child("v").get().val() == value
    assert db.child("a", "b").child("c/d").set(1) == 1
    assert db.child("/a").get().val() == {"b": {"c": {"d": 1}}}
    assert db.child("nothing").get().val() is None


@call(CLIENT, "Database.set", "Database.get")
def keys_are_unicode(place: Place) -> None:
    """In a path and in a value; the library leaves the encoding to ``requests``."""
    db = client(place)
    db.child("grüße/北京/🦖").set({"ключ": "значение"})
    assert db.child("grüße/北京/🦖").get().val() == {"ключ": "значение"}
    assert place.http("").get("/grüße/北京/🦖/ключ.json").json() == "значение"


@call(
    CLIENT, "PyreResponse.key", "PyreResponse.each", "PyreResponse.val", "Pyre.key", "Pyre.val"
)  # fmt: skip
def an_answer_is_walked_through(place: Place) -> None:
    """Objects by key, lists by number."""
    db = client(place)
    db.child("rows").set({"a": 1, "b": {"x": 2}})
    answer = db.child("rows").get()
    assert answer.key() == "rows"
    assert [(row.key(), row.val()) for row in answer.each()] == [("a", 1), ("b", {"x": 2})]
    assert answer[1].val() == {"x": 2}
    db.child("list").set(["x", "y"])
    answer = db.child("list").get()
    assert answer.val() == ["x", "y"]
    assert [(row.key(), row.val()) for row in answer.each()] == [(0, "x"), (1, "y")]


@call(CLIENT, "Database.push")
def pushed_children_sort_by_age(place: Place) -> None:
    """Each under a new key of twenty characters."""
    db = client(place)
    names = [db.child("list").push({"t": number})["name"] for number in range(3)]
    assert names == sorted(names)
    assert {len(name) for name in names} == {20}
    assert [row.key() for row in db.child("list").get().each()] == names


@call(CLIENT, "Database.update")
def an_update_reaches_several_paths_at_once(place: Place) -> None:
    """Others stay, null removes, and the server fills in its values."""
    db = client(place)
    db.child("a").set({"b": 1, "c": 1})
    change = {"c": None, "d/e": 2, "n": {".sv": {"increment": 3}}, "at": {".sv": "timestamp"}}
    db.child("a").update(change)
    found = db.child("a").get().val()
    assert found.pop("at") > 1_600_000_000_000
    assert found == {"b": 1, "d": {"e": 2}, "n": 3}


@call(CLIENT, "Database.remove")
def what_is_removed_is_gone(place: Place) -> None:
    """And removing nothing is no mistake."""
    db = client(place)
    db.child("a/b").set(1)
    assert db.child("a/b").remove() is None
    assert db.child("a").get().val() is None
    assert db.child("a/b").remove() is None


@call(CLIENT, "Database.stream", "Stream.close", "Stream.start", "Stream.make_session")
def a_stream_hears_the_snapshot_then_changes(place: Place) -> None:
    """Puts and patches, with the name it was given, until it is closed."""
    db = client(place)
    heard: Queue[Any] = Queue()
    db.child("room").set({"old": True})
    with dying_threads():
        stream = db.child("room").stream(heard.put, stream_id="s1")
        try:
            first = heard.get(timeout=60)
            expected = {"event": "put", "path": "/", "data": {"old": True}, "stream_id": "s1"}
            assert first == expected
            db.child("room/x/y").set("ü")
            assert _told(heard) == ("put", "/x/y", "ü")
            db.child("room").update({"z": 1, "old": None})
            assert _told(heard) == ("patch", "/", {"z": 1, "old": None})
            db.child("room").remove()
            assert _told(heard) == ("put", "/", None)
        finally:
            _close(stream)
    db.child("room").set("late")
    assert heard.empty()


@call(
    CLIENT, "Database.stream", "Stream.start_stream", "Database.order_by_key", "Database.start_at"
)
def a_stream_in_the_callers_own_thread(place: Place) -> None:
    """Of a query; it ends when the callback raises."""

    class EnoughError(Exception):
        pass

    heard: list[Any] = []

    def once(event: Any) -> None:
        heard.append(event)
        raise EnoughError

    db = client(place)
    db.child("rows").set({"a": 1, "b": 2})
    with pytest.raises(EnoughError):
        db.child("rows").order_by_key().start_at("b").stream(once, is_async=False)
    assert heard == [{"event": "put", "path": "/", "data": {"b": 2}}]


@refused(CLIENT, "Database.stream", why="a stream opens only where the rules allow a read")
def a_denied_stream_never_starts(place: Place) -> None:
    """The answer is 401, and whoever reads raises it."""
    db = client(place, {"mine": {".read": "auth.uid === 'u1'"}})
    with pytest.raises(requests.HTTPError, match="401"):
        db.child("mine").stream(lambda event: None, token("u2"), is_async=False)


@call(
    CLIENT, "Database.get", "Database.set", "Database.push", "Database.update", "Database.remove",
    "Database.stream", "Database.get_etag", "Database.conditional_set",
    "Database.conditional_remove",
)  # fmt: skip
def a_token_makes_somebody_of_the_caller(place: Place) -> None:
    """For every call that takes one."""
    mine = {".read": "auth.uid === 'u1'", ".write": "auth.uid === 'u1'"}
    db = client(place, {"mine": mine})
    me = token("u1")
    assert db.child("mine").set({"a": 1}, me) == {"a": 1}
    assert db.child("mine").update({"b": 2}, me) == {"b": 2}
    assert db.child("mine").get(me).val() == {"a": 1, "b": 2}
    name = db.child("mine/list").push("x", me)["name"]
    assert db.child("mine/list").remove(me) is None
    assert len(name) == 20
    tag = db.child("mine/a").get_etag(me)["ETag"]
    assert db.child("mine/a").conditional_set(2, tag, me) == 2
    tag = db.child("mine/a").get_etag(me)["ETag"]
    assert db.child("mine/a").conditional_remove(tag, me) is None
    heard: Queue[Any] = Queue()
    with dying_threads():
        stream = db.child("mine").stream(heard.put, me)
        try:
            assert _told(heard) == ("put", "/", {"b": 2})
        finally:
            _close(stream)


@refused(
    CLIENT, "Database.get", "Database.set", "Database.push", "Database.update", "Database.remove",
    "Database.get_etag", "Database.conditional_set", "Database.conditional_remove",
    why="the rules say no",
)  # fmt: skip
def a_denial_is_an_http_error(place: Place) -> None:
    """With another's token, with none, and with nonsense."""
    db = client(place, {"mine": {".read": "auth.uid === 'u1'", ".write": "auth.uid === 'u1'"}})
    other = token("u2")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: db.child("mine").get(other),
        lambda: db.child("mine").get(),
        lambda: db.child("mine").set(1, other),
        lambda: db.child("mine").push(1, other),
        lambda: db.child("mine").update({"a": 1}, other),
        lambda: db.child("mine").remove(other),
        lambda: db.child("mine").get_etag(other),
        lambda: db.child("mine").conditional_set(1, "null_etag", other),
        lambda: db.child("mine").conditional_remove("null_etag", other),
    )
    for attempt in attempts:
        with pytest.raises(requests.HTTPError) as refusal:
            attempt()
        assert words(refusal) == "Permission denied"
        assert refusal.value.args[0].response.status_code == 401
        db.path = ""  # what it was asked for stays in it when a call fails
    with pytest.raises(requests.HTTPError) as refusal:
        db.child("mine").get("garbage")
    assert words(refusal) == "Could not parse auth token."


@call(CLIENT, "Database.get_etag", "Database.conditional_set")
def a_tag_guards_a_write(place: Place) -> None:
    """A stale one brings the present value and tag instead."""
    db = client(place)
    assert db.child("n").get_etag() == {"ETag": "null_etag", "value": None}
    assert db.child("n").conditional_set({"x": 1}, "null_etag") == {"x": 1}
    known = db.child("n").get_etag()
    assert known["value"] == {"x": 1}
    assert db.child("n").conditional_set(2, "null_etag") == known
    assert db.child("n").conditional_set(2, known["ETag"]) == 2


@call(CLIENT, "Database.conditional_remove")
def a_tag_guards_a_removal(place: Place) -> None:
    """The same."""
    db = client(place)
    db.child("n").set(1)
    known = db.child("n").get_etag()
    assert db.child("n").conditional_remove("stale") == known
    assert db.child("n").conditional_remove(known["ETag"]) is None
    assert db.child("n").get().val() is None


@call(CLIENT, "Database.generate_key")
def a_generated_key_is_a_place_to_write(place: Place) -> None:
    """Made by the library, of the database's form."""
    db = client(place)
    key = db.generate_key()
    assert len(key) == 20
    db.child("list").child(key).set(1)
    assert db.child("list").get().val() == {key: 1}


@call(CLIENT, "Database.build_request_url", "Database.build_headers", "Database.check_token")
def the_addresses_it_builds_are_understood(place: Place) -> None:
    """With and without a token, by any HTTP client."""
    db = client(place)
    headers = db.build_headers()
    write = db.check_token(db.database_url, "rows", None)
    assert place.web.put(write, json={"a": 1, "b": 2}, headers=headers).json() == {"a": 1, "b": 2}
    write = db.check_token(db.database_url, "rows/c", token("u1"))
    assert place.web.put(write, json=3, headers=headers).json() == 3
    read = db.child("rows").order_by_key().start_at("b").build_request_url(token("u1"))
    assert place.web.get(read, headers=headers).json() == {"b": 2, "c": 3}


@refused(CLIENT, "Database.set", "Database.update", why="a key has none of . $ # [ ] /")
def a_bad_key_is_an_http_error(place: Place) -> None:
    """The library keeps the database's own words."""
    db = client(place)
    with pytest.raises(requests.HTTPError) as refusal:
        db.child("a").set({"a.b": 1})
    assert "Key value can't be empty or contain" in words(refusal)
    with pytest.raises(requests.HTTPError) as refusal:
        db.child("a").update([1])
    assert words(refusal).startswith("Invalid data; couldn't parse JSON object.")


def _told(heard: "Queue[Any]") -> tuple[str, str, Any]:
    event = heard.get(timeout=60)
    return event["event"], event["path"], event["data"]


def _close(stream: Any) -> None:
    """Its own ``close`` races with its reading thread, and then does not wait for it."""
    try:
        stream.close()
    except AttributeError:
        stream.thread.join(10)
    assert not stream.thread.is_alive()
