"""The way of a stream: with TLS or without, direct or by a proxy; how an answer begins."""

import asyncio
import gc
import ssl
import warnings
from contextlib import suppress
from typing import Any

import httpcore
import httpx
import pytest

from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.http_client import HttpClient

TRUSTED = ssl.create_default_context()


class Client:
    """A client, and how often it has asked for TLS settings."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.loaded = 0
        self.it = HttpClient(HttpEnvironment(variables), self._load, connect_timeout=7.0)

    async def _load(self) -> ssl.SSLContext:
        self.loaded += 1
        return TRUSTED


@pytest.mark.parametrize(
    ("url", "variables", "encrypted"),
    [
        ("http://10.0.0.1/", {}, False),
        ("https://10.0.0.1/", {}, True),
        ("http://10.0.0.1/", {"http_proxy": "http://proxy.example:1"}, False),
        ("http://10.0.0.1/", {"http_proxy": "https://proxy.example:1"}, True),
        ("https://10.0.0.1/", {"https_proxy": "http://proxy.example:1"}, True),
        ("https://10.0.0.1/", {"https_proxy": "https://proxy.example:1"}, True),
    ],
)
async def test_certificates_are_read_where_something_is_encrypted(
    url: str, variables: dict[str, str], encrypted: bool
) -> None:
    """The way to the proxy, or on from there; and a way is made once."""
    client = Client(variables)
    way = await client.it._way(httpx.URL(url))
    assert client.loaded == encrypted
    assert await client.it._way(httpx.URL(f"{url}other")) is way
    ((proxy, is_encrypted),) = client.it._ways
    assert is_encrypted is encrypted
    assert (None if proxy is None else [proxy.url]) == (list(variables.values()) or None)
    assert isinstance(way._pool, httpcore.AsyncHTTPProxy) == bool(variables)
    await client.it.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind", "location"),
    [
        (200, {"Content-Type": "Text/Event-Stream"}, "text/event-stream", None),
        (200, {"Location": "/x"}, "", None),
        *((status, {"Location": "/x"}, "", "/x") for status in (301, 302, 303, 307, 308)),
        (304, {"Location": "/x"}, "", None),
        (302, {}, "", None),
        (401, {"Content-Type": "application/json", "Location": "/x"}, "application/json", None),
    ],
)
async def test_an_answer_begins_with_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    kind: str,
    location: str | None,
) -> None:
    """Where it leads counts if it does; silence has no limit, connecting has."""
    asked: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"body"))

    way: Any = httpx.MockTransport(answer)

    async def by_way(*_: object) -> Any:
        return way

    client = Client({})
    monkeypatch.setattr(client.it, "_way", by_way)
    told = await client.it.get(httpx.URL("http://10.0.0.1/a"), {"accept": "x"})
    assert (told.status, told.kind, told.location) == (status, kind, location)
    assert b"".join([piece async for piece in told.body]) == b"body"
    (request,) = asked
    assert (request.method, str(request.url)) == ("GET", "http://10.0.0.1/a")
    assert request.headers["accept"] == "x"
    assert request.extensions["timeout"] == {
        "connect": 7.0, "read": None, "write": None, "pool": None,
    }  # fmt: skip


def test_a_loop_that_ends_as_a_stream_begins_leaves_nothing_to_warn_of() -> None:
    """Whatever else came with the answer by which it may begin is heard first."""

    async def main() -> None:
        client = Client({}).it
        url = httpx.URL("http://127.0.0.1:9/.json")
        with suppress(httpx.HTTPError):
            await client.get(url, {})  # which makes the way
        beginning = asyncio.create_task(client.get(url, {}))
        await asyncio.sleep(0)
        assert not beginning.done()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()  # which finds what other tests have left, too
    assert [one for one in map(str, caught) if "never awaited" in one] == []


async def test_every_stream_has_a_connection_of_its_own() -> None:
    """None is kept for another, and closing ends what is still going on."""
    begun: list[asyncio.StreamReader] = []
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(reader)
        number = len(begun)
        await reader.readuntil(b"\r\n\r\n")
        body = b"begun" if number == 3 else b"every day"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n" + body)
        await reader.read()
        ended.put_nowait(number)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client({}).it
    url = httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with server, asyncio.timeout(60):
        for number in (1, 2):
            body = (await client.get(url, {})).body
            assert b"".join([piece async for piece in body]) == b"every day"
            await body.aclose()
            assert await ended.get() == number
        await client.get(url, {})
        await client.close()
        assert await ended.get() == 3
