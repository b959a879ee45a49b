"""Everything that goes over HTTP goes the same way: a table of environments and of actions."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imbari_chat import AdminChat, AsyncAdminChat
from imbari_chat.config import Settings
from imbari_chat.emulator import Emulator
from imbari_chat.errors import ConfigError, Unavailable
from imbari_chat.identity import factory, sign_in
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.rules import DeployedRules
from imbari_chat.identity.session import QuietSession
from imbari_chat.net.rest import RestTransport
from imbari_chat.wire.paths import ROOT
from tests.cli.harness import Program, outside
from tests.environment.authority import Authority, TlsFront
from tests.environment.forward_proxy import ForwardProxy, SocksProxy
from tests.faults.gate import Gate
from tests.identity.answering import AnsweringServer
from tests.identity.places import make_tokens
from tests.net.scripted import Caller

RULES = (Path(__file__).parents[2] / "database.rules.json").read_text("utf-8")
DATABASE = "demo-imbari-default-rtdb.firebaseio.com"
GOOGLE = (
    "www.googleapis.com",
    "identitytoolkit.googleapis.com",
    "securetoken.googleapis.com",
    "oauth2.googleapis.com",
)
DEAD = "http://127.0.0.1:9"
PATIENCE = 60.0

Flags = dict[str, Any]


def _stream(flags: Flags) -> None:
    async def listen() -> None:
        async with asyncio.timeout(PATIENCE), AsyncAdminChat.from_env(**flags) as desk:
            await desk.listen()
            assert desk.status.state == "live"

    asyncio.run(listen())


def _read(flags: Flags) -> None:
    with AdminChat.from_env(**flags) as desk:
        assert len(desk.sessions()) == 1


def _write(flags: Flags) -> None:
    with AdminChat.from_env(**flags) as desk, desk.open(desk.sessions()[0].id) as conversation:
        assert conversation.reply("Hello").delivery == "confirmed"


def _rest(flags: Flags) -> None:
    """Requests and an event stream, which are ways of their own."""
    _all_over({**flags, "transport": "rest"})


def _socket(flags: Flags) -> None:
    _all_over({**flags, "transport": "websocket"})


def _all_over(flags: Flags) -> None:
    """What a client does: it reads, writes and listens."""
    _write(flags)
    _stream(flags)


def _sign_in(flags: Flags) -> None:
    access = sign_in.sign_in_anonymously(factory.sign_in_project(Settings.load(**flags)))
    assert access.uid
    access.close()


def _rules(flags: Flags) -> None:
    settings = Settings.load(**flags)
    with DeployedRules(factory.project(settings), key_file=settings.credentials) as rules:
        assert "chatSessions" in rules.text()


def _accounts(flags: Flags) -> None:
    settings = Settings.load(**flags)
    accounts = AdminAccounts(factory.project(settings), key_file=settings.credentials)
    assert accounts.admins() == []
    accounts.close()


def _doctor(flags: Flags) -> None:
    checks = _diagnosis(flags)
    assert {check["state"] for check in checks} == {"ok"}, checks


def _diagnosis(flags: Flags) -> list[dict[str, Any]]:
    given = {name: value for name, value in flags.items() if name != "timeout"}
    options = {
        "project": "IMBARI_CHAT_PROJECT",
        "database_url": "IMBARI_CHAT_DATABASE_URL",
        "api_key": "IMBARI_CHAT_API_KEY",
        "credentials": "IMBARI_CHAT_CREDENTIALS",
        "identity": "IMBARI_CHAT_IDENTITY",
        "data_dir": "IMBARI_CHAT_DATA_DIR",
        "database_emulator": "FIREBASE_DATABASE_EMULATOR_HOST",
        "auth_emulator": "FIREBASE_AUTH_EMULATOR_HOST",
        "token_store": "IMBARI_CHAT_TOKEN_STORE",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(options[name], str(value))
        checks: list[dict[str, Any]] = Program().json("doctor")
        return checks


ACTIONS: dict[str, Callable[[Flags], None]] = {
    "read": _read,
    "rest": _rest,
    "socket": _socket,
    "sign-in": _sign_in,
    "rules": _rules,
    "accounts": _accounts,
    "doctor": _doctor,
}
every_action = pytest.mark.parametrize("act", ACTIONS.values(), ids=ACTIONS)


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(rules=RULES) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """One conversation, under the strict rules."""
    running.reset()
    running.load_rules(RULES)
    now = time.time_ns() // 1_000_000
    session = {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": "Hi",
        "lastMessageTime": now,
        "unreadCount": 0,
        "status": "active",
    }
    outside(running, "/chatSessions/-Nx1234567890abcdefg", session)
    return running


@pytest.fixture
def here(emulator: Emulator, tmp_path: Path) -> Flags:
    """The emulator, as `emulator exec` names it."""
    return {
        "project": emulator.project,
        "database_emulator": emulator.database_host,
        "auth_emulator": emulator.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
        "timeout": 20.0,
    }


@dataclass(frozen=True)
class Live:
    """A stand-in for a live project, which is reached by TLS.

    Attributes:
        flags: How a client is told of it.
        proxy: One of the ways to its names, which nobody else knows.
        socks: The other.
        google: What answers for sign-in, accounts and access tokens.
        database: HOST:PORT of the database's TLS on this machine.
    """

    flags: Flags
    proxy: ForwardProxy
    socks: SocksProxy
    google: AnsweringServer
    database: str


@pytest.fixture
def live(
    emulator: Emulator, authority: Authority, key_file: Path, tmp_path: Path
) -> Iterator[Live]:
    with ExitStack() as stack:
        google = stack.enter_context(AnsweringServer(body="{}"))
        tokens = make_tokens(iat=int(time.time()))
        google.by_path = {
            "/identitytoolkit/v3/relyingparty/signupNewUser": json.dumps(
                {"idToken": tokens.id_token, "refreshToken": "r", "expiresIn": "3600"}
            ),
            "/token": json.dumps({"access_token": "owner", "expires_in": 3600}),
        }
        database = stack.enter_context(TlsFront(emulator.database_host, authority))
        services = stack.enter_context(TlsFront(google.host, authority))
        places = {f"{DATABASE}:443": f"127.0.0.1:{database.port}"}
        places |= {f"{name}:443": f"127.0.0.1:{services.port}" for name in GOOGLE}
        proxy = stack.enter_context(ForwardProxy(places, "amina:p@ss"))
        socks = stack.enter_context(SocksProxy(places))
        flags: Flags = {
            "project": "demo-imbari",
            "database_url": f"https://{DATABASE}",
            "api_key": "the-api-key",
            "credentials": key_file,
            "identity": "service-account",
            "data_dir": tmp_path,
            "token_store": "file",
            "timeout": 20.0,
        }
        yield Live(flags, proxy, socks, google, f"localhost:{database.port}")


def _set(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def _netrc(home: Path) -> None:
    file = home / ".netrc"
    file.write_text("default login anonymous password amina@example.com\n")
    file.chmod(0o600)


@pytest.mark.drawn
@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": DEAD, "https_proxy": DEAD, "no_proxy": "fd00::/8"},
        {"HTTP_PROXY": DEAD, "ALL_PROXY": "127.0.0.1:9"},
        {"all_proxy": "socks://127.0.0.1:9/"},
        {"http_proxy": "quic://:junk", "no_proxy": "a/b", "SSL_CERT_FILE": "/nowhere/cacert.pem"},
    ],
    ids=" ".join,
)
@every_action
def test_an_emulator_of_this_machine_is_reached_whatever_is_set(
    act: Callable[[Flags], None],
    variables: dict[str, str],
    here: Flags,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is meant for the internet does not concern it."""
    _set(monkeypatch, variables)
    _netrc(tmp_path)
    act(here)


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("way", "trust"),
    [
        ("https_proxy", "REQUESTS_CA_BUNDLE"),
        ("HTTPS_PROXY", "CURL_CA_BUNDLE"),
        ("all_proxy", "SSL_CERT_FILE"),
    ],
)
@every_action
def test_a_live_project_is_reached_by_the_offices_proxy_and_authority(
    act: Callable[[Flags], None],
    way: str,
    trust: str,
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Whichever variables name them; and a netrc takes no credential's place."""
    _set(monkeypatch, {way: live.proxy.url, trust: str(authority.certificate)})
    _netrc(tmp_path)
    if act is _doctor:  # which asks for an answer of the sign-in service, and no more
        live.google.by_path["/"] = "{}"
    act(live.flags)
    assert live.proxy.asked
    assert all(one.startswith("CONNECT ") for one in live.proxy.asked)
    schemes = {
        asked.headers.get("authorization", "Bearer").split()[0] for asked in live.google.asked
    }
    assert schemes <= {"Bearer"}


@pytest.mark.drawn
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("act", [_read, _rest, _socket, _sign_in], ids=lambda act: act.__name__)
def test_a_proxy_is_reached_over_tls(
    act: Callable[[Flags], None],
    host: str,
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And has to prove that it is what its name, or its address, says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with TlsFront(f"127.0.0.1:{live.proxy.port}", authority) as front:
        monkeypatch.setenv("https_proxy", f"https://amina:p%40ss@{host}:{front.port}")
        act(live.flags)
    assert live.proxy.asked


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("spelled", "credential"),
    [
        ("amina", "amina:"),
        ("office\\amina:pass", "office\\amina:pass"),
        ("amína:pä:s@s%20", "amína:pä:s@s "),
        ("amina:100%", "amina:100%"),
    ],
)
@pytest.mark.parametrize("act", [_rest, _socket, _sign_in], ids=lambda act: act.__name__)
def test_a_proxy_is_told_the_same_by_every_library(
    act: Callable[[Flags], None],
    spelled: str,
    credential: str,
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However its name and password are written into the variable, and in UTF-8."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with ForwardProxy(live.proxy.places, credential) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{spelled}@127.0.0.1:{proxy.port}")
        act(live.flags)
    assert proxy.asked


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_proxy_over_tls_that_is_another_is_not_used(
    host: str, live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its certificate is for somebody else."""
    other = Authority.make(tmp_path, ["proxy.example"], addresses=[])
    monkeypatch.setenv("SSL_CERT_FILE", str(other.certificate))
    with TlsFront(f"127.0.0.1:{live.proxy.port}", other) as front:
        monkeypatch.setenv("https_proxy", f"https://amina:p%40ss@{host}:{front.port}")
        for act in (_read, _rest, _socket, _sign_in):
            with pytest.raises(Unavailable, match="not trusted"):
                act(live.flags)
    assert not live.proxy.asked


@pytest.mark.drawn
@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
@pytest.mark.parametrize("act", [_read, _rest, _socket, _sign_in], ids=lambda act: act.__name__)
def test_a_socks_proxy_is_asked_for_names_too(
    act: Callable[[Flags], None],
    scheme: str,
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However a desktop writes its scheme."""
    _set(monkeypatch, {"all_proxy": f"{scheme}://127.0.0.1:{live.socks.port}/"})
    _set(monkeypatch, {"SSL_CERT_FILE": str(authority.certificate)})
    act(live.flags)
    assert live.socks.asked


def test_everything_over_rest_goes_through_a_socks_proxy(
    live: Live, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections are of a kind of their own, and are told where to write all the same."""
    _set(monkeypatch, {"all_proxy": f"socks5h://127.0.0.1:{live.socks.port}/"})
    _set(monkeypatch, {"SSL_CERT_FILE": str(authority.certificate)})
    _rest(live.flags)
    assert live.socks.asked


@pytest.mark.parametrize("act", [_read, _rest, _socket, _rules], ids=lambda act: act.__name__)
def test_what_no_proxy_lists_is_reached_directly(
    act: Callable[[Flags], None],
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database's TLS is on this machine here, and only its authority is needed."""
    _set(monkeypatch, {"REQUESTS_CA_BUNDLE": str(authority.certificate)})
    _set(monkeypatch, {"https_proxy": live.proxy.url, "no_proxy": "firebaseio.com"})
    act({**live.flags, "database_url": f"https://{live.database}"})
    assert {one.split()[1] for one in live.proxy.asked} <= {"oauth2.googleapis.com:443"}


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"https_proxy": "http://127.0.0.1:99999"}, "https_proxy"),
        ({"HTTPS_PROXY": "quic://amina:secret@127.0.0.1"}, "HTTPS_PROXY"),
        ({"all_proxy": "http://"}, "all_proxy"),
        ({"https_proxy": DEAD, "no_proxy": "fd00::/200"}, "no_proxy"),
        ({"SSL_CERT_FILE": "/nowhere/cacert.pem"}, "SSL_CERT_FILE"),
        ({"REQUESTS_CA_BUNDLE": "/nowhere/cacert.pem"}, "REQUESTS_CA_BUNDLE"),
        ({"CURL_CA_BUNDLE": __file__}, "CURL_CA_BUNDLE"),
        ({"SSLKEYLOGFILE": "/nowhere/keys"}, "SSLKEYLOGFILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@every_action
def test_what_cannot_be_used_is_named_before_any_request(
    act: Callable[[Flags], None],
    variables: dict[str, str],
    named: str,
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One error of ours for all, whichever library would have met it."""
    _set(monkeypatch, variables)
    if act is _doctor:
        with pytest.raises(AssertionError, match=f"{named}.* cannot be used"):
            act(live.flags)
    else:
        with pytest.raises(ConfigError, match=f"{named}.* cannot be used") as caught:
            act(live.flags)
        assert "secret" not in str(caught.value)
    assert not live.proxy.asked
    assert not live.google.asked


async def test_a_proxy_that_lets_no_socket_through_leaves_rest(
    emulator: Emulator, here: Flags
) -> None:
    """And who asks is told why, by the client and by the doctor."""
    async with Gate(emulator.database_host, "403 Forbidden").running() as gate:
        flags = {**here, "database_emulator": gate.address}
        async with AsyncAdminChat.from_env(**flags) as desk:
            await desk.listen()
            assert len(await desk.sessions()) == 1
            assert desk.status.state == "live"
            assert desk.status.transport == "rest"
        checks = await asyncio.to_thread(_diagnosis, flags)
    (found,) = [one for one in checks if one["name"] == "connections"]
    assert found["state"] == "warn"
    assert "no WebSocket: " in str(found)
    assert "status 403" in str(found)


def test_only_the_named_authority_is_believed(
    live: Live, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself, requests adds certifi's list to what it is given."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    settings = Settings.load(**{**live.flags, "database_url": f"https://{live.database}"})
    project = factory.project(settings)
    with QuietSession(project) as session:
        assert session.get(f"https://{live.database}/.json").status_code == 401
    assert project.http.tls.cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    "act", [_read, _rest, _socket, _rules, _accounts, _sign_in], ids=lambda act: act.__name__
)
def test_a_certificate_that_is_not_trusted_is_said_to_be(
    act: Callable[[Flags], None], live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage, for a guest network does the same; with what to do where it is an office's."""
    monkeypatch.setenv("https_proxy", live.proxy.url)
    live.google.by_path.clear()
    with pytest.raises(Unavailable, match=r"certificate .*not trusted") as caught:
        act(live.flags)
    assert not caught.value.outcome_unknown


async def test_a_stream_says_that_a_certificate_is_not_trusted(live: Live) -> None:
    """In its state, while it goes on trying."""
    transport = RestTransport(lambda: Caller(f"https://{live.database}"), timeout=20.0)
    async with asyncio.timeout(PATIENCE):
        async for item in transport.listen(ROOT):
            if "not trusted" in (getattr(item, "reason", None) or ""):
                break
    await transport.close()


@pytest.mark.parametrize(
    "act", [_read, _rest, _socket, _sign_in, _rules], ids=lambda act: act.__name__
)
def test_a_proxy_that_wants_a_password_is_said_to(
    act: Callable[[Flags], None],
    live: Live,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent beyond it, so nothing is unknown."""
    _set(monkeypatch, {"SSL_CERT_FILE": str(authority.certificate)})
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{live.proxy.port}")
    with pytest.raises(Unavailable, match="407") as caught:
        act(live.flags)
    assert not caught.value.outcome_unknown
