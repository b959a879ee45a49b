"""What the environment says of an address: a table, and certificates."""

import json
import os
import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat import http_environment
from imbari_chat.errors import ConfigError
from imbari_chat.http_environment import HttpEnvironment, is_this_machine, untrusted_certificate
from tests.environment.authority import Authority

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "specs/environment/proxies.json").read_text("utf-8")
)
PROXY = "http://proxy.example:3128"
LIVE = "https://database.example"


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_the_way_to_an_address(case: dict[str, Any]) -> None:
    """Direct, by a proxy, or an error that names the variable."""
    environment = HttpEnvironment(case["variables"])
    if "refused" in case:
        with pytest.raises(ConfigError) as caught:
            environment.check(case["url"])
        assert all(word in str(caught.value) for word in case["refused"]), caught.value
        assert caught.value.hint
        assert "secret" not in str(caught.value)
        return
    proxy = environment.proxy_for(case["url"])
    assert (proxy and proxy.url) == case["proxy"]
    if "source" in case:
        assert proxy is not None
        assert proxy.source == case["source"]


def test_a_proxys_password_is_not_shown() -> None:
    """Neither by itself nor by what holds it."""
    environment = HttpEnvironment({"https_proxy": "http://amina:secret@proxy.example:1"})
    proxy = environment.proxy_for(LIVE)
    assert proxy is not None
    assert "secret" not in repr(proxy) + repr(environment)


def test_socks_without_its_libraries_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are needed, or a half of the program could not be reached."""
    for missing in ("socksio", "socks"):
        monkeypatch.setattr(
            http_environment,
            "find_spec",
            lambda name, missing=missing: None if name == missing else object(),
        )
        with pytest.raises(ConfigError, match=r"all_proxy.*imbari-chat\[socks\]"):
            HttpEnvironment({"all_proxy": "socks://proxy.example:1080"}).check(LIVE)
        HttpEnvironment({"all_proxy": "http://proxy.example:3128"}).check(LIVE)


def test_the_systems_proxies_hold_where_no_variable_names_one() -> None:
    """Windows and macOS have settings of their own."""
    system = {"https": PROXY}
    found = HttpEnvironment({}, system).proxy_for(LIVE)
    assert found is not None
    assert found.url == PROXY
    other = HttpEnvironment({"http_proxy": "http://other.example:1"}, system)
    assert other.proxy_for(LIVE) is None


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTPS_Proxy": f" {PROXY} "}, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
    ],
)
def test_a_variable_counts_however_it_is_written(
    variables: dict[str, str], proxy: str | None
) -> None:
    """In small letters first, also if nothing stands there."""
    found = HttpEnvironment(variables).proxy_for(LIVE)
    assert (None if found is None else found.url) == proxy


@pytest.mark.parametrize(
    ("variables", "is_used"),
    [
        ({"HTTP_PROXY": PROXY}, True),
        ({"http_proxy": PROXY}, True),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, False),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, True),
    ],
)
def test_a_strangers_header_is_no_proxy(variables: dict[str, str], is_used: bool) -> None:
    """A CGI program is given the header "Proxy" of a request as HTTP_PROXY."""
    found = HttpEnvironment(variables).proxy_for("http://10.0.0.1:9000")
    assert (found is not None) is is_used


@given(
    variables=st.dictionaries(
        st.sampled_from(
            ["http_proxy", "HTTPS_PROXY", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY"]
        ),
        st.text("ab./:[]@*,-%1 ?#\\ü", max_size=20) | st.sampled_from(["http://a:1", "[::1]/8"]),
    ),
    url=st.sampled_from(
        [LIVE, "http://10.0.0.1:9000", "http://[fd00::1]:9000", "http://localhost:9000"]
    ),
)
def test_whatever_is_set_only_a_config_error_comes_of_it(
    variables: dict[str, str], url: str
) -> None:
    """Raw exceptions of parsers stay inside; this machine is reached whatever is set."""
    environment = HttpEnvironment(variables)
    try:
        environment.check(url)
        proxy = environment.proxy_for(url)
    except ConfigError as error:
        named = [name for name in variables if name in str(error)]
    else:
        named = ["nothing was wrong"]
        assert proxy is None or "localhost" not in url
    assert named
    assert "localhost" not in url or named == ["nothing was wrong"]


@pytest.mark.parametrize("host", ["", "example.com", "128.0.0.1", "fd00::1", "localhost.test"])
def test_other_hosts_are_not_this_machine(host: str) -> None:
    """Only what can be nothing else is."""
    assert not is_this_machine(host)


def test_without_variables_the_usual_authorities_are_believed() -> None:
    """Those of certifi's list, on every machine the same."""
    expected = ssl.create_default_context(cafile=certifi.where()).cert_store_stats()
    environment = HttpEnvironment({})
    assert environment.tls.cert_store_stats() == expected
    assert environment.tls.verify_mode == ssl.CERT_REQUIRED
    assert environment.tls.check_hostname


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_each_variable_replaces_the_list(name: str, authority: Authority) -> None:
    """An office's authority, and nobody else."""
    environment = HttpEnvironment({name: str(authority.certificate)})
    assert environment.tls.cert_store_stats()["x509_ca"] == 1


def test_several_variables_hold_together(authority: Authority) -> None:
    """One is set by the office, another by whatever started the program."""
    environment = HttpEnvironment(
        {"REQUESTS_CA_BUNDLE": str(authority.certificate), "SSL_CERT_FILE": certifi.where()}
    )
    usual = HttpEnvironment({}).tls.cert_store_stats()["x509_ca"]
    assert environment.tls.cert_store_stats()["x509_ca"] == usual + 1


def test_the_form_of_an_offices_certificate_is_not_judged(authority: Authority) -> None:
    """Python 3.13 would by default, and earlier ones would not."""
    for variables in ({}, {"SSL_CERT_FILE": str(authority.certificate)}):
        flags = HttpEnvironment(variables).tls.verify_flags
        assert not flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("SSL_CERT_FILE", "/nowhere/cacert.pem", r"read \(No such file or directory\)"),
        ("REQUESTS_CA_BUNDLE", "/nowhere/cacert.pem", r"read \(No such file or directory\)"),
        ("CURL_CA_BUNDLE", __file__, "holds no certificate"),
        ("SSL_CERT_FILE", "a\0b", "names no file"),
        ("SSL_CERT_DIR", __file__, "no folder"),
        ("SSL_CERT_DIR", "/nowhere", "no folder"),
    ],
)
def test_what_holds_no_certificates_is_named(name: str, text: str, reason: str) -> None:
    """As soon as TLS is needed, and not for an emulator."""
    environment = HttpEnvironment({name: text})
    environment.check("http://127.0.0.1:9000", "http://database.example")
    with pytest.raises(ConfigError, match=f"{name} cannot be used: .*{reason}"):
        environment.check(LIVE)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/nowhere/keys", "No such file or directory"),
        ("/", "Is a directory"),
        ("a\0b", "it names no file"),
    ],
)
def test_where_no_keys_can_be_kept_is_named(place: str, reason: str, authority: Authority) -> None:
    """Whichever authorities are believed; and not for an emulator."""
    for trust in ({}, {"SSL_CERT_FILE": str(authority.certificate)}):
        environment = HttpEnvironment({"SSLKEYLOGFILE": place, **trust})
        environment.check("http://127.0.0.1:9000")
        with pytest.raises(ConfigError, match=f"SSLKEYLOGFILE cannot be used: .*{reason}"):
            environment.check(LIVE)


def test_keys_are_kept_whichever_authorities_are_believed(
    authority: Authority, tmp_path: Path
) -> None:
    """Python itself does so for its default authorities alone."""
    place = str(tmp_path / "keys")
    for trust in ({}, {"SSL_CERT_FILE": str(authority.certificate)}):
        environment = HttpEnvironment({"SSLKEYLOGFILE": place, **trust})
        assert environment.tls.keylog_filename == place


def _refusal(client: ssl.SSLContext, authority: Authority) -> str | None:
    """Why the authority's server is not believed, if it is not; nothing goes over a network."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(back, there, server_hostname="localhost"),
        context.wrap_bio(there, back, server_side=True),
    )
    for end in ends * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
    return None


@pytest.mark.parametrize("name", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_folders_of_certificates_are_taken(name: str, authority: Authority, tmp_path: Path) -> None:
    """Those of OpenSSL; which certificates they hold is seen when one is needed."""
    environment = HttpEnvironment({name: str(tmp_path)})
    environment.check(LIVE)
    assert _refusal(environment.tls, authority) == "unable to get local issuer certificate"
    # The name that c_rehash gives to a certificate of this authority.
    (tmp_path / "111a540b.0").write_bytes(authority.certificate.read_bytes())
    assert _refusal(HttpEnvironment({name: str(tmp_path)}).tls, authority) is None


def test_several_folders_of_certificates_are_taken(authority: Authority, tmp_path: Path) -> None:
    """In the one variable that is a list of them."""
    empty, full = tmp_path / "empty", tmp_path / "full"
    for folder in (empty, full):
        folder.mkdir()
    (full / "111a540b.0").write_bytes(authority.certificate.read_bytes())
    environment = HttpEnvironment({"SSL_CERT_DIR": f"{empty}{os.pathsep}{full}"})
    assert _refusal(environment.tls, authority) is None


@pytest.mark.parametrize(
    ("name", "most"),
    [("https_proxy", 20), ("no_proxy", 60), ("SSL_CERT_DIR", 200), ("SSL_CERT_FILE", 200),
     ("CURL_CA_BUNDLE", 200), ("SSLKEYLOGFILE", 200)],
)  # fmt: skip
def test_of_a_variable_that_cannot_be_used_little_is_quoted(
    name: str, most: int, tmp_path: Path
) -> None:
    """An error stays readable, whatever was set."""
    text = {
        "https_proxy": f"{'s' * 30}://proxy.example",
        "no_proxy": f"{'n' * 90}/8",
        "CURL_CA_BUNDLE": str(tmp_path / ("f" * 250)),
    }.get(name, "x" * 300)
    if name == "CURL_CA_BUNDLE":
        Path(text).write_bytes(b"no certificate")
    with pytest.raises(ConfigError) as caught:
        HttpEnvironment({"https_proxy": PROXY, name: text}).check(LIVE)
    assert text[:most] in str(caught.value)
    assert text[: most + 1] not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "url", "read"),
    [
        ({}, LIVE, False),
        ({"SSL_CERT_FILE": certifi.where()}, LIVE, True),
        ({"SSL_CERT_FILE": certifi.where()}, "http://database.example", False),
        ({"SSL_CERT_FILE": certifi.where(), "http_proxy": PROXY}, "http://database.example", False),
        (
            {"SSL_CERT_FILE": certifi.where(), "http_proxy": "https://proxy.example"},
            "http://database.example",
            True,
        ),
        ({"http_proxy": "https://proxy.example"}, "http://database.example", False),
    ],
)
def test_certificates_are_read_where_somebody_named_them_and_they_are_needed(
    variables: dict[str, str], url: str, *, read: bool
) -> None:
    """Nothing can be wrong with the usual ones, and reading them takes its time."""
    environment = HttpEnvironment(variables)
    environment.check(url)
    assert ("tls" in vars(environment)) is read


def test_what_the_system_exempts_is_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exceptions are of its own proxies."""
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host == "database.example")
    assert HttpEnvironment({}, {"https": PROXY}).proxy_for(LIVE) is None
    assert HttpEnvironment({}, {"https": PROXY}).proxy_for("https://other.example") is not None
    assert HttpEnvironment({"https_proxy": PROXY}, {"https": PROXY}).proxy_for(LIVE) is not None


def _refused(message: str = "self-signed certificate") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_message = message
    return error


def _of(kind: str, inner: Exception) -> Exception:
    """An error that comes from another, as some library would raise it."""
    outer = OSError(inner) if kind == "argument" else OSError("cannot connect")
    if kind == "reason":
        outer.reason = inner  # type: ignore[attr-defined]  # as urllib3 has it
    if kind == "cause":
        outer.__cause__ = inner
    if kind in ("context", "circle"):
        outer.__context__ = inner
    if kind == "circle":
        inner.__context__ = outer
    return outer


@pytest.mark.parametrize("kind", ["argument", "reason", "cause", "context", "circle"])
def test_a_refused_certificate_is_found_in_whatever_came_of_it(kind: str) -> None:
    """With the reason, however deep; and what is something else is not one."""
    for error, reason in (
        (_refused(), "self-signed certificate"),
        (_refused(""), "it cannot be verified"),
        (ssl.SSLError(1, "no protocol in common"), None),
    ):
        assert untrusted_certificate(_of(kind, _of("cause", error))) == reason
