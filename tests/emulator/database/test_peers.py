"""Clients that nobody here wrote: firebase-admin and pyrebase4 against the database."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Queue
from typing import Any

import firebase_admin
import httpx
import pyrebase
import pytest
from firebase_admin import db, exceptions
from google.auth.credentials import AnonymousCredentials

from imbari_chat.emulator import Emulator

OWNER = {"Authorization": "Bearer owner"}

# Both libraries close a stream by pulling the socket from under the thread that reads it.
THEIR_THREADS_DIE = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)


class _Anonymous(firebase_admin.credentials.Base):  # type: ignore[misc]  # the library is untyped
    """The emulator wants no key."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library is untyped


def _app(emulator: Emulator, namespace: str, **options: Any) -> firebase_admin.App:
    url = f"http://{emulator.database_host}/?ns={namespace}"
    return firebase_admin.initialize_app(
        _Anonymous(), {"databaseURL": url, "httpTimeout": 5, **options}, name=url + str(options)
    )


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One that says something often: firebase-admin's close() waits for the next event."""
    with Emulator(namespace="the-default", keep_alive=0.1) as running:
        yield running


@pytest.fixture
def admin(emulator: Emulator, namespace: str) -> Iterator[Any]:
    """A reference of firebase-admin to the root."""
    app = _app(emulator, namespace)
    yield db.reference(app=app)
    firebase_admin.delete_app(app)


@pytest.fixture
def dinosaurs(http: httpx.Client) -> dict[str, Any]:
    """Indexed rows under /dinosaurs."""
    rules = {"rules": {".read": True, ".write": True, "dinosaurs": {".indexOn": ["height"]}}}
    assert http.put("/.settings/rules.json", json=rules, headers=OWNER).status_code == 200
    rows = {"a": {"height": 2}, "b": {"height": 4}, "c": {"height": 3}}
    assert http.put("/dinosaurs.json", json=rows).status_code == 200
    return rows


def test_firebase_admin_reads_what_it_wrote(admin: Any) -> None:
    """set, update, push, get and delete do what their documentation says."""
    admin.child("a").set({"b": 1, "c": {"d": [True, "x"]}})
    admin.child("a").update({"b": 2, "c/e": 5})
    assert admin.child("a").get() == {"b": 2, "c": {"d": [True, "x"], "e": 5}}
    pushed = admin.child("list").push({"t": 1})
    assert admin.child("list").get() == {pushed.key: {"t": 1}}
    assert admin.child("a").get(shallow=True) == {"b": True, "c": True}
    admin.child("a").delete()
    assert admin.child("a").get() is None


def test_firebase_admin_compares_and_sets(admin: Any) -> None:
    """A tag read with a value guards the next write."""
    node = admin.child("n")
    node.set(1)
    value, tag = node.get(etag=True)
    assert value == 1
    assert node.set_if_unchanged(tag, 2)[0] is True
    done, current, newer = node.set_if_unchanged(tag, 3)
    assert (done, current) == (False, 2)
    assert newer != tag
    assert node.get_if_changed(newer) == (False, None, None)
    assert node.get_if_changed(tag)[:2] == (True, 2)
    assert node.set_if_unchanged(newer, {"x": 1})[0] is True


def test_ten_threads_of_transactions_count_to_ten(admin: Any) -> None:
    """No increment is lost: case 47."""
    node = admin.child("counter")
    with ThreadPoolExecutor(10) as pool:
        for done in [pool.submit(node.transaction, lambda v: (v or 0) + 1) for _ in range(10)]:
            done.result()
    assert node.get() == 10


def test_firebase_admin_queries(admin: Any, dinosaurs: dict[str, Any]) -> None:
    """Orders, ranges and limits come back as the library sorts them."""
    rows = admin.child("dinosaurs")
    assert list(rows.order_by_child("height").get()) == ["a", "c", "b"]
    assert list(rows.order_by_child("height").start_at(3).get()) == ["c", "b"]
    assert list(rows.order_by_child("height").limit_to_last(1).get()) == ["b"]
    assert rows.order_by_key().equal_to("c").get() == {"c": dinosaurs["c"]}
    with pytest.raises(exceptions.InvalidArgumentError, match="Index not defined"):
        rows.order_by_child("weight").get()


@THEIR_THREADS_DIE
def test_firebase_admin_listens(admin: Any) -> None:
    """A listener hears the snapshot, then puts and patches."""
    heard: Queue[Any] = Queue()
    registration = admin.child("room").listen(heard.put)
    try:
        assert _event(heard) == ("put", "/", None)
        admin.child("room/x").set(1)
        assert _event(heard) == ("put", "/x", 1)
        admin.child("room").update({"y": "ü", "x": None})
        assert _event(heard) == ("patch", "/", {"y": "ü", "x": None})
    finally:
        registration.close()


def test_a_denied_admin_read_raises_what_the_library_promises(
    emulator: Emulator, namespace: str, http: httpx.Client
) -> None:
    """Under an override the rules apply, and 401 is UnauthenticatedError: case 88."""
    rules = {"rules": {"mine": {".read": "auth.uid === 'u1'"}}}
    assert http.put("/.settings/rules.json", json=rules, headers=OWNER).status_code == 200
    app = _app(emulator, namespace, databaseAuthVariableOverride={"uid": "u1"})
    try:
        assert db.reference("/mine", app=app).get() is None
        with pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"):
            db.reference("/other", app=app).get()
    finally:
        firebase_admin.delete_app(app)


@pytest.fixture
def pyre(emulator: Emulator) -> Any:
    """pyrebase4, which cannot name a namespace and so meets the default one, emptied."""
    emulator.reset()
    return pyrebase.initialize_app(
        {
            "apiKey": "any",
            "authDomain": "localhost",
            "databaseURL": f"http://{emulator.database_host}/",
            "storageBucket": "any",
        }
    ).database()


def test_pyrebase_reads_what_it_wrote(pyre: Any) -> None:
    """set, update, push, get, shallow and remove do what their documentation says."""
    assert pyre.child("a").set({"b": 1}) == {"b": 1}
    assert pyre.child("a").update({"c": 2}) == {"c": 2}
    assert pyre.child("a").get().val() == {"b": 1, "c": 2}
    name = pyre.child("list").push({"t": 1})["name"]
    assert [row.key() for row in pyre.child("list").get().each()] == [name]
    assert sorted(pyre.child("a").shallow().get().val()) == ["b", "c"]
    pyre.child("a").remove()
    assert pyre.child("a").get().val() is None


def test_pyrebase_queries_by_key(pyre: Any) -> None:
    """A range and a limit, in order."""
    pyre.child("rows").set({"a": 1, "b": 2, "c": 3})
    rows = pyre.child("rows").order_by_key().start_at("b").limit_to_first(1).get()
    assert dict(rows.val()) == {"b": 2}


@THEIR_THREADS_DIE
def test_pyrebase_streams(pyre: Any) -> None:
    """Its stream hears the snapshot and what follows."""
    heard: Queue[Any] = Queue()
    stream = pyre.child("room").stream(heard.put)
    try:
        assert heard.get(timeout=5)["data"] is None
        pyre.child("room").update({"x": 1})
        told = heard.get(timeout=5)
        assert (told["event"], told["path"], told["data"]) == ("patch", "/", {"x": 1})
    finally:
        with suppress(AttributeError):  # its close() races with its own thread
            stream.close()
        stream.thread.join(5)


def _event(heard: "Queue[Any]") -> tuple[str, str, Any]:
    event = heard.get(timeout=5)
    return event.event_type, event.path, event.data


def test_the_environment_is_all_that_firebase_admin_needs(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variables of an emulator, the library finds it by itself."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    assert os.environ["FIREBASE_DATABASE_EMULATOR_HOST"] == emulator.database_host
    app = firebase_admin.initialize_app(name="by-environment")
    try:
        db.reference("/env", app=app).set(1)
        answer = httpx.get(f"http://{emulator.database_host}/env.json")
        assert answer.json() == 1
    finally:
        firebase_admin.delete_app(app)
