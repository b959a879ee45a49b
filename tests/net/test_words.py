"""What the network did, in words; and what a proxy is told."""

import socket
import ssl
from typing import Any

import httpx
import pytest
import socks
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidProxyStatus
from websockets.http11 import Response

from imbari_chat.errors import Unavailable
from imbari_chat.http_environment import Proxy
from imbari_chat.net import line, sse

HOST = "https://database.example"


def _untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError("secret"), "cannot connect"),
        (_untrusted(), "the certificate that came is not trusted: self-signed certificate"),
        (
            InvalidProxyStatus(Response(407, "secret", Headers())),
            "the proxy does not let this through (status 407)",
        ),
        (InvalidHandshake("secret"), "no socket was opened (InvalidHandshake)"),
        (EOFError("secret"), "no socket was opened (EOFError)"),
    ],
)
def test_a_socket_that_was_not_opened(error: Exception, words: str) -> None:
    """Nothing of an error's own words, which may quote a token."""
    assert line._in_words(error) == words


def _from(error: httpx.HTTPError, cause: Exception) -> httpx.HTTPError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout("secret"), "connecting took too long"),
        (httpx.ConnectError("secret"), "cannot connect"),
        (
            _from(httpx.ConnectError("secret"), _untrusted()),
            "the certificate that came is not trusted: self-signed certificate",
        ),
        (httpx.ProxyError("407 No"), "the proxy does not let this through: 407 No"),
        (httpx.RemoteProtocolError("secret"), "the connection broke"),
        (httpx.ReadError("secret"), "the connection broke"),
        (httpx.InvalidURL("secret"), "the address cannot be used"),
        (httpx.WriteError("secret"), "the connection failed (WriteError)"),
        (ValueError("secret"), None),
    ],
)
def test_a_stream_that_was_not_opened_or_broke(error: Exception, words: str | None) -> None:
    """Likewise; what is no fault of the network's has no words."""
    assert sse._in_words(error) == words


@pytest.mark.parametrize(
    ("proxy", "address", "way", "target"),
    [
        ("socks5://p.example", HOST, ("p.example", 1080), ("database.example", 443)),
        ("socks5://p.example:9", "http://a.example", ("p.example", 9), ("a.example", 80)),
        ("socks5://p.example:9", f"{HOST}:8443", ("p.example", 9), ("database.example", 8443)),
    ],
)
def test_a_socks_proxy_is_asked_for_the_name(
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
    address: str,
    way: tuple[str, int],
    target: tuple[str, int],
) -> None:
    """At its usual port if it names none; what comes of it does not block."""
    asked: dict[str, Any] = {}
    ours, theirs = socket.socketpair()

    def create_connection(address: tuple[str, int], **options: Any) -> socket.socket:
        asked.update(options, address=address)
        return ours

    monkeypatch.setattr(socks, "create_connection", create_connection)
    with ours, theirs:
        assert line._through_socks(Proxy(proxy, "all_proxy"), address) is ours
        assert ours.gettimeout() == 0.0
    assert (asked["proxy_addr"], asked["proxy_port"]) == way
    assert (asked["address"], asked["proxy_rdns"]) == (target, True)
    assert asked["proxy_type"] == socks.SOCKS5
    assert (asked["proxy_username"], asked["proxy_password"]) == (None, None)
    assert 0 < asked["timeout"] <= 60


def test_a_socks_proxy_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, not as an address writes it; and a refusal is an outage."""
    asked: dict[str, Any] = {}

    def create_connection(_: tuple[str, int], **options: Any) -> socket.socket:
        asked.update(options)
        raise socks.ProxyError("no")

    monkeypatch.setattr(socks, "create_connection", create_connection)
    with pytest.raises(Unavailable, match="the proxy does not let this through") as caught:
        line._through_socks(Proxy("socks5://am%40a:s%2Fe@p.example", "all_proxy"), HOST)
    assert caught.value.where == "the database's socket"
    assert (asked["proxy_username"], asked["proxy_password"]) == ("am@a", "s/e")
