"""An outbox on disk, off the event loop: what is accepted together shares a commit."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from imbari_chat.errors import ClientClosed, ImbariError
from imbari_chat.files import FileLock
from imbari_chat.logs import get_logger
from imbari_chat.net.background import in_background
from imbari_chat.net.store_file import Row, RowState, Statement, StoreFile, becoming
from imbari_chat.net.workers import Workers

__all__ = ["OutboxStore"]

_TRIED: Final = "UPDATE message SET tries = ? WHERE key = ?"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """What is to be written, and who waits for it."""

    statement: Statement
    done: asyncio.Future[None]


class OutboxStore:
    """One worker's :class:`StoreFile`, for an event loop.

    While one commit is under way, whatever else is to be written gathers for the next, in order.

    Args:
        file: What it writes to.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._workers = Workers(1, "imbari-chat-outbox")
        self._soon: list[_Write] = []
        self._lazy: dict[str, Statement] = {}
        """By message, and tried again until it is written."""
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def place(self) -> str:
        """Where it is, for a person to read."""
        return str(self._file.file)

    def append(self, row: Row) -> asyncio.Future[None]:
        """Accept a message: it is on disk when the future is done, and not at all if it raises.

        Futures are done in the order of the calls.

        Raises:
            ClientClosed: The store has been closed.
        """
        done = self._write(row.insertion())
        # A disk that fails in the middle of a commit may bring it back: it was not accepted.
        done.add_done_callback(lambda done: self._forget_refused(row.key, done))
        return done

    async def tried(self, keys: Iterable[str]) -> None:
        """From now on these may be there.

        Raises:
            ConfigError: That cannot be written, so they are not to be sent.
        """
        await asyncio.gather(*(self._write((_TRIED, (1, key))) for key in keys))

    def untried(self, key: str) -> None:
        """It certainly is not there: what was tried was not sent.

        Should that not be written, it is looked for before it is sent. In order with
        :meth:`tried`, so that a later try is not forgotten.
        """
        self._write((_TRIED, (0, key))).add_done_callback(asyncio.Future.exception)

    async def become(self, key: str, state: RowState) -> None:
        """Say what is to become of a message, to whichever process sends it.

        Raises:
            ConfigError: It cannot be written.
        """
        await self._write(becoming(key, state))

    def note(self, key: str, state: RowState, reason: str | None = None) -> None:
        """It became this here: write that with what is written next, or at the next look."""
        self._lazy[key] = becoming(key, state, reason)

    def forget(self, key: str) -> None:
        """It was delivered: delete it with what is written next, or at the next look.

        Should the program be killed before, the message is looked for and found.
        """
        self._lazy[key] = "DELETE FROM message WHERE key = ?", (key,)

    async def rows(self) -> list[Row]:
        """All that is kept, in the order in which it was accepted, less what is known better here.

        Raises:
            ConfigError: The file cannot be read.
        """
        await self.written()
        rows = await self._workers.run(self._file.rows)
        return [row for row in rows if row.key not in self._lazy]

    async def version(self) -> int:
        """A number that changes when another process has changed anything.

        Raises:
            ConfigError: The file cannot be read.
        """
        return await self._workers.run(self._file.version)

    async def lock(self) -> FileLock | None:
        """The right to send what is kept; None if another process has it.

        Raises:
            ConfigError: It cannot be locked.
        """
        return await self._workers.run(self._file.lock)

    async def written(self) -> None:
        """Wait until everything is written that can be; what is deleted, too."""
        self._go_on()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def close(self) -> None:
        """Write what is left, and let go of the file. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        if self._writing is not None and self._writing.get_loop() is not loop:
            # That one is over: it ends no task, and nobody in it is left to be told.
            self._writing = None
            self._soon = [_Write(one.statement, loop.create_future()) for one in self._soon]
        await self.written()
        await self._workers.run(self._file.close)
        self._workers.close()

    def _write(self, statement: Statement) -> asyncio.Future[None]:
        if self._closed:
            raise ClientClosed()
        done = asyncio.get_running_loop().create_future()
        self._soon.append(_Write(statement, done))
        self._go_on()
        return done

    def _forget_refused(self, key: str, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self.forget(key)

    def _go_on(self) -> None:
        if (self._soon or self._lazy) and (self._writing is None or self._writing.done()):
            self._writing = in_background(self._write_all(), "outbox to disk")

    async def _write_all(self) -> None:
        while self._soon or self._lazy:
            soon, self._soon = self._soon, []
            lazy, self._lazy = self._lazy, {}
            try:
                await self._workers.run(
                    self._file.write, [*(one.statement for one in soon), *lazy.values()]
                )
            except ImbariError as error:
                self._lazy = lazy | self._lazy
                self._settle(soon, error)
                if not soon:
                    _log.warning(
                        "what became of %d messages is not on disk yet: %s", len(lazy), error
                    )
                if not self._soon:
                    return  # the next write tries again
            else:
                self._settle(soon, None)

    @staticmethod
    def _settle(batch: list[_Write], error: ImbariError | None) -> None:
        for one in batch:
            if one.done.done():
                continue
            if error is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(error)
