"""Where the demo plays: an emulator under the shipped rules, and an admin account there.

The admin signs in with a password, as one would on a live project, and holds nothing but the
``admin`` claim, so the rules decide about every read and write of the demo.
"""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from imbari_chat.config import Settings, SettingsFlags
from imbari_chat.emulator import Emulator
from imbari_chat.identity import factory, sign_in
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.schema import strict_rules

__all__ = ["PROJECT", "Stage", "stage"]

PROJECT = "demo-imbari"
_ADMIN = "desk@example.com"


@dataclass(frozen=True, slots=True)
class Stage:
    """A running emulator with an admin account.

    Attributes:
        emulator: Both halves, running.
        flags: Settings that lead there, whatever the environment says.
        started_in: How long the emulator took to start, in seconds.
        email: The admin's.
        password: The admin's, made for this run.
    """

    emulator: Emulator
    flags: SettingsFlags
    started_in: float
    email: str
    password: str = field(repr=False)


@contextmanager
def stage() -> Iterator[Stage]:
    """Set everything up, and take it down again.

    Raises:
        ConfigError: No port can be had.
        Unavailable: The emulator does not answer.
    """
    emulator = Emulator(PROJECT, strict_rules())
    began = time.perf_counter()
    with emulator, tempfile.TemporaryDirectory(prefix="imbari-chat-demo-") as directory:
        started_in = time.perf_counter() - began
        flags: SettingsFlags = {
            "project": PROJECT,
            "database_url": emulator.database_url,
            "database_emulator": emulator.database_host,
            "auth_emulator": emulator.auth_host,
            "identity": "login",
            "profile": "demo",
            "name": "Noor",
            "token_store": "file",
            "data_dir": Path(directory),
        }
        password = secrets.token_urlsafe(12)
        _sign_in_an_admin(Settings.load(**flags), password)
        yield Stage(emulator, flags, started_in, _ADMIN, password)


def _sign_in_an_admin(settings: Settings, password: str) -> None:
    """Make an account, give it the claim, and leave its sign-in where the client looks for it."""
    where = factory.sign_in_project(settings)
    with closing(AdminAccounts(where)) as accounts:
        accounts.create(_ADMIN, password)
        accounts.grant(_ADMIN)
    kept = factory.stored_sign_in(settings, where, "admin")
    sign_in.sign_in_with_password(where, _ADMIN, password, on_tokens=kept.keep).close()
