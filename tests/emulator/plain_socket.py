"""A plain client of the socket, for tests: requests out, messages in, and nothing that thinks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from imbari_chat.wire.framing import Joiner, texts

__all__ = ["SECONDS", "Client", "joined"]

SECONDS = 60.0
"""How long anything is waited for."""


class Client:
    """A plain client: requests out, messages in."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.texts: list[str] = []
        self._joiner = Joiner(1 << 30)
        self._number = 0
        self.hello = self.hear()["d"]["d"]

    def hear(self) -> Any:
        """The next message."""
        while True:
            text = self.connection.recv(timeout=SECONDS)
            assert isinstance(text, str)
            self.texts.append(text)
            message = self._joiner.take(text)
            if message is not None:
                return json.loads(message)

    def send(self, action: str, body: Any) -> int:
        """A request."""
        self._number += 1
        envelope = {"t": "d", "d": {"r": self._number, "a": action, "b": body}}
        for text in texts(json.dumps(envelope)):
            self.connection.send(text)
        return self._number

    def ask(self, action: str, body: Any) -> Any:
        """A request, and the body of its answer; pushes before it are passed over."""
        number = self.send(action, body)
        while True:
            inner = self.hear()["d"]
            if inner.get("r") == number:
                return inner["b"]

    def close_code(self) -> tuple[int, str]:
        """How the server ends the connection."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=SECONDS)
        code = self.connection.close_code
        assert code is not None
        return code, self.connection.close_reason or ""


@contextmanager
def joined(host: str, query: str = "", path: str = "/.ws", **more: Any) -> Iterator[Client]:
    """One connection."""
    url = f"ws://{host}{path}?v=5{query}"
    bare: dict[str, Any] = {"compression": None, "ping_interval": None, "max_size": None}
    with connect(url, close_timeout=1, **bare, **more) as connection:
        yield Client(connection)
