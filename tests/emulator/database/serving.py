"""A database application behind a port, with switches that an emulator does not have."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from imbari_chat.emulator.connections import ConnectionLimits
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.http_server import Hosting
from imbari_chat.rules import Ruleset

__all__ = ["serving"]


@contextmanager
def serving(
    *, connections: ConnectionLimits | None = None, rules: Ruleset | None = None, **switches: Any
) -> Iterator[str]:
    """``host:port`` of a database, by default with open rules, for as long as the block runs."""
    app = DatabaseApp(Databases("the-default", rules or Ruleset.open()), **switches)
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    host, port = listening.getsockname()
    hosting = Hosting([(app, listening)], app.close, connections)
    try:
        yield f"{host}:{port}"
    finally:
        hosting.stop()
