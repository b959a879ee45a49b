"""A service account's access, and an emulator owner's, under the rules and above them."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import firebase_admin.db
import pytest
import requests.adapters
from google.oauth2.credentials import Credentials

from imbari_chat.config import Settings
from imbari_chat.engine.access import Access, SocketRequest
from imbari_chat.engine.refusals import CredentialRefused
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    ImbariError,
    InvalidData,
    Unavailable,
)
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.factory import admin_access
from imbari_chat.identity.project import Project
from imbari_chat.identity.service import OwnerAccess, ServiceAccess
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from tests.identity.answering import AnsweringServer
from tests.identity.places import LIVE, CountedLock, Reroute, grant, project_at

OPEN = Path.parse("/open")
STAFF = Path.parse("/staff")

Service: TypeAlias = ServiceAccess | OwnerAccess
Kind: TypeAlias = type[Service]

CALLS: list[Callable[[ServiceAccess], object]] = [
    lambda access: access.get(OPEN),
    lambda access: access.get(OPEN, Query.by_key()),
    lambda access: access.get_shallow(OPEN),
    lambda access: access.update({OPEN: 1}),
    lambda access: access.compare_and_set(OPEN, None, 1),
]


@pytest.fixture(params=[ServiceAccess, OwnerAccess])
def kind(request: pytest.FixtureRequest) -> Kind:
    """firebase-admin, which is an emulator's owner where there is one; and the owner without it."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def service(kind: Kind, project: Project) -> Iterator[Service]:
    with closing(kind(project)) as access:
        yield access


@pytest.mark.parametrize("value", [1, -1.5, "text", False, {"a": [1, True]}, [0, "x"], None])
def test_what_is_written_is_read_back(service: Service, value: Json) -> None:
    """Every JSON type survives, also by firebase-admin."""
    service.update({OPEN / "v": value})
    assert same(service.get(OPEN / "v"), value)


def test_a_shallow_read_has_keys_alone(service: Service) -> None:
    """Whatever is below; and the rules hold for it as for any read."""
    service.update({OPEN / "v": {"a": {"b": [1, 2]}, "c": "text"}})
    assert service.get_shallow(OPEN / "v") == {"a": True, "c": True}
    assert service.get_shallow(OPEN / "nothing") is None
    with pytest.raises(AccessDenied, match="imbari-chat"):
        service.get_shallow(Path.parse("/mine/somebody"))


def test_a_service_is_known_by_its_accounts_address(key_file: FilePath) -> None:
    """An emulator's owner has none, nor has a machine before it was asked for its own."""
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        assert access.account == "bot@demo-imbari.iam.gserviceaccount.com"
        for unknown in ("default", None):
            access._client.credential = SimpleNamespace(service_account_email=unknown)
            assert access.account is None


def test_service_is_an_admin_under_the_rules(service: Service) -> None:
    """Rules see a uid of its own and the admin claim, and may still refuse."""
    assert (service.uid, service.account) == ("imbari-chat", None)
    service.update({STAFF / "x": 1, Path.parse("/service/y"): 2})
    assert service.get(STAFF) == {"x": 1}
    with pytest.raises(AccessDenied, match="imbari-chat"):
        service.get(Path.parse("/mine/somebody"))
    with pytest.raises(AccessDenied, match="write"):
        service.update({Path.parse("/mine/somebody"): 1, STAFF / "x": 9})
    assert service.get(STAFF) == {"x": 1}


def test_override_decides_who_the_rules_see(kind: Kind, project: Project) -> None:
    """A tool can act as one user, to see what that user sees."""
    with closing(kind(project, override={"uid": "amina"})) as access:
        assert access.uid == "amina"
        access.update({Path.parse("/mine/amina"): 1})
        with pytest.raises(AccessDenied):
            access.get(STAFF)


def test_unrestricted_access_stands_above_the_rules(kind: Kind, project: Project) -> None:
    """For repairs; it has to be asked for by name."""
    with closing(kind(project, unrestricted=True)) as access:
        access.update({Path.parse("/mine/somebody"): 1, Path.parse("/nowhere/else"): 2})
        assert access.get(Path.parse("/nowhere")) == {"else": 2}
        assert access.uid is None
        assert "auth_variable_override" not in access.stream(ROOT).url


@pytest.mark.parametrize("override", [{}, {"uid": "a&b"}, {"uid": "50%"}, {"x": "#"}, {"x": "+"}])
def test_override_that_would_not_arrive_is_refused(
    kind: Kind, project: Project, override: dict[str, Json]
) -> None:
    """firebase-admin leaves out an empty one, which would lift every rule, and encodes none."""
    with pytest.raises(ConfigError, match="override") as caught:
        kind(project, override=override)
    assert caught.value.where == "auth override"
    assert caught.value.hint == "Ask for unrestricted access to stand above the rules"


def test_update_is_one_request_for_many_places(kind: Kind, server: AnsweringServer) -> None:
    """All or nothing needs one PATCH at the root, with paths as keys."""
    server.status, server.body = 204, ""
    with closing(kind(project_at(server.host))) as access:
        access.update({OPEN / "a": 1, Path.parse("/x/y"): None})
        access.update({})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/.json")
    assert asked.json == {"open/a": 1, "x/y": None}
    assert asked.params["ns"] == "demo-imbari-default-rtdb"
    assert json.loads(asked.params["auth_variable_override"]) == {
        "uid": "imbari-chat",
        "token": {"admin": True},
    }
    assert asked.headers["authorization"] == "Bearer owner"


def test_what_is_no_json_asks_nobody(kind: Kind, server: AnsweringServer) -> None:
    """The library would send it as it is."""
    with closing(kind(project_at(server.host))) as access:
        with pytest.raises(InvalidData):
            access.update({OPEN: float("nan")})
        with pytest.raises(InvalidData):
            access.compare_and_set(OPEN, None, float("nan"))
    assert server.asked == []


@pytest.mark.parametrize(
    "call",
    [
        lambda access: access.get(OPEN),
        lambda access: access.get_shallow(OPEN),
        lambda access: access.update({OPEN: 1}),
        lambda access: access.compare_and_set(OPEN, 1, 2),
    ],
    ids=["get", "get_shallow", "update", "compare_and_set"],
)
def test_a_closed_access_asks_nobody(
    kind: Kind, server: AnsweringServer, call: Callable[[Access], object]
) -> None:
    """It is said that it is closed, and not what the library makes of that."""
    access = kind(project_at(server.host))
    access.close()
    with pytest.raises(Unavailable, match="this access to the database is closed"):
        call(access)
    assert server.asked == []


def test_a_socket_is_the_services_under_the_override(kind: Kind) -> None:
    """Or above the rules, if that was asked for."""
    project = project_at("127.0.0.1:1")
    cases: list[tuple[dict[str, Any], dict[str, Json]]] = [
        ({}, {"authvar": {"uid": "imbari-chat", "token": {"admin": True}}}),
        ({"override": {"uid": "amina"}}, {"authvar": {"uid": "amina"}}),
        ({"unrestricted": True}, {}),
    ]
    for flags, authvar in cases:
        with closing(kind(project, **flags)) as access:
            credential = {"cred": "owner", **authvar}
            assert access.socket() == SocketRequest(project.socket_place, "gauth", credential)


def test_keys_that_look_like_url_syntax_arrive_whole(service: Service) -> None:
    """Percent signs, plus signs, question marks, ampersands, spaces and accents are plain keys."""
    for key in ("100%25", "a+b", "what?x=1&y", "a b", "größe", "~-_"):
        service.update({OPEN / key: key})
        assert service.get(OPEN / key) == key
        assert service.get(OPEN, Query.by_key().equal_to(key)) == {key: key}


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Query.by_child("at"), {"a", "b", "c", "junk", "mixed"}),
        (Query.by_child("at").limit_to_last(1), {"mixed"}),
        (Query.by_child("at").start_after(2), {"c", "mixed"}),
        (Query.by_child("at").start_at(2, "bb").end_at(3), {"c"}),
        (Query.by_child("at").equal_to(None), {"junk"}),
        (Query.by_child("at").equal_to('say "a+b" & c#d%41'), {"mixed"}),
        (Query.by_child("e mail").equal_to("x+y@example.com"), {"a"}),
        (Query.by_key().end_before("b"), {"a"}),
        (Query.by_value().start_at("j").end_at("k"), {"junk"}),
        (Query.by_priority().limit_to_first(1), {"a"}),
    ],
)
def test_every_query_can_be_said(service: Service, query: Query, keys: set[str]) -> None:
    """Also those that firebase-admin cannot say or does not encode."""
    service.update(
        {
            OPEN: {
                "a": {"at": 1, "e mail": "x+y@example.com"},
                "b": {"at": 2},
                "c": {"at": 3},
                "junk": "just text",
                "mixed": {"at": 'say "a+b" & c#d%41'},
            }
        }
    )
    answer = service.get(OPEN, query)
    assert isinstance(answer, dict)
    assert set(answer) == keys


def test_missing_index_is_named(service: Service) -> None:
    """The index is asked for over REST even from an owner."""
    with pytest.raises(InvalidData, match="indexOn"):
        service.get(OPEN, Query.by_child("height"))


def test_emulator_stream_is_the_owner_under_the_override(
    service: Service, project: Project
) -> None:
    """The request can be sent as it is, and the rules hold for it."""
    request = service.stream(OPEN / "a b", Query.by_key().limit_to_last(5))
    url = urlsplit(request.url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{project.rest_base}/open/a%20b.json"
    params = dict(parse_qsl(url.query))
    assert json.loads(params["auth_variable_override"])["uid"] == "imbari-chat"
    assert params["limitToLast"] == "5"
    assert params["ns"] == project.namespace
    assert request.headers == {"Authorization": "Bearer owner"}
    assert service.expires_at is None
    service.renew()
    denied = service.stream(Path.parse("/mine/somebody"))
    answer = requests.get(denied.url, headers=dict(denied.headers), timeout=60)
    assert (answer.status_code, answer.json()) == (401, {"error": "Permission denied"})


def test_live_access_token_is_used_until_shortly_before_its_end(
    key_file: FilePath, server: AnsweringServer
) -> None:
    """One token serves many streams; a new one is fetched five minutes early, or on request."""
    now = time.time()
    clock = {"now": now}
    access = ServiceAccess(LIVE, key_file=key_file, clock=lambda: clock["now"])
    with closing(access):
        request = access.stream(OPEN)
        assert request.headers == {"Authorization": "Bearer ya29.first"}
        assert request.url.startswith(f"{LIVE.rest_base}/open.json?auth_variable_override=")
        assert "ns=" not in request.url
        assert "ya29" not in request.url + repr(request)
        assert access.expires_at is not None
        assert access.expires_at == pytest.approx(now + 3600, abs=60)
        clock["now"] = access.expires_at - 300.001
        access.stream(OPEN)
        assert len(server.asked) == 1
        clock["now"] = access.expires_at - 300
        grant(server, "ya29.second", expires_in=9999)
        assert access.stream(OPEN).headers == {"Authorization": "Bearer ya29.second"}
        grant(server, "ya29.third")
        access.renew()
        assert access.stream(OPEN).headers == {"Authorization": "Bearer ya29.third"}


def test_live_calls_carry_the_token_in_a_header(
    key_file: FilePath, server: AnsweringServer
) -> None:
    """Never in the URL, where proxies and logs would see it."""
    server.body = '{"a": 1}'
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        access._client.session.mount(f"{LIVE.rest_base}/", Reroute(server.host))
        assert access.get(OPEN) == {"a": 1}
    asked = server.asked[-1]
    assert asked.headers["authorization"] == "Bearer ya29.first"
    assert "ns" not in asked.params
    assert "ya29" not in asked.target


@pytest.mark.parametrize(
    ("said", "error", "tokens"),
    [("Permission denied", AccessDenied, 1), ("Unauthorized request.", CredentialRefused, 2)],
)
@pytest.mark.parametrize("call", CALLS, ids=["read", "query", "shallow", "write", "swap"])
def test_a_token_that_is_not_taken_is_replaced_once_and_a_denial_costs_none(
    key_file: FilePath,
    server: AnsweringServer,
    call: Callable[[ServiceAccess], object],
    said: str,
    error: type[Exception],
    tokens: int,
) -> None:
    """Whatever the clock says of it. Google's session takes a denial for an old token, twice."""
    server.status, server.body = 401, json.dumps({"error": said})
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        access._client.session.mount(f"{LIVE.rest_base}/", Reroute(server.host))
        with pytest.raises(error):
            call(access)
    assert [one.path == "/token" for one in server.asked] == [True, False] * tokens


def test_a_token_that_another_thread_got_meanwhile_is_taken(
    key_file: FilePath, server: AnsweringServer
) -> None:
    """Instead of one more, when the former is not taken."""
    server.status, server.body = 401, json.dumps({"error": "Unauthorized request."})
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        access._client.session.mount(f"{LIVE.rest_base}/", Reroute(server.host))

        class Faster(CountedLock):
            def __enter__(self) -> None:
                super().__enter__()
                if len(server.asked) > 1:
                    access._client.credential.token = "ya29.another"

        access._lock = Faster(1)  # type: ignore[assignment]
        with pytest.raises(CredentialRefused):
            access.get(OPEN)
    tokens = [one.headers["authorization"] for one in server.asked if one.path != "/token"]
    assert tokens == ["Bearer ya29.first", "Bearer ya29.another"]
    assert len(server.asked) == 3


def test_an_access_that_is_closed_keeps_no_connections(
    kind: Kind, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to the database nor to whoever gives tokens."""
    access, closed = kind(project), set[int]()
    tokens = [access._token_session] if isinstance(access, ServiceAccess) else []
    sessions = [access._session, *tokens]
    for at, session in enumerate(sessions):
        monkeypatch.setattr(session, "close", partial(closed.add, at))
    access.close()
    assert closed == {*range(len(sessions))}


def test_refused_key_is_an_auth_error(key_file: FilePath, server: AnsweringServer) -> None:
    """A key that was deleted in the console is said to be refused, with Google's reason."""
    del server.by_path["/token"]
    server.status = 400
    server.body = '{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        with pytest.raises(AuthError, match="invalid_grant"):
            access.stream(OPEN)
        with pytest.raises(AuthError, match="invalid_grant"):
            access.renew()
        with pytest.raises(AuthError, match="invalid_grant") as caught:
            access.get(OPEN)
    assert caught.value.where == "/open"


def test_token_service_that_is_away_is_unavailable(
    key_file: FilePath, server: AnsweringServer
) -> None:
    """The key may be fine."""
    del server.by_path["/token"]
    server.mode = "drop"
    access = ServiceAccess(LIVE, key_file=key_file)
    with closing(access), pytest.raises(Unavailable, match="token service"):
        access.stream(OPEN)


GRANTED: dict[str, Json] = {"access_token": "t", "expires_in": 60}

NO_GRANTS: dict[str, Json] = {
    "nothing": None,
    "a number": 7,
    "a list": [],
    "an hour in words": {**GRANTED, "expires_in": "soon"},
    "an hour in a list": {**GRANTED, "expires_in": []},
    "longer than a calendar": {**GRANTED, "expires_in": 1e12},
    "longer than any time": {**GRANTED, "expires_in": 1e300},
    "scopes in a number": {**GRANTED, "scope": 7},
    "brackets without an end": "[[[",
}


@pytest.mark.parametrize("answer", NO_GRANTS)
def test_json_that_grants_nothing_is_not_the_token_service(
    key_file: FilePath, server: AnsweringServer, answer: str
) -> None:
    """Whatever google-auth fails with, for the credentials of a person as of a service."""
    granted = NO_GRANTS[answer]
    server.by_path["/token"] = "[" * 100_000 if granted == "[[[" else json.dumps(granted)
    person = Credentials(  # type: ignore[no-untyped-call]
        None, refresh_token="r", token_uri=f"http://{server.host}/token", client_id="c",
        client_secret="s", scopes=["email"],
    )  # fmt: skip
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        if answer == "scopes in a number":  # only what a person signs in to is told by them
            access._client.credential = person
        with pytest.raises(Unavailable, match="answered for Google's token service"):
            access.stream(OPEN)


def test_a_machine_without_its_token_is_not_the_token_service(
    key_file: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's library looks for a machine's token in whatever JSON it is told."""

    def refresh(_: object) -> None:
        raise KeyError("access_token")

    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        monkeypatch.setattr(access._client.credential, "refresh", refresh)
        with pytest.raises(Unavailable, match="answered for Google's token service"):
            access.stream(OPEN)


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"type": "service_account"}'])
def test_file_that_is_no_key_is_named(tmp_path: FilePath, text: str) -> None:
    """The message names the file and quotes nothing from it."""
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="key file") as caught:
        ServiceAccess(LIVE, key_file=file)
    assert caught.value.where == str(file)


def test_missing_key_file_is_named(tmp_path: FilePath) -> None:
    """A mistyped path is the most common reason."""
    with pytest.raises(ConfigError, match="No such file"):
        ServiceAccess(LIVE, key_file=tmp_path / "none.json")


def test_a_key_file_that_is_named_is_used_without_being_asked_for(tmp_path: FilePath) -> None:
    """Before a stored sign-in is looked for."""
    settings = Settings.load(
        identity="auto",
        database_url="https://imbari.firebaseio.com",
        credentials=tmp_path / "none.json",
        data_dir=tmp_path,
    )
    with pytest.raises(ConfigError, match="No such file"):
        admin_access(settings)


@pytest.mark.parametrize("begin", [ServiceAccess, AdminAccounts])
def test_machine_without_credentials_is_told_what_to_do(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch, begin: Callable[[Project], object]
) -> None:
    """Application default credentials are looked for at the start, and not at the first call."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    before = set(firebase_admin._apps)
    with pytest.raises(ConfigError, match="no Google credentials") as caught:
        begin(LIVE)
    assert "key file" in str(caught.value.hint)
    assert set(firebase_admin._apps) == before


def test_environment_does_not_choose_the_database(
    kind: Kind, project: Project, key_file: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emulator's own address wins, and a live project is never moved silently."""
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:9")
    with closing(kind(project)) as access:
        access.update({OPEN: 1})
        assert access.get(OPEN) == 1
    with pytest.raises(ConfigError, match="FIREBASE_DATABASE_EMULATOR_HOST"):
        ServiceAccess(LIVE, key_file=key_file)


def test_settings_that_the_library_does_not_take_are_a_matter_of_configuration(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words come through, as an error of ours."""

    def refuse(*_: object) -> None:
        raise ValueError("Illegal path")

    monkeypatch.setattr(firebase_admin.db, "reference", refuse)
    with (
        pytest.raises(ConfigError, match="does not take the settings: Illegal path"),
        closing(ServiceAccess(project)) as access,
    ):
        access.get(OPEN)


def test_each_access_has_its_own_app_and_takes_it_along(project: Project) -> None:
    """Two of them may differ in everything; closed ones leave nothing behind."""
    before = set(firebase_admin._apps)
    first, second = ServiceAccess(project), ServiceAccess(project, unrestricted=True)
    assert len(set(firebase_admin._apps) - before) == 2
    first.close()
    first.close()
    second.update({Path.parse("/nowhere"): 1})
    with pytest.raises(Unavailable, match="closed"):
        first.get(OPEN)
    second.close()
    assert set(firebase_admin._apps) == before


def test_many_threads_read_and_write_at_once(service: Service) -> None:
    """One access serves every thread."""

    def turn(number: int) -> tuple[int, Json, Json]:
        place = OPEN / f"n{number}"
        service.update({place: {"at": number}})
        query = Query.by_child("at").equal_to(number)
        return number, service.get(place), service.get(OPEN, query)

    with ThreadPoolExecutor(8) as pool:
        for number, value, found in pool.map(turn, range(40)):
            assert value == {"at": number}
            assert found == {f"n{number}": {"at": number}}


def _four_ask(access: ServiceAccess, error: type[ImbariError], told: str) -> None:
    """At once, each waiting for the same token; each is told so."""
    access._lock = CountedLock(4)  # type: ignore[assignment]

    def ask(_: int) -> None:
        with pytest.raises(error, match=told):
            access.get(OPEN)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))


def test_those_who_wait_for_a_token_share_the_failure(
    key_file: FilePath, server: AnsweringServer
) -> None:
    """Four calls wait once for a token service that hangs, and not one after the other."""
    del server.by_path["/token"]
    server.mode = "hang"
    project = replace(LIVE, timeout=1.0)
    with closing(ServiceAccess(project, key_file=key_file)) as access:
        _four_ask(access, Unavailable, "token service")
    assert len(server.asked) == 1


def test_whoever_is_refused_a_token_is_told_so(key_file: FilePath, server: AnsweringServer) -> None:
    """Those who waited meanwhile too: that is no service that hangs, so each of them asks."""
    del server.by_path["/token"]
    server.status, server.body = 400, '{"error": "invalid_grant"}'
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        _four_ask(access, AuthError, "invalid_grant")
