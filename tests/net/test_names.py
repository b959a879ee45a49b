"""Names are looked up where nothing waits for it, and only by whoever has to."""

import socket

import pytest

from imbari_chat.errors import Unavailable
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.names import look_up
from imbari_chat.net.workers import Workers

PROXY = {"https_proxy": "http://proxy.example:3128", "no_proxy": "inside.example"}


@pytest.mark.parametrize(
    ("variables", "url", "asked"),
    [
        ({}, "https://database.example/.ws", ["database.example"]),
        ({}, "http://127.0.0.1:9000", []),
        ({}, "http://localhost:9000", []),
        (PROXY, "https://database.example/.ws", []),
        (PROXY, "http://database.example/.ws", ["database.example"]),
        (PROXY, "https://inside.example", ["inside.example"]),
        (PROXY, "http://localhost:9000", []),
    ],
)
async def test_a_name_is_looked_up_unless_a_proxy_does_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, asked: list[str]
) -> None:
    """This machine has no name that could be unknown."""
    seen: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, _port: seen.append(host))
    await look_up(url, Workers(1, "names"), HttpEnvironment(variables), "/a")
    assert seen == asked


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("no network"), "no network"),
    ],
)
async def test_an_unknown_name_is_an_outage(
    monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    """With the name and the reason."""

    def unknown(_host: str, _port: None) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unavailable) as refused:
        await look_up("https://database.example", Workers(1, "names"), HttpEnvironment({}), "/a")
    assert refused.value.what == f"the name database.example cannot be resolved ({reason})"
    assert refused.value.where == "/a"
