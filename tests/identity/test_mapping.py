"""What goes wrong on the way to a database, for both libraries alike."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3.exceptions
from firebase_admin.exceptions import FirebaseError
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from imbari_chat import errors
from imbari_chat.engine.access import Access
from imbari_chat.engine.places import MOST_MOVES
from imbari_chat.engine.refusals import Call, redact
from imbari_chat.errors import AuthError, ConfigError, ImbariError, Unavailable
from imbari_chat.identity.mapping import from_google, service_errors
from imbari_chat.identity.service import OwnerAccess, ServiceAccess
from imbari_chat.identity.user import UserAccess
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.identity.answering import AnsweringServer
from tests.identity.places import closed_port, make_tokens, project_at

CASES: list[dict[str, Any]] = json.loads(
    (FilePath(__file__).parents[1] / "specs/identity/statuses.json").read_text()
)["cases"]

WHERE = Path.parse("/rooms/r1")

Opener = Callable[[str, float], Access]


def open_service(host: str, timeout: float) -> Access:
    return ServiceAccess(project_at(host, timeout=timeout))


def open_owner(host: str, timeout: float) -> Access:
    return OwnerAccess(project_at(host, timeout=timeout))


def open_user(host: str, timeout: float) -> Access:
    return UserAccess(
        project_at(host, timeout=timeout), make_tokens(), refresh=lambda _: make_tokens()
    )


@pytest.fixture(params=[open_service, open_owner, open_user], ids=["service", "owner", "user"])
def opener(request: pytest.FixtureRequest) -> Opener:
    opened: Opener = request.param
    return opened


@pytest.fixture
def access(opener: Opener, server: AnsweringServer) -> Iterator[Access]:
    with closing(opener(server.host, 5.0)) as opened:
        yield opened


def failure(act: Callable[[], object]) -> ImbariError:
    with pytest.raises(ImbariError) as caught:
        act()
    return caught.value


def acts(access: Access) -> dict[str, Callable[[], object]]:
    return {
        "get": lambda: access.get(WHERE),
        "query": lambda: access.get(WHERE, Query.by_key()),
        "update": lambda: access.update({WHERE: 1, WHERE / "x": 2}),
    }


@pytest.mark.parametrize("act", ["get", "query", "update"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['status']}-{case['error']}")
def test_every_status_has_its_error(
    access: Access, server: AnsweringServer, case: dict[str, Any], act: str
) -> None:
    """Kind, place and advice are the same through either library."""
    body = case["body"]
    server.status, server.body = case["status"], json.dumps(body)
    if "etag" in case:
        server.headers = {**server.headers, "etag": case["etag"]}
    error = failure(acts(access)[act])
    assert isinstance(error, getattr(errors, case["error"]))
    assert case["says"] in str(error)
    assert error.where == ("/rooms/r1 and 1 more" if act == "update" else "/rooms/r1")
    assert error.hint is not None or case["status"] == 400
    assert str(error).isprintable()
    if isinstance(error, Unavailable):
        assert error.outcome_unknown is (case["lost"] and act == "update")


@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_one_call_is_one_request(access: Access, server: AnsweringServer, act: str) -> None:
    """No library repeats a request by itself: an increment would count twice."""
    server.status = 500
    failure(acts(access)[act])
    assert len(server.asked) == 1


@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_lost_connection_leaves_a_write_unknown(
    access: Access, server: AnsweringServer, act: str
) -> None:
    """The service may have committed before it hung up, so nothing is sent again."""
    server.mode = "drop"
    error = failure(acts(access)[act])
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown is (act == "update")
    assert len(server.asked) == 1


@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_silence_ends_at_the_timeout(opener: Opener, server: AnsweringServer, act: str) -> None:
    """A service that takes the request and never answers does not hold the caller."""
    server.mode = "hang"
    with closing(opener(server.host, 0.2)) as access:
        error = failure(acts(access)[act])
    assert isinstance(error, Unavailable)
    assert "in time" in str(error)
    assert error.outcome_unknown is (act == "update")
    assert len(server.heard(1)) == 1


@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_refused_connection_loses_nothing(opener: Opener, act: str) -> None:
    """What was never sent cannot have been written."""
    host = f"127.0.0.1:{closed_port()}"
    with closing(opener(host, 5.0)) as access:
        error = failure(acts(access)[act])
    assert isinstance(error, Unavailable)
    assert "cannot connect" in str(error)
    assert host in str(error)
    assert error.outcome_unknown is False


def test_unknown_host_loses_nothing(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be looked up is a connection that was never made."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with closing(opener("no-such-host.invalid:80", 5.0)) as access:
        error = failure(lambda: access.update({WHERE: 1}))
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown is False


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_answer_that_is_not_json_is_no_answer(
    access: Access, server: AnsweringServer, kind: str
) -> None:
    """A log-in page of some network answers 200 to everything."""
    server.body, server.headers = "<html>please log in</html>", {"content-type": kind}
    error = failure(lambda: access.get(WHERE))
    assert isinstance(error, Unavailable)
    assert "not JSON" in str(error)


def test_write_answered_with_a_page_is_unknown(access: Access, server: AnsweringServer) -> None:
    """It is not taken for a write that was made, though its status is 200."""
    server.is_database = False
    server.body, server.headers = "<html>please log in</html>", {"content-type": "text/html"}
    error = failure(lambda: access.update({WHERE: 1}))
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown is True


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307])
@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_redirect_is_no_answer(
    access: Access, server: AnsweringServer, act: str, status: int
) -> None:
    """A redirected write would be followed as a read, and its answer taken for success."""
    server.status = status
    if status != 307:
        server.headers = {**server.headers, "location": "/login"}
        server.by_path["/login"] = "{}"
    error = failure(acts(access)[act])
    assert isinstance(error, Unavailable)
    assert "redirect" in str(error)
    assert error.outcome_unknown is (act == "update")
    assert len(server.asked) == 1


def test_redirect_that_keeps_the_method_is_followed(
    access: Access, server: AnsweringServer
) -> None:
    """The service moves streams in this way; a write arrives as a write."""
    server.status, server.headers = 307, {**server.headers, "location": "/moved.json"}
    server.by_path["/moved.json"] = "{}"
    access.update({WHERE: 1})
    assert [asked.method for asked in server.asked] == ["PATCH", "PATCH"]
    assert server.asked[0].body == server.asked[1].body


def test_writes_go_one_after_the_other_on_one_connection(
    access: Access, server: AnsweringServer
) -> None:
    """Whatever the one before came to, and each with its own body."""
    access.update({WHERE: "first"})
    server.is_database, server.status, server.body = False, 400, '{"error": "Invalid data"}'
    failure(lambda: access.update({WHERE: "refused"}))
    server.is_database, server.status = True, 200
    access.update({WHERE: "w\u00e9ll after"})
    assert [asked.json for asked in server.asked] == [
        {"rooms/r1": text} for text in ("first", "refused", "w\u00e9ll after")
    ]
    assert len(server.callers) == 1


def test_expired_token_is_an_auth_error_with_advice(
    access: Access, server: AnsweringServer
) -> None:
    """When a fresh token is refused as well, a person has to act."""
    server.status, server.body = 401, '{"error": "Auth token is expired"}'
    error = failure(lambda: access.get(WHERE))
    assert isinstance(error, AuthError)
    assert "clock" in str(error.hint)


def test_long_answers_are_cut(access: Access, server: AnsweringServer) -> None:
    """A page of a proxy does not fill the screen."""
    server.status, server.body = 400, json.dumps({"error": "x" * 100_000})
    assert len(str(failure(lambda: access.get(WHERE)))) < 500


def test_hostile_correct_url_stays_on_one_line(access: Access, server: AnsweringServer) -> None:
    """Advice from the network cannot move the cursor."""
    server.status = 404
    server.body = json.dumps({"correctUrl": "https://x\u001b[2J\nrm", "error": "moved"})
    error = failure(lambda: access.get(WHERE))
    assert isinstance(error, ConfigError)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x.json?auth=abc.def&ns=n", "GET /x.json?auth=[hidden]&ns=n"),
        ("POST /v1/token?key=AIzaSy", "POST /v1/token?key=[hidden]"),
        ("token eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0. is bad", "token [token] is bad"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_redaction_strikes_out_what_looks_like_a_secret(text: str, shown: str) -> None:
    """Text that we did not write is cleaned before it is shown."""
    assert redact(text) == shown


def _google(kind: Any, *told: object, **more: Any) -> Exception:
    error: Exception = kind(*told, **more)
    return error


@pytest.mark.parametrize(
    ("raised", "kind", "what"),
    [
        (FirebaseError("UNKNOWN", "secret", cause=requests.ConnectTimeout()), Unavailable,
         "cannot connect to the database"),
        (FirebaseError("UNKNOWN", "secret"), Unavailable,
         "something answered for the database that is not JSON as it sends it"),
        (FirebaseError("UNKNOWN", "secret", http_response=requests.Response()), Unavailable,
         "something other than the database answered, with status 502"),
        (_google(DefaultCredentialsError, "secret"), ConfigError,
         "no Google credentials were found"),
        (_google(TransportError, "secret"), Unavailable, "Google's token service did not answer"),
        (requests.exceptions.InvalidURL("secret"), ConfigError,
         "the address of the database cannot be used"),
        (requests.exceptions.MissingSchema("secret"), ConfigError,
         "the address of the database cannot be used"),
    ],
)  # fmt: skip
def test_what_a_library_raises_is_told_in_our_words(
    raised: Exception, kind: type[ImbariError], what: str
) -> None:
    """By itself: what it came from holds the token."""
    answer = getattr(raised, "http_response", None)
    if answer is not None:
        answer.status_code = 502
    with pytest.raises(kind) as caught, service_errors(Call("/a")):
        raise raised
    assert caught.value.what.startswith(what)
    assert caught.value.where == "/a"
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


TUNNEL = urllib3.exceptions.ProxyError("no", OSError("Tunnel connection failed: 407 who are you"))
REFUSED = "Google refused the service account: invalid_grant: no key"
SILENT = "Google's token service did not answer"
KEPT_OUT = "the proxy on the way to Google's token service does not let this through: 407 who"


def _behind_a_proxy() -> Exception:
    error = _google(TransportError, "secret")
    error.__cause__ = requests.exceptions.ProxyError(SimpleNamespace(reason=TUNNEL))
    return error


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (
            _google(RefreshError, "invalid_grant: no key", {"error": "invalid_grant"}),
            AuthError,
            REFUSED,
        ),
        (
            _google(RefreshError, "internal", {"error": "internal_failure"}, retryable=True),
            Unavailable,
            SILENT,
        ),
        (_google(RefreshError, "<html>", "<html>"), Unavailable, SILENT),
        (_google(RefreshError, "{}", {}), Unavailable, SILENT),
        (_google(RefreshError), Unavailable, SILENT),
        (_behind_a_proxy(), Unavailable, KEPT_OUT),
    ],
)
@pytest.mark.parametrize("where", ["/a", None])
def test_a_token_that_is_not_given_is_refused_or_only_not_had(
    error: Any, kind: type[ImbariError], what: str, where: str | None
) -> None:
    """It is refused if Google says so, and says so for good."""
    found = from_google(error, where)
    assert type(found) is kind
    assert found.what.startswith(what)
    assert found.where == (where or ("sign-in" if what is KEPT_OUT else None))


@pytest.mark.parametrize("act", ["get", "query", "update"])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("body", "pause"), [('{"error":"Slow down, please"}', 7.0), ("<html>", None)]
)
def test_for_how_long_it_wants_to_be_left_alone_is_told(
    access: Access, server: AnsweringServer, act: str, status: int, body: str, pause: float | None
) -> None:
    """By the service. What stands before it is no service, and may be gone in a moment."""
    server.status, server.body = status, body
    server.headers = {**server.headers, "retry-after": "7"}
    assert failure(acts(access)[act]).retry_after == pause
    del server.headers["retry-after"]
    assert failure(acts(access)[act]).retry_after is None


@pytest.mark.parametrize("act", ["get", "query", "update"])
def test_nothing_is_sent_from_place_to_place_for_ever(
    access: Access, server: AnsweringServer, act: str
) -> None:
    """A redirect more than streams follow is an outage, and a write may have been made."""
    server.status, server.headers = 307, {"location": "/elsewhere.json?print=silent"}
    error = failure(acts(access)[act])
    assert isinstance(error, Unavailable)
    assert "redirect" in str(error)
    assert len(server.asked) == 1 + MOST_MOVES
