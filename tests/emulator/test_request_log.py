"""The request log: a line each, with no secret in it."""

import json
import re

import pytest
from starlette.types import Message, Receive, Scope, Send

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.request_log import logged, socket_line
from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.wire.json import Json
from tests import plain_http


class Told(list[str]):
    """What an emulator logged."""

    def last(self) -> str:
        """The newest line without its time."""
        return re.sub(r" \d+\.\d ms ", " T ", self[-1])


@pytest.fixture
def told() -> Told:
    """Nothing yet."""
    return Told()


def test_a_line_says_what_who_and_how_it_went(told: Told) -> None:
    """Method, path, status, milliseconds, and whose credential it was."""
    token = encode_unsigned({"sub": "u1"})
    with Emulator(log_request=told.append) as emulator:
        url = f"http://{emulator.database_host}/a/b.json"
        plain_http.get(url)
        assert re.fullmatch(r"GET /a/b\.json 200 \d+\.\d ms nobody", told[-1])
        plain_http.put(url, json=1, headers={"Authorization": "Bearer owner"})
        assert told.last() == "PUT /a/b.json 200 T admin"
        plain_http.get(url, params={"access_token": "ya29.secret"})
        assert told.last() == "GET /a/b.json?access_token=... 200 T admin"
        plain_http.get(url, params={"auth": token, "orderBy": '"$key"', "limitToLast": "2"})
        assert (
            told.last() == "GET /a/b.json?auth=...&orderBy=%22%24key%22&limitToLast=2 200 T uid=u1"
        )
        plain_http.get(f"http://{emulator.database_host}/a")
        assert told.last() == "GET /a 404 T nobody"
        plain_http.put(url, json={"idToken": token})  # data, whatever it looks like
        assert told.last() == "PUT /a/b.json 200 T nobody"


SCOPE: Scope = {"type": "http", "method": "GET", "path": "/a", "query_string": b"", "headers": []}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b""}
SOCKET: Scope = {key: value for key, value in SCOPE.items() if key != "method"}
ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}


@pytest.mark.parametrize(
    ("scope", "answers", "order"),
    [
        (SCOPE, [START, BODY], ["start", "GET /a 200 250.0 ms nobody", "body"]),
        (
            SCOPE,
            [START, {**BODY, "more_body": True}, {**BODY, "more_body": False}],
            ["start", "body", "GET /a 200 250.0 ms nobody", "body"],
        ),
        (SCOPE, [START], ["start", "GET /a 200 250.0 ms nobody"]),
        (SCOPE, [], ["GET /a cut off 250.0 ms nobody"]),
        (
            {**SOCKET, "type": "websocket"},
            [ACCEPT, CLOSE],
            ["WS /a 101 250.0 ms nobody", "accept", "close"],
        ),
    ],
)
async def test_a_line_is_told_before_the_last_of_its_answer(
    scope: Scope, answers: list[Message], order: list[str]
) -> None:
    """So whoever has the answer finds the line, and how long it took from the beginning on. A
    socket's is told as it opens."""
    told: list[str] = []
    times = iter([10.0, 10.25])

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in answers:
            await send(message)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        told.append(message["type"].rpartition(".")[2])

    await logged(app, told.append, clock=lambda: next(times))(scope, receive, send)
    assert told == order


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize(
    ("length", "given", "who"),
    [
        (64 * 1024, {"token_in_body": True}, "uid=u1"),
        (64 * 1024 + 1, {"token_in_body": True}, "nobody"),
        (200, {"token_in_body": False}, "nobody"),
        (200, {}, "nobody"),
    ],
)
async def test_no_more_than_the_beginning_of_a_body_is_looked_at(
    length: int, given: dict[str, bool], who: str, pieces: int
) -> None:
    """In however many pieces it comes; and of data nothing, whatever it looks like."""
    told: list[str] = []
    body = json.dumps({"idToken": encode_unsigned({"sub": "u1"})}).encode().rjust(length)
    step = -(-length // pieces)
    coming = [body[at : at + step] for at in range(0, length, step)]

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        assert b"".join([(await receive())["body"] for _ in coming]) == body

    async def receive() -> Message:
        return next(messages)

    messages = iter([{"type": "http.request", "body": piece} for piece in coming])

    async def send(_message: Message) -> None: ...

    await logged(app, told.append, clock=lambda: 0.0, **given)(SCOPE, receive, send)
    assert told == [f"GET /a cut off 0.0 ms {who}"]


@pytest.mark.parametrize(
    ("query", "authorization", "line"),
    [
        ("", "", "/a cut off 0.0 ms nobody"),
        ("ns=b+c%20d&e&f=&g=1", "", "/a?ns=b%2Bc%20d&e=...&f=...&g=... cut off 0.0 ms nobody"),
        ("", "bEARER x", "/a cut off 0.0 ms admin"),
        ("", "Basic x", "/a cut off 0.0 ms nobody"),
        ("access_token=", "", "/a?access_token=... cut off 0.0 ms nobody"),
        ("auth=no", "", "/a?auth=... cut off 0.0 ms nobody"),
        ({"sub": "u1", "user_id": "u2"}, "", "/a?auth=... cut off 0.0 ms uid=u1"),
        ({"user_id": "u2"}, "", "/a?auth=... cut off 0.0 ms uid=u2"),
        ({"sub": 3}, "", "/a?auth=... cut off 0.0 ms nobody"),
        ({}, "", "/a?auth=... cut off 0.0 ms nobody"),
        ({"sub": "é" + "u" * 200}, "", f"/a?auth=... cut off 0.0 ms uid=?{'u' * 127}"),
    ],
)
async def test_a_line_shows_what_is_harmless(
    query: str | dict[str, Json], authorization: str, line: str
) -> None:
    """Every parameter by its name, and of whoever asks no more than who it is."""
    told: list[str] = []
    text = query if isinstance(query, str) else f"auth={encode_unsigned(query)}"
    headers = [(b"host", b"x"), (b"authorization", authorization.encode())]

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None: ...

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None: ...

    scope = {**SCOPE, "query_string": text.encode(), "headers": headers}
    await logged(app, told.append, clock=lambda: 0.0)(scope, receive, send)
    assert told == [f"GET {line}"]


def test_a_line_of_a_socket_says_what_who_and_how_it_went() -> None:
    """What is to be quoted is, and long names are cut short."""
    for line, given in (
        ("WS p /room/x ok 0.2 ms uid=u1", ("p", "/room/x", "ok", 0.00021, "uid=u1")),
        ("WS a%20b - denied 1500.0 ms nobody", ("a b", "", "denied", 1.5, "nobody")),
        (
            f"WS {'a' * 20} {'/' * 1000} ok 1.0 ms nobody",
            ("a" * 21, "/" * 1001, "ok", 0.001, "nobody"),
        ),
    ):
        assert socket_line(*given) == line


def test_calls_of_auth_say_who_by_their_body(told: Told) -> None:
    """The ID token in it is read, never shown."""
    with Emulator(log_request=told.append) as emulator:
        base = f"http://{emulator.auth_host}/identitytoolkit.googleapis.com/v1/accounts"
        user = {"email": "a@example.com", "password": "secret1", "returnSecureToken": True}
        answer = plain_http.post(f"{base}:signUp", params={"key": "api-key"}, json=user).json()
        path = "/identitytoolkit.googleapis.com/v1/accounts"
        assert told.last() == f"POST {path}:signUp?key=... 200 T nobody"
        plain_http.post(f"{base}:lookup", params={"key": "k"}, json={"idToken": answer["idToken"]})
        assert told.last() == f"POST {path}:lookup?key=... 200 T uid={answer['localId']}"


def test_no_secret_is_ever_told(told: Told) -> None:
    """Wherever it is in a request: parameters, headers or body, known by name or not."""
    secret = "S3CRET"
    token = encode_unsigned({"sub": "u1", "secret": secret})
    with Emulator(log_request=told.append) as emulator:
        for host in (emulator.database_host, emulator.auth_host):
            for name in ("auth", "access_token", "key", "oobCode", "token", "anything", "auth%20"):
                plain_http.get(f"http://{host}/a.json?{name}={secret}")
                plain_http.get(f"http://{host}/a.json?{name}={token}")
            plain_http.post(
                f"http://{host}/a.json",
                json={"password": secret, "idToken": token},
                headers={"Authorization": f"Bearer {secret}", "X-Goog-Api-Key": secret},
            )
    assert len(told) == 30
    assert secret not in "".join(told)
    assert token not in "".join(told)


def test_a_line_is_one_line(told: Told) -> None:
    """Whatever a path or a uid holds, a log cannot be forged nor a terminal driven by it."""
    token = encode_unsigned({"sub": "x\nGET /forged 200\x1b[31m"})
    with Emulator(log_request=told.append) as emulator:
        plain_http.get(f"http://{emulator.database_host}/a%0Ab%1B.json?ns=a%0Ab&auth={token}")
    (line,) = told
    assert line.isprintable()
    assert "%0A" in line


def test_a_refused_host_is_logged_too(told: Told) -> None:
    """Whoever wonders about a 403 sees it."""
    with Emulator(log_request=told.append) as emulator:
        url = f"http://{emulator.database_host}/a.json"
        assert plain_http.get(url, headers={"Host": "evil.example"}).status_code == 403
    assert [re.sub(r"\d+\.\d ms", "T", line) for line in told] == ["GET /a.json 403 T nobody"]


def test_a_stream_is_logged_when_it_is_over(told: Told) -> None:
    """Once, with how long it was open."""
    with Emulator(log_request=told.append) as emulator:
        url = f"http://{emulator.database_host}/a.json"
        with plain_http.stream("GET", url, headers={"Accept": "text/event-stream"}) as stream:
            events = stream.iter_bytes()
            next(events)
            assert told == []
    assert told.last() == "GET /a.json 200 T nobody"
    assert len(told) == 1
