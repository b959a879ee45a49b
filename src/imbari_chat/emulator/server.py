"""The emulator as one object: a database and its users behind two ports of this machine."""

import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from starlette.types import ASGIApp

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.guard import guarded
from imbari_chat.emulator.http_server import Hosting
from imbari_chat.emulator.incoming import Incoming, bounded
from imbari_chat.emulator.listening import address, is_loopback, listen
from imbari_chat.errors import ConfigError, Unavailable
from imbari_chat.logs import get_logger
from imbari_chat.rules import Ruleset

if TYPE_CHECKING:
    from imbari_chat.emulator.persistence import Durable

__all__ = ["Emulator"]

_log = get_logger(__name__)

T = TypeVar("T")


class Emulator:
    """Realtime Database and Auth in this process, for as long as the ``with`` block runs.

    Nothing listens before :meth:`start`, and rules that do not parse are refused before that.
    Every method may be called from any thread.

    Args:
        project: The project id; ids that begin with ``demo-`` never touch a real project.
        rules: Text of the security rules; without any, everything is allowed and every query
            served. (The command line takes the shipped rules, and opens with ``--no-rules``.)
        host: Where to listen. Anything but loopback needs ``allow_remote``: there is no security
            here, every bearer token is an admin.
        database_port: 0 takes a free one.
        auth_port: 0 takes a free one.
        hub_port: 0 takes a free one; without any there is no hub.
        namespace: The database for requests that name none; ``{project}-default-rtdb`` by default.
        allow_remote: Let other machines in.
        clock: Seconds since the epoch, for both halves.
        enforce_expiry: End tokens and their streams at their ``exp``; off, they last, as in
            Google's emulator.
        enforce_indexes: With rules, refuse queries without ``.indexOn``, as the service does over
            REST.
        keep_alive: Seconds between keep-alives on an idle stream.
        stream_buffer: Bytes that may wait for one slow reader before its stream is cut off.
        redirect_streams: Answer each stream first with a redirect, as the live service does.
        data: A directory in which data and users outlive this process; POSIX only.
        sync: Have the disk confirm every commit before it is answered. Without, the end of the
            process loses nothing, but a power cut may.
        import_from: An export to begin with.
        export_on_exit: Where to write an export when it stops.
        log_request: Gets a line for each request.

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
        hub_port: int | None = None,
        namespace: str | None = None,
        allow_remote: bool = False,
        clock: Callable[[], float] = time.time,
        enforce_expiry: bool = False,
        enforce_indexes: bool = True,
        keep_alive: float = 30.0,
        stream_buffer: int = 8 * 1024 * 1024,
        redirect_streams: bool = False,
        data: Path | None = None,
        sync: bool = False,
        import_from: Path | None = None,
        export_on_exit: Path | None = None,
        log_request: Callable[[str], None] | None = None,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ConfigError(
                f"{host} can be reached from other machines, and the emulator trusts everybody",
                where="host",
                hint="listen on 127.0.0.1, or allow remote callers explicitly",
            )
        self.project = project
        self.namespace = namespace or f"{project}-default-rtdb"
        self._host = host
        self._ports = {"database": database_port, "auth": auth_port}
        if hub_port is not None:
            self._ports["hub"] = hub_port
        self._any_host = allow_remote
        self._clock = clock
        ruleset = Ruleset.open() if rules is None else Ruleset.parse(rules)
        self._databases = Databases(self.namespace, ruleset, enforce_indexes=enforce_indexes)
        self._accounts = AuthState(project=project, strict=enforce_expiry)
        self._incoming = Incoming()
        self._database_app = DatabaseApp(
            self._databases,
            clock,
            enforce_expiry=enforce_expiry,
            keep_alive=keep_alive,
            stream_buffer=stream_buffer,
            redirect_streams=redirect_streams,
            incoming=self._incoming,
            log_request=log_request,
        )
        self._durable = None if data is None else self._kept_in(data, sync=sync)
        self._import_from = import_from
        self._imported: set[str] = set()
        self._export_on_exit = export_on_exit
        self._log_request = log_request
        self._hosting: Hosting | None = None
        self._addresses: dict[str, tuple[str, int]] = {}
        self._closing = ExitStack()

    def start(self) -> Self:
        """Listen; both halves accept connections when this returns. Starting twice is fine.

        Raises:
            ConfigError: A port is taken or not allowed, or a directory cannot be used.
            InvalidData: The export to begin with cannot be read.
        """
        if self._hosting is not None:
            return self
        with ExitStack() as undo:
            self._load(undo)
            sockets = {
                name: undo.enter_context(listen(name, self._host, port))
                for name, port in self._ports.items()
            }
            self._addresses = {name: address(each) for name, each in sockets.items()}
            undo.callback(self._addresses.clear)
            self._hosting = Hosting(
                [(app, sockets[name]) for name, app in self._apps(undo).items()],
                self._database_app.close,
            )
            self._closing = undo.pop_all()
        return self

    def stop(self) -> None:
        """End every stream, close the ports, export if asked to. Stopping twice is fine.

        Raises:
            ConfigError: What was not kept yet, or the export, cannot be written; everything is
                closed nevertheless.
        """
        hosting, self._hosting = self._hosting, None
        if hosting is None:
            return
        try:
            with self._closing:
                hosting.stop()
                if self._durable is not None:
                    self._durable.keep()
        finally:
            if self._export_on_exit is not None:
                self.export(self._export_on_exit)

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
    def addresses(self) -> dict[str, tuple[str, int]]:
        """Host and port of ``database``, ``auth`` and, if there is one, ``hub``.

        Raises Unavailable while the emulator is not running.
        """
        if not self._addresses:
            raise Unavailable(
                "the emulator is not running", hint="start() it, or use it in a with block"
            )
        return dict(self._addresses)

    @property
    def database_host(self) -> str:
        """``host:port`` of the database. Raises Unavailable while the emulator is not running."""
        return _joined(self.addresses["database"])

    @property
    def auth_host(self) -> str:
        """``host:port`` of Auth. Raises Unavailable while the emulator is not running."""
        return _joined(self.addresses["auth"])

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
        variables = {
            "GCLOUD_PROJECT": self.project,
            "FIREBASE_CONFIG": json.dumps(config),
            "FIREBASE_DATABASE_EMULATOR_HOST": self.database_host,
            "FIREBASE_AUTH_EMULATOR_HOST": self.auth_host,
        }
        hub = self.addresses.get("hub")
        return variables if hub is None else variables | {"FIREBASE_EMULATOR_HUB": _joined(hub)}

    def reset(self) -> None:
        """Delete all data and all users; rules, streams and settings stay.

        Raises:
            ConfigError: That cannot be written where data is kept.
        """
        self._in_loop(self._clear)

    def load_rules(self, text: str, namespace: str | None = None) -> None:
        """Put rules in force at once; streams they do not allow end.

        Args:
            namespace: Which database; the default one if not given.

        Raises:
            RulesError: They do not parse or check; the old ones stay.
        """
        rules = Ruleset.parse(text)

        def set_rules() -> None:
            database = self._databases.named(namespace or self.namespace)
            self._database_app.deliver(database.set_rules(rules, self._now()))

        self._in_loop(set_rules)

    def reload_rules(self, text: str) -> None:
        """Put other rules in place of those the emulator was given, wherever they are in force.

        Raises:
            RulesError: They do not parse or check; the old ones stay.
        """
        rules = Ruleset.parse(text)
        self._in_loop(
            lambda: self._database_app.deliver(self._databases.set_rules(rules, self._now()))
        )

    def export(self, directory: Path) -> None:
        """Write data and users in the layout of ``firebase emulators:export``.

        Args:
            directory: Made, or replaced if it holds an export.

        Raises:
            ConfigError: It holds something else, or cannot be written.
        """
        from imbari_chat.emulator.exports import write  # few emulators export anything
        from imbari_chat.emulator.transfer import picture

        write(
            directory,
            self._in_loop(lambda: picture(self._databases, self._accounts, self._imported)),
        )

    def refusals(self) -> list[str]:
        """Why the rules said no, for the last hundred times in all databases, oldest first."""
        return self._in_loop(lambda: list(self._databases.refusals))

    def _load(self, undo: ExitStack) -> None:
        """Everything that can go wrong before anything listens."""
        if self._export_on_exit is not None:
            from imbari_chat.emulator.exports import check_target

            check_target(self._export_on_exit)
        if self._durable is not None:
            held = self._durable.open(self._now())
            undo.callback(self._durable.close)
            if held and self._import_from is not None:
                raise ConfigError(
                    "an import would replace the data that is kept already",
                    where=str(self._import_from),
                    hint="leave the import out, or keep the data in another directory",
                )
        if self._import_from is not None:
            from imbari_chat.emulator.transfer import take_over

            self._imported = take_over(
                self._import_from, self._databases, self._accounts, self._now()
            )
            self._import_from = None  # once: what is there after a stop is newer
            if self._durable is not None:
                self._durable.keep()

    def _apps(self, undo: ExitStack) -> dict[str, ASGIApp]:
        """The application for each port; what is wrapped last sees a request first."""
        apps: dict[str, ASGIApp] = {
            "database": self._database_app,
            "auth": create_app(self._accounts, self._clock),
        }
        if self._durable is not None:
            from imbari_chat.emulator.persistence import kept

            apps = {name: kept(app, self._durable.keep) for name, app in apps.items()}
        if "hub" in self._ports:
            from imbari_chat.emulator.hub import Hub, Locator

            hub, locator = Hub(self._addresses, self.export), Locator(self.project)
            if not locator.place(hub.locator()):
                _log.log(
                    logging.WARNING if self._ports["hub"] else logging.INFO,
                    "%s belongs to another emulator, or cannot be written: others will not find"
                    " this hub by it",
                    locator.file,
                )
            undo.callback(locator.remove)
            apps["hub"] = hub
        apps = {
            name: guarded(bounded(app, self._incoming), any_host=self._any_host)
            for name, app in apps.items()
        }
        if self._log_request is not None:
            from imbari_chat.emulator.request_log import logged

            for name, app in apps.items():
                apps[name] = logged(app, self._log_request, token_in_body=name == "auth")
        return apps

    def _kept_in(self, directory: Path, *, sync: bool) -> "Durable":
        if sys.platform == "win32":
            raise ConfigError(
                "data is kept on POSIX systems only",
                where=str(directory),
                hint="leave the directory out: data lasts as long as the emulator",
            )
        from imbari_chat.emulator.persistence import Durable

        return Durable(directory, self._databases, self._accounts, sync=sync, warn=_log.warning)

    def _clear(self) -> None:
        for database in self._databases:
            self._database_app.deliver(database.clear(self._now()))
        self._accounts.clear()
        if self._durable is not None and self._hosting is not None:
            self._durable.keep()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _in_loop(self, function: Callable[[], T]) -> T:
        return function() if self._hosting is None else self._hosting.call(function)


def _joined(place: tuple[str, int]) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
