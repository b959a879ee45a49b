"""What an outbox keeps on disk, so that it outlives the program: the shell around the store.

One process sends what is kept, by a lock that the kernel frees when it ends; it begins with what
earlier ones left. Others append, look now and again how far their messages have got, and send
themselves once the lock is free. Nobody sends what another sign-in wrote.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from imbari_chat import errors
from imbari_chat.client.sending.entry import OutboxEntry, missing
from imbari_chat.clock import local_time
from imbari_chat.errors import ConfigError, ImbariError, Unavailable
from imbari_chat.files import FileLock
from imbari_chat.logs import get_logger
from imbari_chat.net.store import OutboxStore
from imbari_chat.net.store_file import Row, RowState
from imbari_chat.schema.outgoing import OutgoingMessage, became, progress_of
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plan_text import pack, unpack
from imbari_chat.schema.plans import as_sent
from imbari_chat.states import Delivery

__all__ = ["Disk", "Sender"]

_LOOK: Final = 0.2
"""Seconds from one look at what other processes did to the next."""

_LONGEST: Final = 30.0
"""Seconds between looks while nobody is signed in, or the disk cannot be read."""

_log = get_logger(__name__)


class Sender(Protocol):
    """The outbox in memory, as what is found on disk changes it."""

    @property
    def uid(self) -> str | None:
        """Who sends."""

    async def identify(self) -> None:
        """Find out who sends."""

    def entry(self, key: str) -> OutboxEntry | None:
        """A message that is in it."""

    def kept(self) -> list[OutboxEntry]:
        """Those that are on disk too."""

    def taken(self) -> set[str]:
        """Those that it sees to itself."""

    def take_over(self, entry: OutboxEntry, *, age: float, held: bool) -> None:
        """See to this one, which waits for ``age`` seconds by the wall clock."""

    def set_held(self, entry: OutboxEntry, *, held: bool) -> None:
        """A person said whether it is to wait."""

    def drop_here(self, entry: OutboxEntry) -> None:
        """A person gave it up."""

    def heard(self, entry: OutboxEntry, delivery: Delivery, error: ImbariError | None) -> None:
        """Whoever sends it has got so far with it."""

    def find_out(self, entry: OutboxEntry) -> None:
        """Whoever sent it is done with it: look whether it is stored."""

    def looked(self) -> None:
        """All that was found has been said."""


class Disk:
    """What one outbox keeps.

    Args:
        store: Where.
        stale_after: How old a message may be to go out unasked, in seconds.
    """

    def __init__(self, store: OutboxStore, stale_after: float) -> None:
        self._store = store
        self._stale_after = stale_after
        self._lock: FileLock | None = None
        self._version: int | None = None
        self._moved: set[str] = set()
        """What became of these is known better here than by a look that began before."""
        self._coming: set[str] = set()
        """These are being accepted: a look may find them before that is known here."""
        self._held: set[str] = set()
        """A person holds these, and the disk says so."""
        self.was_read: bool = False
        """Whether it is known what is there."""
        self.trouble: ImbariError | None = None
        """Why it cannot be known, if that is no outage."""

    @property
    def place(self) -> str:
        """Where it is, for a person to read."""
        return self._store.place

    @property
    def sends(self) -> bool:
        """Whether this process sends what is kept, and has taken over what there was."""
        return self._lock is not None and self.was_read

    def append(self, entry: OutboxEntry, uid: str | None, *, tried: bool) -> asyncio.Future[None]:
        """Accept a message: done when it is on disk.

        Args:
            entry: The message.
            uid: Who writes it.
            tried: Whether it is sent as soon as it is there.
        """
        entry.kept, entry.tried, entry.created = True, tried, local_time()
        plan = pack(entry.plan)
        row = Row(entry.message.id, entry.session_id, plan, entry.created, uid, int(tried))
        done = self._store.append(row)
        self._coming.add(row.key)
        done.add_done_callback(lambda _: self._coming.discard(row.key))
        return done

    def accepted(self, entry: OutboxEntry) -> None:
        """It is on disk; a look that began before does not know it."""
        self._moved.add(entry.message.id)

    async def refused(self, uid: str | None) -> tuple[OutgoingMessage, ...]:
        """What the service refused of this person's messages, in the order written.

        Raises:
            ConfigError: The disk cannot be read.
        """
        messages = []
        for row in await self._store.rows():
            if row.state == "failed" and row.uid == uid:
                messages.append(_restored(row).message)
                became(messages[-1], "failed", _refusal(row.reason))
        return tuple(messages)

    async def become(self, key: str, state: RowState) -> None:
        """Say what is to become of a message, to whichever process sends it.

        Raises:
            NotFound: It is not there.
            ConfigError: It cannot be written.
        """
        if key not in {row.key for row in await self._store.rows()}:
            raise missing(key)
        self._moved.add(key)
        self._know(key, state)
        if state == "dropped" and self.sends:
            self._store.forget(key)
            await self._store.written()
        else:
            await self._store.become(key, state)
            self.look_again()  # one's own writes are no news

    async def tried(self, entries: Iterable[OutboxEntry]) -> None:
        """These are about to be sent.

        Raises:
            Unavailable: That cannot be written, so they have to wait.
        """
        fresh = [one for one in entries if one.kept and not one.tried]
        if not fresh:
            return
        try:
            await self._store.tried([one.message.id for one in fresh])
        except ConfigError as error:
            raise Unavailable(error.what, where=error.where, hint=error.hint) from error
        for one in fresh:
            one.tried = True

    def stale(self, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """Those that have grown too old to go out unasked, or come from a future as far."""
        return [
            one
            for one in entries
            if one.created is not None and abs(_age(one.created)) > self._stale_after
        ]

    def became(self, entry: OutboxEntry, delivery: Delivery, error: ImbariError | None) -> None:
        """Note how far a message has got that this process sends."""
        key = entry.message.id
        if delivery in ("queued", "held"):
            self.unsent(entry)
        if delivery == "confirmed":
            self._store.forget(key)
        elif delivery == "failed":
            self._store.note(key, "failed", _reason(error))
        elif delivery == "held" and key not in self._held:
            self._store.note(key, "held")
        else:
            return
        self._moved.add(key)

    def unsent(self, entry: OutboxEntry) -> None:
        """Note of a message that was tried that it was not sent, if that is certain."""
        if entry.tried and not entry.may_be_there:
            entry.tried = False
            self._store.untried(entry.message.id)

    async def watch(self, sender: Sender) -> None:
        """Look now and again, until cancelled."""
        pause, said = _LOOK, ""
        while True:
            try:
                await self.look(sender)
            except Exception as error:  # noqa: BLE001  # whoever waits must not wait for ever
                pause = min(2 * pause, _LONGEST)
                found = error if isinstance(error, ImbariError) else _unforeseen(error)
                self.trouble = None if isinstance(found, Unavailable) else found
                sender.looked()
                if str(found) != said:
                    said = str(found)
                    _log.warning("the outbox %s waits: %s", self.place, said)
            else:
                pause, said, self.trouble = _LOOK, "", None
            await asyncio.sleep(pause)

    async def look(self, sender: Sender) -> None:
        """See what is there, and what other processes did.

        Raises:
            ConfigError: The disk cannot be read.
            ImbariError: Nobody is signed in yet, so nobody's messages can be sent.
        """
        if not self.was_read:
            await sender.identify()
        await self._store.written()
        was_mine = self._lock is not None
        if not was_mine:
            self._lock = await self._store.lock()
        version = await self._store.version()
        if version == self._version and was_mine == (self._lock is not None):
            return
        self._moved.clear()
        rows = await self._store.rows()
        self._version = version
        self._compare(sender, rows)
        self.was_read = True
        sender.looked()

    def look_again(self) -> None:
        """What was found could not be made use of."""
        self._version = None

    async def close(self) -> None:
        """Write what is left, and let others send."""
        try:
            await self._store.close()
        finally:
            if self._lock is not None:
                self._lock.close()

    def _compare(self, sender: Sender, rows: list[Row]) -> None:
        taken = sender.taken()
        for row in rows:
            if row.uid == sender.uid and row.key not in self._moved | self._coming:
                self._found(sender, row, is_taken=row.key in taken)
        if self._lock is not None:
            taken = sender.taken()
            for entry in sender.kept():
                if entry.message.id not in taken:  # accepted after the look
                    sender.take_over(entry, age=0.0, held=False)
        else:
            there = self._moved.union(row.key for row in rows)
            for entry in sender.kept():
                if entry.message.id not in there:
                    sender.find_out(entry)

    def _know(self, key: str, state: RowState) -> None:
        """So that what was read there is not written after what a person says next."""
        (self._held.add if state == "held" else self._held.discard)(key)

    def _found(self, sender: Sender, row: Row, *, is_taken: bool) -> None:
        entry = sender.entry(row.key)
        self._know(row.key, row.state)
        if row.state == "dropped":
            if entry is not None:
                sender.drop_here(entry)
            if self._lock is not None:
                self._store.forget(row.key)
        elif row.state == "failed":
            if entry is not None:
                sender.heard(entry, "failed", _refusal(row.reason))
        elif self._lock is None:
            if entry is not None:
                delivery: Delivery = (
                    "held" if row.state == "held" else "sent" if row.tries else "queued"
                )
                sender.heard(entry, delivery, None)
        elif not is_taken:
            age = _age(row.created)
            sender.take_over(entry or _restored(row), age=age, held=row.state == "held")
        elif entry is not None and (row.state == "held") != (entry.progress.delivery == "held"):
            sender.set_held(entry, held=row.state == "held")


def _restored(row: Row) -> OutboxEntry:
    plan = unpack(row.plan)
    message = as_sent(plan)
    return OutboxEntry(
        message,
        plan,
        SessionId(row.lane),
        progress_of(message),
        awaited=False,
        kept=True,
        tried=bool(row.tries),
        created=row.created,
        may_be_there=bool(row.tries),
    )


def _unforeseen(error: Exception) -> ImbariError:
    """Without its words, which may quote a message."""
    found = ImbariError(f"a look at it failed in a way nobody foresaw ({type(error).__name__})")
    found.__cause__ = error
    return found


def _age(created: int) -> float:
    """Seconds; negative if the clock was set back."""
    return (local_time() - created) / 1000


def _reason(error: ImbariError | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"


def _refusal(reason: str | None) -> ImbariError:
    """The error that another process met, as far as its words tell."""
    kind, _, what = (reason or "").partition(": ")
    found = getattr(errors, kind, None) if kind in _KINDS else None
    return (found or ImbariError)(what or "the service refused it")


_KINDS: Final = frozenset(
    {"AccessDenied", "AuthError", "ConfigError", "Conflict", "InvalidData", "NotFound"}
    | {"QuotaExceeded", "SessionNotFound"}
)
