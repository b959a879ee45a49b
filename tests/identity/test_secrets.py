"""Tokens, passwords and keys stay out of errors, logs and start-up."""

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable
from contextlib import chdir, closing
from pathlib import Path as FilePath

import pytest

from imbari_chat.config import Settings
from imbari_chat.engine.link_effects import Post
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.project import Project
from imbari_chat.identity.service import OwnerAccess, ServiceAccess
from imbari_chat.identity.sign_in import resume, sign_in_anonymously, sign_in_with_password
from imbari_chat.identity.token_store import TokenStore
from imbari_chat.identity.user import Tokens, UserAccess, read_claims
from imbari_chat.wire.json import parse
from imbari_chat.wire.messages import Request
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests import plain_http
from tests.identity.answering import AnsweringServer
from tests.identity.places import closed_port, make_tokens, project_at

WHERE = Path.parse("/rooms/r1")
TOKENS = make_tokens(claims={"name": "marker"}, refresh="r-e-f-r-e-s-h")
PASSWORD = "p-a-s-s-w-o-r-d"
SECRETS = (*TOKENS.id_token.strip(".").split("."), TOKENS.refresh_token, PASSWORD, "the-api-key")

ECHO = f"not {TOKENS.id_token}, nor {TOKENS.id_token[:30]}... of ?auth={TOKENS.id_token}&x=y"

MODES = [
    *(("answer", status) for status in (400, 401, 402, 403, 404, 412, 413, 423, 429, 500, 503)),
    ("answer", 200),
    ("hang", 0),
    ("drop", 0),
    ("away", 0),
    ("redirect", 302),
]

USER_ACTS: dict[str, Callable[[UserAccess], object]] = {
    "get": lambda access: access.get(WHERE),
    "query": lambda access: access.get(WHERE, Query.by_key()),
    "update": lambda access: access.update({WHERE: 1}),
}

SIGN_INS: dict[str, Callable[[Project], object]] = {
    "password": lambda project: sign_in_with_password(project, "a@example.com", PASSWORD),
    "anonymous": sign_in_anonymously,
    "resume": lambda project: resume(project, TOKENS.refresh_token),
}


def shown(error: BaseException) -> str:
    """All that any handler may print of an error, and of whatever it holds on to."""
    lines = traceback.format_exception(error, chain=True)
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and one not in found:
            found.append(one)
            left += [one.__cause__, one.__context__]
    held = [f"{one} {one!r} {one.args!r} {vars(one)!r}" for one in found]
    requests_held = [
        f"{request.url} {request.headers} {request.body}"
        for one in found
        if (request := getattr(one, "request", None)) is not None
    ]
    return "".join([*held, *requests_held, *lines])


def prepare(server: AnsweringServer, mode: str, status: int) -> str:
    """Set up the server; returns the host to ask."""
    if mode == "away":
        return f"127.0.0.1:{closed_port()}"
    server.status = status
    server.body = "<html>" if status == 200 else json.dumps({"error": ECHO})
    server.is_database = status != 200
    server.mode = "hang" if mode == "hang" else "drop" if mode == "drop" else "answer"
    return server.host


def assert_silent(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


@pytest.mark.parametrize("act", USER_ACTS)
@pytest.mark.parametrize(("mode", "status"), MODES)
def test_no_database_error_shows_the_token(
    server: AnsweringServer, mode: str, status: int, act: str
) -> None:
    """It is in the URL, and requests puts URLs into its errors."""
    host = prepare(server, mode, status)
    project = project_at(host, timeout=0.3 if mode == "hang" else 5.0)
    access = UserAccess(project, TOKENS, refresh=lambda _: TOKENS)
    with closing(access), pytest.raises(ImbariError) as caught:
        USER_ACTS[act](access)
    assert_silent(shown(caught.value))


def test_expired_token_is_not_shown_either(server: AnsweringServer) -> None:
    """The second try has another traceback."""
    server.status, server.body = 401, '{"error": "Auth token is expired"}'
    access = UserAccess(project_at(server.host), TOKENS, refresh=lambda _: TOKENS)
    with closing(access), pytest.raises(ImbariError) as caught:
        access.get(WHERE)
    assert_silent(shown(caught.value))


def test_failed_refresh_does_not_show_the_tokens(server: AnsweringServer) -> None:
    """Also when it is met in the middle of a call."""
    server.status, server.body = 401, '{"error": "Auth token is expired"}'

    def refuse(refresh_token: str) -> Tokens:
        raise Unavailable("away")

    access = UserAccess(project_at(server.host), TOKENS, refresh=refuse)
    with closing(access), pytest.raises(Unavailable, match="away") as caught:
        access.get(WHERE)
    assert_silent(shown(caught.value))


@pytest.mark.parametrize("way", SIGN_INS)
@pytest.mark.parametrize(("mode", "status"), MODES)
def test_no_sign_in_error_shows_a_secret(
    server: AnsweringServer, mode: str, status: int, way: str
) -> None:
    """The API key is in the URL, the password and the refresh token are in the body."""
    project = project_at(
        "127.0.0.1:1", prepare(server, mode, status), timeout=0.3 if mode == "hang" else 5.0
    )
    with pytest.raises(ImbariError) as caught:
        SIGN_INS[way](project)
    assert_silent(shown(caught.value))


def test_logs_do_not_show_the_token(
    server: AnsweringServer, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 logs every URL at debug level."""
    with caplog.at_level(logging.DEBUG):
        with closing(
            UserAccess(project_at(server.host), TOKENS, refresh=lambda _: TOKENS)
        ) as access:
            access.get(WHERE)
        server.body = json.dumps({"idToken": TOKENS.id_token, "refreshToken": "r"})
        sign_in_anonymously(project_at("127.0.0.1:1", server.host)).close()
    assert "auth=[hidden]" in caplog.text
    assert "key=[hidden]" in caplog.text
    assert_silent(caplog.text)


def test_stream_requests_do_not_show_the_token_in_logs(
    server: AnsweringServer, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx, which reads streams, logs every URL at info level."""

    with closing(UserAccess(project_at(server.host), TOKENS, refresh=lambda _: TOKENS)) as access:
        request = access.stream(WHERE)
    with caplog.at_level(logging.DEBUG), plain_http.Client(trust_env=False) as client:
        assert client.get(request.url, headers=dict(request.headers)).status_code == 200
    assert "rooms/r1.json" in caplog.text
    assert_silent(caplog.text)


def _of_key_file(text: bytes, folder: FilePath) -> None:
    file = folder / "key.json"
    file.write_bytes(text)
    ServiceAccess(project_at("127.0.0.1:1"), key_file=file)


def _of_settings_file(text: bytes, folder: FilePath) -> None:
    (folder / "imbari-chat.toml").write_bytes(text)
    with chdir(folder):
        Settings.load()


def _of_variable(text: bytes, folder: FilePath) -> None:
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.setenv("FIREBASE_CONFIG", "{" + os.fsdecode(text))
        Settings.load()


def _of_stored_sign_in(text: bytes, folder: FilePath) -> None:
    store = TokenStore(folder, backend="file")
    store.save("p", "default", TOKENS.refresh_token)
    (file,) = folder.glob("*.json")
    file.write_bytes(text)
    store.load("p", "default")


UNREADABLE: dict[str, Callable[[bytes, FilePath], object]] = {
    "key file": _of_key_file,
    "settings file": _of_settings_file,
    "FIREBASE_CONFIG": _of_variable,
    "stored sign-in": _of_stored_sign_in,
    "JSON": lambda text, _: parse(text),
    "token": lambda text, _: read_claims("." + b64encode(text).decode() + "."),
    "proxy": lambda text, _: HttpEnvironment(
        {"https_proxy": "http://amina:" + text.decode("latin-1")}
    ).proxy_for("https://db.example"),
}


@pytest.mark.parametrize(
    "text",
    [
        b'{"private_key": "%s", ',
        b'{"apiKey": "%s"} and more',
        b'\xff{"refreshToken": "%s"}',
        b'{"a": NaN, "b": "%s"}',
        b"%s#@proxy.example:1",
    ],
)
@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_not_carried_along(
    what: str, text: bytes, tmp_path: FilePath
) -> None:
    """The errors of parsers hold the whole text, wherever they were met."""
    with pytest.raises(ImbariError) as caught:
        UNREADABLE[what](text % PASSWORD.encode(), tmp_path)
    assert_silent(shown(caught.value))


def test_values_do_not_show_their_secrets() -> None:
    """What is printed by accident is harmless."""
    with closing(UserAccess(project_at("127.0.0.1:1"), TOKENS, refresh=lambda _: TOKENS)) as access:
        assert_silent(repr(TOKENS) + repr(access) + repr(access.stream(WHERE)))
        asked = access.socket()
        assert_silent(repr(asked) + repr(Request(1, asked.action, asked.credential)))
        assert_silent(repr(access._project))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_a_secret_is_not_pickled(protocol: int) -> None:
    """It would end up in a file, a queue or another process; nor is it copied."""
    project = project_at("127.0.0.1:1")
    with (
        closing(UserAccess(project, TOKENS, refresh=lambda _: TOKENS)) as user,
        closing(ServiceAccess(project)) as service,
        closing(OwnerAccess(project)) as owner,
    ):
        asked = [user.socket(), service.socket(), owner.socket()]
        sent = [Post(str(Request(1, one.action, one.credential))) for one in asked]
        for held in (TOKENS, user, user._tokens, user.stream(WHERE), service, owner, *asked, *sent):
            with pytest.raises(TypeError, match="secret"):
                pickle.dumps(held, protocol)
            with pytest.raises(TypeError, match="secret"):
                copy.deepcopy(held)
            assert_silent(repr(held))


def test_importing_an_identity_loads_no_heavy_library() -> None:
    """They cost a second at every start of the command line, and are loaded when one is used."""
    modules = (
        "accounts",
        "apps",
        "mapping",
        "project",
        "rest",
        "rules",
        "service",
        "sign_in",
        "token_store",
        "user",
    )
    script = (
        "import sys\n"
        + "".join(f"import imbari_chat.identity.{name}\n" for name in modules)
        + "heavy = {'firebase_admin', 'pyrebase', 'keyring', 'google.auth', 'httpx'}\n"
        + "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
