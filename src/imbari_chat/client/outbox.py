"""Messages on their way: the shell around :class:`engine.outbox.OutboxCore`.

A task sends, looks and waits for as long as anything is pending; when nothing is, there is none.
"""

import asyncio
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass

from imbari_chat.engine.outbox import Delivered, Look, OutboxCore, OutboxPolicy, Send
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.net.transport import Transport
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan, as_sent

__all__ = ["Outbox"]


@dataclass(slots=True)
class _Parcel:
    plan: Plan
    message: Message
    settled: "asyncio.Future[None]"
    between_tries: asyncio.Event
    trouble: Unavailable | None = None


class Outbox:
    """Delivers messages in the order of each conversation, each exactly once.

    Args:
        transport: The way to the database.
        policy: How fast messages may go.
    """

    def __init__(self, transport: Transport, policy: OutboxPolicy | None = None) -> None:
        self._transport = transport
        self._core = OutboxCore(random.random, policy)
        self._parcels: dict[str, _Parcel] = {}
        self._tries: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._driver: asyncio.Task[None] | None = None

    @property
    def pending(self) -> tuple[Message, ...]:
        """Messages on their way, in the order they were written."""
        return tuple(self._parcels[key].message for key in self._core.pending)

    async def deliver(self, plan: Plan, session_id: SessionId, *, patience: float) -> Message:
        """Send a message, and try again while the network is away.

        Args:
            plan: One that sends a message.
            session_id: Its conversation.
            patience: How long to keep trying, in seconds. The first try gets its answer, or its
                own deadline, in any case.

        Returns:
            The message, confirmed.

        Raises:
            Unavailable: Patience ended; ``outcome_unknown`` says whether the message may be there.
                It will not be tried again.
            ImbariError: The service refuses the message for good.
        """
        message = as_sent(plan, time.time_ns() // 1_000_000)
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        parcel = self._parcels[message.id] = _Parcel(plan, message, settled, asyncio.Event())
        self._core.put(message.id, session_id, time.monotonic())
        self._drive_on()
        try:
            await self._wait(parcel, patience)
        finally:
            may_be_there = self._core.withdraw(message.id, time.monotonic())
            del self._parcels[message.id]
            self._wake.set()
        if not settled.done():
            trouble = parcel.trouble or Unavailable(f"not sent within {patience:g} s")
            raise Unavailable(
                trouble.what,
                where=trouble.where,
                hint=trouble.hint,
                outcome_unknown=may_be_there,
            ) from trouble
        settled.result()
        return message

    def online(self) -> None:
        """The service can be reached again: do not wait any longer."""
        self._core.online(time.monotonic())
        self._wake.set()

    def used(self, session_id: SessionId) -> None:
        """A message of this conversation went out with its start just now."""
        self._core.used(session_id, time.monotonic())

    async def close(self) -> None:
        """Stop trying. Whoever waits for a message is told."""
        tasks = [task for task in (self._driver, *self._tries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for parcel in self._parcels.values():
            parcel.between_tries.set()
            if not parcel.settled.done():
                parcel.settled.set_exception(Unavailable("the connection has been closed"))

    async def _wait(self, parcel: _Parcel, patience: float) -> None:
        """Until it is settled, or until a try has failed and patience has ended."""
        deadline = time.monotonic() + patience
        await parcel.between_tries.wait()
        await asyncio.wait({parcel.settled}, timeout=max(deadline - time.monotonic(), 0))
        # A try that is under way has a deadline of its own, and may yet succeed.
        await parcel.between_tries.wait()

    def _drive_on(self) -> None:
        self._wake.set()
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive(), name="outbox")

    async def _drive(self) -> None:
        """Carry out effects and watch the clock until nothing is pending."""
        while self._core.pending:
            for effect in self._core.drain():
                match effect:
                    case Send(key):
                        self._try(self._send(key))
                    case Look(key):
                        self._try(self._look(key))
                    case Delivered():
                        self._tell(effect)
            self._wake.clear()
            deadline = self._core.deadline()
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(deadline - time.monotonic(), 0)
                ):
                    await self._wake.wait()
            except TimeoutError:
                self._core.tick(time.monotonic())
        for effect in self._core.drain():
            if isinstance(effect, Delivered):
                self._tell(effect)

    def _try(self, one: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(one)
        self._tries.add(task)
        task.add_done_callback(self._tries.discard)

    async def _send(self, key: str) -> None:
        parcel = self._parcels[key]
        parcel.between_tries.clear()
        try:
            await self._transport.update(parcel.plan.changes)
        except Unavailable as error:
            self._no_answer(parcel, error)
        except ImbariError as error:
            self._core.refused(key, error, time.monotonic())
        else:
            self._core.committed(key, time.monotonic())
        finally:
            self._tried(parcel)

    async def _look(self, key: str) -> None:
        parcel = self._parcels[key]
        witness = parcel.plan.witness
        assert witness is not None
        parcel.between_tries.clear()
        try:
            present = await self._transport.get(witness) is not None
        except Unavailable as error:
            self._no_answer(parcel, error)
        except AccessDenied:  # what one wrote oneself one may read
            self._core.looked(key, time.monotonic(), present=False)
        except ImbariError as error:
            self._core.refused(key, error, time.monotonic())
        else:
            self._core.looked(key, time.monotonic(), present=present)
        finally:
            self._tried(parcel)

    def _no_answer(self, parcel: _Parcel, error: Unavailable) -> None:
        parcel.trouble = error
        self._core.unreachable(
            parcel.message.id, time.monotonic(), outcome_unknown=error.outcome_unknown
        )

    def _tried(self, parcel: _Parcel) -> None:
        parcel.between_tries.set()
        self._wake.set()

    def _tell(self, told: Delivered) -> None:
        parcel = self._parcels.get(told.key)
        if parcel is None or parcel.settled.done():
            return
        if told.error is not None:
            parcel.settled.set_exception(told.error)
        elif told.delivery == "confirmed":
            parcel.settled.set_result(None)
