"""Plain HTTP to an emulator, as cheap as tests by the hundred want it.

httpx reads the machine's certificates for every client, and for every request without one; nothing
here speaks TLS.
"""

import ssl
from collections.abc import Mapping
from functools import partial

import httpx

__all__ = ["client_of", "delete", "get", "patch", "post", "put"]

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

delete = partial(httpx.delete, verify=_NO_TLS)
get = partial(httpx.get, verify=_NO_TLS)
patch = partial(httpx.patch, verify=_NO_TLS)
post = partial(httpx.post, verify=_NO_TLS)
put = partial(httpx.put, verify=_NO_TLS)


def client_of(address: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """A client of ``HOST:PORT``, with these headers on each request."""
    return httpx.Client(base_url=f"http://{address}", headers=headers, verify=_NO_TLS, timeout=20)
