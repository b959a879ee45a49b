"""Who says what of the settings, and whether they may.

Flags overlay the environment, the environment overlays a file. No weaker source moves the target
that a stronger one names, and a file of the working directory, which may come from anybody, says
only what harms nobody, unless somebody has consented to it (:mod:`imbari_chat.consent`).
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import platformdirs
from pydantic import AliasChoices, BaseModel

from imbari_chat.consent import Consents
from imbari_chat.errors import ConfigError, raise_alone

__all__ = [
    "APP",
    "WORKING_DIRECTORY_FILE",
    "Layer",
    "aliases",
    "check_origins",
    "consents",
    "layers",
    "settings_file",
]

APP = "imbari-chat"
WORKING_DIRECTORY_FILE = "imbari-chat.toml"

_THIS_MACHINE = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[?::1\]?", re.ASCII)
_FREE = frozenset({"bell", "name", "presence", "profile", "timeout", "title", "transport", "undo"})
_OF_THE_TARGET = frozenset({"project", "api_key"})
"""Harmless when the target is an emulator on this machine."""


class _Target(Protocol):
    """What is looked at of all sources together."""

    @property
    def database_emulator(self) -> str | None: ...
    @property
    def on_emulator(self) -> bool: ...
    def address(self) -> str: ...


Layer: TypeAlias = tuple[str, Mapping[str, Any]]
"""Who says something, in words, and what, by the settings' names."""


def settings_file() -> Path | None:
    """The settings file that applies here, or None."""
    for path in (Path(WORKING_DIRECTORY_FILE), platformdirs.user_config_path(APP) / "config.toml"):
        if path.is_file():
            return path
    return None


def layers(cls: type[BaseModel], given: Mapping[str, Any]) -> list[Layer]:
    """What each source says, the strongest first.

    Args:
        cls: The settings.
        given: What the program was given.

    Raises:
        ConfigError: ``FIREBASE_CONFIG`` is no JSON.
        OSError: The file cannot be read.
        ValueError: It is no TOML.
    """
    file = settings_file()
    names = _names(cls)

    def by_name(said: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(key, key): value for key, value in said.items()}

    return [
        ("what was given here", by_name(given)),
        ("the environment", _environment(cls)),
        ("FIREBASE_CONFIG", _firebase_config()),
        (str(file), by_name(_read(file)) if file else {}),
    ]


@cache
def _names(cls: type[BaseModel]) -> Mapping[str, str]:
    """The settings' names by each of their variables'."""
    return {
        alias: name
        for name, field in cls.model_fields.items()
        for alias in aliases(field.validation_alias)
    }


def _environment(cls: type[BaseModel]) -> dict[str, str]:
    """What the settings' own variables say: ``NAME`` and ``DATABASE_URL`` are other programs'."""
    said: dict[str, str] = {}
    for name, field in cls.model_fields.items():
        values = (os.environ.get(variable) for variable in aliases(field.validation_alias))
        if value := next(filter(None, values), None):
            said[name] = value
    return said


def _read(file: Path) -> dict[str, Any]:
    import tomllib  # most have no file

    with file.open("rb") as opened:
        return tomllib.load(opened)


def _firebase_config() -> dict[str, Any]:
    """``FIREBASE_CONFIG``, the JSON that ``firebase emulators:exec`` hands to its child."""
    text = os.environ.get("FIREBASE_CONFIG", "").strip()
    if not text.startswith("{"):
        return {}
    try:
        config = json.loads(text)
    except ValueError as error:
        unread = ConfigError(
            f"FIREBASE_CONFIG is not valid JSON: {error}",
            where="environment",
            hint="Unset it, or give an object or a file's name, as Google's libraries take it",
        )
        raise_alone(unread)
    known = {"projectId": "project", "databaseURL": "database_url", "apiKey": "api_key"}
    return {name: config[key] for key, name in known.items() if config.get(key)}


def aliases(alias: object) -> list[str]:
    """The names that a field's alias stands for."""
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)]
    return [alias] if isinstance(alias, str) else []


def check_origins(said: list[Layer], settings: _Target) -> None:
    """Make sure that no weaker source moves the target, and no stranger's file.

    Args:
        said: By each source, the strongest first.
        settings: What all say together.

    Raises:
        ConfigError: A database is named, and a weaker source names an emulator to use instead; or
            the working directory's file says what needs consent, and there is none.
    """
    for origin, one in said:
        if one.get("database_emulator"):
            break
        if one.get("database_url"):
            _check_contradiction(settings, origin, said)
            break
    file = settings_file()
    if file is not None and not file.is_absolute():
        _check_consent(settings, file, said)


def _check_contradiction(settings: _Target, origin: str, layers: list[Layer]) -> None:
    emulator, address = settings.database_emulator, settings.address()
    if emulator is None or (address.startswith("http:") and urlsplit(address).netloc == emulator):
        return
    other = next(name for name, said in layers if said.get("database_emulator"))
    raise ConfigError(
        f"{origin} names the database {address}, and {other} an emulator at {emulator}",
        where="target",
        hint="Name one: unset FIREBASE_DATABASE_EMULATOR_HOST, or leave out the address",
    )


def _check_consent(settings: _Target, file: Path, layers: list[Layer]) -> None:
    *stronger, (_, said) = layers
    overridden = {name for _, one in stronger for name in one}
    wanting = sorted(
        name for name in said.keys() - overridden if _needs_consent(name, said[name], settings)
    )
    if not wanting or consents().cover(file):
        return
    raise ConfigError(
        f"the settings file of this directory says what it may not say unasked:"
        f" {', '.join(wanting)}",
        where=str(file.resolve()),
        hint="Read it; if you trust it as it is: imbari-chat config trust",
    )


def _needs_consent(name: str, value: object, settings: _Target) -> bool:
    """Whether a file that may be anybody's needs consent to say this."""
    match name:
        case "database_emulator" | "auth_emulator":
            host = str(value).rpartition(":")[0]
            return _THIS_MACHINE.fullmatch(host) is None
        case "database_url":
            url = urlsplit(str(value))
            if url.scheme == "http":
                return _THIS_MACHINE.fullmatch(url.hostname or "") is None
            return not settings.on_emulator
        case _ if name in _OF_THE_TARGET:
            return not settings.on_emulator
        case _:
            return name not in _FREE


def consents() -> Consents:
    """This user's consents. No settings file has a say in where they are kept."""
    data_dir = os.environ.get("IMBARI_CHAT_DATA_DIR") or platformdirs.user_data_path(APP)
    return Consents(Path(data_dir) / "consents")
