"""Messages on their way: the shell around :class:`engine.outbox.OutboxCore`.

A message is handed to the transport where it is written, and its answer looked at where it comes.
There is one timer, and tasks only for what has to be known first. One that outlives its program is
:mod:`client.sending.durable`'s.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from imbari_chat.client.sending.attempts import Attempts
from imbari_chat.client.sending.entry import (
    OutboxEntry,
    is_stored,
    missing,
    require_session,
    undelivered,
)
from imbari_chat.client.sending.last_words import WITH_MAIL
from imbari_chat.engine.outbox import Delivered, Look, OutboxCore, OutboxEffect, OutboxPolicy, Send
from imbari_chat.errors import AccessDenied, ClientClosed, ImbariError, Unavailable
from imbari_chat.logs import get_logger
from imbari_chat.net.alarm import Alarm
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.process import ProcessGuard
from imbari_chat.net.transport import Transport
from imbari_chat.schema.events import DeliveryChanged
from imbari_chat.schema.outgoing import OutgoingMessage, progress_of
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan, as_sent
from imbari_chat.states import Delivery

__all__ = ["Decision", "Outbox"]

Watcher: TypeAlias = Callable[[DeliveryChanged], None]
Decision: TypeAlias = Literal["queued", "held", "dropped"]
"""What a person may say is to become of a message."""

_log = get_logger(__name__)


class Outbox:
    """Delivers messages in the order of each conversation, each exactly once.

    Args:
        transport: The way to the database.
        policy: How fast messages may go.
    """

    def __init__(self, transport: Transport, policy: OutboxPolicy | None = None) -> None:
        self._transport = transport
        self._core = OutboxCore(random.random, policy)
        self._entries: dict[str, OutboxEntry] = {}
        self._watchers: list[Watcher] = []
        self._attempts = Attempts(transport, self._ended)
        self._running = BackgroundTasks("outbox")
        self._alarm = Alarm(self._ring)
        self._going = False
        self._notifier = Notifier()
        self._guard = ProcessGuard()
        self._closed = False

    @property
    def left_behind(self) -> tuple[OutgoingMessage, ...]:
        """What is pending, if this is the process that wrote it and not a fork of it."""
        if not self._guard.is_here:
            return ()
        return tuple(one.message for one in list(self._entries.values()) if not one.kept)

    @property
    def pending(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way, in the order they were written. Readable from any thread."""
        return tuple(entry.message for entry in list(self._entries.values()))

    @property
    def written(self) -> tuple[tuple[SessionId, OutgoingMessage], ...]:
        """The same, each with its conversation. On the loop."""
        return tuple((entry.session_id, entry.message) for entry in self._entries.values())

    @property
    def trouble(self) -> ImbariError | None:
        """Why it cannot be said what is in it, if that is no mere outage."""
        return None

    async def refused(self) -> tuple[OutgoingMessage, ...]:
        """Messages that the service refused and that are kept until somebody drops them.

        Raises:
            ConfigError: They cannot be read.
        """
        return ()

    def is_pending(self, message_id: str) -> bool:
        """Whether this message is on its way."""
        return message_id in self._entries

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` on the loop with every change of a delivery, until :meth:`unwatch`."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling it."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def begin(self) -> None:
        """Take over what an earlier program left, if anything is left by programs."""
        self._guard.check()

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
            Unavailable: It is not kept and did not get through, the client is closed, or the disk
                did not take it in time; ``outcome_unknown`` says whether it may be there.
            ImbariError: The service refuses the message for good.
            ConfigError: It cannot be kept; nothing was accepted.
            RuntimeError: This is a forked child of the process that made it.
        """
        self._guard.check()
        entry = self._entry(plan, session_id)
        message, progress = entry.message, entry.progress
        begin = time.monotonic()
        try:
            await self._take(entry, keep=keep, timeout=timeout)
            await self._wait(entry, timeout - (time.monotonic() - begin))
        except BaseException:
            self._abandon(entry)
            raise
        if progress.error is not None and (
            progress.delivery == "failed" or (self._closed and not entry.kept)
        ):
            raise progress.error
        if not entry.is_settled and not keep:
            raise self._given_up(entry, timeout)
        entry.awaited = False
        return message

    async def flush(self, timeout: float | None) -> tuple[OutgoingMessage, ...]:
        """Wait until nothing moves, or for ``timeout`` seconds; returns what is still pending.

        What is held, and what waits behind it, moves when a person has said so.
        """
        self.begin()
        self.online()
        await self._notifier.until(self._is_at_rest, timeout)
        return self.pending

    async def drop(self, message_id: str) -> None:
        """Give a message up; one that is with the service may arrive all the same.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: That cannot be kept.
        """
        entry = await self._decide(message_id, "dropped")
        if entry is not None:
            self.drop_here(entry)

    async def hold(self, message_id: str) -> None:
        """Do not send a message, nor those behind it, until it is released or dropped.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: That cannot be kept.
        """
        entry = await self._decide(message_id, "held")
        if entry is not None:
            self.set_held(entry, held=True)

    async def release(self, message_id: str) -> None:
        """Send a message that was held.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: That cannot be kept.
        """
        entry = await self._decide(message_id, "queued")
        if entry is not None:
            self.set_held(entry, held=False)

    async def _decide(self, message_id: str, state: Decision) -> OutboxEntry | None:  # noqa: ARG002
        """A person says what is to become of a message; None if it is not sent from here."""
        self._guard.check()
        entry = self._entries.get(message_id)
        if entry is None:
            raise missing(message_id)
        return entry

    def online(self) -> None:
        """The service can be reached again: do not wait any longer."""
        self._core.online(time.monotonic())
        self._go_on()

    def used(self, session_id: SessionId) -> None:
        """A message of this conversation went out with its start just now."""
        self._core.used(session_id, time.monotonic())

    async def close(self, patience: float = 0.0) -> tuple[OutgoingMessage, ...]:
        """Begin no more tries, and tell whoever waits for a message.

        Args:
            patience: How long to wait for the end of those under way, in seconds.

        Returns:
            What was not delivered, with ``error`` set. A message that was handed over to the
            service may be there, and stays ``sent``; any other has failed.
        """
        self._closed = True
        self._alarm.set(None)
        await self._notifier.until(lambda: not self._attempts.under_way, patience)
        self._attempts.close()
        await self._running.close()
        for effect in self._effects():
            if isinstance(effect, Delivered):
                self._tell(effect)
        await self._leave()
        left = self.pending
        for message in left:
            entry = self._entries[message.id]
            entry.awaited = True  # whoever closes says so
            self._give_up(entry, _closed_before(entry))
        if left:
            _log.warning("closed with %s", undelivered(left))
        return left

    async def abandon(self) -> tuple[OutgoingMessage, ...]:
        """As :meth:`close`, when its event loop is over: nothing comes there, and nobody waits."""
        self._closed = True
        await self._leave_to_disk()
        left = self.pending
        for entry in self._entries.values():
            error = _closed_before(entry)
            error.outcome_unknown = entry.may_be_there
            entry.progress.delivery = "sent" if entry.may_be_there else "failed"
            entry.progress.error = error
        self._entries.clear()
        WITH_MAIL.discard(self)
        if left:
            _log.warning("closed with %s", undelivered(left))
        return left

    def _entry(self, plan: Plan, session_id: SessionId) -> OutboxEntry:
        if self._closed:
            raise ClientClosed()
        if self._core.is_full:
            raise Unavailable(
                "the outbox is full, and this message was not accepted",
                hint="Wait for what is in it with flush()",
            )
        message = as_sent(plan)
        return OutboxEntry(message, plan, session_id, progress_of(message))

    # What a durable outbox does besides.

    async def _take(self, entry: OutboxEntry, *, keep: bool, timeout: float) -> None:  # noqa: ARG002
        """Accept a message, or raise."""
        self._accept(entry, keep=keep)

    def _timely(self, entries: list[OutboxEntry]) -> list[OutboxEntry]:
        """Those that need not be asked about before they go."""
        return entries

    def _may_go(self, entries: list[OutboxEntry]) -> bool:
        """Whether nothing has to be waited for before these are sent."""
        return all(one.plan.requires is None for one in entries) or self._transport.uid is not None

    async def _before_trying(self, entries: list[OutboxEntry]) -> None:
        """These are about to be sent; raises Unavailable if they have to wait."""

    def _note(self, entry: OutboxEntry, told: Delivered) -> None:
        """A delivery has changed."""

    async def _leave(self) -> None:
        """It is closed: forget what is not lost by that."""

    async def _leave_to_disk(self) -> None:
        """The same, when nobody can be told."""

    def _accept(self, entry: OutboxEntry, *, keep: bool = True) -> None:
        self._entries[entry.message.id] = entry
        WITH_MAIL.add(self)
        self._core.put(entry.message.id, entry.session_id, time.monotonic(), keep=keep)
        self._go_on()

    def set_held(self, entry: OutboxEntry, *, held: bool) -> None:
        """A person said whether a message is to wait; one that is not may go however old it is."""
        now = time.monotonic()
        if held:
            self._core.hold(entry.message.id, now)
        else:
            entry.created = None
            self._core.release(entry.message.id, now)
        self._go_on()

    def drop_here(self, entry: OutboxEntry) -> None:
        """A person gave a message up."""
        self._give_up(entry, ImbariError("this message was dropped from the outbox"))

    def _is_at_rest(self) -> bool:
        held: set[SessionId] = set()
        for entry in self._entries.values():
            if entry.progress.delivery == "held":
                held.add(entry.session_id)
            elif entry.session_id not in held:
                return False
        return True

    def _give_up(self, entry: OutboxEntry, error: ImbariError | None) -> None:
        """Nobody sees to it any more: it may be there, or it has failed."""
        self._core.withdraw(entry.message.id, time.monotonic())
        self._forget(entry)
        self._attempts.give_up(self._is_here)
        if isinstance(error, Unavailable):
            error.outcome_unknown = entry.may_be_there
        delivery: Delivery = "sent" if entry.may_be_there else "failed"
        self._became(entry, delivery, error)
        self._announce(entry, delivery, error)
        self._go_on()

    def _abandon(self, entry: OutboxEntry) -> None:
        """The call that wrote it was interrupted, so nobody holds it: say what becomes of it."""
        if not entry.kept and self._is_here(entry):
            self._give_up(entry, None)
            _log.warning("interrupted with %s", undelivered([entry.message]))
        entry.awaited = False  # it may be on disk, or on its way there, and go out

    def _forget(self, entry: OutboxEntry) -> None:
        self._entries.pop(entry.message.id, None)
        if entry.over is not None:
            _is_over(entry.over)
        if not self._entries:
            WITH_MAIL.discard(self)

    def _given_up(self, entry: OutboxEntry, timeout: float) -> Unavailable:
        trouble = entry.trouble
        error = Unavailable(
            f"not sent within {timeout:g} s" if trouble is None else trouble.what,
            where=None if trouble is None else trouble.where,
            hint=None if trouble is None else trouble.hint,
        )
        error.__cause__ = trouble
        self._give_up(entry, error)
        return error

    async def _wait(self, entry: OutboxEntry, timeout: float) -> None:
        """Until it is settled, its client is closed, or ``timeout`` is over."""
        if timeout <= 0 or entry.message.id not in self._entries:
            return
        loop = asyncio.get_running_loop()
        entry.over = loop.create_future()
        # Should it come together with the deadline: where it is then is the answer.
        alarm = loop.call_later(timeout, _is_over, entry.over)
        try:
            await entry.over
        finally:
            alarm.cancel()

    def _go_on(self) -> None:
        """Do what the core asks for, and be rung at its next deadline."""
        if self._closed or self._going:
            return  # whoever does it goes on until nothing is left
        self._going = True
        try:
            while effects := self._effects():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._going = False
        self._alarm.set(self._core.deadline())

    def _ring(self) -> None:
        self._core.tick(time.monotonic())
        self._go_on()

    def _carry_out(self, effect: OutboxEffect) -> None:
        match effect:
            case Send(keys):
                entries = [self._entries[key] for key in keys]
                if self._may_go(entries):
                    self._send_after_telling(self._timely(entries))
                else:
                    self._running.start(self._prepare(entries))
            case Look(key):
                self._running.start(self._look(self._entries[key]))
            case Delivered():
                self._tell(effect)

    def _effects(self) -> list[OutboxEffect]:
        """What is to be done, less what concerns entries that were withdrawn meanwhile."""
        return [one for one in map(self._still_wanted, self._core.drain()) if one is not None]

    def _still_wanted(self, effect: OutboxEffect) -> OutboxEffect | None:
        if isinstance(effect, Send):
            keys = tuple(key for key in effect.keys if key in self._entries)
            return Send(keys) if keys else None
        return effect if effect.key in self._entries else None

    async def _prepare(self, entries: list[OutboxEntry]) -> None:
        """What has to be known, or written elsewhere, before these may be sent."""
        try:
            sessions = {one.plan.requires: one.plan for one in entries}
            await asyncio.gather(
                *(require_session(self._transport, plan) for plan in sessions.values())
            )
            entries = self._timely(entries)
            await self._before_trying(entries)
        except ImbariError as error:
            for entry in entries:
                self._failed(entry, error)
        else:
            self._send(entries)
        self._go_on()

    def _send_after_telling(self, entries: list[OutboxEntry]) -> None:
        """Send when whoever watches has heard of it, in this turn of the loop or else the next."""
        if self._watchers:
            asyncio.get_running_loop().call_soon(self._send, entries)
        else:
            self._send(entries)

    def _send(self, entries: list[OutboxEntry]) -> None:
        # What was given up meanwhile has been said not to be there, so it does not go.
        if entries := [one for one in entries if self._is_here(one)]:
            self._attempts.make(entries)

    def _ended(self, entries: Sequence[OutboxEntry], error: ImbariError | None) -> None:
        """An update was answered, or nobody knows."""
        for entry in entries:
            if error is None:
                self._core.committed(entry.message.id, time.monotonic())
            else:
                self._failed(entry, error)
        self._notifier.notify()
        self._go_on()

    def _is_here(self, entry: OutboxEntry) -> bool:
        return entry.message.id in self._entries

    async def _look(self, entry: OutboxEntry) -> None:
        try:
            present = await is_stored(self._transport, entry)
        except AccessDenied:
            self._core.barred(entry.message.id, time.monotonic())
        except ImbariError as error:
            self._failed(entry, error)
        else:
            self._core.looked(entry.message.id, time.monotonic(), present=present)
        self._go_on()

    def _failed(self, entry: OutboxEntry, error: ImbariError) -> None:
        entry.trouble = error
        now = time.monotonic()
        if isinstance(error, Unavailable):
            self._core.unreachable(entry.message.id, error, now)
        else:
            self._core.refused(entry.message.id, error, now)

    def _tell(self, told: Delivered) -> None:
        """On the loop: a delivery changed."""
        entry = self._entries[told.key]
        self._note(entry, told)
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
        self._notifier.notify()
        event = DeliveryChanged(entry.session_id, entry.message, delivery, error)
        for watcher in list(self._watchers):
            watcher(event)
        if delivery == "failed" and not entry.awaited:
            _log.warning("the message %s was not delivered: %s", entry.message.id, error)


def _closed_before(entry: OutboxEntry) -> Unavailable:
    return Unavailable(
        "the client was closed before this message was confirmed",
        where=str(entry.plan.commit_marker),
    )


def _is_over(waiting: asyncio.Future[None]) -> None:
    """Whoever waits goes on."""
    if not waiting.done():
        waiting.set_result(None)
