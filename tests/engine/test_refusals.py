"""What an answer other than success means, and what helps: a table."""

import json

import pytest

from imbari_chat.engine.refusals import (
    Call,
    CredentialRefused,
    Remedy,
    TokenExpired,
    is_from_service,
    one_line,
    redact,
    refusal,
    remedy,
    service_message,
    stranger,
)
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    Conflict,
    ImbariError,
    InvalidData,
    QuotaExceeded,
    Unavailable,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

READ = Call("/a", caller="the desk")
WRITE = Call("/a", write=True, caller="the desk")


def _said(text: str, **more: str) -> str:
    return json.dumps({"error": text, **more})


@pytest.mark.parametrize(
    ("status", "body", "kind", "what", "hint"),
    [
        (400, _said("Invalid query"), InvalidData,
         "the database refuses the request: Invalid query", None),
        (401, _said("Permission denied"), AccessDenied,
         "the security rules do not let the desk read this", "Check who is signed in"),
        (401, _said("Auth token is expired"), TokenExpired, "the sign-in has expired",
         "Sign in again"),
        (401, _said("Missing App Check token"), AuthError,
         "the database takes requests only from apps that App Check knows",
         "Use a service account"),
        (401, _said("Could not parse auth token"), CredentialRefused,
         "the database does not accept this sign-in: Could not parse auth token", "Sign in again"),
        (402, _said("Quota"), QuotaExceeded, "a limit of the plan is used up: Quota",
         "See the usage page"),
        (429, _said("Slow down"), QuotaExceeded, "a limit of the plan is used up: Slow down",
         "See the usage page"),
        (403, _said("Invalid Firebase database name"), ConfigError,
         "the database is not at this address: Invalid Firebase database name",
         "Check the configured address"),
        (404, _said("404 Not Found", correctUrl="https://eu.example"), ConfigError,
         "the database is not at this address: 404 Not Found",
         "Set the database URL to https://eu.example"),
        (405, _said("405 Method Not Allowed"), ConfigError,
         "the database is not at this address: 405 Method Not Allowed",
         "Check the configured address"),
        (413, _said("Too much"), InvalidData, "the data is too large for one request",
         "Write it in parts"),
        (423, _said("Deactivated"), Unavailable, "the database is switched off: Deactivated",
         "An owner of the project"),
        (500, _said("Oops"), Unavailable, "the database failed with status 500: Oops",
         "Try again later"),
        (503, _said("Busy"), Unavailable, "the database is unavailable for now",
         "Try again later"),
    ],
)  # fmt: skip
def test_every_refusal_says_what_where_and_what_helps(
    status: int, body: str, kind: type[ImbariError], what: str, hint: str | None
) -> None:
    """In words for a person; a read is never in doubt."""
    error = refusal(status, body, READ)
    assert type(error) is kind
    assert (error.what, error.where) == (what, "/a")
    assert (error.hint or "").startswith(hint or "")
    assert bool(error.hint) is bool(hint)
    assert not getattr(error, "outcome_unknown", False)


@pytest.mark.parametrize(
    ("status", "unknown"), [(423, False), (500, True), (502, True), (503, False)]
)
def test_a_write_that_failed_inside_may_have_been_made(status: int, *, unknown: bool) -> None:
    """The service promises that it has not tried what it answers with 503."""
    error = refusal(status, _said("x"), WRITE)
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown is unknown
    assert isinstance(refusal(401, _said("Permission denied"), WRITE), AccessDenied)
    assert "the desk write this" in refusal(401, _said("Permission denied"), WRITE).what


def test_a_failed_condition_is_a_conflict_if_the_service_says_so() -> None:
    """It answers with what is stored, and its version."""
    error = refusal(412, "{}", WRITE, tagged=True)
    assert isinstance(error, Conflict)
    assert (error.what, error.where) == ("the data changed meanwhile", "/a")
    assert error.hint == "Read it again first"
    assert isinstance(refusal(412, "{}", WRITE), Unavailable)
    assert isinstance(refusal(412, "{", WRITE, tagged=True), Unavailable)


@pytest.mark.parametrize(
    ("status", "kind", "body", "tagged", "is_ours"),
    [
        (401, "application/json", _said("x"), False, True),
        (401, "application/JSON; charset=utf-8", _said("x"), False, True),
        (401, "application/json", '{"error": {"message": "x"}}', False, False),
        (401, "application/json", _said("x", detail="y"), False, False),
        (401, "application/json", '{"error": 1}', False, False),
        (401, "application/json", '{"message": "x"}', False, False),
        (401, "application/json", "[]", False, False),
        (401, "application/json", "<html>", False, False),
        (401, "text/html", _said("x"), False, False),
        (401, "application/json", _said("Unauthorized"), False, True),
        (400, "application/json", _said("Bad Request"), False, False),
        (403, "application/json", _said("forbidden"), False, False),
        (404, "application/json", _said("Not Found", path="/a.json"), False, False),
        (404, "application/json", _said("It lives elsewhere", correctUrl="/"), False, True),
        (404, "application/json", _said("It lives elsewhere"), False, False),
        (403, "application/json", _said("Access denied"), False, False),
        (403, "application/json", _said("Invalid Firebase database name"), False, True),
        (404, "application/json", _said("404 Not Found"), False, True),
        (405, "application/json", _said("Method Not Allowed"), False, False),
        (405, "application/json", _said("Only a form is taken here"), False, False),
        (400, "application/json", _said("invalid_request"), False, False),
        (400, "application/json", _said("Invalid data"), False, True),
        (413, "application/json", _said("Payload Too Large"), False, False),
        (413, "application/json", _said("Content Too Large"), False, False),
        (413, "application/json", _said("Payload is too large"), False, True),
        (503, "application/json", _said("Service Unavailable"), False, False),
        (412, "application/json", "null", True, True),
        (412, "application/json", "nothing", True, False),
        (412, "application/json", "null", False, False),
    ],
)
def test_only_the_services_own_words_are_its_own(
    status: int, kind: str, body: str, *, tagged: bool, is_ours: bool
) -> None:
    """Any other answer is a stranger's."""
    assert is_from_service(status, kind, body, tagged=tagged) is is_ours
    assert tagged or is_from_service(status, kind, body) is is_ours
    error = refusal(status, body, WRITE, kind=kind, tagged=tagged, retry_after=7.0)
    assert error.retry_after == (7.0 if is_ours else None)
    assert isinstance(error, Unavailable) is not is_ours
    assert getattr(error, "outcome_unknown", False) is not is_ours


@pytest.mark.parametrize(
    ("error", "is_ours"),
    [
        ({"code": 400, "message": "x", "errors": []}, True),
        ({"code": 400, "message": "x", "status": "INVALID_ARGUMENT"}, True),
        ({"code": 400, "message": "x", "errors": [], "status": "INVALID_ARGUMENT"}, True),
        ({"code": 400, "message": "x"}, False),
        ({"code": 400, "message": "x", "status": 400}, False),
        ({"code": 403, "message": "x", "errors": []}, False),
        ({"code": "400", "message": "x", "errors": []}, False),
        ({"code": 400, "errors": []}, False),
        ({"message": "x", "errors": []}, False),
        ({"message": "TOKEN_EXPIRED"}, True),
        ({"code": 400, "message": "TOKEN_EXPIRED : again"}, True),
        ({"code": 403, "message": "TOKEN_EXPIRED"}, False),
        ({"message": "A_TOKEN"}, False),
        ({"message": "no TOKEN_EXPIRED"}, False),
        ("in a text", False),
        (None, False),
    ],
)
def test_the_sign_in_service_speaks_in_objects(error: object, *, is_ours: bool) -> None:
    """Which are no words of the database's, as its texts are none of that service's."""
    body = json.dumps({"error": error})
    assert is_from_service(400, "application/json", body, of_google=True) is is_ours
    assert is_from_service(400, "application/json", body) is isinstance(error, str)
    asked = Call("sign-in", service="the sign-in service", of_google=True)
    assert isinstance(refusal(400, body, asked), InvalidData) is is_ours


@pytest.mark.parametrize(
    ("status", "error", "is_ours"),
    [
        (401, {"message": "TOKEN_EXPIRED"}, False),
        (503, {"code": 503, "message": "x", "status": "UNAVAILABLE"}, True),
        (500, {"code": 503, "message": "x", "status": "UNAVAILABLE"}, False),
    ],
)
def test_the_sign_in_service_leaves_out_nothing_but_of_a_mistake(
    status: int, error: Json, *, is_ours: bool
) -> None:
    """And its object says with which status it came."""
    body = json.dumps({"error": error})
    assert is_from_service(status, "application/json", body, of_google=True) is is_ours


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (200, "something answered for the database that is not JSON as it sends it"),
        (299, "something answered for the database that is not JSON as it sends it"),
        (300, "something answered for the database with a redirect"),
        (399, "something answered for the database with a redirect"),
        (400, "something other than the database answered, with status 400"),
    ],
)
@pytest.mark.parametrize("call", [READ, WRITE])
def test_a_strangers_answer_is_an_outage(call: Call, status: int, what: str) -> None:
    """And nobody knows whether a write went past it."""
    error = stranger(status, call)
    assert (error.what, error.where, error.outcome_unknown) == (what, "/a", call.write)
    assert error.hint is not None
    assert "log-in page or a firewall" in error.hint


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_said("Permission denied."), "Permission denied"),
        ('{"error": {"message": "EMAIL_EXISTS"}}', "EMAIL_EXISTS"),
        ("<p>a\npage</p>", "<p>a page</p>"),
        ("", "no reason given"),
        (_said(""), "no reason given"),
        (_said("a\x00b\x1b[31m\n  c"), "a b [31m c"),
    ],
)
def test_what_is_said_is_one_line(body: str, said: str) -> None:
    """Without what a terminal would obey."""
    assert service_message(body) == said


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (Unavailable("away"), Remedy.WAIT),
        (QuotaExceeded("used up"), Remedy.WAIT),
        (CredentialRefused("not this one"), Remedy.RENEW),
        (TokenExpired("too late"), Remedy.RENEW),
        (AuthError("no"), Remedy.NOTHING),
        (AccessDenied("the rules"), Remedy.NOTHING),
        (InvalidData("no"), Remedy.NOTHING),
        (KeyError("x"), Remedy.NOTHING),
    ],
)
def test_trying_again_helps_against_some(error: Exception, helps: Remedy) -> None:
    """At once with a new credential, later, or never."""
    assert remedy(error) is helps


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GET /a.json?auth=s3cret&x=1", "GET /a.json?auth=[hidden]&x=1"),
        ("access_token=a.b refresh_token=c,d", "access_token=[hidden] refresh_token=[hidden]"),
        ("'key=AIzaXyz'", "'key=[hidden]'"),
        ("monkey=1 keys=2", "monkey=1 keys=2"),
        ("token eyJhbGciOi.eyJzdWI.c2ln-_x is bad", "token [token] is bad"),
        ("eyJabc", "eyJabc"),
    ],
)
def test_nothing_secret_is_quoted(text: str, redacted: str) -> None:
    """A key or a token, all of it, and no more."""
    assert redact(text) == redacted
    assert one_line(text) == redacted


def test_a_line_has_an_end() -> None:
    """It comes from the network."""
    longest = len(one_line("x" * 5000)) - 3
    assert one_line("x" * 5000) == "x" * longest + "..."
    assert one_line("x" * longest) == "x" * longest
    assert one_line("x" * (longest + 1)) == "x" * longest + "..."


@pytest.mark.parametrize("call", [READ, WRITE])
def test_without_an_answer_what_helps_is_another(call: Call) -> None:
    """A write may be there."""
    hint = "It may have been written or not: read first" if call.write else "Try again later"
    assert call.hint == hint
    error = refusal(500, _said("x"), call)
    assert error.hint == hint


@pytest.mark.parametrize(
    ("places", "where"),
    [(["/b"], "/b"), (["/b", "/a"], "/a and 1 more"), (["/c", "/b", "/a"], "/a and 2 more")],
)
def test_an_update_is_named_by_its_first_place(places: list[str], where: str) -> None:
    """And by how many others there are."""
    call = Call.update({Path.parse(place): 1 for place in places}, "the desk")
    assert (call.where, call.write, call.caller) == (where, True, "the desk")
