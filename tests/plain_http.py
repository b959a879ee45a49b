"""httpx for plain HTTP, as cheap as tests by the hundred want it.

httpx reads the machine's certificates for every client, and for every request without one: 20 ms.
Nothing here speaks TLS.
"""

import ssl
from collections.abc import Mapping
from functools import partial

import httpx

__all__ = ["AsyncClient", "Client", "client_of", "delete", "get", "patch", "post", "put", "stream"]

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

delete = partial(httpx.delete, verify=_NO_TLS)  # noqa: TID251
get = partial(httpx.get, verify=_NO_TLS)  # noqa: TID251
patch = partial(httpx.patch, verify=_NO_TLS)  # noqa: TID251
post = partial(httpx.post, verify=_NO_TLS)  # noqa: TID251
put = partial(httpx.put, verify=_NO_TLS)  # noqa: TID251
stream = partial(httpx.stream, verify=_NO_TLS)  # noqa: TID251
Client = partial(httpx.Client, verify=_NO_TLS)
AsyncClient = partial(httpx.AsyncClient, verify=_NO_TLS)


def client_of(address: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """A client of ``HOST:PORT``, with these headers on each request."""
    return Client(base_url=f"http://{address}", headers=headers, timeout=20)
