"""Where one case happens: a database of its own, no users, and whatever the case opened closed."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from unittest import mock
from uuid import uuid4

import firebase_admin
import httpx
import pytest
import requests
from firebase_admin import db

from tests.official_sdks.javascript.programs import Program

__all__ = ["OWNER", "PROJECT", "Place", "Target", "dying_threads", "exchanges", "until_closed"]

PROJECT: Final = "demo-imbari"
OWNER: Final = {"Authorization": "Bearer owner"}
_TOOLKIT: Final = "identitytoolkit.googleapis.com/v1"
_VARIABLES: Final = (
    "FIREBASE_AUTH_EMULATOR_HOST", "FIREBASE_CONFIG", "FIREBASE_DATABASE_EMULATOR_HOST",
    "GCLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Emulators to point clients at.

    Attributes:
        name: ``embedded`` or ``google``.
        database: ``host:port``; empty when a case needs none.
        auth: The same, of Auth.
    """

    name: str
    database: str = ""
    auth: str = ""


class Place:
    """One case's corner of a target, entered for as long as the case runs.

    Attributes:
        target: Whose corner it is.
        namespace: A database that nobody else uses, for clients that can name one.
        web: Plain HTTP beside the clients, as nobody in particular.

    Args:
        program: What the client runs in, if it is not here.
    """

    def __init__(self, target: Target, program: Program | None = None) -> None:
        self.target = target
        self._program = program
        self.namespace = f"ns-{uuid4().hex[:12]}"
        self._stack = ExitStack()
        self.web = self._stack.enter_context(_plain())

    def __enter__(self) -> Self:
        environment = {name: text for name, text in os.environ.items() if name not in _VARIABLES}
        if self.target.auth:
            environment["FIREBASE_AUTH_EMULATOR_HOST"] = self.target.auth
        self._stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        if self.target.auth:
            url = f"http://{self.target.auth}/emulator/v1/projects/{PROJECT}/accounts"
            self.web.delete(url).raise_for_status()
            self.protect_emails(False)
        if self._program:
            addresses = {"database": self.target.database, "auth": self.target.auth}
            self._program.open(namespace=self.namespace, project=PROJECT, **addresses)
            self._stack.callback(self._program.leave)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def program(self) -> Program:
        """What a JavaScript client runs in."""
        assert self._program, "a client of another language"
        return self._program

    def play(self, name: str, **given: Any) -> Any:
        """What the clients of a play saw, in the first tab."""
        return self.program.play(name, **given)

    def needs_auth(self) -> None:
        """Skip a case of databases that needs users too, where there is no Auth."""
        if not self.target.auth:
            pytest.skip(f"no Auth beside the database of {self.target.name}")

    def app(self, **options: Any) -> Any:
        """An app of firebase-admin for this database and this project."""
        given = {"databaseURL": self.url(), "projectId": PROJECT, "httpTimeout": 10, **options}
        return self.kept(firebase_admin.initialize_app(options=given, name=uuid4().hex))

    def kept(self, app: Any) -> Any:
        """The same app, which ends with this place."""
        self._stack.callback(firebase_admin.delete_app, app)
        return app

    def reference(self, path: str = "/", **options: Any) -> Any:
        """What firebase-admin's ``db.reference`` gives, in an app of its own."""
        return db.reference(path, app=self.app(**options))

    def url(self, namespace: str | None = None) -> str:
        """The URL of a database, this place's own if none is named."""
        return f"http://{self.target.database}/?ns={namespace or self.namespace}"

    def http(self, namespace: str | None = None) -> httpx.Client:
        """Plain HTTP as the owner, beside the client: to this place's database, or a named one."""
        return self._stack.enter_context(
            _plain(
                base_url=f"http://{self.target.database}",
                params={"ns": self.namespace if namespace is None else namespace},
                headers=OWNER,
            )
        )

    def rules(self, rules: dict[str, Any]) -> None:
        """Put rules in force for this place's database."""
        answer = self.http().put("/.settings/rules.json", json={"rules": rules})
        assert answer.status_code == 200, answer.text

    def sign_in(self, token: str) -> dict[str, Any]:
        """What a user gets for a custom token."""
        return self.user("accounts:signInWithCustomToken", {"token": token})

    def user(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """A call that must succeed, as an end user's program makes it."""
        answer = self.attempt(operation, body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def attempt(self, operation: str, body: dict[str, Any]) -> httpx.Response:
        """The same call, whatever comes of it."""
        url = f"http://{self.target.auth}/{_TOOLKIT}/{operation}"
        return self.web.post(url, params={"key": "the-key"}, json=body)

    def renew(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for a refresh token."""
        url = f"http://{self.target.auth}/securetoken.googleapis.com/v1/token"
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = self.web.post(url, params={"key": "the-key"}, data=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def owner(self, operation: str, body: dict[str, Any]) -> None:
        """An administrative call that must succeed."""
        url = f"http://{self.target.auth}/{_TOOLKIT}/projects/{PROJECT}/{operation}"
        self.web.post(url, headers=OWNER, json=body).raise_for_status()

    def protect_emails(self, on: bool) -> None:
        """Switch e-mail enumeration protection; every place begins without."""
        url = f"http://{self.target.auth}/emulator/v1/projects/{PROJECT}/config"
        config = {"emailPrivacyConfig": {"enableImprovedEmailPrivacy": on}}
        self.web.patch(url, json=config).raise_for_status()

    def mailed(self, email: str) -> dict[str, Any]:
        """The newest code that would have been mailed to an address."""
        url = f"http://{self.target.auth}/emulator/v1/projects/{PROJECT}/oobCodes"
        codes: list[dict[str, Any]] = self.web.get(url).json()["oobCodes"]
        return [code for code in codes if code["email"] == email][-1]


def _plain(**options: Any) -> httpx.Client:
    """There is no TLS here, and loading certificates takes longer than most cases."""
    return httpx.Client(verify=False, timeout=60, **options)


@contextmanager
def exchanges() -> Iterator[list[tuple[str, int]]]:
    """Method and status of every request that any library sends through ``requests``."""
    seen: list[tuple[str, int]] = []
    send = requests.Session.send

    def watched(session: requests.Session, request: Any, **options: Any) -> requests.Response:
        response = send(session, request, **options)
        seen.append((str(request.method), response.status_code))
        return response

    with mock.patch.object(requests.Session, "send", watched):
        yield seen


@contextmanager
def dying_threads() -> Iterator[None]:
    """Let a library's reading thread die of the socket that ``close()`` pulls from under it.

    Both libraries end their streams so. Anything else that ends a thread is raised at the end.
    """
    died: list[threading.ExceptHookArgs] = []
    with mock.patch.object(threading, "excepthook", died.append):
        yield
    expected = (AttributeError, ValueError, OSError)
    others = [death.exc_value for death in died if not isinstance(death.exc_value, expected)]
    if others:
        raise AssertionError("a reading thread died") from others[0]


def until_closed(close: Callable[[], object], wake: Callable[[int], object]) -> None:
    """Call a library's ``close()``, which waits for the stream's next event; make events meanwhile.

    Raises:
        AssertionError: It is still waiting after a hundred of them.
    """
    closing = threading.Thread(target=close)
    closing.start()
    for number in range(100):
        wake(number)
        closing.join(0.1)
        if not closing.is_alive():
            return
    raise AssertionError("close() never returned")
