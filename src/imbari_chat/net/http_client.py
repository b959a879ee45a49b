"""httpx as streams need it: on the way that the environment says, and without a limit on silence.

Loaded off the event loop, because importing the library takes long.
"""

import ssl
from collections.abc import Awaitable, Callable

import httpx

from imbari_chat.http_environment import HttpEnvironment, Proxy

__all__ = ["http_client"]

LoadTls = Callable[[], Awaitable[ssl.SSLContext]]

# Silence is the stream's own affair (see StreamPolicy), and every stream has its own connection.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)


def http_client(
    environment: HttpEnvironment, load_tls: LoadTls, *, connect_timeout: float
) -> httpx.AsyncClient:
    """A client whose requests may last for ever.

    Args:
        environment: Asked for the way to every address.
        load_tls: Gives the environment's TLS settings without reading files on the event loop.
        connect_timeout: How long a connection may take to be made, in seconds.
    """
    return httpx.AsyncClient(
        transport=_ByEnvironment(environment, load_tls),
        trust_env=False,
        timeout=httpx.Timeout(None, connect=connect_timeout),
    )


class _ByEnvironment(httpx.AsyncBaseTransport):
    """Hands each request to a transport for its way: direct or by a proxy, with TLS or without."""

    def __init__(self, environment: HttpEnvironment, load_tls: LoadTls) -> None:
        self._environment = environment
        self._load_tls = load_tls
        self._ways: dict[tuple[Proxy | None, bool], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._environment.proxy_for(str(request.url))
        encrypted = request.url.scheme == "https" or (proxy is not None and proxy.over_tls)
        tls = await self._load_tls() if encrypted else _trusting_nobody()
        way = (proxy, encrypted)
        if way not in self._ways:
            through = None
            if proxy is not None:
                through = httpx.Proxy(proxy.url, ssl_context=tls if proxy.over_tls else None)
            self._ways[way] = httpx.AsyncHTTPTransport(
                verify=tls, proxy=through, trust_env=False, limits=_LIMITS
            )
        return await self._ways[way].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._ways.values():
            await transport.aclose()


def _trusting_nobody() -> ssl.SSLContext:
    """For ways without TLS; left to itself, httpx would read its list of authorities."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
