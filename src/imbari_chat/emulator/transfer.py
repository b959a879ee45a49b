"""What is in an emulator, taken over from an export and pictured for one."""

from collections.abc import Collection
from pathlib import Path as File

from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.exports import Picture, read
from imbari_chat.errors import InvalidData
from imbari_chat.logs import get_logger
from imbari_chat.wire.paths import Path

__all__ = ["picture", "take_over"]

_log = get_logger(__name__)


def take_over(directory: File, databases: Databases, accounts: AuthState, now: int) -> set[str]:
    """Put what an export holds in place of what is there. What cannot be taken over is logged.

    Args:
        now: Milliseconds since the epoch.

    Returns:
        The names of the databases that were in it.

    Raises:
        ConfigError: It is not there, or is no export.
        InvalidData: A file in it cannot be used; ``where`` says which.
    """
    found = read(directory)
    imported = set()
    for name, (file, value) in found.databases.items():
        try:
            database = databases.named(name or databases.default)
            database.write(Write.put(Path(), value), ADMIN, now)
        except InvalidData as error:
            place = f" (at {error.where})" if error.where else ""
            raise InvalidData(f"{error.what}{place}", where=str(file)) from error
        except Refusal as error:
            raise InvalidData("is not named for a database", where=str(file)) from error
        imported.add(database.name)
    if found.accounts is not None or found.config is not None:
        users = found.accounts[1] if found.accounts else {"users": []}
        try:
            accounts.accounts().restore(users, found.config and found.config[1])
        except InvalidData as error:
            files = [str(part[0]) for part in (found.accounts, found.config) if part]
            raise InvalidData(error.what, where=" or ".join(files)) from error
    for line in found.skipped:
        _log.warning("not imported: %s", line)
    return imported


def picture(databases: Databases, accounts: AuthState, always: Collection[str]) -> Picture:
    """What is there now.

    Args:
        always: Databases that belong to it even when they are empty.
    """
    users = accounts.accounts()
    return Picture(
        {
            **{name: databases.named(name).root for name in always},
            **{database.name: database.root for database in databases if database.root.exists},
        },
        users.exported(),
        users.config(),
    )
