"""Access with a service account, through firebase-admin, or as an emulator's owner."""

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

from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.refusals import Call, CredentialRefused
from imbari_chat.engine.writes import check_swap
from imbari_chat.errors import ConfigError, Unavailable, raise_alone
from imbari_chat.identity.apps import close_app, database_client, open_app
from imbari_chat.identity.mapping import (
    from_google,
    service_errors,
    transport_errors,
    version_tag,
)
from imbari_chat.identity.project import Project, encode_params
from imbari_chat.identity.rest import RestAccess
from imbari_chat.identity.session import QuietSession, follow_environment
from imbari_chat.wire.json import Json, dumps, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_params

__all__ = ["SERVICE_AUTH", "OwnerAccess", "ServiceAccess", "service_access"]

SERVICE_AUTH: Final[Mapping[str, Json]] = MappingProxyType(
    {"uid": "imbari-chat", "token": {"admin": True}}
)
"""What rules see as ``auth`` by default: an admin, held to the same rules as every other."""

T = TypeVar("T")

_EARLY = 300.0
"""Seconds before its end at which an access token is replaced."""


def service_access(
    project: Project, *, key_file: FilePath | None, unrestricted: bool
) -> "OwnerAccess | ServiceAccess":
    """A service account's way into a live database, or the owner's into an emulator's.

    Args:
        project: Which database.
        key_file: A service account's key; None for application default credentials. An emulator
            needs neither.
        unrestricted: Stand above the rules.

    Raises:
        ConfigError: The credentials cannot be used.
    """
    if project.is_emulator:
        return OwnerAccess(project, unrestricted=unrestricted)
    return ServiceAccess(project, key_file=key_file, unrestricted=unrestricted)


class _BelowTheRules(RestAccess):
    """Somebody who stands above the rules, and steps below them unless told otherwise.

    So a mistake of ours is refused instead of stored.

    Args:
        project: Which database.
        session: Makes the requests.
        override: What rules see as ``auth``; None to stand above the rules.
    """

    def __init__(
        self, project: Project, session: requests.Session, override: Mapping[str, Json] | None
    ) -> None:
        super().__init__(project, session)
        self._override = override
        self._closed = False

    @property
    def uid(self) -> str | None:
        uid = self._override.get("uid") if self._override is not None else None
        return uid if isinstance(uid, str) else None

    def socket(self) -> SocketRequest:
        credential: dict[str, Json] = {"cred": self._token()}
        if self._override is not None:
            credential["authvar"] = dict(self._override)
        return SocketRequest(self._project.socket_place, "gauth", credential)

    def close(self) -> None:
        self._closed = True
        super().close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("this access to the database is closed")

    def _who(self) -> str:
        return "the service account" if self.uid is None else f"the service ({self.uid})"

    def _signed(
        self, path: Path, token: str, params: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        if self._override is not None:
            seen = dumps(dict(self._override))
            params = {**params, "auth_variable_override": seen}
        return self._project.url(path, params), {"Authorization": f"Bearer {token}"}


class OwnerAccess(_BelowTheRules):
    """The way into an emulator's database as its owner, whose token is always the same.

    Not by firebase-admin: to load it costs more than all else that a short command does.

    Args:
        project: Which database, of an emulator.
        override: What rules see as ``auth``.
        unrestricted: Ignore ``override`` and stand above the rules.

    Raises:
        ConfigError: The override cannot be used.
    """

    def __init__(
        self,
        project: Project,
        *,
        override: Mapping[str, Json] = SERVICE_AUTH,
        unrestricted: bool = False,
    ) -> None:
        super().__init__(
            project, QuietSession(project), None if unrestricted else _checked(override)
        )

    @property
    def account(self) -> str | None:
        return None

    @property
    def expires_at(self) -> float | None:
        return None

    def renew(self) -> None:
        """It is the same for ever."""

    def _token(self) -> str:
        return "owner"

    def _attempt(self, call: Call, request: Callable[[str], T]) -> T:
        self._check_open()
        with transport_errors(call):
            return request(self._token())


class ServiceAccess(_BelowTheRules):
    """A service account's way into the database, by firebase-admin.

    Args:
        project: Which database. At an emulator the library takes no account and acts as the owner.
        key_file: A service account's key; None for application default credentials.
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
        seen = None if unrestricted else _checked(override)
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0  # of getting a token
        self._app = open_app(project, key_file, override=seen)
        try:
            self._root, self._client = database_client(self._app, project)
        except BaseException:
            close_app(self._app)
            raise
        super().__init__(project, self._client.session, seen)
        self._token_session = requests.Session()
        follow_environment(self._token_session, project.http)

    @property
    def account(self) -> str | None:
        email = getattr(self._client.credential, "service_account_email", None)
        return email if isinstance(email, str) and "@" in email else None

    @property
    def expires_at(self) -> float | None:
        expiry = self._client.credential.expiry
        # google-auth keeps UTC without saying so.
        return None if expiry is None else float(expiry.replace(tzinfo=UTC).timestamp())

    def get(self, path: Path, query: Query | None = None) -> Json:
        if query is None:
            return self._ask(path, self._reference(path).get)
        params = encode_params(to_params(query))
        return self._ask(
            path, lambda: self._client.body("get", f"{path.to_url()}.json", params=params)
        )

    def get_shallow(self, path: Path) -> Json:
        return self._ask(path, lambda: self._reference(path).get(shallow=True))

    def _ask(self, path: Path, read: Callable[[], Json]) -> Json:
        return self._attempt(Call(str(path), caller=self._who()), lambda _: read())

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        check_swap(value)
        place = self._reference(path)
        look = Call(str(path), caller=self._who())
        found, told = self._attempt(look, lambda _: place.get(etag=True))
        tag = version_tag(told, look)
        if not same(found, expected):
            return False
        write = replace(look, write=True)
        swapped: bool = self._attempt(write, lambda _: place.set_if_unchanged(tag, value))[0]
        return swapped

    def renew(self) -> None:
        with self._lock:
            self._refresh()

    def close(self) -> None:
        super().close()
        self._token_session.close()
        close_app(self._app)

    def _reference(self, path: Path) -> Any:
        # The library builds URLs from paths as they are; encoded ones pass through unchanged.
        return self._root.child(path.to_url()[1:]) if path else self._root

    def _attempt(self, call: Call, request: Callable[[str], T]) -> T:
        """Make a request; once more with a new token if the service does not take this one.

        The library would get one itself, with a timeout of its own, and takes any page for one.
        """
        self._check_open()
        token = self._token(call.where)
        try:
            with service_errors(call):
                return request(token)
        except CredentialRefused:
            pass  # it is tried below
        with self._lock:
            if self._client.credential.token == token:  # another thread may have got one already
                self._refresh(call.where)
        with service_errors(call):
            return request(self._client.credential.token)

    def _token(self, where: str | None = None) -> str:
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
        except (TypeError, AttributeError, KeyError, ValueError, OverflowError, RecursionError):
            raise_alone(
                Unavailable(
                    "something answered for Google's token service that is not JSON as it sends it",
                    where=where,
                    hint="A network's log-in page or a firewall may be in the way",
                )
            )


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
