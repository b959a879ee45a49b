"""One caller's gateway to the chat's data: ids, plans carried out, records read, windows followed.

Both ends of the chat hold one; nothing else in this package touches the transport.
"""

import asyncio
import logging
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from pydantic import BaseModel

from imbari_chat.client.dispatcher import ErrorHandler, EventDispatcher
from imbari_chat.client.reading.cursor import Reader
from imbari_chat.client.reading.patient import PatientReader
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.outbox import Outbox
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import AccessDenied, Unavailable
from imbari_chat.net.process import ProcessGuard
from imbari_chat.net.transport import Transport
from imbari_chat.schema import decode, paths
from imbari_chat.schema.decode import Decoded
from imbari_chat.schema.events import (
    ChatEvent,
    RecordRejected,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import (
    is_ahead,
    latest,
    latest_time,
    message_place,
    place_of_message,
)
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan

__all__ = ["Gateway", "Newest", "Pending", "RejectionHandler"]

R = TypeVar("R", bound=BaseModel)

RejectionHandler = Callable[[RecordRejected], None]

Pending: TypeAlias = Callable[[], Coroutine[None, None, OutgoingMessage]]
"""Waits, on the loop, for the end of a message that is on its way."""

_log = logging.getLogger(__name__)

_TRIES = 3
_PAUSE = 0.3
_LAST_CHANCE = 0.2
"""Seconds that closing gives to messages on their way."""


def _log_rejection(rejected: RecordRejected) -> None:
    _log.warning("malformed record at %s: %s", rejected.path, "; ".join(rejected.reasons))


@dataclass(frozen=True, slots=True)
class Newest:
    """The end of a conversation.

    Attributes:
        timely: The last messages that are not ahead of the server's time, oldest first.
        ahead: The last of those that are, oldest first.
        is_all: Whether there are no others.
    """

    timely: list[Message]
    ahead: list[Message]
    is_all: bool


class Gateway:
    """A transport, and what every use of it in the chat has in common.

    Args:
        transport: The way to the database; closed together with this.
        on_rejected: Called with every malformed record that a read comes across; by default it is
            logged as a warning.
        on_error: Told what event handlers raise, and what ended listening in the background; by
            default it is logged.
        policy: How fast messages may go.
        timeout: How long a call that sends a message takes at most, in seconds.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        policy: OutboxPolicy | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.transport = transport
        self.patient = PatientReader(transport)
        self.outbox = Outbox(transport, policy)
        self.ids = Ids()
        self.on_error = on_error
        self.closed = False
        self._closing: asyncio.Task[tuple[OutgoingMessage, ...]] | None = None
        self._guard = ProcessGuard()
        self._timeout = timeout
        self._on_rejected = on_rejected or _log_rejection
        self._dispatchers: weakref.WeakSet[EventDispatcher] = weakref.WeakSet()

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until somebody is known."""
        return self.transport.uid

    def usable(self, read: Iterable[Decoded[R]]) -> list[R]:
        """The usable records among those read; the others are reported."""
        records = []
        for one in read:
            if one.rejected is not None:
                self._on_rejected(one.rejected)
            if one.record is not None:
                records.append(one.record)
        return records

    async def session(self, session_id: SessionId) -> Session | None:
        """Read one session; None if there is none."""
        raw = await self.transport.get(paths.session(session_id))
        if raw is None:
            return None
        found = self.usable([decode.session(session_id, raw)])
        if not found:
            return None
        self.ids.saw_session(found[0])
        return found[0]

    async def messages(self, session_id: SessionId, limit: int) -> list[Message]:
        """Read a conversation's last ``limit`` messages, oldest first.

        Those stamped later than the server's time take at most half of the room.
        """
        found = await self.newest(self.transport, session_id, limit)
        messages = [*found.timely, *found.ahead]
        wanted = set(latest([message_place(one) for one in messages], limit, self.ids.now()))
        return [one for one in messages if message_place(one) in wanted]

    async def newest(self, reader: Reader, session_id: SessionId, limit: int) -> "Newest":
        """Read a conversation's last ``limit`` messages, and as many that are not ahead of time."""
        place = paths.messages(session_id)
        raw = dict(decode.as_mapping(await reader.get(place, paths.newest_messages(limit))))
        is_all, now = len(raw) < limit, self.ids.now()
        if not is_all and any(is_ahead(place_of_message(*row), now) for row in raw.items()):
            query = paths.newest_messages(limit, until=latest_time(now))
            raw |= decode.as_mapping(await reader.get(place, query))
        messages = self.usable(decode.messages(session_id, raw))
        for message in messages:
            self.ids.saw(session_id, message)
        ahead = [one for one in messages if is_ahead(message_place(one), now)]
        return Newest(messages[: len(messages) - len(ahead)], ahead, is_all)

    async def send(
        self, plan: Plan, session_id: SessionId, *, timeout: float | None, queue: bool
    ) -> OutgoingMessage:
        """Deliver a message through the outbox; see :meth:`Outbox.deliver`.

        Args:
            plan: One that sends a message.
            session_id: Its conversation.
            timeout: Seconds to wait for the end of it; the gateway's own by default.
            queue: Whether it stays in the outbox when it cannot be sent now.
        """
        if timeout is None:
            timeout = self._timeout
        return await self.outbox.deliver(plan, session_id, timeout=timeout, keep=queue)

    def send_here(
        self, plan: Plan, session_id: SessionId, *, timeout: float | None, queue: bool
    ) -> Pending | OutgoingMessage | None:
        """The same from another thread than the loop's, which carries out the first try itself.

        Returns:
            The message, if it is confirmed; else how to wait for it on the loop; None if nothing
            was done, because the try cannot be made here or would take longer than the call may.

        Raises:
            Unavailable: The client was closed meanwhile; ``outcome_unknown`` says whether it may
                be there.
        """
        if timeout is not None and timeout < self._timeout:
            return None
        begin = time.monotonic()
        entry = self.outbox.try_here(plan, session_id, keep=queue)
        if entry is None or entry.progress.delivery == "confirmed":
            return None if entry is None else entry.message
        if self.closed and entry.progress.error is not None:
            raise entry.progress.error  # somebody closed the client meanwhile
        left = (self._timeout if timeout is None else timeout) - (time.monotonic() - begin)
        return partial(self.outbox.settle, entry, timeout=max(left, 0.0), keep=queue)

    def dispatcher(
        self,
        source: Callable[[], AsyncGenerator[ChatEvent, None]],
        is_news: Callable[[ChatEvent], bool] | None = None,
    ) -> EventDispatcher:
        """A dispatcher of events that ends with this gateway."""
        dispatcher = EventDispatcher(source, on_error=self.on_error, is_news=is_news)
        self._dispatchers.add(dispatcher)
        return dispatcher

    def reconnect_now(self) -> None:
        """Do not wait for any backoff: the network is back."""
        self.transport.reconnect_now()
        self.outbox.online()

    async def close(self) -> tuple[OutgoingMessage, ...]:
        """Stop listening and sending, and give back sockets and threads. Twice is fine.

        Messages on their way get a moment to arrive.

        Returns:
            Those that did not.
        """
        if not self._guard.is_here:
            return ()
        first, self.closed = not self.closed, True
        if self._closing is None:
            # Whoever comes second waits for the first; one that is cancelled leaves nothing half
            # done.
            self._closing = asyncio.create_task(self._close(), name="imbari-chat closing")
        left = await asyncio.shield(self._closing)
        return left if first else ()

    async def _close(self) -> tuple[OutgoingMessage, ...]:
        for dispatcher in list(self._dispatchers):
            await dispatcher.close()
        if self.outbox.pending:
            await self.outbox.flush(_LAST_CHANCE)
        left = await self.outbox.close()
        await self.transport.close()
        return left

    async def commit(self, plan: Plan) -> None:
        """Carry out a plan other than a message, and settle it when an answer is lost.

        A plan with a commit marker is sent again only when the marker is not there. Should the
        first try still arrive in between, the rules refuse the second as a whole, and the marker
        tells that the refusal was our own echo.

        Raises:
            Unavailable: No answer in time; ``outcome_unknown`` says whether it may have been
                committed.
            AccessDenied: The rules refuse.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._commit(plan)
        except TimeoutError:
            raise Unavailable(
                f"no answer within {self._timeout:g} s",
                where=str(plan.commit_marker or next(iter(plan.changes))),
                outcome_unknown=True,
            ) from None

    async def _commit(self, plan: Plan) -> None:
        unknown: Unavailable | None = None
        for attempt in range(_TRIES):
            if unknown is not None:
                await asyncio.sleep(_PAUSE * 2**attempt)
            try:
                if unknown is not None and await self._is_committed(plan):
                    return
                await self.transport.update(plan.changes)
            except Unavailable as error:
                if plan.commit_marker is None or (unknown is None and not error.outcome_unknown):
                    raise
                unknown = unknown or error
            except AccessDenied:
                if unknown is not None and await self._is_committed(plan):
                    return
                raise
            else:
                return
        assert unknown is not None
        raise unknown

    async def _is_committed(self, plan: Plan) -> bool:
        """Whether the plan's commit marker is there; what one wrote oneself one may read."""
        if plan.commit_marker is None:
            return False
        try:
            return plan.is_marked_by(await self.transport.get(plan.commit_marker))
        except AccessDenied:
            return False
