"""Settings: where the chat lives and who is asking. Flags over environment over file.

The same code runs against three targets, chosen here alone: the embedded emulator and Google's
emulator suite (both announce themselves with ``FIREBASE_DATABASE_EMULATOR_HOST`` and
``FIREBASE_AUTH_EMULATOR_HOST``), or a live project (``IMBARI_CHAT_DATABASE_URL``).

A file is optional: ``imbari-chat.toml`` in the working directory, else ``config.toml`` in the
user's configuration directory. :mod:`imbari_chat.config_origins` knows what the first may say.
"""

import re
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypedDict, Unpack
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from imbari_chat.config_origins import APP, aliases, check_origins, layers, settings_file
from imbari_chat.errors import ConfigError, raise_alone
from imbari_chat.validation import reason

__all__ = [
    "DEFAULT_EMULATOR_PROJECT",
    "Settings",
    "SettingsFlags",
    "settings_variables",
]

DEFAULT_EMULATOR_PROJECT = "demo-imbari"

_EMULATOR_API_KEY = "fake-api-key"
_NOWHERE = (
    "`imbari-chat demo` needs none, and `imbari-chat emulator exec -- COMMAND` brings one; for a"
    " live project set IMBARI_CHAT_DATABASE_URL to its database's address and IMBARI_CHAT_API_KEY,"
    " then `imbari-chat auth login`"
)

_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
_NETLOC = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_NAMESPACE = re.compile(r"ns=[\w.-]+")
_PROJECT = re.compile(r"[\w.:-]+")  # of old it may be DOMAIN:NAME
IdentityChoice: TypeAlias = Literal[
    "auto", "service-account", "application-default", "login", "emulator"
]
OutboxChoice: TypeAlias = Literal["auto", "memory", "durable"]
TokenStoreChoice: TypeAlias = Literal["auto", "keyring", "file"]
NotifyChoice: TypeAlias = Literal["off", "osc9", "osc777", "notify-send"]
TransportChoice: TypeAlias = Literal["auto", "websocket", "rest"]


class SettingsFlags(TypedDict, total=False):
    """The fields of :class:`Settings` as keyword arguments; None counts as not given."""

    project: str | None
    database_url: str | None
    api_key: SecretStr | str | None
    credentials: Path | str | None
    database_emulator: str | None
    auth_emulator: str | None
    identity: IdentityChoice | None
    unrestricted: bool | None
    profile: str | None
    timeout: float | None
    transport: TransportChoice | None
    token_store: TokenStoreChoice | None
    data_dir: Path | str | None
    outbox: OutboxChoice | None
    presence: bool | None
    name: str | None
    undo: float | None
    bell: bool | None
    title: bool | None
    notify: NotifyChoice | None
    notify_text: bool | None


def _named(*names: str) -> Any:
    """A setting read from any of these environment variables, the first that is set."""
    return Field(default=None, validation_alias=AliasChoices(*names))


def settings_variables(name: str) -> list[str]:
    """The environment variables that a setting is read from; the first that is set counts."""
    return aliases(Settings.model_fields[name].validation_alias)


class Settings(BaseModel):
    """Everything that can be configured. Build it with :meth:`load`.

    Attributes:
        project: Firebase project id.
        database_url: Address of a live database, ``https://NAME.firebaseio.com``.
        api_key: Web API key of the project; sign-in needs it. The emulators take any.
        credentials: A service account's key file (JSON).
        database_emulator: ``HOST:PORT`` of a Realtime Database emulator; the database is there.
        auth_emulator: ``HOST:PORT`` of an Auth emulator; sign-ins go there.
        identity: Which identity an admin acts with. ``auto``: the key file if there is one, else
            a stored sign-in, else the emulator's owner or the application default credentials.
        unrestricted: Let a service account bypass the security rules.
        profile: Name under which a sign-in is stored, so that several can live side by side.
        timeout: Seconds that a write may take, and that a read or a connection may hear nothing.
        transport: How to reach the database: by one WebSocket for everything, by requests and one
            event stream for each listener (``rest``), or by the first where it gets through and
            else by the second (``auto``). Commands that hold no connection take ``auto`` for
            ``rest``.
        token_store: Where a sign-in is kept: the system keyring, a file only you can read, or
            the keyring if it works and else the file.
        data_dir: The directory for that file and for the list that `inbox` showed last.
        outbox: Where messages on their way are kept: in ``memory``, or ``durable``, in a file below
            ``data_dir`` that outlives the program. ``auto``: in the file for a live project, if it
            can be had, and in memory for an emulator, whose data and address are often gone
            before the next program.
        presence: Whether it is said and heard who is there and who types.
        name: What colleagues are to call an admin; they see the uid otherwise.
        undo: Seconds for which the desk holds a reply back after Enter, so that it can be taken
            back.
        bell: Whether the desk rings the terminal's bell for a message that nobody looks at.
        title: Whether the desk writes the number of unread messages into the terminal's title.
        notify: How the desk tells the desktop of such a message: by a control sequence that the
            terminal understands (``osc9``, ``osc777``) or by the program ``notify-send``.
        notify_text: Whether that says who wrote what, which others may see.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True
    )

    project: str | None = _named("IMBARI_CHAT_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT")
    database_url: str | None = _named("IMBARI_CHAT_DATABASE_URL")
    api_key: SecretStr | None = _named("IMBARI_CHAT_API_KEY")
    credentials: Path | None = _named("IMBARI_CHAT_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS")
    database_emulator: str | None = _named("FIREBASE_DATABASE_EMULATOR_HOST")
    auth_emulator: str | None = _named("FIREBASE_AUTH_EMULATOR_HOST")
    identity: IdentityChoice = Field(default="auto", validation_alias="IMBARI_CHAT_IDENTITY")
    unrestricted: bool = Field(default=False, validation_alias="IMBARI_CHAT_UNRESTRICTED")
    profile: str = Field(
        default="default", pattern=r"^[A-Za-z0-9_-]{1,40}$", validation_alias="IMBARI_CHAT_PROFILE"
    )
    timeout: float = Field(default=10.0, gt=0, le=900, validation_alias="IMBARI_CHAT_TIMEOUT")
    transport: TransportChoice = Field(default="auto", validation_alias="IMBARI_CHAT_TRANSPORT")
    token_store: TokenStoreChoice = Field(
        default="auto", validation_alias="IMBARI_CHAT_TOKEN_STORE"
    )
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APP),
        validation_alias="IMBARI_CHAT_DATA_DIR",
    )
    outbox: OutboxChoice = Field(default="auto", validation_alias="IMBARI_CHAT_OUTBOX")
    presence: bool = Field(default=True, validation_alias="IMBARI_CHAT_PRESENCE")
    name: str | None = Field(
        default=None, min_length=1, max_length=50, validation_alias="IMBARI_CHAT_NAME"
    )
    undo: float = Field(default=3.0, ge=0, le=60, validation_alias="IMBARI_CHAT_UNDO")
    bell: bool = Field(default=True, validation_alias="IMBARI_CHAT_BELL")
    title: bool = Field(default=True, validation_alias="IMBARI_CHAT_TITLE")
    notify: NotifyChoice = Field(default="off", validation_alias="IMBARI_CHAT_NOTIFY")
    notify_text: bool = Field(default=False, validation_alias="IMBARI_CHAT_NOTIFY_TEXT")

    @classmethod
    def load(cls, **flags: Unpack[SettingsFlags]) -> Self:
        """Read flags, environment and file; a flag that is None counts as not given.

        Raises:
            ConfigError: A setting is malformed, unknown, or the file cannot be read.
        """
        given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
        try:
            said = layers(cls, given)
            settings = cls(**dict(ChainMap(*(dict(one) for _, one in said))))
            check_origins(said, settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            path = settings_file()
            hint = f"Look at the environment and at {path}" if path else None
            # What was given stays with the original: a URL may hold a password.
            raise_alone(ConfigError(f"setting {name!r} is not usable: {reason(first)}", hint=hint))
        except (OSError, ValueError) as error:  # tomllib's errors are ValueErrors
            unread = ConfigError(
                f"the settings file cannot be read: {error}",
                where=str(settings_file()),
                hint="It has to be TOML in UTF-8 that you may read",
            )
            raise_alone(unread)
        return settings

    @field_validator("database_emulator", "auth_emulator")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is None:
            return None
        match = _HOST_AND_PORT.fullmatch(value)
        if match is None or not 0 < int(match[1]) < 65536:
            raise ValueError("it is to be HOST:PORT (without http://)")
        return value

    @field_validator("project")
    @classmethod
    def _an_id(cls, value: str | None) -> str | None:
        if value is not None and not _PROJECT.fullmatch(value):
            raise ValueError("it is to be a project's id, such as demo-imbari")
        return value

    @field_validator("database_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ValueError("it is to be a database address such as https://NAME.firebaseio.com")
        # Nothing secret belongs here, because addresses are shown.
        if "@" in parts.netloc or parts.fragment or parts.path not in ("", "/"):
            raise ValueError("an address has no user name, password, path or fragment")
        if parts.scheme == "https" and parts.query:
            raise ValueError("an https:// address takes no query; a database secret is not used")
        if not _NETLOC.fullmatch(parts.netloc):
            raise ValueError("what follows // is to be a host's name, and a port at most")
        if parts.scheme == "http" and not _NAMESPACE.fullmatch(parts.query):
            raise ValueError(
                "an http:// address is an emulator's and needs its namespace, and no more:"
                " http://HOST:PORT?ns=NAME"
            )
        return value.rstrip("/")

    @property
    def on_emulator(self) -> bool:
        """True when the database is an emulator, the embedded one or Google's."""
        return self.database_emulator is not None or (
            self.database_url is not None and self.database_url.startswith("http://")
        )

    def target(self) -> str:
        """The target as one phrase, for whoever is about to change or confide something.

        Raises:
            ConfigError: No database is configured.
        """
        if not self.on_emulator:
            return f"the live project {self.project_id()} ({self.address()})"
        at = self.database_emulator or urlsplit(self.address()).netloc
        return f"the emulator at {at} (project {self.project_id()})"

    def where(self) -> Mapping[str, str]:
        """The target in words, for a status line: project, database and emulator if any.

        Raises:
            ConfigError: No database is configured.
        """
        words = {"project": self.project_id(), "database": self.address()}
        if self.database_emulator:
            words["emulator"] = self.database_emulator
        return words

    def project_id(self) -> str:
        """The project id; on an emulator ``demo-imbari`` unless another is configured.

        Raises:
            ConfigError: A live project's id is not configured and cannot be derived.
        """
        if self.project:
            return self.project
        if self.database_url and not self.on_emulator:
            name = (urlsplit(self.database_url).hostname or "").split(".")[0]
            return name.removesuffix("-default-rtdb")
        if self.on_emulator:
            return DEFAULT_EMULATOR_PROJECT
        raise ConfigError("no database is configured", hint=_NOWHERE)

    def address(self) -> str:
        """The database's address, ``https://NAME.firebaseio.com`` or an emulator's with ``?ns=``.

        Raises:
            ConfigError: No database is configured.
        """
        if self.database_url:
            return self.database_url
        if self.database_emulator:
            return f"https://{self.project_id()}-default-rtdb.firebaseio.com"
        raise ConfigError("no database is configured", hint=_NOWHERE)

    def web_api_key(self) -> str:
        """The Web API key that sign-in sends.

        Raises:
            ConfigError: The target is live and no key is configured.
        """
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        if self.on_emulator:
            return _EMULATOR_API_KEY
        raise ConfigError(
            "signing in needs the project's Web API key",
            hint="Set IMBARI_CHAT_API_KEY (Firebase console, Project settings, General)",
        )
