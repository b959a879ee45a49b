"""``firebase.json``: where a project's emulators listen and which rules they load."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from imbari_chat.errors import ConfigError
from imbari_chat.wire.json import Json

__all__ = ["DEFAULT_AUTH_PORT", "DEFAULT_DATABASE_PORT", "FirebaseConfig"]

DEFAULT_DATABASE_PORT: Final = 9000
DEFAULT_AUTH_PORT: Final = 9099
_DEFAULT_HOST: Final = "127.0.0.1"
_AMEND: Final = "amend it: the file is one object, with ports and hosts under emulators"


@dataclass(frozen=True, slots=True)
class FirebaseConfig:
    """What the emulator needs of a ``firebase.json``.

    Attributes:
        database_host: Where the database listens, and the others with it.
        hub_port: None if the file does not name one.
        rules: Where the rules of the default database are, if the file says so.
        instance_rules: Where those of other databases are, by the database's name.
    """

    database_host: str = _DEFAULT_HOST
    database_port: int = DEFAULT_DATABASE_PORT
    auth_port: int = DEFAULT_AUTH_PORT
    hub_port: int | None = None
    rules: Path | None = None
    instance_rules: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read ``file``; paths in it are relative to where it stands.

        Raises:
            ConfigError: It cannot be read, or a key holds the wrong kind of value.
        """
        try:
            value: Json = json.loads(file.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {error.strerror}",
                where=str(file),
                hint="name another file, or leave it out to use the defaults",
            ) from error
        except ValueError as error:
            raise ConfigError(f"is not JSON: {error}", where=str(file), hint=_AMEND) from error
        root = _Section(file, "", value)
        emulators = root.section("emulators")
        database, auth = emulators.section("database"), emulators.section("auth")
        hub = emulators.section("hub")
        # A list of databases begins with the default one.
        first, *others = root.each("database") or [_Section(file, "database", {})]
        rules = first.text("rules")
        hosts = set()
        for section in (database, auth, hub):
            hosts |= {host for host in [section.text("host")] if host}
            if len(hosts) > 1:
                raise section.wrong("host", "the same for all emulators")
        return cls(
            database_host=hosts.pop() if hosts else _DEFAULT_HOST,
            database_port=database.port("port", DEFAULT_DATABASE_PORT),
            auth_port=auth.port("port", DEFAULT_AUTH_PORT),
            hub_port=hub.port("port", 0) if "port" in hub.values else None,
            rules=None if rules is None else file.parent / rules,
            instance_rules={
                name: file.parent / path
                for other in others
                if (name := other.text("instance")) and (path := other.text("rules"))
            },
        )


class _Section:
    """One object of the file, and its dotted name for error messages."""

    def __init__(self, file: Path, name: str, value: Json) -> None:
        if not isinstance(value, dict):
            where = f"{file}: {name}" if name else str(file)
            raise ConfigError("must be an object", where=where, hint=_AMEND)
        self._file = file
        self._name = name
        self.values = value

    def section(self, key: str) -> "_Section":
        return _Section(self._file, self.dotted(key), self.values.get(key, {}))

    def each(self, key: str) -> "list[_Section]":
        """The objects of a list, or the one that stands for a list of one."""
        value = self.values.get(key, {})
        if isinstance(value, list):
            name = self.dotted(key)
            return [_Section(self._file, f"{name}[{at}]", each) for at, each in enumerate(value)]
        return [self.section(key)]

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def port(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
            raise self.wrong(key, "a port: a number from 0 to 65535")
        return value

    def dotted(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def wrong(self, key: str, wanted: str) -> ConfigError:
        where = f"{self._file}: {self.dotted(key)}"
        return ConfigError(f"must be {wanted}", where=where, hint=_AMEND)
