"""An outbox whose messages outlive its program: they are on disk before the network is tried."""

import asyncio
import time

from imbari_chat.client.sending.entry import OutboxEntry, is_stored, undelivered
from imbari_chat.client.sending.on_disk import Disk
from imbari_chat.client.sending.outbox import Decision, Outbox
from imbari_chat.engine.outbox import Delivered, OutboxPolicy
from imbari_chat.errors import AccessDenied, ClientClosed, ImbariError, Unavailable
from imbari_chat.logs import get_logger
from imbari_chat.net.store import OutboxStore
from imbari_chat.net.transport import Transport
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.states import Delivery

__all__ = ["DurableOutbox"]

_log = get_logger(__name__)


class DurableOutbox(Outbox):
    """One that begins with what earlier programs left, and leaves what it does not deliver.

    What it finds on disk, and what other processes do there, it is told as a
    :class:`~client.sending.on_disk.Sender`.

    Args:
        transport: The way to the database.
        policy: How fast messages may go, and how old.
        store: Where messages are kept.
    """

    def __init__(
        self, transport: Transport, policy: OutboxPolicy | None, store: OutboxStore
    ) -> None:
        policy = policy or OutboxPolicy()
        super().__init__(transport, policy)
        self._disk = Disk(store, policy.stale_after)
        self._is_watching = False

    @property
    def trouble(self) -> ImbariError | None:
        return self._disk.trouble

    def begin(self) -> None:
        """See that what is on disk is looked at, now and again."""
        super().begin()
        if not self._is_watching and not self._closed:
            self._is_watching = True
            self._running.start(self._disk.watch(self), "outbox on disk")

    @property
    def uid(self) -> str | None:
        """Whose messages are sent."""
        return self._transport.uid

    async def identify(self) -> None:
        """Find out who that is."""
        await self._transport.open()

    async def refused(self) -> tuple[OutgoingMessage, ...]:
        return await self._disk.refused(self._transport.uid)

    def entry(self, key: str) -> OutboxEntry | None:
        """A message that is pending."""
        return self._entries.get(key)

    def kept(self) -> list[OutboxEntry]:
        """Those of them that are on disk."""
        return [one for one in self._entries.values() if one.kept]

    def taken(self) -> set[str]:
        """Those that the core sees to; what it settles is told at once."""
        return set(self._core.pending)

    def take_over(self, entry: OutboxEntry, *, age: float, held: bool) -> None:
        """Have the core see to a message on disk."""
        key = entry.message.id
        self._entries[key] = entry
        now = time.monotonic()
        self._core.restore(key, entry.session_id, now, tried=entry.tried, age=age, held=held)

    def heard(self, entry: OutboxEntry, delivery: Delivery, error: ImbariError | None) -> None:
        """Another process sends it, and has got so far."""
        if entry.progress.delivery != delivery:
            self._became(entry, delivery, error)
            self._announce(entry, delivery, error)

    def find_out(self, entry: OutboxEntry) -> None:
        """Another process is done with it: delivered, or a person dropped it."""
        self._running.start(self._find_out(entry))

    def looked(self) -> None:
        """All that was on disk is known."""
        self._notifier.notify()
        self._go_on()

    async def _find_out(self, entry: OutboxEntry) -> None:
        try:
            present = await is_stored(self._transport, entry)
        except (AccessDenied, Unavailable):
            self._disk.look_again()
        except ImbariError as error:
            self.heard(entry, "failed", error)
        else:
            dropped = ImbariError("this message was dropped from the outbox")
            self.heard(entry, "confirmed" if present else "failed", None if present else dropped)

    async def _decide(self, message_id: str, state: Decision) -> OutboxEntry | None:
        self._guard.check()
        entry = self._entries.get(message_id)
        if entry is not None and not entry.kept:
            return entry
        await self._disk.become(message_id, state)
        return self._entries.get(message_id) if self._disk.sends else None

    async def _take(self, entry: OutboxEntry, *, keep: bool, timeout: float) -> None:
        """It is on disk before the network is tried. Whoever is interrupted meanwhile leaves it.

        Raises:
            Unavailable: Another process does not let go of the file. Should it yet, the message
                goes out. Or nobody is known to be signed in, and it was not accepted.
        """
        if not keep:
            await super()._take(entry, keep=keep, timeout=timeout)
            return
        self.begin()
        await self._know_who_writes(timeout)
        tries = self._disk.sends and self._core.goes_at_once(entry.session_id, time.monotonic())
        done = self._disk.append(entry, self._transport.uid, tried=tries)
        done.add_done_callback(lambda done: self._was_accepted(entry, done))
        await asyncio.wait({done}, timeout=timeout or None)
        if not done.done():
            raise Unavailable(
                f"the outbox did not take this message within {timeout:g} s",
                where=self._disk.place,
                hint="It may yet, and sends it then: look into the outbox before sending it again",
                outcome_unknown=True,
            )
        await done

    async def _know_who_writes(self, timeout: float) -> None:
        """What is kept as nobody's would never be sent."""
        try:
            async with asyncio.timeout(timeout or None):
                await self.identify()
        except TimeoutError:
            raise Unavailable(
                f"nobody was signed in within {timeout:g} s, and this message was not accepted",
                where=self._disk.place,
            ) from None
        if self._closed:
            raise ClientClosed

    def _was_accepted(self, entry: OutboxEntry, done: asyncio.Future[None]) -> None:
        if done.cancelled() or done.exception() is not None or self._closed:
            return
        self._disk.accepted(entry)
        if self._disk.sends:
            self._accept(entry)
        else:  # whoever sends finds it on disk
            self._entries[entry.message.id] = entry
            self._announce(entry, "queued", None)

    def _timely(self, entries: list[OutboxEntry]) -> list[OutboxEntry]:
        stale = self._disk.stale(entries)
        for one in stale:
            self._core.aged(one.message.id, time.monotonic())
        return [one for one in entries if one not in stale]

    def _may_go(self, entries: list[OutboxEntry]) -> bool:
        return super()._may_go(entries) and all(one.tried or not one.kept for one in entries)

    async def _before_trying(self, entries: list[OutboxEntry]) -> None:
        await self._disk.tried(entries)

    def _note(self, entry: OutboxEntry, told: Delivered) -> None:
        if entry.kept:
            self._disk.became(entry, told.delivery, told.error)

    def _is_at_rest(self) -> bool:
        if not self._disk.was_read:
            return self._disk.trouble is not None
        return super()._is_at_rest()

    async def _leave(self) -> None:
        kept = self.kept()
        for entry in kept:
            self._disk.unsent(entry)
            self._forget(entry)
        self._notifier.notify()
        await self._close_disk(kept)

    async def _leave_to_disk(self) -> None:
        kept = self.kept()
        for entry in kept:
            del self._entries[entry.message.id]
        await self._close_disk(kept)

    async def _close_disk(self, kept: list[OutboxEntry]) -> None:
        await self._disk.close()
        if kept:
            messages = undelivered([one.message for one in kept])
            _log.warning("closed with %s, kept in %s", messages, self._disk.place)
