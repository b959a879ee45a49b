"""Access with a service account, or as an emulator's owner, through firebase-admin."""

import functools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Final, TypeVar

import requests

from imbari_chat.engine.access import Secret, SocketAccess, SocketRequest, StreamRequest
from imbari_chat.engine.refusals import Call, CredentialRefused
from imbari_chat.engine.writes import check_swap, update_body
from imbari_chat.errors import ConfigError, Unavailable, raise_alone
from imbari_chat.identity.apps import close_app, follow_environment_as_google, open_app
from imbari_chat.identity.mapping import from_google, service_errors, version_tag
from imbari_chat.identity.project import Project, encode_params
from imbari_chat.identity.session import SilentWrites, follow_environment, refuse_strangers
from imbari_chat.wire.json import Json, dumps, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_params

__all__ = ["SERVICE_AUTH", "ServiceAccess"]

SERVICE_AUTH: Final[Mapping[str, Json]] = MappingProxyType(
    {"uid": "imbari-chat", "token": {"admin": True}}
)
"""What rules see as ``auth`` by default: an admin, held to the same rules as every other."""

T = TypeVar("T")

_EARLY = 300.0
"""Seconds before its end at which an access token is replaced."""


class ServiceAccess(SocketAccess, Secret):
    """A service account's way into the database.

    A service account stands above the rules. This one steps below them unless told otherwise, so
    that a mistake of ours is refused instead of stored.

    Args:
        project: Which database.
        key_file: A service account's key; None for application default credentials. An emulator
            needs neither.
        override: What rules see as ``auth``.
        unrestricted: Ignore ``override`` and stand above the rules.
        clock: Seconds since the epoch.

    Raises:
        ConfigError: The credentials or the override cannot be used.
    """

    def __init__(
        self,
        project: Project,
        *,
        key_file: FilePath | None = None,
        override: Mapping[str, Json] = SERVICE_AUTH,
        unrestricted: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._project = project
        self._override = None if unrestricted else _checked(override)
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._token_session = requests.Session()
        follow_environment(self._token_session, project.http)
        self._failures = 0  # of getting a token
        self._app = open_app(
            project, None if project.is_emulator else key_file, override=self._override
        )
        try:
            self._root, self._client = self._connect()
        except BaseException:
            close_app(self._app)
            raise

    @property
    def uid(self) -> str | None:
        uid = self._override.get("uid") if self._override is not None else None
        return uid if isinstance(uid, str) else None

    @property
    def account(self) -> str | None:
        email = getattr(self._client.credential, "service_account_email", None)
        return email if isinstance(email, str) and "@" in email else None

    @property
    def expires_at(self) -> float | None:
        expiry = None if self._project.is_emulator else self._client.credential.expiry
        # google-auth keeps UTC without saying so.
        return None if expiry is None else float(expiry.replace(tzinfo=UTC).timestamp())

    def get(self, path: Path, query: Query | None = None) -> Json:
        if query is None:
            return self._read(path, self._reference(path).get)
        params = encode_params(to_params(query))
        return self._read(
            path, lambda: self._client.body("get", f"{path.to_url()}.json", params=params)
        )

    def get_shallow(self, path: Path) -> Json:
        return self._read(path, lambda: self._reference(path).get(shallow=True))

    def _read(self, path: Path, read: Callable[[], Json]) -> Json:
        return self._attempt(Call(str(path), caller=self._who()), read)

    def update(self, changes: Mapping[Path, Json]) -> None:
        if not changes:
            return
        body = dumps(update_body(changes)).encode()
        url = self._url(ROOT, {"print": "silent"})

        def write() -> None:
            self._writes.patch(url, self._authorization(), body).raise_for_status()

        self._attempt(Call.update(changes, self._who()), write)

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        check_swap(value)
        place = self._reference(path)
        look = Call(str(path), caller=self._who())
        found, told = self._attempt(look, lambda: place.get(etag=True))
        tag = version_tag(told, look)
        if not same(found, expected):
            return False
        write = replace(look, write=True)
        swapped: bool = self._attempt(write, lambda: place.set_if_unchanged(tag, value))[0]
        return swapped

    def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
        url = self._url(path, {} if query is None else to_params(query))
        return StreamRequest(url, self._authorization())

    def socket(self) -> SocketRequest:
        credential: dict[str, Json] = {"cred": self._bearer()}
        if self._override is not None:
            credential["authvar"] = dict(self._override)
        return SocketRequest(self._project.socket_place, "gauth", credential)

    def renew(self) -> None:
        if not self._project.is_emulator:
            with self._lock:
                self._refresh()

    def close(self) -> None:
        self._closed = True
        self._token_session.close()
        close_app(self._app)

    def _connect(self) -> tuple[Any, Any]:
        from firebase_admin import db
        from google.auth.exceptions import GoogleAuthError

        try:
            root = db.reference("/", self._app)
        except GoogleAuthError as error:
            raise_alone(from_google(error))
        except ValueError as error:
            raise ConfigError(
                f"firebase-admin does not take the settings: {error}",
                hint="Look at the database's address and at the emulators' hosts",
            ) from error
        client = _client_of(root)
        if client.base_url != self._project.rest_base:
            raise ConfigError(
                f"firebase-admin would talk to {client.base_url} instead of"
                f" {self._project.rest_base}",
                where="FIREBASE_DATABASE_EMULATOR_HOST",
                hint="Unset the variable, or set the database emulator to the same address",
            )
        # By default the library sends a request again when the answer is lost, and an increment
        # would then count twice. Here every call is one request, and the caller decides.
        follow_environment_as_google(client.session, self._project.http)
        # It takes every 401 for an old token, also where the rules refuse: that were two new tokens
        # and two more requests.
        client.session._refresh_status_codes = ()  # noqa: SLF001  # the client makes the session
        client.session.hooks["response"].append(refuse_strangers)
        self._writes = SilentWrites(client.session, self._project.timeout)
        return root, client

    def _reference(self, path: Path) -> Any:
        # The library builds URLs from paths as they are; encoded ones pass through unchanged.
        return self._root.child(path.to_url()[1:]) if path else self._root

    def _attempt(self, call: Call, request: Callable[[], T]) -> T:
        """Make a request; once more with a new token if the service does not take this one."""
        self._prepare(call.where)
        credential = self._client.credential
        token = None if self._project.is_emulator else credential.token
        try:
            with service_errors(call):
                return request()
        except CredentialRefused:
            if token is None:
                raise
        with self._lock:
            if credential.token == token:  # another thread may have got one already
                self._refresh(call.where)
        with service_errors(call):
            return request()

    def _prepare(self, where: str) -> None:
        """See that a call can be made, with a token that is good now.

        The library would get one itself, with a timeout of its own, and takes any page for one.
        """
        if self._closed:
            raise Unavailable("this access to the database is closed")
        if not self._project.is_emulator:
            self._access_token(where)

    def _who(self) -> str:
        return "the service account" if self.uid is None else f"the service ({self.uid})"

    def _url(self, path: Path, params: Mapping[str, str]) -> str:
        if self._override is None:
            return self._project.url(path, params)
        seen = {"auth_variable_override": dumps(dict(self._override))}
        return self._project.url(path, {**params, **seen})

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._bearer()}"}

    def _bearer(self) -> str:
        return "owner" if self._project.is_emulator else self._access_token()

    def _access_token(self, where: str | None = None) -> str:
        failures = self._failures
        with self._lock:
            ends = self.expires_at
            late = ends is not None and self._clock() >= ends - _EARLY
            if self._client.credential.token is None or late:
                if self._failures > failures:
                    # That was this call's try as well: those who wait for a service that hangs do
                    # not ask it one after the other.
                    raise Unavailable("Google's token service did not answer", where=where)
                self._refresh(where)
            return str(self._client.credential.token)

    def _refresh(self, where: str | None = None) -> None:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        try:
            # The transport's own timeout is two minutes.
            request = functools.partial(Request(self._token_session), timeout=self._project.timeout)
            self._client.credential.refresh(request)
        except GoogleAuthError as error:
            mapped = from_google(error, where)
            if isinstance(mapped, Unavailable):
                self._failures += 1
            raise_alone(mapped)
        # It takes a page for an answer with fields, and reads whatever brackets there are.
        except (TypeError, AttributeError, KeyError, ValueError, RecursionError):
            raise_alone(
                Unavailable(
                    "something answered for Google's token service that is not JSON as it sends it",
                    where=where,
                    hint="A network's log-in page or a firewall may be in the way",
                )
            )


def _client_of(root: Any) -> Any:
    """firebase-admin's HTTP client of one database, which is private to its references.

    It is needed because the library's own queries cannot say startAfter, endBefore, a key bound
    or an order by priority, and put values into the URL as they are: a plus sign in an e-mail
    address would arrive as a space.
    """
    return root._client  # noqa: SLF001  # the only way to it


def _checked(override: Mapping[str, Json]) -> dict[str, Json]:
    """The override, if firebase-admin will send what it says.

    The library leaves out an empty one, which would lift all rules, and does not encode it.
    """
    text = dumps(dict(override))
    if not override or any(character in text for character in "&#+%"):
        raise ConfigError(
            "the auth override must not be empty, nor hold any of & # + %",
            where="auth override",
            hint="Ask for unrestricted access to stand above the rules",
        )
    return dict(override)
