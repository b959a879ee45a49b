"""Answers as a whole: status, headers and bytes, and whether anything is another than before."""

from collections.abc import Mapping
from typing import Final

import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.service import Answer, Opened, Service
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT
from imbari_chat.wire.pushid import PushIds

NOW: Final = 1_790_000_000.0
NAME: Final = "-P23J5k-------------"
DATA: Final[Json] = {
    "a": {"b": 1, "c": "x"},
    "p": {".value": 1, ".priority": "q"},
    "l": [1, 2],
}
OWNER: Final = {"authorization": "Bearer owner"}
TAG: Final = {"x-firebase-etag": "TRUE"}
IF: Final = {"if-match": "null_etag"}
EVENTS: Final = {"accept": "text/event-stream"}
ONE, A = "YPVfR2bXt/lcDjiQZ8pOkAd3qkQ=", "FhjqLZ7CcbZ7bNZpROWifvImLcA="  # their digests
PRETTY: Final = '{\n  "b" : 1,\n  "c" : "x"\n}'
NAMELESS: Final = 'attachment; filename=""'
NOT_FOUND: Final = (404, "404 Not Found")
BAD_PATH: Final = (400, "Invalid path: Invalid token in path")
BAD_JSON: Final = (400, "Invalid data; couldn't parse JSON object, array, or value.")
BAD_ORDER: Final = (400, "orderBy must be a valid JSON encoded path")
BAD_TIME: Final = (400, "timeout must be a positive number of ms, s or min, at most 15min")
NO_METHOD: Final = (405, "Method Not Allowed")
NO_NAME: Final = (
    "Invalid data; couldn't parse key beginning at 1:2. Key value can't be empty or contain"
    " $ # [ ] / or ."
)
NO_UPDATE: Final = (
    "Invalid data; couldn't parse JSON object. Are you sending a JSON object with valid key names?"
)
SIZE: Final = "/.settings/defaultWriteSizeLimit.json"
STRICT: Final = "/.settings/strictTriggerValidation.json"


def _answered(
    line: str, headers: Mapping[str, str], body: str | bytes
) -> tuple[int, Mapping[str, str], str, bool]:
    """Status, headers, body, and whether the request has left anything changed."""
    databases = Databases("the-default", Ruleset.open())
    database = databases.named("the-default")
    database.write(Write.put(ROOT, DATA), ADMIN, 0)

    def state() -> tuple[object, ...]:
        return database.root, dict(database.settings), database.rules.text, len(list(databases))

    before = state()
    method, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    sent = body if isinstance(body, bytes) else body.encode()
    service = Service(databases, PushIds(lambda: [0] * 12))
    answer = service.handle(Request.of(method, path, query, headers, sent), NOW)
    assert isinstance(answer, Answer)
    told = {name.decode(): value.decode() for name, value in answer.response.headers}
    assert len(told) == len(answer.response.headers)
    assert told.pop("cache-control") == "no-cache"
    assert told.pop("access-control-allow-origin") == "*"
    return answer.response.status, told, answer.response.body.decode(), state() != before


def _json(**others: str) -> dict[str, str]:
    exposed = {"access-control-expose-headers": "ETag"} if "etag" in others else {}
    return {"content-type": "application/json; charset=utf-8"} | others | exposed


def _tag(tag: str) -> dict[str, str]:
    return {"etag": tag, "access-control-expose-headers": "ETag"}


@pytest.mark.parametrize(
    ("line", "headers", "status", "told", "body"),
    [
        ("GET /a.json", {}, 200, _json(), '{"b":1,"c":"x"}'),
        ("HEAD /a.json", EVENTS, 200, _json(), '{"b":1,"c":"x"}'),
        ("POST /a.json", {"x-http-method-override": "get"}, 200, _json(), '{"b":1,"c":"x"}'),
        ("GET /a.json?print=pretty", {}, 200, _json(), PRETTY),
        ("GET /a.json?print=silent", TAG, 204, _tag(A), ""),
        ("GET /a.json", TAG, 200, _json(etag=A), '{"b":1,"c":"x"}'),
        ("GET /a/b.json", {"if-none-match": "other"}, 200, _json(etag=ONE), "1"),
        ("GET /none.json", TAG, 200, _json(etag="null_etag"), "null"),
        ("GET /none.json", {"if-none-match": "null_etag"}, 304, _tag("null_etag"), ""),
        ("GET /.json?shallow=true", {}, 200, _json(), '{"a":true,"l":true,"p":true}'),
        ("GET /a/b.json?shallow=true", {}, 200, _json(), "1"),
        ("GET /.json?shallow=true&startAfter=z", {}, 200, _json(), "null"),
        ('GET /.json?shallow=true&startAfter="l"', {}, 200, _json(), '{"p":true}'),
        (
            "GET /.json?shallow=true&startAfter=7&limitToFirst=2",
            {},
            200,
            _json(),
            '{"a":true,"l":true}',
        ),
        ("GET /p.json?format=export", {}, 200, _json(), '{".priority":"q",".value":1}'),
        ("GET /l.json?format=export", {}, 200, _json(), '{"0":1,"1":2}'),
        ("GET /p/.priority.json", {}, 200, _json(), '"q"'),
        ("GET /a/.priority.json", {}, 200, _json(), "null"),
        (
            "GET /a.json?callback=f&print=pretty",
            {},
            200,
            {"content-type": "application/javascript; charset=utf-8"},
            f"f({PRETTY});",
        ),
        (
            "GET /a/b.json?download=d%C3%A9a%22t%0Aa%5C",  # no more of it than may be in a header
            {},
            200,
            _json(**{"content-disposition": 'attachment; filename="data"'}),
            "1",
        ),
        ('GET /a.json?orderBy="$value"&equalTo=9', {}, 200, _json(), "{}"),
        ('GET /a/b.json?orderBy="$value"&equalTo=9', {}, 200, _json(), "null"),
        ("GET /a/b.json", {"x-http-method-override": "put"}, 200, _json(), "1"),
        ("GET /a/b.json?download=", {}, 200, _json(**{"content-disposition": NAMELESS}), "1"),
        ("GET /a/b.json?timeout=15min", {}, 200, _json(), "1"),
        ("GET /a/b.json?timeout=900s", {}, 200, _json(), "1"),
        ("GET /a/b.json?timeout=900000ms", {}, 200, _json(), "1"),
        ("GET /a/b.json?timeout=0.5s", {}, 200, _json(), "1"),
        (
            "GET /.settings/rules.json",
            OWNER,
            200,
            _json(),
            '{"rules": {".read": true, ".write": true}}',
        ),
        (
            "GET /.settings/rules.json?format=strict",
            OWNER,
            200,
            _json(),
            '{"rules":{".read":true,".write":true}}',
        ),
        (f"GET {SIZE}", OWNER, 200, _json(), '"large"'),
        ("GET /.inspect/databases.json", OWNER, 200, _json(), '[{"name":"the-default"}]'),
    ],
)
def test_what_is_asked_for_is_told(
    line: str, headers: Mapping[str, str], status: int, told: Mapping[str, str], body: str
) -> None:
    """And nothing is changed by it."""
    assert _answered(line, headers, "1") == (status, told, body, False)


@pytest.mark.parametrize(
    ("line", "headers", "sent", "status", "told", "body"),
    [
        ("PUT /a.json", {}, '{"x":[1,null]}', 200, _json(), '{"x":[1]}'),
        ("PUT /a.json?print=pretty", TAG, "1", 200, _json(etag=ONE), "1"),
        ("PUT /a.json?print=silent", TAG, "1", 204, _tag(ONE), ""),
        ("PUT /a.json?print=silent", {}, "1", 204, {}, ""),
        ("PUT /n.json", IF, "1", 200, _json(etag=ONE), "1"),
        ("POST /a.json?x-http-method-override=put", {}, "2", 200, _json(), "2"),
        ("POST /a.json", {}, "1", 200, _json(), f'{{"name":"{NAME}"}}'),
        ("POST /a.json", EVENTS, "1", 200, _json(), f'{{"name":"{NAME}"}}'),
        ("POST /a.json", TAG, "1", 200, _json(etag=ONE), f'{{"name":"{NAME}"}}'),
        ("POST /a.json?print=pretty", {}, "1", 200, _json(), f'{{\n  "name" : "{NAME}"\n}}'),
        ("POST /a.json?print=silent", TAG, "1", 204, _tag(ONE), ""),
        ("POST /a.json?print=silent", {}, "1", 204, {}, ""),
        ("PATCH /a.json", {}, '{"b":2}', 200, _json(), '{"b":2}'),
        ("PATCH /a.json?print=pretty", {}, '{"b":2}', 200, _json(), '{\n  "b" : 2\n}'),
        ("PATCH /a.json?print=silent", {}, '{"b":2}', 204, {}, ""),
        ("PATCH /a.json", {}, "null", 200, _json(), "null"),
        ("DELETE /a.json", {}, "", 200, _json(), "null"),
        ("DELETE /p/.priority.json", TAG, "", 200, _json(etag="null_etag"), "null"),
        (f"PUT {SIZE}", OWNER, '"tiny"', 200, _json(), '{"status":"ok"}'),
        (f"PUT {STRICT}", OWNER, "false", 200, _json(), '{"status":"ok"}'),
        ("PUT /.settings/rules.json", OWNER, '{"rules":{}}', 200, _json(), '{"status":"ok"}'),
    ],
)
def test_what_is_changed_is_told(
    line: str,
    headers: Mapping[str, str],
    sent: str,
    status: int,
    told: Mapping[str, str],
    body: str,
) -> None:
    """As it is stored, or by its name, or not at all."""
    assert _answered(line, headers, sent) == (status, told, body, True)


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (f"PUT {SIZE}?dryRun=true", '"tiny"'),
        ("PUT /.settings/rules.json?dryRun=true", '{"rules":{}}'),
        ("PATCH /a.json", "{}"),
    ],
)
def test_what_is_only_tried_is_answered_alike(line: str, body: str) -> None:
    """As is a change of nothing."""
    told = "{}" if body == "{}" else '{"status":"ok"}'
    assert _answered(line, OWNER, body) == (200, _json(), told, False)


@pytest.mark.parametrize(
    ("line", "headers", "sent", "refusal"),
    [
        (
            "GET /.json?shallow=true&orderBy=1",
            {},
            "",
            (400, "shallow must be without other query parameters"),
        ),
        ("GET /.json?shallow=true&limitToFirst=0", {}, "", (400, "limitToFirst must be positive")),
        ("GET /a.json?timeout=900001ms", {}, "", BAD_TIME),
        ("GET /a.json?timeout=901s", {}, "", BAD_TIME),
        ("GET /a.json?timeout=0s", {}, "", BAD_TIME),
        ("GET /a.json?timeout=", {}, "", BAD_TIME),
        ("GET /a.json?timeout=1.s", {}, "", BAD_TIME),
        ("GET /a.json?timeout=1h", {}, "", BAD_TIME),
        ("GET /a.json?callback=f()", {}, "", (400, "callback must be the name of a function")),
        ("GET /a.json", IF, "", (400, "if-match is not supported for GET requests")),
        ("POST /a.json", IF, "1", (400, "if-match is not supported for POST requests")),
        ("PATCH /a.json", IF, "{}", (400, "if-match is not supported for PATCH requests")),
        (
            "PUT /a.json?print=silent",
            IF,
            "2",
            (400, "if-match is not supported for print=silent requests"),
        ),
        ("PATCH /a.json", TAG, "{}", (400, "X-Firebase-ETag is not supported for PATCH requests")),
        ("PUT /a.json", {}, "{", BAD_JSON),
        ("PUT /a.json", {}, '{"a.b":1}', (400, NO_NAME)),
        (
            "PUT /a.json?writeSizeLimit=huge",
            {},
            "1",
            (400, "writeSizeLimit must be one of tiny, small, medium, large and unlimited"),
        ),
        ("PATCH /a.json", {}, "[1]", (400, NO_UPDATE)),
        ("PATCH /p/.priority.json", {}, "{}", BAD_PATH),
        ("POST /p/.priority.json", {}, "1", BAD_PATH),
        ("GET /p/.priority.json", EVENTS, "", BAD_PATH),
        ("GET /a%2Fb.json", {}, "", BAD_PATH),
        ("TRACE /a.json", {}, "", NO_METHOD),
        ("GET /a", {}, "", NOT_FOUND),
        ("HEAD /a", {}, "", NOT_FOUND),
        ('GET /a.json?orderBy="$key"&orderBy="$key"', {}, "", BAD_ORDER),
        ("GET /a.json?orderBy=x", {}, "", BAD_ORDER),
        ("GET /.settings/rules.json", {}, "", (401, "Permission denied")),
        ("GET /.inspect/coverage.json", {}, "", (401, "Permission denied")),
        ("GET /.settings/x.json", OWNER, "", NOT_FOUND),
        ("PUT /.settings/x.json", OWNER, "1", NOT_FOUND),
        *(
            (f"PUT {SIZE}", OWNER, sent, (400, f"{SIZE[11:-5]} cannot be set to this value"))
            for sent in ('"huge"', "[]", "1")
        ),
        (f"PUT {STRICT}", OWNER, "1", (400, f"{STRICT[11:-5]} cannot be set to this value")),
        (f"PUT {SIZE}", OWNER, "{", BAD_JSON),
        (
            "PUT /.settings/rules.json",
            OWNER,
            '{"rules":{".read":"x y"}}',
            (400, "1:22: Unexpected 'y'.\n"),
        ),
        ("PUT /.settings/rules.json", OWNER, b"\xff", (400, "1:1: The rules are not UTF-8.\n")),
        ("DELETE /.settings/rules.json", OWNER, "", NO_METHOD),
        ("GET /.inspect/x.json", OWNER, "", NOT_FOUND),
        ("PUT /.inspect/databases.json", OWNER, "1", NO_METHOD),
        ("GET /a.json?ns=x/y", {}, "", (403, "Invalid Firebase database name")),
    ],
)
def test_what_is_refused_says_why(
    line: str, headers: Mapping[str, str], sent: str | bytes, refusal: tuple[int, str]
) -> None:
    """Pretty, with a line feed at the end; and nothing is changed."""
    status, text = refusal
    quoted = text.replace("\n", "\\n")
    body = f'{{\n  "error" : "{quoted}"\n}}\n'
    assert _answered(line, headers, sent) == (status, _json(), body, False)


@pytest.mark.parametrize("target", ["/a", "/.inspect/coverage"])
def test_a_write_to_what_is_no_place_is_told_in_plain_text(target: str) -> None:
    """As the service does it."""
    text = "append .json to your request URI to use the REST API.\n"
    told = {"content-type": "text/plain; charset=utf-8"}
    assert _answered(f"PUT {target}", {}, "1") == (405, told, text, False)


@pytest.mark.parametrize(("place", "printed"), [("a", PRETTY), ("a/b", "1")])
def test_a_write_that_was_meant_for_another_value_is_told_the_one_that_is_there(
    place: str, printed: str
) -> None:
    """With its tag, so that it can be tried again at once."""
    told = _json(etag=A if place == "a" else ONE)
    line = f"PUT /{place}.json?print=pretty"
    assert _answered(line, IF, "2") == (412, told, printed, False)


@pytest.mark.parametrize(
    ("method", "headers", "opens"),
    [
        ("GET", EVENTS, True),
        ("GET", {"accept": "Text/Event-Stream, */*"}, True),
        ("POST", EVENTS, True),
        ("POST", EVENTS | {"x-http-method-override": "get"}, True),
        ("POST", EVENTS | {"x-http-method-override": "delete"}, False),
        ("POST", {}, False),
        ("GET", {}, False),
        ("HEAD", EVENTS, False),
    ],
)
def test_whoever_wants_events_and_brings_nothing_is_given_them(
    method: str, headers: Mapping[str, str], opens: bool
) -> None:
    """By a GET, or by a POST that stands for one."""
    service = Service(Databases("the-default", Ruleset.open()), PushIds(lambda: [0] * 12))
    answer = service.handle(Request.of(method, "/a.json", "", headers), NOW)
    assert isinstance(answer, Opened) is opens


def test_what_a_read_is_for_is_told_as_a_page_to_who_asks_for_one() -> None:
    """And as data otherwise."""
    status, told, body, _ = _answered("GET /.inspect/coverage", OWNER, "")
    assert (status, told["content-type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith("<!doctype html>")
    status, told, body, _ = _answered("GET /.inspect/coverage.json", OWNER, "")
    assert (status, told) == (200, _json())
    assert body.startswith("{")
