"""The emulator as one object: a database and its users behind two ports of this machine."""

import errno
import json
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from types import TracebackType
from typing import Self, TypeVar

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.hosting import Hosting
from imbari_chat.errors import ConfigError, Unavailable
from imbari_chat.rules import Ruleset

__all__ = ["Emulator"]

T = TypeVar("T")


class Emulator:
    """Realtime Database and Auth in this process, for as long as the ``with`` block runs.

    Nothing listens before :meth:`start`, and rules that do not parse are refused before that.
    Every method may be called from any thread.

    Args:
        project: The project id; ids that begin with ``demo-`` never touch a real project.
        rules: Text of the security rules; without any, everything is allowed.
        host: Where to listen. Anything but loopback needs ``allow_remote``: there is no security
            here, every bearer token is an admin.
        database_port: 0 takes a free one.
        auth_port: 0 takes a free one.
        namespace: The database for requests that name none; ``{project}-default-rtdb`` by default.
        allow_remote: Let other machines in.
        clock: Seconds since the epoch, for both halves.
        enforce_expiry: End tokens and their streams at their ``exp``; off, they last, as in
            Google's emulator.
        enforce_indexes: Refuse queries without ``.indexOn``, as the service does over REST.
        keep_alive: Seconds between keep-alives on an idle stream.
        stream_buffer: Bytes that may wait for one slow reader before its stream is cut off.

    Raises:
        RulesError: The rules do not parse or check.
        ConfigError: The host is not this machine alone.
    """

    def __init__(
        self,
        project: str = "demo-imbari",
        rules: str | None = None,
        *,
        host: str = "127.0.0.1",
        database_port: int = 0,
        auth_port: int = 0,
        namespace: str | None = None,
        allow_remote: bool = False,
        clock: Callable[[], float] = time.time,
        enforce_expiry: bool = False,
        enforce_indexes: bool = True,
        keep_alive: float = 30.0,
        stream_buffer: int = 8 * 1024 * 1024,
    ) -> None:
        if not allow_remote and not _is_loopback(host):
            raise ConfigError(
                f"{host} can be reached from other machines, and the emulator trusts everybody",
                where="host",
                hint="listen on 127.0.0.1, or allow remote callers explicitly",
            )
        self.project = project
        self.namespace = namespace or f"{project}-default-rtdb"
        self._host = host
        self._ports = (database_port, auth_port)
        self._clock = clock
        ruleset = Ruleset.open() if rules is None else Ruleset.parse(rules)
        self._databases = Databases(self.namespace, ruleset, enforce_indexes=enforce_indexes)
        self._accounts = AuthState(project=project, strict=enforce_expiry)
        self._database_app = DatabaseApp(
            self._databases,
            clock,
            enforce_expiry=enforce_expiry,
            keep_alive=keep_alive,
            stream_buffer=stream_buffer,
        )
        self._hosting: Hosting | None = None
        self._addresses: tuple[str, str] | None = None

    def start(self) -> Self:
        """Listen; both halves accept connections when this returns. Starting twice is fine.

        Raises:
            ConfigError: A port is taken or not allowed.
        """
        if self._hosting is not None:
            return self
        database_port, auth_port = self._ports
        database = _listen("database", self._host, database_port)
        try:
            auth = _listen("auth", self._host, auth_port)
        except ConfigError:
            database.close()
            raise
        self._addresses = (_address(database), _address(auth))
        accounts_app = create_app(self._accounts, self._clock)
        self._hosting = Hosting(
            [(self._database_app, database), (accounts_app, auth)], self._database_app.close
        )
        return self

    def stop(self) -> None:
        """End every stream and close both ports. Stopping twice is fine."""
        hosting, self._hosting = self._hosting, None
        self._addresses = None
        if hosting is not None:
            hosting.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def database_host(self) -> str:
        """``host:port`` of the database. Raises Unavailable while the emulator is not running."""
        return self._bound()[0]

    @property
    def auth_host(self) -> str:
        """``host:port`` of Auth. Raises Unavailable while the emulator is not running."""
        return self._bound()[1]

    @property
    def database_url(self) -> str:
        """The URL that names the default database, as the official libraries take it."""
        return f"http://{self.database_host}/?ns={self.namespace}"

    def environment(self) -> dict[str, str]:
        """The variables by which the official libraries find an emulator."""
        config = {
            "projectId": self.project,
            "databaseURL": self.database_url,
            "storageBucket": f"{self.project}.appspot.com",
        }
        return {
            "GCLOUD_PROJECT": self.project,
            "FIREBASE_CONFIG": json.dumps(config),
            "FIREBASE_DATABASE_EMULATOR_HOST": self.database_host,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth_host,
        }

    def reset(self) -> None:
        """Delete all data and all users; rules, streams and settings stay."""
        self._in_loop(self._clear)

    def load_rules(self, text: str, namespace: str | None = None) -> None:
        """Put rules in force at once; streams they do not allow end.

        Args:
            namespace: Which database; the default one if not given.

        Raises:
            RulesError: They do not parse or check; the old ones stay.
        """
        rules = Ruleset.parse(text)

        def govern() -> None:
            database = self._databases.named(namespace or self.namespace)
            self._database_app.deliver(database.govern(rules, self._now()))

        self._in_loop(govern)

    def refusals(self) -> list[str]:
        """Why the rules said no, for the last hundred times of each database, oldest first."""
        return self._in_loop(
            lambda: [
                decision.explain() for database in self._databases for decision in database.refusals
            ]
        )

    def _clear(self) -> None:
        for database in self._databases:
            self._database_app.deliver(database.clear(self._now()))
        self._accounts.accounts().clear()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _bound(self) -> tuple[str, str]:
        if self._addresses is None:
            raise Unavailable(
                "the emulator is not running", hint="start() it, or use it in a with block"
            )
        return self._addresses

    def _in_loop(self, function: Callable[[], T]) -> T:
        return function() if self._hosting is None else self._hosting.call(function)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(name: str, host: str, port: int) -> socket.socket:
    """A listening TCP socket; connections queue from here on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(f"{host} is not an address to listen on", where="host") from error
    listening = socket.socket(family, kind, protocol)
    try:
        # A port whose connections are still winding down can be taken again; one in use cannot.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        raise _cannot_listen(name, host, port, error) from error
    return listening


def _cannot_listen(name: str, host: str, port: int, error: Exception) -> ConfigError:
    where = f"{name} port {port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return ConfigError(
                f"port {port} of {host} is in use",
                where=where,
                hint="stop what uses it (another emulator?), choose another port, or 0 for any",
            )
        case errno.EACCES:
            return ConfigError(
                f"port {port} of {host} may not be used",
                where=where,
                hint="choose a port above 1023, or 0 for any free one",
            )
    return ConfigError(f"cannot listen on port {port} of {host}: {error}", where=where)


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
