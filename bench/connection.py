"""One kept connection that sends prepared requests: as little client as possible."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

__all__ = ["Connection", "connected", "once"]

_OWNER: Final = {"Authorization": "Bearer owner"}


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection."""

    http: http.client.HTTPConnection

    def ask(
        self,
        method: str,
        target: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The body of the answer, which must be a success."""
        self.http.request(method, target, body, headers or {})
        response = self.http.getresponse()
        said = response.read()
        assert response.status in {200, 204}, said
        return said


@contextmanager
def connected(host: str) -> Iterator[Connection]:
    """A connection to ``host:port``, for as long as the block runs."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        yield Connection(connection)
    finally:
        connection.close()


def once(host: str, method: str, target: str, value: object = None) -> object:
    """One request with a JSON body and answer, on a connection of its own.

    For what is asked now and then: a server ends connections that rest for some seconds.
    """
    with connected(host) as connection:
        body = None if value is None else json.dumps(value)
        return json.loads(connection.ask(method, target, body, _OWNER) or b"null")
