"""Answers over HTTP: whose they are, and how they are heard as they come."""

import http.client
import io
import logging
import socket
import threading
import traceback
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import requests
import requests.adapters
import urllib3

from imbari_chat.engine.access import hearing
from imbari_chat.engine.places import MOST_MOVES
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity import session
from imbari_chat.identity.session import (
    JSON_BODY,
    QuietSession,
    SilentWrites,
    StrangerAnswer,
    refuse_strangers,
)
from tests.identity.answering import AnsweringServer
from tests.identity.places import LIVE, closed_port, project_at

BASE = "https://shop.firebaseio.com/a.json"
JSON = {"content-type": "application/json; charset=utf-8"}


def _answer(
    status: int = 200,
    headers: dict[str, str] | None = None,
    body: bytes = b"1",
    *,
    method: str = "GET",
    url: str = BASE,
    asked: dict[str, str] | None = None,
    sent: str | bytes | None = None,
) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.url = status, url
    answer.headers.update(JSON if headers is None else headers)
    answer._content = body
    answer.request = requests.Request(method, url, headers=asked or {}).prepare()
    answer.request.body = sent
    return answer


def _to(place: str) -> dict[str, str]:
    return {"location": place}


IF_MATCH = {"if-match": "x"}
TAGGED = {**JSON, "etag": "y"}


@pytest.mark.parametrize(
    ("answer", "is_ours"),
    [
        (_answer(), True),
        (_answer(headers={"content-type": "APPLICATION/JSON"}), True),
        (_answer(headers={"content-type": "text/html"}), False),
        (_answer(headers={}), False),
        (_answer(204, {}), False),
        (_answer(204, JSON), False),
        (_answer(204, {}, url=f"{BASE}?print=silent"), True),
        (_answer(200, JSON, url=f"{BASE}?print=silent"), False),
        (_answer(300, JSON), False),
        (_answer(304, JSON), False),
        (_answer(304, JSON, url=f"{BASE}?print=silent"), False),
        (_answer(400, JSON, b"1"), False),
        (_answer(400, JSON, b'{"error":"Invalid data"}'), True),
        (_answer(401, JSON, b'{"error":"Permission denied"}'), True),
        (_answer(403, {"content-type": "text/html"}, b"<html>"), False),
        (_answer(599, JSON, b'{"error":"It failed"}'), True),
        (_answer(600, JSON, b'{"error":"It failed"}'), False),
        (_answer(412, TAGGED, b"7", method="PUT", asked=IF_MATCH), True),
        (_answer(412, JSON, b"7", method="PUT", asked=IF_MATCH), False),
        (_answer(412, TAGGED, b"7", method="PUT"), False),
        (_answer(412, TAGGED, b"7"), False),
        (_answer(301, _to("https://shop.firebaseio.com/b.json")), False),
        (_answer(302, _to("https://shop.firebaseio.com/b.json")), False),
        (_answer(307, _to("https://shop.firebaseio.com/b.json")), True),
        (_answer(308, _to("/b.json")), True),
        (_answer(307, _to("https://other.firebaseio.com/b.json")), True),
        (_answer(307, _to("https://x.europe-west1.firebasedatabase.app/b.json")), True),
        (_answer(307, _to("http://other.firebaseio.com/b.json")), False),
        (_answer(307, _to("https://evil.example/b.json")), False),
        (_answer(307, _to("https://firebaseio.com.evil.example/")), False),
        (_answer(307, _to("https://[")), False),
        (_answer(307, _to("data:,b")), False),
        (_answer(307, {}), False),
        (_answer(307, _to("http://x.example/"), url="http://x.example/a.json"), True),
        (_answer(307, _to("http://x.example:1/"), url="http://x.example/a.json"), False),
        (_answer(body=b"1", method="PUT", asked=IF_MATCH, sent=b"1"), True),
        (_answer(body=b"1", method="PUT", asked=IF_MATCH, sent="1"), True),
        (_answer(body=b"2", method="PUT", asked=IF_MATCH, sent=b"1"), False),
        (_answer(body=b"{", method="PUT", asked=IF_MATCH, sent=b"1"), False),
        (_answer(body=b"1", method="PUT", asked=IF_MATCH), False),
        (_answer(body=b"2", method="PUT", sent=b"1"), True),
        (_answer(body=b"2", method="GET", asked=IF_MATCH, sent=b"1"), True),
    ],
)
def test_a_stranger_is_told_by_what_it_says(answer: requests.Response, is_ours: bool) -> None:
    """Status, kind, whereto, and whether it is the answer to what was asked."""
    if is_ours:
        refuse_strangers(answer)
        return
    with pytest.raises(StrangerAnswer) as caught:
        refuse_strangers(answer)
    assert caught.value.status == answer.status_code
    assert caught.value.response is None


@pytest.mark.parametrize("body", [b"NaN", b'{"a": 1e400}', b"["])
def test_an_answer_is_read_as_json_is_read_here(body: bytes) -> None:
    """Left alone, requests takes numbers that there are not."""
    answer = _answer(body=body)
    refuse_strangers(answer)
    with pytest.raises(requests.exceptions.InvalidJSONError):
        answer.json()


def test_redirects_in_a_circle_have_an_end(server: AnsweringServer) -> None:
    """After as many moves as any other way follows."""
    server.status, server.headers["location"] = 307, "/again.json"
    asking = QuietSession(project_at(server.host))
    with asking, pytest.raises(requests.TooManyRedirects):
        asking.get(f"http://{server.host}/.json")
    assert len(server.asked) == 1 + MOST_MOVES


DATED = JSON | {"date": "Thu, 01 Jan 1970 00:00:07 GMT"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (_answer(headers=DATED), [7000]),
        (_answer(), []),
        (_answer(headers=DATED, url="https://identitytoolkit.googleapis.com/v1/accounts"), []),
    ],
)
def test_the_time_is_the_databases(
    monkeypatch: pytest.MonkeyPatch, answer: requests.Response, told: list[int]
) -> None:
    """The sign-in service may have another."""
    times: list[int] = []
    monkeypatch.setattr(session, "told_the_time", times.append)
    refuse_strangers(answer)
    assert times == told


class _Raw(io.BytesIO):
    """A body that comes in pieces of ``at_once`` bytes."""

    at_once = 0

    def stream(self, size: int, **_: object) -> Iterator[bytes]:
        while piece := self.read(self.at_once):
            yield piece


@pytest.mark.parametrize(
    ("kind", "stream", "at_once", "heard", "is_read"),
    [
        ("application/json", False, 3, 1 + 1, True),
        ("application/json", False, 5, 1 + 2, True),
        ("application/json", True, 3, 1, False),
        ("text/html", False, 3, 1, False),
        ("", False, 3, 1, False),
    ],
)
def test_an_answer_is_heard_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    stream: bool,
    at_once: int,
    heard: int,
    is_read: bool,
) -> None:
    """Neither a stranger's page without an end nor crumbs must put a deadline off."""
    monkeypatch.setattr(session, "_PIECE", 5)
    answers: list[requests.Response] = []
    sent: list[dict[str, Any]] = []

    def send(_: object, request: object, stream: bool, timeout: object, **more: Any) -> Any:
        sent.append({"timeout": timeout, **more})
        return answers[-1]

    times: list[int] = []
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    monkeypatch.setattr(session, "heard", lambda: times.append(1))
    proxied = HttpEnvironment({"https_proxy": "socks5://proxy.example:1"})
    for environment, proxies in (
        (HttpEnvironment({}), {}),
        (proxied, {"all": "socks5h://proxy.example:1"}),
    ):
        adapter = session._ByEnvironment(environment, max_retries=0)
        request = requests.Request("GET", BASE).prepare()
        raw, answer = _Raw(b"0123456789"), requests.Response()
        raw.at_once = at_once
        answer.raw, answer.headers["content-type"] = raw, kind
        answers.append(answer)
        assert adapter.send(request, stream, 7.0, cert="c", proxies={"x": "y"}) is answer
        assert sent[-1] == {"timeout": 7.0, "cert": "c", "proxies": proxies}
        assert len(times) == heard
        assert raw.tell() == (10 if is_read else 0)
        if is_read:
            assert answer.content == b"0123456789"
        times.clear()


@pytest.mark.parametrize(
    ("namespace", "url", "asked"),
    [
        (None, "https://x.example/a", "https://x.example/a"),
        ("a b", "https://x.example/a", "https://x.example/a?ns=a%20b"),
        ("n/s", "https://x.example/a?b=c", "https://x.example/a?b=c&ns=n%2Fs"),
    ],
)
def test_a_request_names_the_namespace_and_gives_up_on_silence(
    monkeypatch: pytest.MonkeyPatch, namespace: str | None, url: str, asked: str
) -> None:
    """Unless it says itself how long it waits."""
    seen: list[tuple[str, str, object]] = []

    def request(_: object, method: str, url: str, **more: object) -> None:
        seen.append((method, url, more["timeout"]))

    monkeypatch.setattr(requests.Session, "request", request)
    with session.QuietSession(LIVE, namespace=namespace) as quiet:
        quiet.request("GET", url)
        quiet.request("PUT", url, timeout=9)
        assert not quiet.trust_env
        assert refuse_strangers in quiet.hooks["response"]
    assert seen == [("GET", asked, LIVE.timeout), ("PUT", asked, 9)]


def test_no_log_prints_a_token(caplog: pytest.LogCaptureFixture) -> None:
    """Of those that print URLs."""
    session.QuietSession(LIVE).close()
    for name in session._TALKATIVE:
        logging.getLogger(name).warning("GET %s", "https://x.example/a.json?auth=s3cret&x=1")
    assert len(caplog.messages) == 6
    assert not [one for one in caplog.messages if "s3cret" in one]
    assert {"/a.json?" in one for one in caplog.messages} == {True}


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
DRIPS = {
    "status": (b"HTTP/1.1 ", b"0"),
    "header": (HEAD + b"x: ", b"a"),
    "interim answers": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "body": (HEAD + b"content-length: 9999\r\n\r\n", b" "),
    "chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\n1;", b"a"),
    "page": (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n", b"a"),
}


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("ask", ["get", "patch"])
@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_comes_byte_by_byte_can_be_cut(what: str, ask: str, proxied: bool) -> None:
    """It is never silent for as long as a request may be, and would hold its thread for hours."""
    begin, drop = DRIPS[what]
    over = threading.Event()

    def drip() -> None:
        with listening.accept()[0] as connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(begin)
            while not over.wait(0.02):
                connection.sendall(drop)

    def request() -> None:
        # Nobody waits any more for what it comes to.
        with hearing(lambda: None, None, hang_on), suppress(requests.RequestException):
            if ask == "get":
                asking.get(url)
            else:
                SilentWrites(asking, 60.0).patch("t", lambda _: (f"{url}?print=silent", {}), b"1")

    def hang_on(cut: Callable[[], None]) -> None:
        cuts.append(cut)
        hangs.set()

    cuts: list[Callable[[], None]] = []
    hangs = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        way = HttpEnvironment({"http_proxy": url} if proxied else {})
        asking = QuietSession(replace(project_at("127.0.0.1:1", timeout=60.0), http=way))
        url = "http://database.example/a.json" if proxied else f"{url}/a.json"
        threads = [threading.Thread(target=one, daemon=True) for one in (drip, request)]
        for thread in threads:
            thread.start()
        assert hangs.wait(60)
        cuts[-1]()
        threads[1].join(60)
        over.set()
        assert not threads[1].is_alive()
        threads[0].join(60)
        asking.close()


def _silent_writes(server: AnsweringServer, asked: list[str]) -> tuple[QuietSession, Any]:
    """A session, and what writes by it; tokens are noted when addresses are made of them."""
    asking = QuietSession(project_at(server.host))

    def sign(token: str) -> tuple[str, dict[str, str]]:
        asked.append(token)
        return f"http://{server.host}/.json?print=silent&auth={token}", {"x-who": token}

    writes = SilentWrites(asking, 5.0)
    return asking, lambda token, body: writes.patch(token, sign, body)


def test_a_silent_write_says_who_asks_as_of_now_and_over_one_connection(
    server: AnsweringServer,
) -> None:
    """The address is made once for each token; one that came later is never left out."""
    asked: list[str] = []
    asking, write = _silent_writes(server, asked)
    for token, body in (("a", b"1"), ("a", b"x" * 5000), ("b", b""), ("a", b"2")):
        write(token, body)
    asking.close()
    assert asked == ["a", "b", "a"]
    told = [(one.params["auth"], one.headers["x-who"], one.body) for one in server.asked]
    assert told == [("a", "a", b"1"), ("a", "a", b"x" * 5000), ("b", "b", b""), ("a", "a", b"2")]
    assert {one.method for one in server.asked} == {"PATCH"}
    assert {one.headers["content-type"] for one in server.asked} == {JSON_BODY["content-type"]}
    assert len(server.callers) == 1


@pytest.mark.parametrize(("body", "parts"), [(b"1", 1), (b"", 1), (b"x" * 1025, 3)])
@pytest.mark.parametrize("silent", [True, False])
def test_a_short_request_leaves_in_one_piece(
    server: AnsweringServer,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    parts: int,
    silent: bool,
) -> None:
    """In two it wakes the service twice. A long body leaves piece by piece after its head."""
    sent: list[bytes] = []

    def send(connection: http.client.HTTPConnection, data: bytes) -> None:
        sent.append(data)
        truly_send(connection, data)

    truly_send = http.client.HTTPConnection.send
    monkeypatch.setattr(http.client.HTTPConnection, "send", send)
    asking, write = _silent_writes(server, [])
    if silent:
        write("a", body)
    else:
        asking.put(f"http://{server.host}/.json?print=silent", data=body)
    asking.close()
    assert len(sent) == parts if silent else len(sent) >= parts  # chunks have lengths of their own
    assert [one.body for one in server.asked] == [body]


def test_a_silent_write_is_heard_and_tells_the_time(server: AnsweringServer) -> None:
    """Whose clock it shows is known by what was asked; many an answer has none."""
    heard_of, times = list[None](), list[int]()
    asking, write = _silent_writes(server, [])
    with hearing(lambda: heard_of.append(None), times.append):
        write("a", b"1")
    asking.close()
    assert len(heard_of) == 1
    assert len(times) == 1
    assert times[0] % 1000 == 0


@pytest.mark.parametrize(
    ("status", "body", "error", "match"),
    [
        (401, '{"error": "Permission denied"}', requests.HTTPError, "401"),
        (503, '{"error": "busy"}', requests.HTTPError, "503"),
        (200, "null", StrangerAnswer, "not the service's"),
        (302, "", StrangerAnswer, "not the service's"),
        (401, "log in first", StrangerAnswer, "not the service's"),
    ],
)
def test_of_a_silent_write_any_other_answer_is_an_error_and_leaves_its_connection(
    server: AnsweringServer, status: int, body: str, error: type[Exception], match: str
) -> None:
    """What the service says of it is carried along, a stranger's page is not."""
    server.is_database, server.status, server.body = False, status, body
    asking, write = _silent_writes(server, [])
    for _ in range(2):
        with pytest.raises(error, match=match) as caught:
            write("a", b"1")
        response = getattr(caught.value, "response", None)
        assert (response is not None and response.text) == (
            body if error is requests.HTTPError else False
        )
    asking.close()
    assert len(server.callers) <= 2


def test_a_silent_write_follows_a_redirect_with_what_it_writes(server: AnsweringServer) -> None:
    """Which stays at the service."""
    with AnsweringServer() as first:
        first.is_database, first.status, first.body = False, 307, ""
        first.headers["location"] = "/moved.json?print=silent"
        first.by_path["/moved.json"] = "null"
        asking, write = _silent_writes(first, [])
        with pytest.raises(StrangerAnswer):  # the next answers with something
            write("a", b"{}")
        asking.close()
    assert [(one.path, one.body) for one in first.asked] == [
        ("/.json", b"{}"), ("/moved.json", b"{}")
    ]  # fmt: skip
    assert server.asked == []


@pytest.mark.parametrize(
    ("mode", "error"), [("hang", requests.ReadTimeout), ("drop", requests.ConnectionError)]
)
def test_a_silent_write_that_is_not_answered_fails_and_the_next_may_succeed(
    server: AnsweringServer, mode: Any, error: type[Exception]
) -> None:
    """By another connection."""
    asking = QuietSession(project_at(server.host))
    writes = SilentWrites(asking, 0.05)
    server.mode = mode
    at = f"http://{server.host}/.json?print=silent"
    with pytest.raises(error) as caught:
        writes.patch("a", lambda _: (at, {}), b"1")
    assert isinstance(caught.value, requests.RequestException)
    assert caught.value.request is not None
    assert caught.value.request.url == at
    server.mode = "answer"
    SilentWrites(asking, 5.0).patch("a", lambda _: (at, {}), b"2")
    asking.close()
    assert [one.body for one in server.asked] == [b"1", b"2"]


def test_a_silent_write_finds_other_connections_when_its_own_were_given_back(
    server: AnsweringServer,
) -> None:
    """A session keeps those to a few places, and closes the ones it has not used for longest."""
    asking, write = _silent_writes(server, [])
    write("a", b"1")
    asking.close()
    with suppress(requests.ConnectionError):  # that they were is found out by trying
        write("a", b"2")
    write("a", b"3")
    asking.close()
    assert server.asked[-1].body == b"3"


def test_a_silent_write_that_fails_says_nothing_of_its_token() -> None:
    """Nor does what it came of, which urllib3 writes."""
    at = f"http://127.0.0.1:{closed_port()}/.json?print=silent&auth=s3cret"
    asking = QuietSession(project_at("127.0.0.1:1"))
    with pytest.raises(requests.ConnectionError) as caught:
        SilentWrites(asking, 5.0).patch("a", lambda _: (at, {}), b"1")
    asking.close()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_silent_write_with_two_lengths_is_what_a_session_makes_of_it(
    server: AnsweringServer,
) -> None:
    """It was answered, though not by the service: its connection did not break."""
    server.headers["content-length"] = "1, 2"
    asking, write = _silent_writes(server, [])
    with pytest.raises(requests.exceptions.InvalidHeader):
        write("a", b"1")
    asking.close()


def test_a_silent_write_goes_by_the_proxy_of_its_address(server: AnsweringServer) -> None:
    """Which is told the whole address, and who asks it."""
    by_proxy = HttpEnvironment({"http_proxy": f"http://amina:p%40ss@{server.host}"})
    with QuietSession(replace(project_at("127.0.0.1:1"), http=by_proxy)) as asking:
        at = "http://database.example/.json?print=silent"
        SilentWrites(asking, 5.0).patch("a", lambda _: (at, {}), b"1")
    (asked,) = server.asked
    assert asked.target == at
    assert asked.headers["host"] == "database.example"
    assert b64decode(asked.headers["proxy-authorization"].removeprefix("Basic ")) == b"amina:p@ss"


@pytest.mark.parametrize("size", [10, 5000])
def test_the_echo_of_a_conditional_write_is_known(server: AnsweringServer, size: int) -> None:
    """Though a long one leaves in pieces."""
    with QuietSession(project_at(server.host)) as asking:
        headers = {**JSON_BODY, **IF_MATCH}
        body = b'"%s"' % (b"x" * size)
        answer = asking.put(f"http://{server.host}/a.json", data=body, headers=headers)
    assert answer.content == body


@pytest.mark.parametrize("ask", ["put", "patch"])
def test_of_a_body_only_what_has_left_is_heard(ask: str) -> None:
    """A system would take megabytes at once; as much as a long line needs is under way."""
    heard: list[None] = []
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.json"
        body = b"1" * 4_000_000
        with QuietSession(project_at("127.0.0.1:1", timeout=0.2)) as asking:
            writes = SilentWrites(asking, 0.2)
            asks: dict[str, Callable[[], object]] = {
                "put": lambda: asking.put(url, data=body),
                "patch": lambda: writes.patch("t", lambda _: (url, {}), body),
            }
            with hearing(lambda: heard.append(None)), pytest.raises(requests.ConnectionError):
                asks[ask]()
    assert 16 <= len(heard) < 300


def test_a_library_that_tries_again_by_itself_does_not_sleep_for_as_long_as_it_is_told() -> None:
    """It would with the thread it runs on, for days if need be. All else is as it was."""
    retries = urllib3.Retry(total=3, status=4, status_forcelist=[503], backoff_factor=0.5)
    with requests.Session() as one:
        session.follow_environment(one, HttpEnvironment({}), retries=retries)
        adapter: Any = one.get_adapter("https://shop.firebaseio.com/")
        found = adapter.max_retries
    assert not found.respect_retry_after_header
    found = found.new(respect_retry_after_header=True)
    assert vars(found) == vars(retries)
