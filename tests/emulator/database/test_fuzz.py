"""Requests nobody would make: answered, never with a 500, and never by hanging."""

import base64
import json
import socket
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.service import Answer, Service
from imbari_chat.rules import Ruleset
from imbari_chat.wire.pushid import PushIds
from tests.budget import examples

NOW = 1_790_000_000.0
RULES = '{"rules": {".read": "auth.token.a.b == $x.y", ".write": true}}'.replace("$x.y", "null")

latin = st.text(st.characters(max_codepoint=255), max_size=30)
odd = st.text(max_size=30)
methods = st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "TRACE", "get", ""])
paths = st.one_of(
    latin.map(lambda text: f"/{text}"),
    st.lists(
        st.sampled_from(["a", ".priority", ".settings", ".inspect", "rules", "%2e", "%00", "%ff"]),
        max_size=4,
    ).map(lambda parts: "/" + "/".join(parts) + ".json"),
    st.sampled_from(
        ["/.json", "/a.json", "*", "", "http://x", "/.ws", "/.lp", "/.inspect/coverage"]
    ),
)
names = st.sampled_from(
    [
        "auth",
        "access_token",
        "auth_variable_override",
        "ns",
        "print",
        "shallow",
        "format",
        "callback",
        "download",
        "timeout",
        "writeSizeLimit",
        "x-http-method-override",
        "orderBy",
        "startAt",
        "startAfter",
        "endAt",
        "endBefore",
        "equalTo",
        "limitToFirst",
        "limitToLast",
        "dryRun",
        "sse",
    ]
)
settings_ = st.sampled_from(["true", "silent", "pretty", "export", "tiny", "strict", '"$key"', "1"])
parameters = st.lists(st.tuples(names, settings_ | latin), max_size=5).map(
    lambda pairs: "&".join(f"{name}={text}" for name, text in pairs)
)


def _token(claims: Any) -> str:
    raw = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{raw}.{raw}."


claims = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["sub", "user_id", "d", "admin", "iat", "exp", "firebase", "a", "b"]),
            inner,
        )
    ),
    max_leaves=6,
)
tokens = claims.map(lambda value: f"auth={_token(value)}")
headers = st.dictionaries(
    st.sampled_from(
        [
            "authorization",
            "accept",
            "if-match",
            "if-none-match",
            "x-firebase-etag",
            "host",
            "x-http-method-override",
            "content-length",
        ]
    ),
    latin | st.sampled_from(["Bearer owner", "Bearer ", "text/event-stream", "true", "null_etag"]),
)
bodies = st.one_of(
    st.binary(max_size=40),
    claims.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b'{".sv":' * 50, b"\xef\xbb\xbf1"]
    ),
)


def _service() -> Service:
    rules = Ruleset.parse(RULES)
    return Service(Databases("t", rules), PushIds(lambda: [0] * 12), enforce_expiry=True)


@examples(500)
@given(st.lists(st.tuples(methods, paths, parameters | tokens, headers, bodies), max_size=4))
def test_no_request_is_too_odd(
    sent: list[tuple[str, str, str, dict[str, str], bytes]],
) -> None:
    """Every part of it may be anything: the answer is one the service gives, and can be sent."""
    service = _service()
    for method, path, query, sent_headers, body in sent:
        outcome = service.handle(Request.of(method, path, query, sent_headers, body), NOW)
        if isinstance(outcome, Answer):
            assert outcome.response.status in {200, 204, 304, 400, 401, 403, 404, 405, 412}
            for name, value in outcome.response.headers:
                assert b"\n" not in name + value
                assert b"\r" not in name + value
        else:
            outcome.first.frame().data.encode()


def test_many_parameters_are_read_in_no_time() -> None:
    """However often each is repeated."""
    query = "&".join(f"p{n % 10_000}=1" for n in range(20_000))
    begin = time.process_time()
    request = Request.of("GET", "/a.json", query, {})
    assert time.process_time() - begin < 2
    assert len(request.repeated) == 10_000


lines = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda method, path, version: method + b" " + path + b" " + version,
        st.sampled_from([b"GET", b"PUT", b"PATCH", b"OPTIONS", b"CONNECT", b"\xff"]),
        st.sampled_from(
            [b"/a.json", b"*", b"//.json", b"/%ff.json?%ff", b"http://h/a.json", b"/\xff"]
        ),
        st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b""]),
    ),
)
fields = st.lists(
    st.sampled_from(
        [
            b"Host: localhost",
            b"Content-Length: 3",
            b"Content-Length: -1",
            b"Content-Length: x",
            b"Transfer-Encoding: chunked",
            b"Authorization: Bearer \xff",
            b"Upgrade: websocket",
            b"Connection: upgrade",
            b"Expect: 100-continue",
            b"no colon",
            b"Accept: text/event-stream",
        ]
    ),
    max_size=4,
)
rests = st.sampled_from([b"", b"123", b"{}", b"3\r\n{}\n\r\n0\r\n\r\n", b"zz\r\n", b"\x00" * 50])


@examples(60)
@given(lines, fields, rests)
def test_no_bytes_bring_it_down(
    emulator: Emulator, line: bytes, given: list[bytes], rest: bytes
) -> None:
    """Whatever was sent on one connection, never 500, and the next one is served."""
    host, port = emulator.database_host.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"\r\n".join([line, *given, b"", rest]))
        connection.shutdown(socket.SHUT_WR)
        said = connection.recv(65536)
    assert not said.startswith(b"HTTP/1.1 500")  # 501 is for a transfer coding that nobody knows
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /alive.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
