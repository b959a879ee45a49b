"""Messages on their way: the shell around :class:`engine.outbox.OutboxCore`.

A task on the event loop sends, looks and waits for as long as anything is pending; when nothing is,
there is none. A caller on another thread may carry out the first try itself, while nothing else is
pending: it has to wait for the answer anyway. What comes of that goes to the same core, so the
core is used under a lock.
"""

import asyncio
import atexit
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import TypeAlias

from imbari_chat.client.sending.entry import OutboxEntry, is_stored, undelivered
from imbari_chat.engine.outbox import Delivered, Look, OutboxCore, OutboxEffect, OutboxPolicy, Send
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.net.process import ProcessGuard
from imbari_chat.net.transport import Transport
from imbari_chat.schema.events import DeliveryChanged
from imbari_chat.schema.outgoing import Delivery, OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan, as_sent
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = ["Outbox"]

Watcher: TypeAlias = Callable[[DeliveryChanged], None]

_log = logging.getLogger(__name__)


class Outbox:
    """Delivers messages in the order of each conversation, each exactly once.

    Args:
        transport: The way to the database.
        policy: How fast messages may go.
    """

    def __init__(self, transport: Transport, policy: OutboxPolicy | None = None) -> None:
        self._transport = transport
        self._core = OutboxCore(random.random, policy)
        self._lock = threading.RLock()
        self._entries: dict[str, OutboxEntry] = {}
        self._todo: deque[OutboxEffect] = deque()
        self._watchers: list[Watcher] = []
        self._tries: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._driver: asyncio.Task[None] | None = None
        self._flushing = 0
        self._guard = ProcessGuard()
        self._closed = False

    @property
    def left_behind(self) -> tuple[OutgoingMessage, ...]:
        """What is pending, if this is the process that wrote it and not a fork of it."""
        return self.pending if self._guard.is_here else ()

    @property
    def pending(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way, in the order they were written."""
        with self._lock:
            return tuple(self._entries[key].message for key in self._core.pending)

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` on the loop with every change of a delivery, until :meth:`unwatch`."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling it."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    async def deliver(
        self, plan: Plan, session_id: SessionId, *, timeout: float, keep: bool
    ) -> OutgoingMessage:
        """Send a message, and try again while the network is away.

        Args:
            plan: One that sends a message.
            session_id: Its conversation.
            timeout: How long to wait for the end of it, in seconds.
            keep: Whether it stays here when it cannot be sent now.

        Returns:
            The message: confirmed, or at the deadline queued or sent, if it is kept.

        Raises:
            Unavailable: It is not kept and did not get through, or the client is closed;
                ``outcome_unknown`` says whether it may be there.
            ImbariError: The service refuses the message for good.
            RuntimeError: This is a forked child of the process that made it.
        """
        self._guard.check()
        self._remember_loop()
        entry = self._accept(plan, session_id, keep=keep)
        self._go_on()
        return await self.settle(entry, timeout=timeout, keep=keep)

    async def settle(self, entry: OutboxEntry, *, timeout: float, keep: bool) -> OutgoingMessage:
        """Wait for the end of it; see :meth:`deliver`."""
        message, progress = entry.message, entry.progress
        try:
            await self._wait(entry, timeout)
        except BaseException:
            self._abandon(entry)
            self._wake.set()
            raise
        if not entry.is_settled:
            with self._lock:  # the answer may have come together with the deadline
                self._take_over(entry, None)
        entry.awaited = False
        if progress.error is not None and (progress.delivery == "failed" or self._closed):
            raise progress.error
        if not entry.is_settled and not keep:
            raise self._given_up(entry, timeout)
        return message

    def try_here(self, plan: Plan, session_id: SessionId, *, keep: bool) -> OutboxEntry | None:
        """Accept a message and make the first try on the calling thread.

        For callers on another thread than the loop's, which :meth:`settle` the entry afterwards
        if need be.

        Returns:
            The entry, or None if it was not accepted: the transport has no way to write from
            here, or other messages are pending.
        """
        update, loop = self._transport.update_here, self._loop
        if update is None or loop is None:
            return None
        with self._lock:
            if self._core.pending or self._closed:
                return None
            entry = self._accept(plan, session_id, keep=keep)
        try:
            with self._lock:
                now = self._take_over(entry, Send((entry.message.id,)))
            if now:
                self._first_try(entry, update)
        except BaseException:
            self._abandon(entry)
            raise
        finally:
            with self._lock:
                more = bool(self._todo or self._core.pending)
            if more:
                with suppress(RuntimeError):  # the loop is closed, and so is this
                    loop.call_soon_threadsafe(self._go_on)
        return entry

    def _first_try(self, entry: OutboxEntry, update: Callable[[Mapping[Path, Json]], None]) -> None:
        try:
            update(entry.plan.changes)
        except ImbariError as error:
            with self._lock:
                self._failed(entry, error)
        else:
            with self._lock:
                self._core.committed(entry.message.id, time.monotonic())
        with self._lock:
            self._take_over(entry, None)

    async def flush(self, timeout: float | None) -> tuple[OutgoingMessage, ...]:
        """Wait until nothing is pending, or for ``timeout`` seconds; returns what still is."""
        self._guard.check()
        self._remember_loop()
        self.online()
        self._flushing += 1
        try:
            async with asyncio.timeout(timeout):
                while self.pending:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass  # what is left is the answer
        finally:
            self._flushing -= 1
        return self.pending

    def online(self) -> None:
        """The service can be reached again: do not wait any longer."""
        with self._lock:
            self._core.online(time.monotonic())
        self._wake.set()

    def used(self, session_id: SessionId) -> None:
        """A message of this conversation went out with its start just now."""
        with self._lock:
            self._core.used(session_id, time.monotonic())

    async def close(self) -> tuple[OutgoingMessage, ...]:
        """Stop trying, and tell whoever waits for a message.

        Returns:
            What was not delivered, with ``error`` set. A message that was queued has failed; one
            that was sent may be there, and stays ``sent``.
        """
        self._closed = True
        tasks = [task for task in (self._driver, *self._tries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for effect in self._effects():
            if isinstance(effect, Delivered):
                self._tell(effect)
        left = self.pending
        for message in left:
            entry = self._entries[message.id]
            self._withdraw(entry)
            unknown = message.delivery == "sent"
            error = Unavailable(
                "the client was closed before this message was confirmed",
                where=str(entry.plan.commit_marker),
                outcome_unknown=unknown,
            )
            entry.awaited = True  # whoever closes says so
            delivery: Delivery = "sent" if unknown else "failed"
            self._became(entry, delivery, error)
            self._announce(entry, delivery, error)
            entry.release()  # also of one that is not settled, and will not be
        if left:
            _log.warning("closed with %s", undelivered(left))
        return left

    def _remember_loop(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()

    def _accept(self, plan: Plan, session_id: SessionId, *, keep: bool) -> OutboxEntry:
        if self._closed:
            raise Unavailable("the connection has been closed")
        message = as_sent(plan, time.time_ns() // 1_000_000)
        entry = OutboxEntry(message, plan, session_id, message.progress)
        with self._lock:
            self._entries[message.id] = entry
            _with_mail.add(self)
            self._core.put(message.id, session_id, time.monotonic(), keep=keep)
        return entry

    def _take_over(self, entry: OutboxEntry, wanted: OutboxEffect | None) -> bool:
        """Apply what the core says of ``entry`` at once, leave the rest to the driver.

        Returns:
            Whether ``wanted`` was among it; it is then the caller's to carry out.
        """
        found, told = False, None
        for effect in self._core.drain():
            if effect == wanted:
                found = True
            elif isinstance(effect, Delivered) and effect.key == entry.message.id:
                told = effect
            else:
                self._todo.append(effect)
        if told is not None:
            self._became(entry, told.delivery, told.error)
        if told is None or found or self._loop is None:
            return found  # what is about to be tried here has news in a moment
        if self._watchers or self._flushing or entry.waiting:
            self._loop.call_soon_threadsafe(self._announce, entry, told.delivery, told.error)
        return found

    def _withdraw(self, entry: OutboxEntry) -> bool:
        """Forget a entry; True if it may be there all the same."""
        with self._lock:
            may_be_there = self._core.withdraw(entry.message.id, time.monotonic())
            self._forget(entry)
        return may_be_there

    def _abandon(self, entry: OutboxEntry) -> None:
        """The call that wrote it was interrupted, so nobody holds it: say what becomes of it."""
        with self._lock:
            pending = entry.message.id in self._core.pending
            unknown = self._withdraw(entry)
            if pending:
                entry.message.became("sent" if unknown else "failed")
        if pending:
            _log.warning("interrupted with %s", undelivered([entry.message]))

    def _forget(self, entry: OutboxEntry) -> None:
        self._entries.pop(entry.message.id, None)
        if not self._entries:
            _with_mail.discard(self)

    def _given_up(self, entry: OutboxEntry, timeout: float) -> Unavailable:
        unknown = self._withdraw(entry)
        self._wake.set()
        trouble = entry.trouble
        error = Unavailable(
            f"not sent within {timeout:g} s" if trouble is None else trouble.what,
            where=None if trouble is None else trouble.where,
            hint=None if trouble is None else trouble.hint,
            outcome_unknown=unknown,
        )
        error.__cause__ = trouble
        self._became(entry, "sent" if unknown else "failed", error)
        return error

    async def _wait(self, entry: OutboxEntry, timeout: float) -> None:
        if entry.is_settled or timeout <= 0:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry.waiting.append(future)
        await asyncio.wait({future}, timeout=timeout)

    def _go_on(self) -> None:
        """There may be something to do: see that somebody does it."""
        self._wake.set()
        if self._closed:
            return
        if self._driver is None or self._driver.done():
            self._driver = asyncio.get_running_loop().create_task(self._drive(), name="outbox")

    async def _drive(self) -> None:
        """Carry out effects and watch the clock until nothing is pending."""
        while True:
            self._wake.clear()
            for effect in self._effects():
                match effect:
                    case Send(keys):
                        self._try(self._send([self._entries[key] for key in keys]))
                    case Look(key):
                        self._try(self._look(self._entries[key]))
                    case Delivered():
                        self._tell(effect)
            with self._lock:
                if not self._core.pending and not self._todo:
                    return
                deadline = self._core.deadline()
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(deadline - time.monotonic(), 0)
                ):
                    await self._wake.wait()
            except TimeoutError:
                with self._lock:
                    self._core.tick(time.monotonic())

    def _effects(self) -> list[OutboxEffect]:
        """What is to be done, less what concerns entries that were withdrawn meanwhile."""
        with self._lock:
            effects = [*self._todo, *self._core.drain()]
            self._todo.clear()
        latest = {one.key: one for one in effects if isinstance(one, Delivered)}
        return [
            one
            for one in map(self._still_wanted, effects)
            if one is not None and (not isinstance(one, Delivered) or latest[one.key] is one)
        ]

    def _still_wanted(self, effect: OutboxEffect) -> OutboxEffect | None:
        if isinstance(effect, Send):
            keys = tuple(key for key in effect.keys if key in self._entries)
            return Send(keys) if keys else None
        return effect if effect.key in self._entries else None

    def _try(self, one: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(one)
        self._tries.add(task)
        task.add_done_callback(self._tries.discard)

    async def _send(self, entries: list[OutboxEntry]) -> None:
        """All or none in one update; of a conversation's, the last gives its preview."""
        changes = {place: value for one in entries for place, value in one.plan.changes.items()}
        try:
            await self._transport.update(changes)
        except ImbariError as error:
            with self._lock:
                for entry in entries:
                    self._failed(entry, error)
        else:
            with self._lock:
                for entry in entries:
                    self._core.committed(entry.message.id, time.monotonic())
        self._wake.set()

    async def _look(self, entry: OutboxEntry) -> None:
        try:
            present = await is_stored(self._transport, entry)
        except ImbariError as error:
            with self._lock:
                self._failed(entry, error)
        else:
            with self._lock:
                self._core.looked(entry.message.id, time.monotonic(), present=present)
        self._wake.set()

    def _failed(self, entry: OutboxEntry, error: ImbariError) -> None:
        entry.trouble = error
        now = time.monotonic()
        if isinstance(error, Unavailable):
            self._core.unreachable(entry.message.id, error, now)
        else:
            self._core.refused(entry.message.id, error, now)

    def _tell(self, told: Delivered) -> None:
        """On the loop: a delivery changed."""
        entry = self._entries.get(told.key)
        if entry is not None:
            self._became(entry, told.delivery, told.error)
            self._announce(entry, told.delivery, told.error)

    def _became(self, entry: OutboxEntry, delivery: Delivery, error: ImbariError | None) -> None:
        progress = entry.progress
        progress.delivery = delivery
        progress.error = error or (entry.trouble if delivery == "queued" else None)
        if entry.is_settled:
            self._forget(entry)

    def _announce(self, entry: OutboxEntry, delivery: Delivery, error: ImbariError | None) -> None:
        """On the loop: whoever waits or watches hears of it."""
        self._news.set()
        if entry.is_settled:
            entry.release()
        if self._watchers:
            event = DeliveryChanged(entry.session_id, entry.message, delivery, error)
            for watcher in list(self._watchers):
                watcher(event)
        if delivery == "failed" and not entry.awaited:
            _log.warning("the message %s was not delivered: %s", entry.message.id, error)


_with_mail: set[Outbox] = set()
"""Held here, so that none goes unmentioned because the client was forgotten."""


@atexit.register
def _last_words() -> None:
    """The program ends with an outbox that was never closed: say what goes with it."""
    for outbox in list(_with_mail):
        if left := outbox.left_behind:
            _log.warning("the program ended with %s", undelivered(left))
