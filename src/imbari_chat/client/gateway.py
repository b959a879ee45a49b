"""One caller's gateway to the chat's data: ids, plans carried out, records read, windows followed.

Both ends of the chat hold one; nothing else in this package touches the transport.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from imbari_chat.client.arguments import checked_callable, checked_seconds
from imbari_chat.client.dispatcher import ErrorHandler, EventDispatcher
from imbari_chat.client.events.inbox_sessions import InboxSessions
from imbari_chat.client.events.own_changes import OwnChanges
from imbari_chat.client.presence.presence import ClientPresence
from imbari_chat.client.reading.cursor import OrderedRows, Reader, Row
from imbari_chat.client.reading.newest import Newest
from imbari_chat.client.reading.patient import PatientReader
from imbari_chat.client.sending.entry import require_session
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.outbox import Outbox
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import AccessDenied, AuthError, ClientClosed, QuotaExceeded, Unavailable
from imbari_chat.logs import get_logger
from imbari_chat.net.process import LoopGuard
from imbari_chat.net.transport import Subscription, Transport, Way
from imbari_chat.schema import decode, paths
from imbari_chat.schema.decode import Decoded
from imbari_chat.schema.events import (
    ChatEvent,
    RecordRejected,
)
from imbari_chat.schema.models import Message, Sender, Session
from imbari_chat.schema.order import latest, message_place
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.wire.json import Json

if TYPE_CHECKING:
    from imbari_chat.net.store import OutboxStore

__all__ = ["Gateway", "RejectionHandler"]

R = TypeVar("R", bound=BaseModel)

RejectionHandler = Callable[[RecordRejected], None]

_log = get_logger(__name__)

_TRIES = 3
_PAUSE = 0.3
_LAST_CHANCE = 0.2
"""Seconds that closing gives to messages on their way: half of them for tries that begin, half for
those under way then, so that it is known what became of them."""


def _log_rejection(rejected: RecordRejected) -> None:
    _log.warning("malformed record at %s: %s", rejected.path, "; ".join(rejected.reasons))


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
        store: Where messages on their way are kept; in memory alone by default.
        side: Whose it is.
        presence: Whether it says and hears who is there and who types.
        name: What colleagues are to call an admin.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        policy: OutboxPolicy | None = None,
        timeout: float = 10.0,
        store: "OutboxStore | None" = None,
        side: Sender = "admin",
        presence: bool = False,
        name: str | None = None,
    ) -> None:
        checked_callable("on_rejected", on_rejected, none=True)
        checked_callable("on_error", on_error, none=True)
        self._transport = transport
        self.patient: PatientReader = PatientReader(transport)
        self.outbox: Outbox = _outbox(transport, policy, store)
        self.ids: Ids = Ids(lambda: transport.stamp)
        self.own_changes: OwnChanges = OwnChanges()
        self.inbox: InboxSessions = InboxSessions(transport)
        self.presence: ClientPresence = ClientPresence(
            transport, self.ids, side, enabled=presence, name=name
        )
        self.name: str | None = name
        self.on_error = on_error
        self.closed: bool = False
        self.place: LoopGuard = LoopGuard()
        self._closing: asyncio.Task[tuple[OutgoingMessage, ...]] | None = None
        self._timeout = timeout
        self.on_rejected: RejectionHandler = on_rejected or _log_rejection
        self._dispatchers: weakref.WeakSet[EventDispatcher] = weakref.WeakSet()

    @property
    def transport(self) -> Transport:
        """The way to the database.

        Raises:
            ClientClosed: It has been closed.
            WrongEventLoop: It belongs to another event loop.
        """
        self.check()
        return self._transport

    @property
    def reader(self) -> Reader:
        """The same for reads to come, whichever thread asks; :meth:`check` before each.

        Raises:
            ClientClosed: It has been closed.
        """
        self._check_open()
        return self._transport

    def check(self) -> None:
        """Refuse to go on once it has been closed, or in another event loop.

        Raises:
            ClientClosed: It has.
            WrongEventLoop: It belongs to another one.
        """
        self._check_open()
        self.place.check()

    def _check_open(self) -> None:
        if self.closed:
            raise ClientClosed

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The listeners that are neither closed nor ended, but for those that hear presence."""
        apart = self.presence.subscriptions
        return tuple(one for one in self._transport.subscriptions if one not in apart)

    @property
    def way(self) -> Way:
        """How the database is reached."""
        return self._transport.way

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until somebody is known."""
        return self._transport.uid

    @property
    def account(self) -> str | None:
        """The e-mail address of who is asking; None until known, and of who has none."""
        return self._transport.account

    def usable(self, read: Iterable[Decoded[R]]) -> list[R]:
        """The usable records among those read; the others are reported."""
        records = []
        for one in read:
            if one.rejected is not None:
                self.on_rejected(one.rejected)
            if one.record is not None:
                records.append(one.record)
        return records

    async def session(self, session_id: SessionId) -> Session | None:
        """Read one session; None if there is none."""
        found, _ = await self.session_as_stored(session_id)
        return found

    async def session_as_stored(self, session_id: SessionId) -> tuple[Session | None, Json]:
        """The same, and the record that it was read from."""
        raw = await self.transport.get(paths.session(session_id))
        if raw is None:
            return None, None
        found = self.usable([decode.session(session_id, raw)])
        if not found:
            return None, raw
        self.ids.saw_session(found[0])
        return found[0], raw

    async def messages(self, session_id: SessionId, limit: int) -> list[Message]:
        """Read a conversation's last ``limit`` messages, oldest first.

        Those stamped later than the server's time take at most half of the room.
        """
        found = await self.newest(self.transport, session_id, limit, enough=limit - limit // 2)
        messages = [*found.timely, *found.ahead]
        wanted = set(latest([message_place(one) for one in messages], limit, self.ids.now()))
        return [one for one in messages if message_place(one) in wanted]

    async def text_of_start(self, session: Session) -> str | None:
        """Read the message that a conversation was started with; None if there was none.

        It was stored in the same write, and so at the same time.
        """
        began = session.created_at
        rows = OrderedRows(
            self.transport, paths.messages(session.id), paths.messages_in_order(), floor=began
        )
        first = self._messages(session.id, await rows.beyond(None, 1, down=False))
        return first[0].text if first and first[0].timestamp == began else None

    async def newest(
        self, reader: Reader, session_id: SessionId, limit: int, *, enough: int
    ) -> Newest:
        """Read a conversation's last ``limit`` messages.

        Args:
            reader: How.
            session_id: Which conversation.
            limit: How many.
            enough: If fewer of them are not ahead of their time, ``limit`` such are read as well.
        """

        usable = partial(self._messages, session_id)
        newest = Newest(reader, session_id, usable, self.ids.now)
        await newest.begin(limit, enough)
        return newest

    def _messages(self, session_id: SessionId, rows: list[Row]) -> list[Message]:
        """Those that are usable."""
        read = (decode.message(session_id, MessageId(row.key), row.raw) for row in rows)
        messages = self.usable(read)
        for message in messages:
            self.ids.saw(session_id, message)
        return messages

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
        checked_seconds("timeout", timeout, none=True)
        self.check()
        if timeout is None:
            timeout = self._timeout
        return await self.outbox.deliver(plan, session_id, timeout=timeout, keep=queue)

    def dispatcher(
        self,
        source: Callable[[], AsyncGenerator[ChatEvent, None]],
        is_news: Callable[[ChatEvent], bool] | None = None,
    ) -> EventDispatcher:
        """Makes a dispatcher that ends with this gateway."""
        dispatcher = EventDispatcher(source, on_error=self.on_error, is_news=is_news)
        self._dispatchers.add(dispatcher)
        return dispatcher

    def reconnect_now(self) -> None:
        """Do not wait for any backoff: the network is back."""
        self.transport.reconnect_now()
        self.patient.hurry()
        self.outbox.online()

    async def close(self) -> tuple[OutgoingMessage, ...]:
        """Stop listening and sending, and give back sockets and threads. Twice is fine.

        Messages on their way get a moment to arrive. In another event loop its own one does it;
        if that is over, what can be given back without it is.

        Returns:
            Those that did not.
        """
        if not self.place.is_here:
            return ()
        if not self.place.is_at_home:
            return await self._close_from_elsewhere()
        first, self.closed = not self.closed, True
        if self._closing is None:
            # Whoever comes second waits for the first; one that is cancelled leaves nothing half
            # done.
            self._closing = asyncio.create_task(self._close(), name="imbari-chat closing")
        left = await asyncio.shield(self._closing)
        return left if first else ()

    async def _close_from_elsewhere(self) -> tuple[OutgoingMessage, ...]:
        done = await self.place.carry_home(self.close)
        if done is not None:
            return done[0]
        first, self.closed = not self.closed, True
        if not first:
            return ()
        left = await self.outbox.abandon()
        await self._transport.close()
        return left

    async def _close(self) -> tuple[OutgoingMessage, ...]:
        for dispatcher in list(self._dispatchers):
            await dispatcher.close()
        await self.presence.close()
        if self.outbox.pending:
            await self.outbox.flush(_LAST_CHANCE / 2)
        left = await self.outbox.close(_LAST_CHANCE / 2)
        await self._transport.close()
        return left

    async def commit(self, plan: Plan, *, doubtful: bool = False) -> None:
        """Carry out a plan other than a message, and settle it when an answer is lost.

        Listeners that show a record which it changes see that at once.

        A plan with a commit marker is sent again only when the marker is not there. Should the
        first try still arrive in between, the rules refuse the second as a whole, and the marker
        tells that the refusal was our own echo.

        Args:
            plan: What to write.
            doubtful: It, or one with the same commit marker, may have been committed before.

        Raises:
            Unavailable: No answer in time; ``outcome_unknown`` says whether it may have been
                committed.
            SessionNotFound: It changes a session that is not there.
            AccessDenied: The rules refuse.
        """
        with self.own_changes.carrying_out(plan.changes, self.ids.now()):
            await self._commit_in_time(plan, doubtful=doubtful)

    async def _commit_in_time(self, plan: Plan, *, doubtful: bool) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._commit(plan, doubtful=doubtful)
        except TimeoutError:
            raise Unavailable(
                f"no answer within {self._timeout:g} s",
                where=str(plan.commit_marker or next(iter(plan.changes))),
                outcome_unknown=True,
            ) from None

    async def _commit(self, plan: Plan, *, doubtful: bool) -> None:
        unknown: Unavailable | None = None
        asked = 0.0
        for attempt in range(_TRIES):
            if unknown is not None:
                await asyncio.sleep(max(_PAUSE * 2**attempt, asked))
            try:
                if doubtful and await self.is_committed(plan):
                    return
                await require_session(self.transport, plan)
                await self.transport.update(plan.changes)
            except Unavailable as error:
                if plan.commit_marker is None or not (doubtful or error.outcome_unknown):
                    raise
                unknown, doubtful, asked = unknown or error, True, error.retry_after or 0.0
            except AccessDenied:
                if doubtful and await self._was_our_own(plan):
                    return
                await require_session(self.transport, plan, refused=True)
                raise
            except (AuthError, QuotaExceeded) as error:
                if not doubtful:
                    raise
                unknown = Unavailable(
                    error.what, where=error.where, hint=error.hint, outcome_unknown=True
                )
                unknown.retry_after = error.retry_after
                raise unknown from error
            else:
                return
        assert unknown is not None
        raise unknown

    async def _was_our_own(self, plan: Plan) -> bool:
        """Whether a refusal was the echo of an earlier try."""
        try:
            return await self.is_committed(plan)
        except Unavailable as error:
            error.outcome_unknown = True
            raise

    async def is_committed(self, plan: Plan) -> bool:
        """Whether the plan's commit marker is there; what one wrote oneself one may read."""
        if plan.commit_marker is None:
            return False
        try:
            return plan.is_marked_by(await self.transport.get(plan.commit_marker))
        except AccessDenied:
            return False


def _outbox(
    transport: Transport, policy: OutboxPolicy | None, store: "OutboxStore | None"
) -> Outbox:
    if store is None:
        return Outbox(transport, policy)
    from imbari_chat.client.sending.durable import DurableOutbox  # SQLite is for who asks for it

    return DurableOutbox(transport, policy, store)
