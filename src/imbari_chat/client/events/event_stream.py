"""Following a window through every outage: from what a subscription says to typed events."""

import asyncio
import time
from collections.abc import AsyncGenerator

from imbari_chat.client.events.below import BelowTheWindow
from imbari_chat.client.events.diff import STEP, Gap, MessageDiff, SessionDiff, WindowDiff
from imbari_chat.client.events.iteration import EventIteration
from imbari_chat.client.events.new_messages import with_messages
from imbari_chat.client.events.own_messages import PATIENCE, OwnMessages
from imbari_chat.client.events.pause import Batch, Pause
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.cursor import Cursor, OrderedRows
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.logs import get_logger
from imbari_chat.net.notifier import Notifier
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, DeliveryChanged, MessageAdded
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = [
    "connection_changed",
    "follow",
    "message_events",
    "session_events",
    "with_deliveries",
]

_GROWTH = 4
_PAUSE = 0.1
"""Seconds in which a stream says nothing more, so that all it has said was heard."""

_MOST_FOLLOWED = 10_000

_log = get_logger(__name__)


async def follow(
    gateway: Gateway,
    path: Path,
    order: Query,
    diff: WindowDiff,
    notifier: Notifier,
    *,
    buffer: int,
    overflow: Overflow,
) -> AsyncGenerator[Batch, None]:
    """Listen to the end of a list and give what changed, batch by batch, for ever.

    Where more changed than the window holds, after an outage or because the consumer was busy,
    what the window does not show is read as well, so that nothing is passed over. A window that is
    full of what was stamped ahead of its time is exchanged for a larger one.

    It is not called live before what there is to begin with has been given, also to a consumer who
    was so busy that changes have folded.

    It gives way: where it would wait, it says so instead, and ``notifier`` tells when to go on.
    """
    live: StateChanged | None = None
    larger = True
    while larger:
        larger = False
        listening = gateway.transport.listen(
            path, order.limit_to_last(diff.limit), buffer=buffer, overflow=overflow
        )
        async with listening as subscription:
            subscription.share(notifier, gateway.outbox.online)
            subscription.begin()
            with gateway.own_changes.laid_over(path, subscription) as own:
                while True:
                    while not subscription.is_ready:
                        yield Pause.QUIET
                    match await anext(subscription, None):
                        case None:
                            break
                        case StateChanged() as item:
                            live = None
                            if item.state == "live" and not diff.has_begun:
                                live = item
                            else:
                                yield [connection_changed(item)]
                        case Changed(value, touched):
                            value, touched = own.over(value, touched)
                            now = gateway.ids.now()
                            if diff.is_crowded(value, now, touched):
                                larger = _enlarge(diff, path)
                                if larger:
                                    break  # nothing of it has been taken over
                            is_first, was_full = not diff.has_begun, diff.is_full
                            gap = diff.gap(value, touched)
                            if gap is not None:
                                touched = None
                                yield Pause.READING
                                async for piece in _pieces(gateway, path, order, gap):
                                    yield diff.fill(gap, piece)
                                    yield Pause.READING
                            steps = diff.updates(value, touched, gap=gap, now=now)
                            for step, events in enumerate(steps):
                                if step:
                                    yield Pause.READING  # others have their turn
                                yield events
                            if is_first or (diff.is_full and not was_full):
                                yield []  # that was all of it, and has been noted
                            if live is not None:
                                yield [connection_changed(live)]
                                live = None
                if larger:
                    yield Pause.READING  # the one is closed, and the other asked


def _enlarge(diff: WindowDiff, path: Path) -> bool:
    """Have the window hold more; False if it holds as much as any may."""
    if diff.limit >= _MOST_FOLLOWED:
        return False
    diff.limit = min(diff.limit * _GROWTH, _MOST_FOLLOWED)
    if diff.limit == _MOST_FOLLOWED:
        _log.warning(
            "%s: most of the newest records are stamped later than now; what is written at its"
            " right time goes unheard if there are more than %d of them",
            path,
            diff.limit,
        )
    return True


async def _pieces(
    gateway: Gateway, path: Path, order: Query, gap: Gap
) -> AsyncGenerator[dict[str, Json], None]:
    """What is stored in a gap, upwards, piece by piece."""
    rows = OrderedRows(gateway.patient, path, order)
    cursor = None
    if gap.after is not None:
        lowest = rows.row(*gap.after)
        cursor = Cursor.at(lowest, [lowest])
    while True:
        found = await rows.beyond(cursor, STEP, down=False)
        inside = [row for row in found if gap.until is None or row.place < gap.until]
        yield {row.key: row.raw for row in inside}
        if len(inside) < STEP:
            return
        cursor = Cursor.at(inside[-1], inside, cursor)


def session_events(
    gateway: Gateway, *, limit: int, buffer: int, overflow: Overflow
) -> AsyncGenerator[ChatEvent, None]:
    """Follow the inbox: its last ``limit`` conversations, and what is said in them."""
    diff = SessionDiff(limit)
    order, notifier = paths.sessions_in_order(), Notifier()
    gateway.inbox.window = order.limit_to_last(limit)
    batches = follow(
        gateway, paths.SESSIONS, order, diff, notifier, buffer=buffer, overflow=overflow
    )
    events = with_deliveries(gateway, with_messages(gateway, diff, batches), notifier)
    return EventIteration(gateway.place, events)


def message_events(
    gateway: Gateway,
    session_id: SessionId,
    *,
    history: int,
    window: int,
    buffer: int = DEFAULT_LIMIT,
    overflow: Overflow = "coalesce",
) -> AsyncGenerator[ChatEvent, None]:
    """Follow one conversation: its last ``history`` messages, then whatever happens."""
    diff, notifier = MessageDiff(session_id, max(history, window), history), Notifier()
    batches = follow(
        gateway,
        paths.messages(session_id),
        paths.messages_in_order(),
        diff,
        notifier,
        buffer=buffer,
        overflow=overflow,
    )
    events = with_deliveries(gateway, batches, notifier, session_id, diff)
    return EventIteration(gateway.place, events)


async def with_deliveries(
    gateway: Gateway,
    batches: AsyncGenerator[Batch, None],
    notifier: Notifier,
    session_id: SessionId | None = None,
    diff: MessageDiff | None = None,
) -> AsyncGenerator[ChatEvent, None]:
    """The events of ``batches``, and in between what is written here and what becomes of it.

    Args:
        gateway: Where messages are written.
        batches: The stream, which gives way; closed together with this.
        notifier: Tells when the stream has more.
        session_id: Only messages of this conversation; of all by default.
        diff: What the stream shows of that conversation's messages.
    """
    outbox = gateway.outbox
    posted: list[ChatEvent] = []  # mostly empty, and then a deque is ten times its size
    own = OwnMessages(
        outbox.is_pending,
        diff,
        earlier=[one for one in outbox.written if session_id in (None, one[0])],
    )

    def tell(events: list[ChatEvent]) -> None:
        posted.extend(events)
        notifier.notify()

    def post(event: DeliveryChanged) -> None:
        if session_id is None or event.session_id == session_id:
            tell(own.delivered(event, time.monotonic()))

    def hear(event: ChatEvent) -> None:
        concerns = getattr(event, "session_id", session_id)
        if session_id in (None, concerns):
            tell([event])

    def find(event: MessageAdded) -> None:
        tell(own.heard(event))

    def besides() -> list[ChatEvent]:
        has_begun = told.is_live if diff is None else diff.has_begun
        return own.go_on(time.monotonic()) if has_begun else []

    below: BelowTheWindow | None = None
    outbox.watch(post)
    gateway.patient.watch(notifier.notify)
    told = _Told(gateway)
    reading: asyncio.Task[Batch | None] | None = None
    try:
        while True:
            heard_of = notifier.times
            # First, so that what the stream brings of a message comes after the message.
            while posted:
                heard, posted[:] = posted[:], []
                for event in heard:
                    yield event
            batch: Batch | None = Pause.QUIET
            if reading is None:
                batch = await anext(batches, None)
            elif reading.done():
                batch, reading = reading.result(), None
            if batch is None:
                return
            if isinstance(batch, Pause):
                if batch is Pause.READING:
                    reading = asyncio.get_running_loop().create_task(_next(batches, notifier))
                if told.next is not None:
                    yield told.take()
                    continue
                patience = _patience(own.due_since) if told.is_live else None
                if not await notifier.more_than(heard_of, patience):
                    posted.extend(own.silent(time.monotonic()))
                continue
            if below is None and session_id is not None and diff is not None and diff.is_full:
                below = BelowTheWindow(gateway, session_id, diff, find)
            given: list[ChatEvent] = []
            for event in batch:
                if isinstance(event, MessageAdded):
                    if below is not None and below.has_told(event.message):
                        continue
                    gateway.ids.saw(event.session_id, event.message)
                    gateway.presence.heard(event)
                    given += own.heard(event)
                    continue
                if isinstance(event, ConnectionChanged):
                    told.pass_on(event)
                    if told.is_live:  # a courtesy, which delays nothing that is waited for
                        gateway.presence.watch(hear)
                    given += besides()
                given.append(event)
            given += besides()
            for event in given:
                yield event
            if below is not None:
                below.begin()
    finally:
        outbox.unwatch(post)
        gateway.presence.unwatch(hear)
        gateway.patient.unwatch(notifier.notify)
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if below is not None:
            await below.close()
        await batches.aclose()


class _Told:
    """What a consumer has been told of the connection, and what it is to be told besides.

    A connection that is live is not called so while what it missed is still being read; nor is one
    called away that was, and is back.
    """

    __slots__ = ("_gateway", "_stale", "_state")

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._state = "connecting"
        self._stale = False

    @property
    def is_live(self) -> bool:
        """Whether it has been told that it hears everything."""
        return self._state == "live" and not self._stale

    @property
    def next(self) -> ConnectionChanged | None:
        """What to tell; None if everything has been told."""
        behind = self._gateway.patient.behind
        if (behind is not None) == self._stale or not self._is_back:
            return None
        if behind is None:
            return ConnectionChanged("live") if self._state == "live" else None
        return ConnectionChanged("stale", behind.reason)

    @property
    def _is_back(self) -> bool:
        """Whether it is live, if not called so yet: what was missed comes first."""
        if self._state == "reconnecting":
            return all(one.state == "live" for one in self._gateway.subscriptions)
        return self._state == "live"

    def take(self) -> ConnectionChanged:
        """It has been told."""
        event = self.next
        assert event is not None
        self._stale = event.state == "stale"
        return event

    def pass_on(self, event: ConnectionChanged) -> None:
        """The connection itself says something."""
        self._state, self._stale = event.state, False


def _patience(due_since: float | None) -> float | None:
    """Seconds to wait for what is due; anything that is heard meanwhile is heard first."""
    return None if due_since is None else max(due_since + PATIENCE - time.monotonic(), _PAUSE)


async def _next(batches: AsyncGenerator[Batch, None], notifier: Notifier) -> Batch | None:
    """The next batch, which takes a while; None if there is none."""
    try:
        return await anext(batches, None)
    finally:
        notifier.notify()  # by itself: a callback of the task's would come a turn of the loop later


def connection_changed(item: StateChanged) -> ConnectionChanged:
    return ConnectionChanged(item.state, item.reason, item.retry_in)
