"""State that outlives the process: a directory with a journal of everything that was committed.

A :class:`Durable` compares what is in memory with what it last wrote, which is cheap because trees
and accounts are immutable, and appends the difference. Called before anything is sent, it makes
that no client hears of a change that could still be lost.

Kept are the data of every database and the users and settings of every project. Rules come from
their file; pending mailed codes, and settings of databases, end with the process.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import compress
from operator import is_not
from pathlib import Path as File
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.state import AuthState
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.journal import Journal, read
from imbari_chat.errors import ConfigError, ImbariError
from imbari_chat.logs import get_logger
from imbari_chat.wire.children import unshared
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import EMPTY, Branch, Node, from_json, put_all

__all__ = ["Durable", "changed", "kept"]

_log = get_logger(__name__)

_FORMAT: Final[Json] = {"format": "imbari-chat emulator", "version": 1}
_COMPACT_FROM: Final = 1024 * 1024


@dataclass(slots=True)
class _State:
    """What the records of a journal add up to."""

    databases: dict[str, Node] = field(default_factory=dict)
    users: dict[str, dict[str, Json]] = field(default_factory=dict)
    settings: dict[str, dict[str, Json]] = field(default_factory=dict)

    def apply(self, record: Any) -> None:
        """Raises KeyError, TypeError, AttributeError or ImbariError for what is no record."""
        if "database" in record:
            puts = [(Path.parse(path), value) for path, value in record["put"].items()]
            before = self.databases.get(record["database"], EMPTY)
            nodes = [(path, from_json(value, path)) for path, value in puts]
            self.databases[record["database"]] = put_all(before, nodes)
            return
        project = record["project"]
        users = self.users.setdefault(project, {})
        if "settings" in record:
            self.settings[project] = record["settings"]
        for uid, user in record.get("users", {}).items():
            if user is None:
                users.pop(uid, None)
            else:
                users[uid] = user


@contextmanager
def _making_sense(file: File) -> Iterator[None]:
    """Whoever works on what a journal holds finds what it wrote; the checksums hold already."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ImbariError) as error:
        raise ConfigError(
            "holds a record that makes no sense",
            where=str(file),
            hint="restore it from a copy; a crash alone does not do this",
        ) from error


class Durable:
    """The state of an emulator, kept in a directory. Everything happens where it is called.

    Args:
        directory: Made if it is not there.
        sync: Have the disk confirm every commit; otherwise a power cut, though not the end of the
            process, may take the last of them.
        warn: Told what had to be left behind.
    """

    def __init__(
        self,
        directory: File,
        databases: Databases,
        accounts: AuthState,
        *,
        sync: bool = False,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._databases = databases
        self._accounts = accounts
        self._warn = warn
        self._journal = Journal(directory / "journal", sync=sync)
        self._lock: int | None = None
        self._roots: dict[str, Node] = {}
        self._version = -1
        self._users: dict[str, dict[str, Account]] = {}
        self._settings: dict[str, dict[str, Json]] = {}
        self._compacted = 0

    def open(self, now: int) -> bool:
        """Take the directory and put what it holds in place of what is in memory.

        Args:
            now: Milliseconds since the epoch.

        Returns:
            Whether it held anything.

        Raises:
            ConfigError: It cannot be used, another emulator has it, or it is damaged.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            state = self._recovered()
            with _making_sense(self._directory / "journal"):
                self._restore(state, now)
            self._compact()
        except OSError as error:
            self.close()
            raise ConfigError(
                f"cannot be used for data: {error.strerror}",
                where=str(self._directory),
                hint="name a directory that you may write in",
            ) from error
        except BaseException:
            self.close()
            raise
        return bool(
            any(node.exists for node in state.databases.values()) or any(state.users.values())
        )

    def keep(self) -> None:
        """Write down what has changed since the last time, if anything has.

        Raises:
            ConfigError: It cannot be written; the next call tries again.
        """
        records = list(self._changes())
        if not records:
            return
        try:
            self._journal.append(records)
        except OSError as error:
            raise ConfigError(
                f"the data directory cannot be written: {error.strerror}",
                where=str(self._directory),
                hint="make room in it, or let it be written: what is not kept is tried again",
            ) from error
        self._remember()
        if self._journal.size > max(_COMPACT_FROM, 2 * self._compacted):
            try:
                self._compact()
            except OSError as error:  # what was written stands where it was, only longer
                self._compacted = self._journal.size
                self._warn(f"{self._directory}: the journal stays long: {error.strerror}")

    def close(self) -> None:
        """Let go of the directory. Doing so twice is fine."""
        self._journal.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _locked(self) -> int:
        """The lock is the operating system's, so it ends with the process, however that ends."""
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode("ascii", "replace").strip()
            os.close(lock)
            raise ConfigError(
                f"another emulator uses this directory{f' (process {holder})' if holder else ''}",
                where=str(self._directory),
                hint="stop it, or choose another directory",
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        return lock

    def _recovered(self) -> _State:
        file = self._directory / "journal"
        data = b""
        with suppress(FileNotFoundError):
            data = file.read_bytes()
        found = read(data)
        if found.damaged:
            raise ConfigError(
                f"is damaged at byte {found.length}, with whole records behind the broken one",
                where=str(file),
                hint="restore it from a copy; a crash alone does not do this",
            )
        state = _State()
        if found.records and found.records[0] != _FORMAT:
            raise ConfigError(
                "is not a journal this version can read",
                where=str(file),
                hint="open it with the version that wrote it and export it there, or name another"
                " directory",
            )
        if data and not found.records:
            raise ConfigError(
                "is not a journal",
                where=str(file),
                hint="name another directory: this one holds something else by that name",
            )
        with _making_sense(file):
            for record in found.records[1:]:
                state.apply(record)
        if found.torn:
            self._warn(
                f"{file}: dropped the last {found.torn} bytes, a write that was cut short and"
                " never acknowledged"
            )
        return state

    def _restore(self, state: _State, now: int) -> None:
        names = {*state.databases, *(namespace.name for namespace in self._databases)}
        for name in names:
            namespace, node = self._databases.named(name), state.databases.get(name, EMPTY)
            if namespace.root != node:
                namespace.write(Write.put(Path(), node.to_json(export=True)), ADMIN, now)
        for project in {*state.users, *self._accounts.projects()}:
            self._accounts.accounts(project).restore(
                {"users": list(state.users.get(project, {}).values())},
                state.settings.get(project),
            )

    def _compact(self) -> None:
        self._journal.rewrite(self._everything())
        self._compacted = self._journal.size
        self._remember()

    def _everything(self) -> Iterator[Json]:
        yield _FORMAT
        for namespace in self._databases:
            if namespace.root.exists:
                yield _put(namespace.name, {"/": namespace.root.to_json(export=True)})
        for project in self._accounts.projects():
            accounts = self._accounts.accounts(project)
            users: dict[str, Json] = {user.local_id: _user(user) for user in accounts}
            yield {"project": project, "settings": accounts.config(), "users": users}

    def _changes(self) -> Iterator[Json]:
        roots = {namespace.name: namespace.root for namespace in self._databases}
        for name in {**self._roots, **roots}:  # one that was emptied may be forgotten by now
            before, after = self._roots.get(name, EMPTY), roots.get(name, EMPTY)
            if after is not before:
                puts = changed(before, after)
                values = {str(path): node.to_json(export=True) for path, node in puts}
                if values:
                    yield _put(name, values)
        if self._accounts.version == self._version:
            return
        for project in self._accounts.projects():
            accounts = self._accounts.accounts(project)
            known, now = self._users.get(project, {}), {user.local_id: user for user in accounts}
            users: dict[str, Json] = {uid: None for uid in known if uid not in now}
            users |= {uid: _user(user) for uid, user in now.items() if known.get(uid) is not user}
            record: dict[str, Json] = {"project": project, "users": users}
            if accounts.config() != self._settings.get(project):
                record["settings"] = accounts.config()
            if len(record) > 2 or users:
                yield record

    def _remember(self) -> None:
        self._roots = {namespace.name: namespace.root for namespace in self._databases}
        if self._accounts.version == self._version:
            return
        self._version = self._accounts.version
        for project in self._accounts.projects():
            accounts = self._accounts.accounts(project)
            self._users[project] = {user.local_id: user for user in accounts}
            self._settings[project] = accounts.config()


def kept(app: ASGIApp, keep: Callable[[], None]) -> ASGIApp:
    """``app``, sending nothing before ``keep`` has returned; if it raises, nothing is sent."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_kept(message: Message) -> None:
            try:
                keep()
            except ConfigError as error:
                _log.error("%s: %s", error.where, error.what)
                raise
            await send(message)

        await app(scope, receive, send_kept)
        keep()

    return answer


def changed(before: Node, after: Node) -> Iterator[tuple[Path, Node]]:
    """The least that has to be put into ``before`` to make ``after``; no path is above another.

    Looks only where the trees are not the same object, so it costs no more than the write did.
    """
    yield from _changed((), before, after)


def _changed(trail: tuple[str, ...], before: Node, after: Node) -> Iterator[tuple[Path, Node]]:
    if (
        not isinstance(before, Branch)
        or not isinstance(after, Branch)
        or before.priority != after.priority
        or not before.exists
        or not after.exists
    ):
        yield Path.of(trail), after
        return
    old, new = unshared(before.children, after.children)
    others = list(compress(new, map(is_not, map(old.get, new), new.values())))
    for key in others:
        yield from _changed((*trail, key), before.child(key), new[key])
    added = sum(key not in old for key in others)
    if len(old) + added > len(new):
        for key in old:
            if key not in new:
                yield Path.of((*trail, key)), EMPTY


def _put(name: str, values: Mapping[str, Json]) -> Json:
    return {"database": name, "put": dict(values)}


def _user(user: Account) -> Json:
    """As :meth:`Accounts.restore` reads it; the revocations are not part of Google's format."""
    return user.to_json() | {"revocations": user.revocations}
