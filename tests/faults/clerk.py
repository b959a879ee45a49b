"""A program with a durable outbox that is killed and begun again, in processes of its own."""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from imbari_chat import Settings
from imbari_chat.client import transports
from imbari_chat.errors import AccessDenied, Unavailable
from tests import programs
from tests.faults.clients import admin, settings
from tests.faults.ledger import Entry, Fate
from tests.faults.schedule import TransportName

__all__ = ["Clerk", "main"]

_PATIENCE: Final = 40.0
_BURST: Final = 7
_PAUSE: Final = 0.02
"""Seconds after so many messages: some share a commit, some have one each."""

_ACCEPTED: Final = "accepted"
_RAISED: Final = "raised"


_PROGRAM: Final = f"import sys; from {__name__} import main; main(sys.argv[1:])"


class Clerk:
    """Replies in one conversation, as fast as its outbox accepts.

    Args:
        name: For the ledger.
        where: Its settings; the outbox is durable.
        ledger: Gets every message.

    Attributes:
        session_id: Where it writes; None until it has begun.
        kills: How often it was killed while it ran.
    """

    def __init__(self, name: str, where: Settings, ledger: list[Entry]) -> None:
        self._name = name
        self._where = where
        self._ledger = ledger
        self._runs = 0
        self._noted = 0
        self._child: asyncio.subprocess.Process | None = None
        self._entries: list[Entry] = []
        self.session_id: str | None = None
        self.kills = 0

    async def begin(self, session_id: str) -> None:
        """Run, in the conversation where it began, which is this one the first time."""
        self.session_id = self.session_id or session_id
        self._runs += 1
        await self._start(self.session_id, self._prefix, str(self._said))

    async def kill(self) -> None:
        """SIGKILL; what it has said to be accepted is noted, and that one more may have been."""
        if self._child is None:
            return
        self._child.kill()
        await self._ended()
        self.kills += 1
        entries = self._written()
        self._entries += entries
        self._ledger += entries
        self._noted = self._runs

    @property
    def saying(self) -> list[str]:
        """What it may have written since it was begun last, for as long as no ledger has it."""
        return [] if self._noted == self._runs else [one.text for one in self._written()]

    async def finish(self) -> list[str]:
        """Run once more, until all that was left is delivered.

        Returns:
            What is wrong with what is left.
        """
        await self.kill()
        if self.session_id is None:
            return []
        await self._start()
        code = await self._ended()
        file = transports.outbox_file(self._where, "admin")
        rows = file.rows()
        file.close()
        for entry in self._entries:
            if entry.fate == "unsettled":
                entry.fate = "stored"
        refused = [row for row in rows if row.state == "failed"]
        for row in refused:
            for entry in self._entries:
                if f'"{entry.text}"' in row.plan:
                    entry.fate = "absent"
        left = [f"{row.key} is {row.state}: {row.reason}" for row in rows if row not in refused]
        if code:
            left.append(f"it ended with {code}")
        return [f"{self._name}: {one}" for one in left]

    async def close(self) -> None:
        """End it, if it runs."""
        if self._child is not None:
            self._child.kill()
            await self._ended()

    def _written(self) -> list[Entry]:
        """What it has said to be accepted since it was begun, and one more that may have been."""
        said = self._said.read_text("utf-8").split() if self._said.exists() else []
        fates: list[Fate] = ["unknown" if one == _RAISED else "unsettled" for one in said]
        return [
            Entry(self._name, self.session_id or "", f"{self._prefix}{number}", fate)
            for number, fate in enumerate([*fates, "unknown"])
        ]

    @property
    def _prefix(self) -> str:
        return f"{self._name} {self._runs}."

    @property
    def _said(self) -> Path:
        return self._where.data_dir / f"said-{self._runs}"

    async def _start(self, *arguments: str) -> None:
        where = self._where
        self._child = await programs.start(
            sys.executable,
            "-c",
            _PROGRAM,
            str(where.database_emulator),
            str(where.auth_emulator),
            str(where.data_dir),
            where.transport,
            *arguments,
        )

    async def _ended(self) -> int:
        child, self._child = self._child, None
        assert child is not None
        async with asyncio.timeout(_PATIENCE):
            return await child.wait()


def main(arguments: Sequence[str]) -> None:
    """A clerk's program: write until killed, or, without a conversation, deliver what is left."""
    database, auth, folder, transport, *rest = arguments
    where = settings(database, auth, Path(folder), cast("TransportName", transport), "durable")
    logging.disable()
    if rest:
        session_id, prefix, said = rest
        _write(where, session_id, prefix, Path(said))
    else:
        _flush(where)


def _write(where: Settings, session_id: str, prefix: str, said: Path) -> None:
    """Accept messages until killed, and say of each that it was."""

    async def writing() -> None:
        async with admin(where) as desk:
            number = 0
            while True:
                said = _ACCEPTED
                try:
                    await desk.reply(session_id, f"{prefix}{number}", timeout=0)
                except (AccessDenied, Unavailable):
                    said = _RAISED
                    await asyncio.sleep(_PAUSE)
                os.write(log, f"{said}\n".encode())
                number += 1
                if number % _BURST == 0:
                    await asyncio.sleep(_PAUSE)

    said.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(writing())


def _flush(where: Settings) -> None:
    """Deliver what is left."""

    async def flushing() -> None:
        async with admin(where) as desk:
            left = await desk.flush(timeout=_PATIENCE / 2)
        if left:
            sys.exit(len(left))

    asyncio.run(flushing())
