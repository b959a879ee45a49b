"""The file of an outbox: an SQLite database that one process after the other, or several, write.

A commit lasts through kill -9 and a power cut: the write-ahead log is synced each time (WAL with
``synchronous=FULL``; the default of some builds syncs at checkpoints only). The file says whom it
belongs to. One that is damaged, somebody else's or from a newer version is set aside under another
name and said so; then there is a new one.

Everything here blocks, and belongs to one thread.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn, TypeAlias, TypeVar, get_args

from imbari_chat import private_files
from imbari_chat.errors import ConfigError
from imbari_chat.files import FileLock
from imbari_chat.logs import get_logger

__all__ = ["Row", "RowState", "Statement", "StoreFile", "becoming"]

RowState: TypeAlias = Literal["queued", "held", "failed", "dropped"]
"""``queued``: goes out. ``held``: waits for a person. ``failed``: refused, kept with the reason.
``dropped``: given up; whoever sends forgets it."""

Statement: TypeAlias = tuple[str, tuple[object, ...]]
R = TypeVar("R")

_VERSION: Final = 1
_MAGIC: Final = b"SQLite format 3\0"
_FORMATS: Final = (1, 2)
"""How a file may be written and read (bytes 18 and 19): with a rollback journal, or a log."""

_BUSY: Final = 10.0
"""Seconds that another process may take for a commit."""

_LARGEST: Final = 2**18
"""Pages of 4 KiB: 1 GiB."""

_OF_THE_MACHINE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full, or the outbox is",
    sqlite3.SQLITE_READONLY: "it cannot be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "reading or writing failed",
    sqlite3.SQLITE_PERM: "it may not be used",
    sqlite3.SQLITE_BUSY: "another process does not let go of it",
    sqlite3.SQLITE_LOCKED: "another process does not let go of it",
    sqlite3.SQLITE_PROTOCOL: "another process does not let go of it",
    sqlite3.SQLITE_INTERRUPT: "it was interrupted",
    sqlite3.SQLITE_NOLFS: "it is too large for this system",
    sqlite3.SQLITE_NOMEM: "memory is full",
}
"""What is no damage: the file is what it was."""

_PRAGMAS: Final = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA secure_delete = ON",  # what was delivered is not left lying about
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # where fsync alone does not reach the disk (macOS)
    "PRAGMA checkpoint_fullfsync = ON",
)

_SCHEMA: Final = (
    "CREATE TABLE owner (binding TEXT NOT NULL)",
    """CREATE TABLE message (
        seq INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        lane TEXT NOT NULL,
        plan TEXT NOT NULL,
        created INTEGER NOT NULL,
        uid TEXT,
        digest BLOB NOT NULL,
        tries INTEGER NOT NULL,
        state TEXT NOT NULL,
        reason TEXT
    )""",
)

_INSERT: Final = (
    "INSERT INTO message (key, lane, plan, created, uid, tries, state, reason, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT: Final = (
    "SELECT key, lane, plan, created, uid, tries, state, reason, digest FROM message ORDER BY seq"
)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A message that was accepted.

    Attributes:
        key: Its id.
        lane: Its conversation.
        plan: What it writes, as text.
        created: When it was accepted by this machine's clock, ms since the epoch.
        uid: Whose it is.
        tries: 0 if it certainly never left; 1 if it may be there.
        state: What is to become of it.
        reason: Why the service refused it.
    """

    key: str
    lane: str
    plan: str
    created: int
    uid: str | None
    tries: int = 0
    state: RowState = "queued"
    reason: str | None = None

    def digest(self) -> bytes:
        """Of what never changes: a disk that errs is not to put words into anybody's mouth."""
        return hashlib.sha256(repr(astuple(self)[:5]).encode()).digest()

    def insertion(self) -> Statement:
        """What puts it behind all that is there."""
        return _INSERT, (*astuple(self), self.digest())


def becoming(key: str, state: RowState, reason: str | None = None) -> Statement:
    """What notes that a message is to become this. One that was dropped stays so."""
    return (
        "UPDATE message SET state = ?, reason = ? WHERE key = ? AND state <> 'dropped'",
        (state, reason, key),
    )


class _NotOurs(Exception):
    """This file cannot be used, and another in its place can."""

    def __init__(self, tag: str, what: str) -> None:
        super().__init__(what)
        self.tag: str = tag


class StoreFile:
    """An outbox on disk, opened when it is first used.

    Args:
        file: Where; beside it there are a log and locks of the same name.
        binding: Whose it is: the target and the role, as one text.
        most_pages: How large it may become, in pages of 4 KiB.
    """

    def __init__(self, file: Path, binding: str, *, most_pages: int = _LARGEST) -> None:
        self.file: Path = file
        self._binding = binding
        self._most_pages = most_pages
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def write(self, statements: Sequence[Statement]) -> None:
        """Carry all of these out in one commit, or none.

        Raises:
            ConfigError: The file cannot be written; nothing of it was accepted.
        """

        def commit(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                connection.execute(sql, values)
            connection.execute("COMMIT")

        self._use(commit)

    def rows(self) -> list[Row]:
        """All that is kept, in the order in which it was accepted.

        Raises:
            ConfigError: The file cannot be read.
        """
        return self._use(_rows)

    def version(self) -> int:
        """A number that changes when another process has changed anything, or the file.

        Raises:
            ConfigError: The file cannot be read.
        """

        def version(connection: sqlite3.Connection) -> int:
            (found,) = connection.execute("PRAGMA data_version").fetchone()
            return hash((found, self._identity))

        return self._use(version)

    def lock(self) -> FileLock | None:
        """The right to send what is kept; None if another process has it.

        Raises:
            ConfigError: It cannot be locked.
        """
        private_files.prepare(self.file)
        try:
            return FileLock.take(self._beside(".lock"))
        except OSError as error:
            raise ConfigError(
                f"the outbox cannot be locked: {error.strerror}",
                where=str(self.file),
                hint="Keep data on a disk of this machine that can lock files, or choose the"
                " memory outbox",
            ) from error

    def close(self) -> None:
        """Let go of the file. Doing so twice is fine; using it opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # what was committed is; there is nothing else to save
                connection.close()

    def _use(self, work: Callable[[sqlite3.Connection], R]) -> R:
        try:
            return self._once(work)
        except _NotOurs as trouble:
            self._set_aside(trouble)
        try:
            return self._once(work)
        except _NotOurs as trouble:
            self._refuse(str(trouble), trouble)

    def _once(self, work: Callable[[sqlite3.Connection], R]) -> R:
        try:
            if self._identity_now() != self._identity:
                self.close()  # it was set aside or deleted meanwhile, and what is put there is lost
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)
        except (sqlite3.Error, UnicodeError) as error:
            self.close()
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in _OF_THE_MACHINE:
                self._refuse(_OF_THE_MACHINE[code], error)
            if isinstance(error, sqlite3.InterfaceError | sqlite3.ProgrammingError):
                self._refuse(f"it was not used as it can be: {error}", error)
            raise _NotOurs("damaged", "it is damaged") from error
        except _NotOurs:
            self.close()
            raise

    def _open(self) -> sqlite3.Connection:
        private_files.prepare(self.file)
        with self._alone():
            self._identity = self._identity_now()
            self._check_header()
            # A worker's thread uses it, and whoever closes it when there is no worker any more.
            connection = sqlite3.connect(
                self.file, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                self._begin(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        for pragma in (*_PRAGMAS, f"PRAGMA max_page_count = {self._most_pages}"):
            connection.execute(pragma)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and not tables:
            connection.execute("BEGIN IMMEDIATE")
            for sql in _SCHEMA:
                connection.execute(sql)
            connection.execute("INSERT INTO owner VALUES (?)", (self._binding,))
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
            return
        if version > _VERSION:
            raise _NotOurs("newer", "a newer version of this program wrote it")
        if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
            raise _NotOurs("damaged", "it is damaged")
        if connection.execute("SELECT binding FROM owner").fetchall() != [(self._binding,)]:
            raise _NotOurs("foreign", "it belongs to another target or role")
        _rows(connection)

    def _check_header(self) -> None:
        """SQLite takes an unknown format for a file that may not be written."""
        with self.file.open("rb") as stream:
            start = stream.read(20)
        if start and not (start.startswith(_MAGIC) and all(one in _FORMATS for one in start[18:])):
            raise _NotOurs("damaged", "it is damaged")

    def _set_aside(self, trouble: _NotOurs) -> None:
        aside = self._beside(f".{trouble.tag}-{secrets.token_hex(4)}")
        with self._alone():
            if self._identity_now() != self._identity:
                return  # another process has done so
            try:
                # The log first: beside another file it would be taken for that one's.
                for suffix in ("-wal", "-shm"):
                    with suppress(FileNotFoundError):
                        self._beside(suffix).rename(f"{aside}{suffix}")
                self.file.rename(aside)
            except OSError as error:
                self._refuse(f"{trouble}, and cannot be set aside", error)
        _log.warning(
            "the outbox %s is not used: %s. It is kept as %s, with what was not delivered in it,"
            " and a new one is begun",
            self.file,
            trouble,
            aside.name,
        )

    def _alone(self) -> FileLock:
        """Processes open the file, and set it aside, one after the other."""
        try:
            lock = FileLock.take(self._beside(".guard"), wait=True)
        except OSError as error:
            self._refuse("it cannot be locked", error)
        assert lock is not None
        return lock

    def _beside(self, suffix: str) -> Path:
        return self.file.with_name(self.file.name + suffix)

    def _identity_now(self) -> tuple[int, int] | None:
        try:
            found = self.file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _refuse(self, why: str, error: Exception) -> NoReturn:
        raise ConfigError(
            f"the outbox cannot be used, and nothing was accepted: {why}",
            where=str(self.file),
            hint="Make room, or choose another directory",
        ) from error


def _rows(connection: sqlite3.Connection) -> list[Row]:
    found = []
    for *values, digest in connection.execute(_SELECT):
        row = Row(*values)
        if row.digest() != digest or row.state not in get_args(RowState) or row.tries not in (0, 1):
            raise _NotOurs("damaged", "it is damaged")
        found.append(row)
    return found
