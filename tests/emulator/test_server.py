"""The emulator as one object: starting, stopping, and what it refuses."""

import errno
import json
import re
import socket
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.incoming import Incoming
from imbari_chat.emulator.listening import listen
from imbari_chat.errors import ConfigError, RulesError, Unavailable
from tests import plain_http, programs
from tests.emulator.event_stream import EventStream

CLOSED = '{"rules": {"mine": {".read": "auth.uid === \'u1\'"}}}'


def test_both_halves_answer_as_soon_as_start_returns() -> None:
    """No waiting, no retries."""
    with Emulator() as emulator:
        assert plain_http.get(f"http://{emulator.database_host}/a.json").text == "null"
        assert plain_http.get(f"http://{emulator.auth_host}/").status_code == 200


def test_starting_and_stopping_are_quick() -> None:
    """Ready after 50 ms of work; gone long before a stream would have to say something."""
    started = []
    for _ in range(5):
        began = time.process_time()
        with Emulator():
            started.append(time.process_time() - began)
    assert min(started) < 0.05
    emulator = Emulator().start()
    url = f"http://{emulator.database_host}"
    with (
        plain_http.Client(base_url=url, timeout=60) as client,
        EventStream(client, "/s.json") as stream,
    ):
        assert stream.next()[0] == "put"
        began = time.perf_counter()
        emulator.stop()
        assert time.perf_counter() - began < 10
        assert stream.ended()


def test_stop_does_not_wait_for_a_body_that_never_comes() -> None:
    """A client in the middle of a request does not hold the emulator up."""
    emulator = Emulator().start()
    host, port = emulator.database_host.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as slow:
        slow.sendall(b"PUT /a.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
        plain_http.get(f"http://{emulator.database_host}/a.json")
        began = time.perf_counter()
        emulator.stop()
        assert time.perf_counter() - began < 10
        assert slow.recv(100) == b""


def test_a_body_cut_short_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What was sent before the client went away is not taken for all of it; nor is it a mistake."""
    with Emulator() as emulator:
        host, port = emulator.database_host.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            slow.sendall(b"PUT /a.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
        assert plain_http.get(f"http://{emulator.database_host}/a.json").text == "null"
    assert caplog.records == []


def test_stop_frees_the_ports() -> None:
    """The same ports can be taken again at once; stopping twice is fine."""
    first = Emulator().start()
    ports = [int(host.rpartition(":")[2]) for host in (first.database_host, first.auth_host)]
    plain_http.get(f"http://{first.database_host}/a.json")
    first.stop()
    first.stop()
    with Emulator(database_port=ports[0], auth_port=ports[1]) as second:
        assert plain_http.get(f"http://{second.database_host}/a.json").text == "null"


def test_a_call_that_comes_too_late_is_told() -> None:
    """Nobody waits for a loop that has ended."""
    emulator = Emulator().start()
    hosting = emulator._hosting
    assert hosting is not None
    emulator.stop()
    with pytest.raises(Unavailable, match="has stopped"):
        hosting.call(lambda: None)


def test_a_call_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the thread lives, however often one looks whether it does."""

    def slow() -> str:
        time.sleep(0.05)
        return "done"

    monkeypatch.setattr("imbari_chat.emulator.http_server._GRACE_SECONDS", 0)
    with Emulator() as emulator:
        hosting = emulator._hosting
        assert hosting is not None
        assert hosting.call(slow) == "done"


def test_a_mistake_in_a_call_is_raised_where_it_was_called() -> None:
    """The emulator goes on."""
    with Emulator() as emulator:
        hosting = emulator._hosting
        assert hosting is not None
        with pytest.raises(ZeroDivisionError):
            hosting.call(lambda: 1 / 0)
        assert hosting.call(lambda: "done") == "done"


def test_to_start_again_what_runs_changes_nothing() -> None:
    """It listens where it did."""
    with Emulator() as emulator:
        before = emulator.addresses
        assert emulator.start() is emulator
        assert emulator.addresses == before


def test_a_call_whose_turn_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken just before the loop ended."""
    emulator = Emulator().start()
    hosting = emulator._hosting
    assert hosting is not None
    emulator.stop()
    monkeypatch.setattr(hosting, "_loop", SimpleNamespace(call_soon_threadsafe=lambda _: None))
    with pytest.raises(Unavailable, match="has stopped"):
        hosting.call(lambda: None)


def test_a_stopped_emulator_has_no_thread_and_no_address() -> None:
    """Nothing is left behind."""
    before = threading.active_count()
    with Emulator() as emulator:
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    with pytest.raises(Unavailable, match="not running"):
        _ = emulator.database_host


def test_a_taken_port_is_named() -> None:
    """What, where, and what to do."""
    with Emulator() as first:
        port = int(first.auth_host.rpartition(":")[2])
        with Emulator() as gone:
            free = int(gone.database_host.rpartition(":")[2])
        second = Emulator(database_port=free, auth_port=port)
        with pytest.raises(ConfigError) as refused:
            second.start()
        assert str(port) in refused.value.what
        assert refused.value.where == f"auth port {port}"
        assert "another port" in (refused.value.hint or "")
        with Emulator(database_port=free):
            pass
    with second:
        assert second.auth_host == f"127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_other_machines_are_not_let_in_by_accident(host: str) -> None:
    """The emulator trusts everybody, so everybody is this machine."""
    with pytest.raises(ConfigError, match="other machines"):
        Emulator(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_has_many_names(host: str) -> None:
    """None of which lets anybody else in."""
    Emulator(host=host)


def test_an_address_of_this_machine_that_is_not_ipv4_is_bracketed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As URLs have it; the system tells two more numbers about it."""

    class Socket(socket.socket):
        def getsockname(self) -> tuple[str, int, int, int]:
            return "::1", super().getsockname()[1], 0, 0

    monkeypatch.setattr("imbari_chat.emulator.listening.socket.socket", Socket)
    with Emulator() as emulator:
        host, port = emulator.addresses["auth"]
        assert host == "::1"
        assert emulator.auth_host == f"[::1]:{port}"
        assert emulator.environment()["FIREBASE_AUTH_EMULATOR_HOST"] == f"[::1]:{port}"


@pytest.mark.parametrize(
    ("error", "what", "hint"),
    [
        (OSError(errno.EADDRINUSE, ""), "port 80 of ::1 is in use", "stop what uses it"),
        (OSError(errno.EACCES, ""), "port 80 of ::1 may not be used", "above 1023"),
        (OSError("no such address"), "cannot listen on port 80 of ::1: no such", "of this machine"),
        (OverflowError("0-65535"), "cannot listen on port 80 of ::1: 0-65535", "to 65535"),
    ],
)
def test_where_nobody_can_listen_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, what: str, hint: str
) -> None:
    """What is wrong with it, and what may be better."""

    class Socket(socket.socket):
        def bind(self, _address: object) -> None:
            raise error

    monkeypatch.setattr("imbari_chat.emulator.listening.socket.socket", Socket)
    with pytest.raises(ConfigError) as refused:
        listen("auth", "::1", 80)
    assert refused.value.what.startswith(what)
    assert refused.value.where == "auth port 80"
    assert hint in (refused.value.hint or "")


def test_what_is_no_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with a label that none may have, and one that nobody knows."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(ConfigError, match="is not an address to listen on"):
        listen("auth", "x" * 70, 0)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigError, match="is not an address to listen on"):
        listen("auth", "nowhere.example", 0)


def test_connections_wait_from_the_moment_on_that_a_port_is_taken() -> None:
    """And nobody else can have it."""
    with listen("auth", "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
        with pytest.raises(ConfigError, match="in use"):
            listen("auth", "127.0.0.1", port)


def test_a_port_can_be_taken_again_though_clients_have_not_left_it() -> None:
    """Whoever stops first is remembered for a minute by the system."""
    with Emulator() as first, plain_http.client_of(first.database_host) as client:
        client.get("/a.json")
        port = int(first.database_host.rpartition(":")[2])
        first.stop()
    with Emulator(database_port=port) as second:
        assert plain_http.get(f"http://{second.database_host}/a.json").text == "null"


def test_the_default_database_is_named_for_the_project_unless_it_has_a_name() -> None:
    """A client that names none is given it."""
    assert Emulator("demo-a").namespace == "demo-a-default-rtdb"
    with Emulator("demo-a", namespace="shop") as emulator:
        assert emulator.namespace == "shop"
        url = f"http://{emulator.database_host}/a.json"
        plain_http.put(url, json=1)
        assert plain_http.get(url, params={"ns": "shop"}).json() == 1


def test_other_machines_are_let_in_on_purpose() -> None:
    """With the switch, any address will do."""
    with Emulator(host="0.0.0.0", allow_remote=True) as emulator:
        port = emulator.database_host.rpartition(":")[2]
        assert plain_http.get(f"http://127.0.0.1:{port}/a.json").text == "null"


def test_bad_rules_are_refused_before_anything_listens() -> None:
    """The place of the mistake is known, and no emulator exists."""
    with pytest.raises(RulesError) as refused:
        Emulator(rules='{"rules": {\n  ".read": "nope"\n}}')
    assert refused.value.line == 2


def test_the_rules_are_in_force_from_the_start() -> None:
    """And in every database that appears later."""
    with Emulator(rules=CLOSED) as emulator:
        url = f"http://{emulator.database_host}/a.json"
        assert plain_http.get(url).status_code == 401
        assert plain_http.get(url, params={"ns": "other"}).status_code == 401


def test_a_refusal_can_be_explained_afterwards() -> None:
    """Each denied request leaves what was asked, and why not."""
    with Emulator(rules=CLOSED) as emulator:
        assert emulator.refusals() == []
        plain_http.get(f"http://{emulator.database_host}/mine.json")
        (reason,) = emulator.refusals()
        assert "/mine" in reason
        assert "auth.uid === 'u1'" in reason


@pytest.mark.parametrize(
    ("given", "expired", "unindexed"),
    [({}, 200, 400), ({"enforce_expiry": True, "enforce_indexes": False}, 401, 200)],
)
def test_tokens_last_and_indexes_are_missed_unless_said_otherwise(
    given: dict[str, Any], expired: int, unindexed: int
) -> None:
    """As in Google's emulator, and as in the service."""
    seconds = 1_790_000_000.0
    rules = '{"rules": {".read": "auth != null"}}'
    with Emulator(rules=rules, clock=lambda: seconds, **given) as emulator:
        path = "identitytoolkit.googleapis.com/v1/accounts:signUp?key=k"
        signed_up = plain_http.post(f"http://{emulator.auth_host}/{path}", json={}).json()
        url = f"http://{emulator.database_host}/a.json"
        query = {"orderBy": '"x"'}
        token = {"auth": signed_up["idToken"]}
        assert plain_http.get(url, params=query | token).status_code == unindexed
        seconds += 3599
        assert plain_http.get(url, params=token).status_code == 200
        seconds += 2
        assert plain_http.get(url, params=token).status_code == expired


def test_rules_can_be_loaded_while_it_runs() -> None:
    """New rules act at once; bad ones change nothing."""
    with Emulator() as emulator:
        url = f"http://{emulator.database_host}/a.json"
        emulator.load_rules(CLOSED)
        assert plain_http.get(url).status_code == 401
        with pytest.raises(RulesError):
            emulator.load_rules("{")
        assert plain_http.get(url).status_code == 401
        assert plain_http.get(url, params={"ns": "other"}).status_code == 200
        emulator.load_rules(CLOSED, namespace="other")
        assert plain_http.get(url, params={"ns": "other"}).status_code == 401


def test_rules_are_asked_by_the_emulators_clock_as_they_are_loaded() -> None:
    """Whether who listens may go on."""
    with (
        Emulator(clock=lambda: 1_790_000_000.5) as emulator,
        plain_http.client_of(emulator.database_host) as client,
        EventStream(client, "/a.json") as stream,
    ):
        assert stream.next()[0] == "put"
        emulator.load_rules('{"rules": {".read": "now == 1790000000500", ".write": true}}')
        plain_http.put(f"http://{emulator.database_host}/a.json", json=1)
        assert stream.next()[0] == "put"


def test_rules_given_at_the_start_can_be_replaced_wherever_they_are_in_force() -> None:
    """Also in databases still to come; not where others were loaded. Streams end with theirs."""
    with Emulator() as emulator, plain_http.client_of(emulator.database_host) as client:
        emulator.load_rules('{"rules": {".read": "auth == null"}}', namespace="other")

        def allowed() -> list[int]:
            return [
                client.get("/a.json", params={"ns": name}).status_code
                for name in (emulator.namespace, "other", "new")
            ]

        with EventStream(client, "/a.json") as stream:
            assert stream.next()[0] == "put"
            with pytest.raises(RulesError):
                emulator.reload_rules("{")
            assert allowed() == [200, 200, 200]
            emulator.reload_rules(CLOSED)
            assert stream.next()[0] == "cancel"
        assert allowed() == [401, 200, 401]
        assert client.get("/a.json", params={"ns": "newer"}).status_code == 401


def test_reset_empties_every_database_and_forgets_users() -> None:
    """Listeners stay and hear of it."""
    with Emulator() as emulator:
        url = f"http://{emulator.database_host}"
        sign_up = (
            f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=k"
        )
        user = {"email": "a@example.com", "password": "secret1"}
        assert plain_http.post(sign_up, json=user).status_code == 200
        assert plain_http.post(sign_up, json=user).status_code == 400
        with plain_http.Client(base_url=url, timeout=60) as client:
            client.put("/a.json", json=1)
            client.put("/b.json?ns=other", json=1)
            with EventStream(client, "/a.json") as stream:
                assert stream.next() == ("put", {"path": "/", "data": 1})
                emulator.reset()
                assert stream.next() == ("put", {"path": "/", "data": None})
            assert client.get("/a.json").text == "null"
            assert client.get("/b.json?ns=other").text == "null"
        assert plain_http.post(sign_up, json=user).status_code == 200


def test_the_environment_names_both_halves_without_a_scheme() -> None:
    """As the official libraries want it."""
    with Emulator(project="demo-x") as emulator:
        environment = emulator.environment()
        assert environment["GCLOUD_PROJECT"] == "demo-x"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", environment["FIREBASE_DATABASE_EMULATOR_HOST"])
        assert environment["FIREBASE_AUTH_EMULATOR_HOST"] == emulator.auth_host
        config = json.loads(environment["FIREBASE_CONFIG"])
        assert config["projectId"] == "demo-x"
        assert config["databaseURL"] == emulator.database_url
        assert emulator.database_url.endswith("/?ns=demo-x-default-rtdb")


def test_both_halves_go_by_one_clock() -> None:
    """Server timestamps and token times come from the clock that was given."""
    with Emulator(clock=lambda: 1_790_000_000.5) as emulator:
        url = f"http://{emulator.database_host}/t.json"
        answer = plain_http.put(url, json={".sv": "timestamp"})
        assert answer.json() == 1_790_000_000_500
        assert answer.headers["date"] == "Mon, 21 Sep 2026 14:13:20 GMT"


def test_an_emulator_nobody_stops_does_not_hold_up_the_end_of_the_process() -> None:
    """Its thread is a daemon."""
    code = "from imbari_chat.emulator import Emulator; Emulator().start()"
    done = programs.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode == 0


def test_bodies_of_all_ports_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one stranger keeps under way for the database leaves less for Auth."""
    monkeypatch.setattr("imbari_chat.emulator.server.Incoming", lambda: Incoming(1000))
    with Emulator() as emulator:
        host, _, port = emulator.database_host.rpartition(":")
        url = f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts:signUp?key=k"
        with socket.create_connection((host, int(port)), timeout=60) as slow:
            head = b"PUT /a.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 950\r\n\r\n"
            slow.sendall(head + b"1" * 900)
            deadline = time.monotonic() + 20
            statuses = set()
            while 503 not in statuses and time.monotonic() < deadline:
                statuses.add(plain_http.post(url, json={"displayName": "x" * 200}).status_code)
            assert 503 in statuses
        while plain_http.post(url, json={"displayName": "x" * 200}).status_code == 503:
            assert time.monotonic() < deadline
