"""Where a project lives, and how the addresses and bodies of requests to it are written.

That is: its database, its sign-in service, and the emulators that stand in for them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

from imbari_chat.engine.places import SERVICE_DOMAINS, SocketPlace
from imbari_chat.errors import ConfigError, raise_alone
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.wire.paths import Path

__all__ = ["Project", "encode_params"]

_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)
_URL_HINT = (
    "The Firebase console shows it above the data; it looks like"
    " https://NAME-default-rtdb.firebaseio.com, or http://HOST:PORT?ns=NAME for an emulator"
)


@dataclass(frozen=True, slots=True)
class Project:
    """One Firebase project as the identities need it.

    Attributes:
        id: The project id; ids that start with ``demo-`` belong to no real project.
        database_url: ``https://NAME.firebaseio.com`` or another https address of the database, or
            ``http://HOST:PORT?ns=NAME`` for an emulator.
        api_key: The Web API key; not a secret, and never shown. Only signing in needs it.
        database_emulator: ``HOST:PORT`` of a database emulator to use instead, or None.
        auth_emulator: ``HOST:PORT`` of an Auth emulator, or None for the live service.
        timeout: Longest silence of a request, in seconds.
        http: Which proxies to use and which certificates to believe, for every request to it.

    Raises:
        ConfigError: A field is missing or cannot be what it should be, or the way to one of the
            project's services is set to what cannot be used.
    """

    id: str
    database_url: str
    api_key: str = field(repr=False)
    database_emulator: str | None = None
    auth_emulator: str | None = None
    timeout: float = 10.0
    http: HttpEnvironment = field(default_factory=HttpEnvironment.read, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.id:
            raise ConfigError(
                "the project id is missing", where="project", hint="The Firebase console shows it"
            )
        if not self.timeout > 0:
            raise ConfigError(
                f"the timeout must be positive, not {self.timeout}",
                where="timeout",
                hint="Give seconds, such as 10",
            )
        _check_host(self.database_emulator, "database emulator")
        _check_host(self.auth_emulator, "auth emulator")
        _check_database_url(self.database_url)
        self.http.check(self.rest_base, self.sign_in_url)

    @property
    def namespace(self) -> str:
        """The name of the database: ``ns`` of the URL, or the first label of its host."""
        url = urlsplit(self.database_url)
        return _namespaces(url)[0] if url.scheme == "http" else (url.hostname or "").split(".")[0]

    @property
    def is_emulator(self) -> bool:
        """True if the database is an emulator, whatever signs users in."""
        return self.database_emulator is not None or self.database_url.startswith("http:")

    @property
    def sign_in_url(self) -> str:
        """Scheme and host of what signs users in; an emulator's with its port."""
        if self.auth_emulator is not None:
            return f"http://{self.auth_emulator}"
        return self.rest_base if self.is_emulator else "https://identitytoolkit.googleapis.com"

    @property
    def place(self) -> str | None:
        """Where a sign-in at this project belongs: None for the live service.

        Else an emulator's address; or a database's under a name that is not the service's own,
        which a sign-in made for the service's own must not be shown.
        """
        if self.auth_emulator is not None:
            return f"http://{self.auth_emulator}"
        if self.is_emulator or not (urlsplit(self.database_url).hostname or "").endswith(
            SERVICE_DOMAINS
        ):
            return self.rest_base
        return None

    @property
    def rest_base(self) -> str:
        """Scheme, host and port of the database's REST interface; no slash at the end."""
        if self.database_emulator is not None:
            return f"http://{self.database_emulator}"
        url = urlsplit(self.database_url)
        return f"{url.scheme}://{url.netloc}"

    @property
    def socket_place(self) -> SocketPlace:
        """Where its sockets lead."""
        base = urlsplit(self.rest_base)
        return SocketPlace(base.netloc, self.namespace, secure=base.scheme == "https")

    @property
    def admin_url(self) -> str:
        """The database URL in the form firebase-admin takes, emulators included."""
        if self.is_emulator:
            return f"{self.rest_base}/?ns={quote(self.namespace, safe='')}"
        return self.rest_base

    def url(self, path: Path, params: Mapping[str, str]) -> str:
        """The REST address of ``path``; an emulator is told the namespace as well."""
        query = {**params, "ns": self.namespace} if self.is_emulator else params
        return f"{self.rest_base}{path.to_url()}.json" + (
            f"?{encode_params(query)}" if query else ""
        )


def encode_params(params: Mapping[str, str]) -> str:
    """A query string in which a space is ``%20``: a plus sign means a plus sign to the service."""
    return urlencode(params, quote_via=quote, safe="")


def _check_host(host: str | None, name: str) -> None:
    if host is not None and not _HOST_AND_PORT.fullmatch(host):
        raise ConfigError(
            f"the {name} must be written as host:port",
            where=name,
            hint="Leave out http:// and any path",
        )


def _check_database_url(text: str) -> None:
    try:
        url = urlsplit(text)
        valid = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:  # its text quotes the URL, which may hold a secret
        raise_alone(_bad_url("is not a URL"))
    if not valid or url.username is not None or url.fragment or url.path not in ("", "/"):
        raise _bad_url("must be a scheme and a host, without path, fragment or user name")
    if url.scheme == "http":
        if len(_namespaces(url)) != 1:
            raise _bad_url("must name the database with ?ns=NAME when it is plain http")
    elif url.scheme != "https":
        raise _bad_url("must start with https:// (or with http:// for an emulator)")
    elif url.query:
        raise _bad_url("takes no query when it is https")


def _namespaces(url: SplitResult) -> list[str]:
    return parse_qs(url.query).get("ns", [])


def _bad_url(problem: str) -> ConfigError:
    return ConfigError(f"the database URL {problem}", where="database URL", hint=_URL_HINT)
