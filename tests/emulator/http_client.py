"""Plain HTTP clients of an emulator, as cheap as tests by the hundred want them."""

import ssl
from collections.abc import Mapping

import httpx

__all__ = ["client_of"]

_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS; httpx would read the machine's certificates for every client."""


def client_of(address: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """A client of ``HOST:PORT``, with these headers on each request."""
    return httpx.Client(base_url=f"http://{address}", headers=headers, verify=_UNUSED, timeout=20)
