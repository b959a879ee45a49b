"""Signing in, staying signed in, and what is said when neither works."""

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Callable
from contextlib import closing
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from pyrebase import pyrebase

from imbari_chat import errors
from imbari_chat.emulator import Emulator
from imbari_chat.engine.places import MOST_MOVES
from imbari_chat.errors import AuthError, ConfigError, ImbariError, Unavailable
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import QuietSession
from imbari_chat.identity.sign_in import resume, sign_in_anonymously, sign_in_with_password
from imbari_chat.identity.user import UserAccess
from imbari_chat.wire.paths import Path
from tests.identity.answering import AnsweringServer
from tests.identity.places import ADMIN, LIVE, closed_port, make_tokens, project_at

CASES: list[dict[str, Any]] = json.loads(
    (FilePath(__file__).parents[1] / "specs/identity/refusals.json").read_text()
)["cases"]

WAYS: dict[str, Callable[[Project], UserAccess]] = {
    "password": lambda project: sign_in_with_password(project, *ADMIN),
    "anonymous": sign_in_anonymously,
    "resume": lambda project: resume(project, "r-e-f-r-e-s-h"),
}

ADDRESSES = {
    "password": "/www.googleapis.com/identitytoolkit/v3/relyingparty/verifyPassword",
    "anonymous": "/www.googleapis.com/identitytoolkit/v3/relyingparty/signupNewUser",
    "resume": "/securetoken.googleapis.com/v1/token",
}


def at(server: AnsweringServer, *, timeout: float = 5.0) -> Project:
    return project_at("127.0.0.1:1", server.host, timeout=timeout)


def answer(id_token: str, refresh_token: Any) -> str:
    """An answer with the field names of every way of signing in."""
    return json.dumps(
        {
            "idToken": id_token,
            "refreshToken": refresh_token,
            "id_token": id_token,
            "refresh_token": refresh_token,
            "user_id": "u1",
        }
    )


def test_admin_signs_in_with_a_password(project: Project, accounts: AdminAccounts) -> None:
    """The claim that makes an admin is in the token, and rules let the admin in."""
    accounts.create(*ADMIN)
    accounts.grant(ADMIN[0])
    with closing(sign_in_with_password(project, ADMIN[0].upper(), ADMIN[1])) as access:
        assert access.is_admin
        assert access.claims["email"] == ADMIN[0]
        access.update({Path.parse("/staff/x"): 1})
        assert access.get(Path.parse("/staff")) == {"x": 1}


def test_customer_signs_in_anonymously_as_somebody_new(project: Project) -> None:
    """Each sign-in is another person, and none is an admin."""
    with closing(sign_in_anonymously(project)) as one, closing(sign_in_anonymously(project)) as two:
        assert one.uid
        assert two.uid
        assert one.uid != two.uid
        assert not one.is_admin
        assert one.claims["provider_id"] == "anonymous"


def test_kept_refresh_token_brings_back_the_same_user(project: Project) -> None:
    """It is all that is needed to continue after a restart."""
    kept: list[str] = []
    with closing(sign_in_anonymously(project, on_tokens=kept.append)) as access:
        assert kept == [access.refresh_token]
        uid = access.uid
    with closing(resume(project, kept[-1])) as again:
        assert again.uid == uid


def test_owner_is_told_only_of_tokens_it_does_not_have(server: AnsweringServer) -> None:
    """A resumed sign-in that keeps its refresh token needs no saving."""
    kept: list[str] = []
    server.body = answer(make_tokens().id_token, "old")
    resume(at(server), "old", on_tokens=kept.append).close()
    assert kept == []
    server.body = answer(make_tokens().id_token, "new")
    with closing(resume(at(server), "old", on_tokens=kept.append)) as access:
        assert kept == ["new"]
        server.body = answer(make_tokens().id_token, "newer")
        access.renew()
    assert kept == ["new", "newer"]
    assert parse_qs(server.asked[-1].body.decode()) == {
        "grant_type": ["refresh_token"], "refresh_token": ["new"],
    }  # fmt: skip


def test_claims_arrive_with_the_next_token(project: Project, accounts: AdminAccounts) -> None:
    """Somebody made an admin while signed in becomes one by renewing."""
    accounts.create(*ADMIN)
    with closing(sign_in_with_password(project, *ADMIN)) as access:
        assert not access.is_admin
        accounts.grant(ADMIN[0])
        assert not access.is_admin
        access.renew()
        assert access.is_admin


@pytest.mark.parametrize("protected", [False, True])
def test_wrong_password_and_unknown_address_look_the_same(
    emulator: Emulator, project: Project, accounts: AdminAccounts, protected: bool
) -> None:
    """With and without the service's own protection against guessing addresses."""
    requests.patch(
        f"http://{emulator.auth_host}/emulator/v1/projects/{project.id}/config",
        json={"emailPrivacyConfig": {"enableImprovedEmailPrivacy": protected}},
        timeout=60,
    ).raise_for_status()
    accounts.create(*ADMIN)
    for email, password in ((ADMIN[0], "wrong-password"), ("nobody@example.com", ADMIN[1])):
        with pytest.raises(AuthError) as caught:
            sign_in_with_password(project, email, password)
        assert str(caught.value) == "wrong e-mail or password"


def test_revoked_admin_has_to_sign_in_again() -> None:
    """A revoked refresh token ends the sign-in with the one thing to do about it."""
    clock = 1_700_000_000.0  # firebase-admin revokes by the real clock, which is later
    with Emulator(clock=lambda: clock, enforce_expiry=True) as emulator:
        project = project_at(emulator.database_host, emulator.auth_host)
        with closing(AdminAccounts(project)) as accounts:
            accounts.create(*ADMIN)
            with closing(sign_in_with_password(project, *ADMIN)) as access:
                clock += 60
                accounts.revoke(ADMIN[0])
                with pytest.raises(AuthError, match="your sign-in has ended") as caught:
                    access.renew()
    assert caught.value.hint == "Sign in again: imbari-chat auth login"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['doing']}-{case['message'][:20]}")
def test_every_refusal_is_said_plainly(server: AnsweringServer, case: dict[str, Any]) -> None:
    """What the service means, in words for the person who tried."""
    server.status = case.get("status", 400)
    server.body = json.dumps(
        {"error": {"code": server.status, "message": case["message"], "errors": []}}
    )
    with pytest.raises(ImbariError) as caught:
        WAYS[case["doing"]](at(server))
    assert isinstance(caught.value, getattr(errors, case["error"]))
    assert case["says"] in str(caught.value)


@pytest.mark.parametrize("doing", ["anonymous", "resume"])
def test_what_is_wrong_with_an_account_is_told_of_anonymous_ones_too(
    server: AnsweringServer, doing: str
) -> None:
    """Be there more behind its code, or not."""
    server.status = 400
    server.body = json.dumps({"error": {"message": "USER_DISABLED by somebody"}})
    with pytest.raises(AuthError, match="this account is disabled"):
        WAYS[doing](at(server))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_project_that_is_refused_is_a_matter_of_its_settings(
    server: AnsweringServer, status: int
) -> None:
    """Words that are not known yet are told as they are."""
    server.status = status
    server.body = json.dumps({"error": {"code": status, "message": "NEW_WORDS", "errors": []}})
    with pytest.raises(ImbariError, match="NEW_WORDS") as caught:
        WAYS["resume"](at(server))
    told = " for now" if status == 400 else " the project or its API key"
    assert caught.value.what == f"the sign-in service refuses{told}: NEW_WORDS"
    assert isinstance(caught.value, Unavailable if status == 400 else ConfigError)


@pytest.mark.parametrize("body", ["<html>", "[]", '{"error": "Forbidden"}', '{"error": "go away"}'])
def test_a_stranger_refuses_nothing(server: AnsweringServer, body: str) -> None:
    """Every refusal of the service is an object; what else answers is in its way."""
    server.status, server.body = 403, body
    with pytest.raises(Unavailable) as caught:
        WAYS["resume"](at(server))
    assert caught.value.what == "something other than the sign-in service answered, with status 403"
    assert caught.value.where == "sign-in"
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("doing", WAYS)
@pytest.mark.parametrize("body", ["{}", "[]", "null", "<html>", '{"idToken": 1}'])
def test_success_without_tokens_is_no_success(
    server: AnsweringServer, doing: str, body: str
) -> None:
    """A page in the way, or a service that is not the sign-in service."""
    server.body = body
    with pytest.raises(Unavailable) as caught:
        WAYS[doing](at(server))
    assert caught.value.where == "sign-in"
    assert ("not JSON" in caught.value.what) is (body == "<html>")


@pytest.mark.parametrize("refresh", [1, ""])
def test_a_sign_in_without_a_way_back_is_none(server: AnsweringServer, refresh: Any) -> None:
    """It would end in an hour."""
    server.body = answer(make_tokens().id_token, refresh)
    with pytest.raises(Unavailable) as caught:
        WAYS["resume"](at(server))
    assert (caught.value.what, caught.value.where, caught.value.hint) == (
        "the sign-in service sent an answer without tokens",
        "sign-in",
        "Something else may have answered; if this goes on, check the address",
    )


@pytest.mark.parametrize("doing", WAYS)
def test_unreadable_token_is_no_answer_of_the_service(server: AnsweringServer, doing: str) -> None:
    """The service sends tokens that can be read; whatever sent this one is in its way."""
    server.body = answer("no.jwt", "r")
    with pytest.raises(Unavailable, match="without tokens"):
        WAYS[doing](at(server))


@pytest.mark.parametrize("doing", WAYS)
def test_silence_ends_at_the_timeout(server: AnsweringServer, doing: str) -> None:
    """pyrebase4 by itself would wait for ever."""
    server.mode = "hang"
    with pytest.raises(Unavailable, match="in time"):
        WAYS[doing](at(server, timeout=0.2))


@pytest.mark.parametrize("doing", WAYS)
def test_service_that_is_away_is_unavailable(doing: str) -> None:
    """Being offline is no reason to call the password wrong."""
    with pytest.raises(Unavailable, match="cannot connect to the sign-in service"):
        WAYS[doing](project_at("127.0.0.1:1", f"127.0.0.1:{closed_port()}"))


@pytest.mark.parametrize("doing", WAYS)
def test_live_service_needs_an_api_key(doing: str) -> None:
    """It is missing before anything is sent."""
    project = Project("demo-x", "https://demo-x.firebaseio.com", "")
    with pytest.raises(ConfigError, match="API key is missing") as caught:
        WAYS[doing](project)
    assert caught.value.where == "api key"
    assert caught.value.hint == "Copy the Web API key: Firebase console, Project settings"


@pytest.mark.parametrize("doing", WAYS)
def test_the_live_service_is_asked_with_the_key(
    monkeypatch: pytest.MonkeyPatch, doing: str
) -> None:
    """At its own addresses, where there is no emulator."""
    asked: list[str] = []

    def send(_: QuietSession, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        asked.append(str(request.url))
        raise requests.ConnectionError

    monkeypatch.setattr(QuietSession, "send", send)
    with pytest.raises(Unavailable):
        WAYS[doing](LIVE)
    assert asked == [f"https:/{ADDRESSES[doing]}?key=k"]


@pytest.mark.parametrize("doing", WAYS)
def test_calls_arrive_at_the_emulator(server: AnsweringServer, doing: str) -> None:
    """pyrebase4's addresses are fixed; this fails if a new version goes around our rerouting."""
    server.body = answer(make_tokens().id_token, "r2")
    WAYS[doing](at(server)).close()
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", ADDRESSES[doing])
    assert asked.params == {"key": "the-api-key"}
    assert "authorization" not in asked.headers


def test_emulator_needs_no_api_key(server: AnsweringServer) -> None:
    """It accepts any key but an empty one."""
    server.body = answer(make_tokens().id_token, "r2")
    bare = Project(
        "demo-x", "https://demo-x.firebaseio.com", "", "127.0.0.1:1", auth_emulator=server.host
    )
    sign_in_anonymously(bare).close()
    assert server.asked[0].params == {"key": "emulator"}


def test_an_address_that_is_not_known_is_not_asked(
    server: AnsweringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pyrebase4 may ask elsewhere, and a password would go there past the emulator."""

    def elsewhere(_: Any, *__: str) -> Any:
        return requests.post("https://accounts.example/v9", timeout=1)

    monkeypatch.setattr(pyrebase.Auth, "sign_in_with_email_and_password", elsewhere)
    with pytest.raises(ConfigError, match="an address that no Auth emulator serves") as caught:
        WAYS["password"](at(server))
    assert caught.value.hint == "Install the version of pyrebase4 that this package asks for"
    assert server.asked == []


def test_pyrebase_is_left_as_it_was(server: AnsweringServer) -> None:
    """Others in the process, and projects on another service, are not rerouted."""
    before = dict(vars(pyrebase.Auth))
    server.body = answer(make_tokens().id_token, "r2")
    sign_in_anonymously(at(server)).close()
    assert pyrebase.requests is requests
    assert dict(vars(pyrebase.Auth)) == before


def test_pyrebase_still_reaches_the_network_in_one_way_only() -> None:
    """The rerouting gives Auth's methods another ``requests.post`` and knows three addresses.

    When this fails, a new pyrebase4 sends its requests differently: read ``_auth`` again.
    """
    used: set[str] = set()
    for name, method in vars(pyrebase.Auth).items():
        if not isinstance(method, types.FunctionType):
            continue
        assert method.__closure__ is None, name
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(method)))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "requests":
                used.add(node.attr)
            if isinstance(node, ast.Constant) and str(node.value).startswith("http"):
                assert str(node.value).startswith(
                    (
                        "https://www.googleapis.com/identitytoolkit/",
                        "https://identitytoolkit.googleapis.com/",
                        "https://securetoken.googleapis.com/",
                        "https://firebase.google.com/docs/",
                    )
                ), name
            if isinstance(node, ast.Call):
                assert not ast.unparse(node.func).startswith("self.requests"), name
    assert used == {"post"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "TOO_MANY_ATTEMPTS_TRY_LATER"), (429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE")],
)
def test_for_how_long_it_wants_to_be_left_alone_is_told(
    server: AnsweringServer, way: str, status: int, message: str
) -> None:
    """In whichever words."""
    error = {"code": status, "message": message, "errors": [{"message": message}]}
    server.status, server.body = status, json.dumps({"error": error})
    server.headers = {**server.headers, "retry-after": "7"}
    with pytest.raises(ImbariError) as caught:
        WAYS[way](at(server))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_is_sent_from_place_to_place_for_ever(server: AnsweringServer, way: str) -> None:
    """A redirect more than streams follow is an outage."""
    server.status, server.headers = 307, {"location": "/elsewhere"}
    with pytest.raises(Unavailable):
        WAYS[way](at(server))
    assert len(server.asked) == 1 + MOST_MOVES
