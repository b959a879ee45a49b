"""httpx as streams need it: on the way that the environment says, and without a limit on silence.

Loaded off the event loop, because importing the library takes long (:func:`load`). Its transports
are asked without its client, which would keep the request, with its credential, and two sets of
headers beside each stream for as long as it lasts.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from imbari_chat.engine.backoff import asked_pause
from imbari_chat.engine.server_time import http_date
from imbari_chat.http_environment import HttpEnvironment, Proxy

__all__ = ["HttpAnswer", "HttpClient", "LoadTls", "load", "origin"]

LoadTls = Callable[[], Awaitable[ssl.SSLContext]]

# Silence is the stream's own affair (see StreamPolicy), and every stream has its own connection.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The beginning of an answer.

    Attributes:
        status: Its number.
        kind: Its content type, in lower case; empty if it does not say.
        location: Where it redirects to; None if it does not.
        body: What follows, as it comes. To be closed.
        time: What the service's clock shows, ms, in whole seconds; None if it does not say.
        retry_after: Seconds for which it asks to be left alone; None if it does not.
    """

    status: int
    kind: str
    location: str | None
    body: httpx.AsyncByteStream
    time: int | None = None
    retry_after: float | None = None


class HttpClient:
    """Asks, and does not follow redirects. An answer may last for ever.

    Args:
        environment: Asked for the way to every address.
        load_tls: Gives the environment's TLS settings without reading files on the event loop.
        connect_timeout: How long a connection may take to be made, in seconds.
    """

    def __init__(
        self, environment: HttpEnvironment, load_tls: LoadTls, *, connect_timeout: float
    ) -> None:
        self._environment = environment
        self._load_tls = load_tls
        self._timeouts = httpx.Timeout(None, connect=connect_timeout).as_dict()
        self._ways: dict[tuple[Proxy | None, bool], httpx.AsyncHTTPTransport] = {}

    async def get(self, url: httpx.URL, headers: Mapping[str, str]) -> HttpAnswer:
        """Ask, and wait for the answer to begin.

        Raises:
            httpx.HTTPError: It does not.
            ConfigError: The proxy or the certificates cannot be used.
        """
        way = await self._way(url)
        request = httpx.Request("GET", url, headers=headers, extensions={"timeout": self._timeouts})
        # Whoever has come to an end by the same answer ends first: a loop that stops when anyio has
        # just begun to connect would leave a coroutine that nobody awaits, and a warning of it.
        await asyncio.sleep(0)
        response = await way.handle_async_request(request)
        told = response.headers
        location = told.get("location") if response.status_code in _REDIRECTS else None
        assert isinstance(response.stream, httpx.AsyncByteStream)
        kind = told.get("content-type", "").lower()
        time = http_date(told.get("date"), told.get("age"))
        pause = asked_pause(told.get("retry-after"), told.get("date"))
        return HttpAnswer(response.status_code, kind, location, response.stream, time, pause)

    async def close(self) -> None:
        """Give back every connection."""
        for way in self._ways.values():
            await way.aclose()

    async def _way(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        """Direct or by a proxy, with TLS or without."""
        proxy = self._environment.proxy_for(origin(url))
        encrypted = url.scheme == "https" or (proxy is not None and proxy.over_tls)
        tls = await self._load_tls() if encrypted else _trusting_nobody()
        way = (proxy, encrypted)
        if way not in self._ways:
            through = None
            if proxy is not None:
                through = httpx.Proxy(proxy.url, ssl_context=tls if proxy.over_tls else None)
            self._ways[way] = httpx.AsyncHTTPTransport(
                verify=tls, proxy=through, trust_env=False, limits=_LIMITS
            )
        return self._ways[way]


def load() -> None:
    """Import what httpx leaves for its first connection, where no event loop runs.

    On one that would be a stall of 50 ms and more.
    """
    import anyio
    import httpcore  # noqa: F401

    anyio.run(anyio.sleep, 0)


def origin(url: httpx.URL) -> str:
    """Scheme, host and port, which is what the way depends on."""
    return f"{url.scheme}://{url.netloc.decode()}"


def _trusting_nobody() -> ssl.SSLContext:
    """For ways without TLS; left to itself, httpx would read its list of authorities."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
