"""One caller's channel to the chat's data: ids, plans carried out, records read, windows followed.

Both ends of the chat hold one; nothing else in this package touches the transport.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar

from pydantic import BaseModel

from imbari_chat.client.feeds import Feed, MessageFeed
from imbari_chat.client.outbox import Outbox
from imbari_chat.engine.mirror import children
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.engine.stream import Changed, StateChanged
from imbari_chat.errors import AccessDenied, Unavailable
from imbari_chat.net.transport import Transport
from imbari_chat.schema import decode, paths
from imbari_chat.schema.decode import Decoded
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, MessageAdded, RecordRejected
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.query import Query

__all__ = ["Channel", "ChatEnd", "RejectionHandler"]

R = TypeVar("R", bound=BaseModel)

RejectionHandler = Callable[[RecordRejected], None]

_log = logging.getLogger("imbari_chat")

_TRIES = 3
_PAUSE = 0.3
_PATIENCE = 5.0
_GROWTH = 4


def _log_rejection(rejected: RecordRejected) -> None:
    _log.warning("malformed record at %s: %s", rejected.path, "; ".join(rejected.reasons))


class Channel:
    """A transport, and what every use of it in the chat has in common.

    Args:
        transport: The way to the database; closed together with this.
        on_rejected: Called with every malformed record that a read comes across; by default it is
            logged as a warning.
        policy: How fast messages may go.
        patience: How long a message is tried while the network is away, in seconds.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_rejected: RejectionHandler | None = None,
        policy: OutboxPolicy | None = None,
        patience: float = 10.0,
    ) -> None:
        self.transport = transport
        self.outbox = Outbox(transport, policy)
        self._patience = patience
        self._on_rejected = on_rejected or _log_rejection
        self._ids = PushIds(lambda: [secrets.randbelow(64) for _ in range(12)])
        self._last_id_time = 0

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until somebody is known."""
        return self.transport.uid

    def new_id(self, after: int = 0) -> str:
        """A fresh push id that sorts after whatever the server stamped up to ``after``, ms.

        Ids order a conversation, and this machine's clock may be behind.
        """
        self._last_id_time = max(time.time_ns() // 1_000_000, after + 1, self._last_id_time)
        return self._ids.make(self._last_id_time)

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
        return found[0] if found else None

    async def messages(self, session_id: SessionId, limit: int) -> list[Message]:
        """Read a conversation's last ``limit`` messages, oldest first."""
        raw = await self.transport.get(paths.messages(session_id), paths.newest_messages(limit))
        return self.usable(decode.messages(session_id, raw))

    async def send(
        self, plan: Plan, session_id: SessionId, patience: float | None = None
    ) -> Message:
        """Deliver a message through the outbox; see :meth:`Outbox.deliver`.

        Args:
            plan: One that sends a message.
            session_id: Its conversation.
            patience: Seconds to keep trying; the channel's own by default.
        """
        if patience is None:
            patience = self._patience
        return await self.outbox.deliver(plan, session_id, patience=patience)

    async def close(self) -> None:
        """Stop sending and listening, and give back sockets and threads."""
        await self.outbox.close()
        await self.transport.close()

    async def commit(self, plan: Plan) -> None:
        """Carry out a plan other than a message, and settle it when an answer is lost.

        A plan with a witness is sent again only when the witness is not there. Should the first
        try still arrive in between, the rules refuse the second as a whole, and the witness tells
        that the refusal was our own echo.

        Raises:
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been committed.
            AccessDenied: The rules refuse.
        """
        unknown: Unavailable | None = None
        for attempt in range(_TRIES):
            if unknown is not None:
                await asyncio.sleep(_PAUSE * 2**attempt)
            try:
                if unknown is not None and await self._is_committed(plan):
                    return
                await self.transport.update(plan.changes)
            except Unavailable as error:
                if plan.witness is None or (unknown is None and not error.outcome_unknown):
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
        """Whether the plan's witness is there; what one wrote oneself one may read."""
        if plan.witness is None:
            return False
        try:
            return await self.transport.get(plan.witness) is not None
        except AccessDenied:
            return False

    async def follow(
        self, path: Path, window: Callable[[int], Query], feed: Feed
    ) -> AsyncGenerator[list[ChatEvent], None]:
        """Listen to a window and give what changed, batch by batch, for ever.

        After an outage in which more changed than the window holds, what the window no longer
        shows is read as well, so that nothing is passed over.
        """
        async with self.transport.listen(path, window(feed.limit)) as subscription:
            async for item in subscription:
                match item:
                    case StateChanged():
                        if item.state == "live":
                            self.outbox.online()
                        yield [_connection(item)]
                    case Changed(value, touched):
                        if feed.has_gap(value):
                            value = await self._with_gap_filled(path, window, feed, value)
                            touched = None
                        yield feed.update(value, touched)

    async def _with_gap_filled(
        self, path: Path, window: Callable[[int], Query], feed: Feed, value: Json
    ) -> Json:
        limit = feed.limit * _GROWTH
        while True:
            wider = await self.patiently(path, window(limit))
            if not feed.has_gap(wider) or len(children(wider)) < limit:
                return feed.fill(value, wider)
            limit *= _GROWTH

    async def patiently(self, path: Path, query: Query | None = None) -> Json:
        """Read, trying again for as long as the network is away."""
        pause = _PAUSE
        while True:
            try:
                return await self.transport.get(path, query)
            except Unavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _PATIENCE)

    async def message_events(
        self, session_id: SessionId, *, history: int, window: int
    ) -> AsyncGenerator[ChatEvent, None]:
        """Follow one conversation: its last ``history`` messages, then whatever happens."""
        feed = MessageFeed(session_id, max(history, window))
        batches = self.follow(paths.messages(session_id), paths.newest_messages, feed)
        began = False
        async with aclosing(batches):
            async for batch in batches:
                events = batch
                if not began and not any(isinstance(one, ConnectionChanged) for one in batch):
                    began = True
                    added = [one for one in batch if isinstance(one, MessageAdded)]
                    old = {id(one) for one in added[: max(len(added) - history, 0)]}
                    events = [one for one in batch if id(one) not in old]
                for event in events:
                    yield event


class ChatEnd:
    """An end of the chat: an async context manager around its channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._channel.uid

    @property
    def outbox(self) -> tuple[Message, ...]:
        """Messages on their way: neither confirmed nor given up, in the order written."""
        return self._channel.outbox.pending

    async def close(self) -> None:
        """Close every listener and give back sockets and threads. Closing twice is fine."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        try:
            await self._channel.transport.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _connection(item: StateChanged) -> ConnectionChanged:
    return ConnectionChanged(item.state, item.reason, item.retry_in)
