"""Projects, tokens, rules and ports as the tests here need them."""

import json
import socket
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import _ByEnvironment
from imbari_chat.identity.user import Tokens
from imbari_chat.wire.json import Json
from tests.identity.answering import AnsweringServer

RULES: Final = {
    "rules": {
        "open": {".read": True, ".write": True, ".indexOn": [".value", "at", "e mail"]},
        "mine": {"$uid": {".read": "auth.uid === $uid", ".write": "auth.uid === $uid"}},
        "staff": {
            ".read": "auth.token.admin === true",
            ".write": "auth.token.admin === true",
        },
        "service": {
            ".read": "auth.uid === 'imbari-chat'",
            ".write": "auth.uid === 'imbari-chat'",
        },
    }
}

PROJECT: Final = "demo-imbari"
LIVE: Final = Project(PROJECT, "https://demo-imbari-default-rtdb.firebaseio.com", "k", timeout=2.0)
ADMIN: Final = ("admin@example.com", "correct horse")


def project_at(database: str, auth: str | None = None, *, timeout: float = 5.0) -> Project:
    """A project whose database, and perhaps sign-in service, is at ``host:port``."""
    return Project(
        id=PROJECT,
        database_url=f"https://{PROJECT}-default-rtdb.firebaseio.com",
        api_key="the-api-key",
        database_emulator=database,
        auth_emulator=auth,
        timeout=timeout,
    )


def make_tokens(
    *,
    claims: Mapping[str, Json] | None = None,
    iat: int = 0,
    lifetime: int = 3600,
    refresh: str = "r1",
) -> Tokens:
    """Tokens as a sign-in service makes them."""
    payload: dict[str, Json] = {"sub": "u1", "iat": iat, "exp": iat + lifetime, **(claims or {})}
    return Tokens(encode_unsigned(payload), refresh)


@cache
def _taken() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


def closed_port() -> int:
    """A port that refuses connections as long as this process lives: taken, and not listened on."""
    port: int = _taken().getsockname()[1]
    return port


def grant(server: AnsweringServer, token: str, expires_in: int = 3600) -> None:
    answer = {"access_token": token, "expires_in": expires_in, "token_type": "Bearer"}
    server.by_path["/token"] = json.dumps(answer)


class Reroute(_ByEnvironment):
    """Sends requests for a live database to this machine."""

    def __init__(self, host: str) -> None:
        super().__init__(HttpEnvironment({}), max_retries=0)
        self._host = host

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        return self.poolmanager.connection_from_url(f"http://{self._host}")


class CountedLock:
    """A lock that nobody gets before so many have come for it."""

    def __init__(self, most: int) -> None:
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._left = most
        self.full = threading.Event()

    def __enter__(self) -> None:
        with self._counting:
            self._left -= 1
            if not self._left:
                self.full.set()
        assert self.full.wait(30)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
