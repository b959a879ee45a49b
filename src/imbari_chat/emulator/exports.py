"""Exports: a directory in the layout of ``firebase emulators:export``, written and read.

    firebase-export-metadata.json
    database_export/NAMESPACE.json    as GET /.json?format=export answers
    auth_export/accounts.json         the users of the emulator's project
    auth_export/config.json           and its settings

Read is also a directory that holds nothing but one JSON file, as the console exports a database.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imbari_chat.errors import ConfigError, InvalidData
from imbari_chat.wire.json import Json, dumps, parse
from imbari_chat.wire.tree import Node

__all__ = ["LAYOUT_VERSION", "METADATA", "Imported", "Picture", "check_target", "read", "write"]

METADATA: Final = "firebase-export-metadata.json"
LAYOUT_VERSION: Final = "15.34.2"
"""The firebase-tools whose layout this is, and what the hub says it is."""

_DATABASE_VERSION: Final = "4.11.2"
_DATABASE: Final = "database_export"
_AUTH: Final = "auth_export"
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """What an emulator held at one moment.

    Attributes:
        databases: By name.
        accounts: What goes into ``accounts.json``.
        config: What goes into ``config.json``.
    """

    databases: Mapping[str, Node]
    accounts: Json
    config: Json


@dataclass(frozen=True, slots=True)
class Imported:
    """What a directory held.

    Attributes:
        databases: The file each was in, and its JSON, by name; None is the default database.
        accounts: The file and what is in it, if there are users at all.
        config: Likewise the project's settings.
        skipped: What is in the export and cannot be taken over.
    """

    databases: Mapping[str | None, tuple[Path, Json]]
    accounts: tuple[Path, dict[str, Json]] | None = None
    config: tuple[Path, dict[str, Json]] | None = None
    skipped: list[str] = field(default_factory=list)


def read(directory: Path) -> Imported:
    """Read an export.

    Raises:
        ConfigError: It is not there, or is no export.
        InvalidData: A file in it cannot be read; ``where`` says which.
    """
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise ConfigError(
            f"the export {what}",
            where=str(directory),
            hint="name the directory that an export was written to",
        )
    file = directory / METADATA
    if not file.exists():
        return _single(directory)
    metadata = _object(file)
    database = _part(directory, file, metadata, "database")
    auth = _part(directory, file, metadata, "auth")
    known = {"version", "database", "auth"}
    skipped = [f"{name} is not emulated here" for name in metadata if name not in known]
    databases: dict[str | None, tuple[Path, Json]] = {}
    if database is not None:
        for each in sorted(database.glob("*.json")):
            databases[each.stem] = each, _json(each)
    if auth is None:
        return Imported(databases, skipped=skipped)
    skipped += [
        f"{each.name}: there are no tenants here" for each in sorted(auth.glob("accounts-*.json"))
    ]
    accounts, config = auth / "accounts.json", auth / "config.json"
    return Imported(
        databases,
        (accounts, _object(accounts)) if accounts.exists() else None,
        (config, _object(config)) if config.exists() else None,
        skipped,
    )


def check_target(directory: Path) -> None:
    """Make sure that an export may take the place of ``directory``.

    Raises:
        ConfigError: It is, or contains, the current directory, or holds something else, or no
            directory can have that name.
    """
    with _told_of(directory):
        _check(directory)


def _check(directory: Path) -> None:
    target = directory.resolve()
    if Path.cwd().is_relative_to(target):
        raise ConfigError(
            "an export replaces its directory, and this one contains the current one",
            where=str(directory),
            hint="name a directory of its own",
        )
    if not target.exists():
        return
    if not target.is_dir():
        raise ConfigError(
            "is not a directory", where=str(directory), hint="name a directory of its own"
        )
    if any(target.iterdir()) and not (target / METADATA).exists():
        raise ConfigError(
            "holds something that is no export, and an export would replace it",
            where=str(directory),
            hint="name an empty or new directory",
        )


def write(directory: Path, picture: Picture) -> None:
    """Write an export in place of ``directory``, which holds the former one until then.

    Raises:
        ConfigError: See :func:`check_target`, or it cannot be written.
    """
    check_target(directory)
    made: Path | None = None
    try:
        with _told_of(directory):
            target = directory.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
            _fill(made / "new", picture)
            if target.exists():
                target.rename(made / "old")
            (made / "new").rename(target)
    finally:
        if made is not None:
            with suppress(OSError):  # only a nameless former export is left
                shutil.rmtree(made)


@contextmanager
def _told_of(directory: Path) -> Iterator[None]:
    """Say of which directory it is that something cannot be done.

    A name may be wrong in ways that only the operating system, or the way to it, knows: too long,
    no text of its, with a NUL in it, a link to itself.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        name = str(directory)
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        raise ConfigError(
            f"the export cannot be written: {reason}",
            where=shown.encode(errors="backslashreplace").decode(),
            hint="name a directory that can be made",
        ) from error


def _fill(directory: Path, picture: Picture) -> None:
    metadata: dict[str, Json] = {
        "version": LAYOUT_VERSION,
        "database": {"version": _DATABASE_VERSION, "path": _DATABASE},
        "auth": {"version": LAYOUT_VERSION, "path": _AUTH},
    }
    files: dict[str, Json] = {
        f"{_AUTH}/accounts.json": picture.accounts,
        f"{_AUTH}/config.json": picture.config,
    }
    for name, node in picture.databases.items():
        files[f"{_DATABASE}/{name}.json"] = node.to_json(export=True)
    for folder in (_DATABASE, _AUTH):
        (directory / folder).mkdir(parents=True)
    for name, value in files.items():
        (directory / name).write_bytes(dumps(value).encode())
    (directory / METADATA).write_bytes(dumps(metadata, pretty=True).encode())


def _single(directory: Path) -> Imported:
    files = sorted(directory.glob("*.json"))
    if len(files) != 1:
        raise ConfigError(
            f"holds no {METADATA}, nor a single JSON file",
            where=str(directory),
            hint="name what `emulators:export` wrote, or a directory with one database export",
        )
    return Imported({None: (files[0], _json(files[0]))})


def _part(directory: Path, file: Path, metadata: Mapping[str, Json], name: str) -> Path | None:
    if name not in metadata:
        return None
    part = metadata[name]
    path = part.get("path") if isinstance(part, dict) else None
    if not isinstance(path, str):
        raise InvalidData(f"{name}.path must be a string", where=str(file))
    if not (directory / path).is_dir():
        raise InvalidData(
            f"{name}.path names {path}, which is no directory beside it", where=str(file)
        )
    return directory / path


def _object(file: Path) -> dict[str, Json]:
    value = _json(file)
    if not isinstance(value, dict):
        raise InvalidData("must be a JSON object", where=str(file))
    return value


def _json(file: Path) -> Json:
    try:
        return parse(file.read_bytes())
    except OSError as error:
        raise InvalidData(f"cannot be read: {error.strerror}", where=str(file)) from error
    except InvalidData as error:
        place = f" ({error.where})" if error.where else ""
        raise InvalidData(f"{error.what}{place}", where=str(file)) from None
