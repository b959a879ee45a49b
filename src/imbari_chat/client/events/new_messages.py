"""Which messages of the inbox's conversations are new.

The database is never asked for all messages. A session whose last message is another than before is
asked for its newest ones, and what is new among those is told by their ids, for times may be a
browser's. Only the first time, when no ids are known, is it told by time: a message and its session
carry the same one. A session whose last message is stamped later than now is asked at once, since
what follows it may be stamped earlier.

The website writes the session after the message, so nothing newer than the session is overlooked.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from imbari_chat.client.events.diff import SessionDiff
from imbari_chat.client.gateway import Gateway
from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import SessionId

__all__ = ["with_messages"]

_FEW = 10
_GROWTH = 4
_MOST_REMEMBERED = 100


async def with_messages(
    gateway: Gateway, diff: SessionDiff, batches: AsyncGenerator[list[ChatEvent], None]
) -> AsyncGenerator[list[ChatEvent], None]:
    """The inbox's events, each session that moved followed by the messages it moved with.

    Args:
        gateway: Where messages are read.
        diff: What the events come from.
        batches: The events; closed together with this.
    """
    news = _NewMessages(gateway)
    live = False
    async with aclosing(batches):
        async for batch in batches:
            if not live:
                live = ConnectionChanged("live") in batch
                await news.begin(batch)
                yield batch
                continue
            for event in batch:
                yield [event]
                match event:
                    case SessionAdded(session) | SessionChanged(session):
                        new = await news.since(event, diff.horizon_before)
                        yield [MessageAdded(session.id, one) for one in new]
                    case SessionRemoved(session):
                        news.left(session)
                    case _:
                        pass


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a conversation.

    Attributes:
        last: What its session said of its last message.
        until: Messages up to this time are old, ms; used as long as there are no ids.
        ids: Of the newest messages, when they were last read; None if that has not happened.
    """

    last: tuple[object, ...] | None
    until: int
    ids: frozenset[str] | None = None

    @classmethod
    def by(cls, session: Session, ids: frozenset[str] | None = None) -> "_Known":
        """All that ``session`` holds is known."""
        return cls(_last(session), session.last_message_time, ids)

    def is_new(self, message: Message) -> bool:
        if self.ids is None:
            return message.timestamp > self.until
        # What comes in behind the oldest, because others were deleted, is not news.
        return message.id not in self.ids and message.id > min(self.ids, default="")

    def reaches_back_to(self, message: Message) -> bool:
        """Whether everything before ``message`` is old."""
        if self.ids is None:
            return message.timestamp <= self.until
        return message.id in self.ids


class _NewMessages:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: dict[SessionId, _Known] = {}

    async def begin(self, batch: Sequence[ChatEvent]) -> None:
        """Everything that the sessions of the first snapshot hold by now is old."""
        now = time.time_ns() // 1_000_000
        for event in batch:
            if isinstance(event, SessionAdded) and event.session.last_message_time > now:
                newest, _ = await self._read(event.session.id, _FEW)
                self._known[event.session.id] = _Known.by(event.session, _ids(newest))

    def left(self, session: Session) -> None:
        """It is not in the window any more, and may come back."""
        self._known.setdefault(session.id, _Known.by(session))

    async def since(self, event: SessionAdded | SessionChanged, horizon: int) -> Sequence[Message]:
        """Messages of the event's session that have not been given yet, oldest first.

        Args:
            event: The session as it is now.
            horizon: For a session not seen before: its messages up to this time, ms, are old.
        """
        session, last = event.session, _last(event.session)
        known = self._known.get(session.id)
        if known is None and isinstance(event, SessionChanged):
            known = _Known.by(event.before)  # nothing of it has been given
        elif known is None:
            if session.last_message_time <= horizon:
                return ()
            known = _Known(None, horizon)
        if known.last == last:
            return ()
        newest = await self._back_to(session.id, known)
        self._known[session.id] = _Known.by(session, _ids(newest))
        return [one for one in newest if known.is_new(one)]

    async def _back_to(self, session_id: SessionId, known: _Known) -> list[Message]:
        """The newest messages, as far back as something new may be, oldest first."""
        limit = _FEW
        while True:
            messages, is_all = await self._read(session_id, limit)
            if is_all or any(known.reaches_back_to(one) for one in messages):
                return messages
            limit *= _GROWTH

    async def _read(self, session_id: SessionId, limit: int) -> tuple[list[Message], bool]:
        """The newest messages, oldest first, and whether there are no others."""
        raw = await self._gateway.patiently(
            paths.messages(session_id), paths.newest_messages(limit)
        )
        messages = self._gateway.usable(decode.messages(session_id, raw))
        return messages, len(decode.as_mapping(raw)) < limit


def _ids(messages: Sequence[Message]) -> frozenset[str]:
    return frozenset(one.id for one in messages[-_MOST_REMEMBERED:])


def _last(session: Session) -> tuple[object, ...]:
    """What changes with every message."""
    return (session.last_message, session.last_message_time, session.last_customer_message_id)
