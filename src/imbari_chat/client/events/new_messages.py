"""Which messages of the inbox's conversations are new.

The database is never asked for all messages. A session whose last message is another than before
is asked for its newest ones, and new among those is what is not known. Of a session that has not
moved since listening began nothing is known: the first time it does, what is later than its last
message is new, for a message and its session carry the same time, and so is the message that it
names now and did not name before, for times may be a browser's. A session whose last message is
stamped later than now is asked at once, since what follows it will be stamped earlier; and so is
one that has no time, which says nothing of what is old.

The website writes the session after the message, so nothing newer than the session is overlooked.
What a browser with a fast clock wrote stands above what others write after it. So a look goes down
to what was stamped before the last one, and not to the first message that is known; and what a
session tells of may stand lower still, if the clock was slow, and is looked for there.

What a look finds that its session has not come to yet costs no look of its own when it does, if it
was written together with its session, as by whoever is signed in. The website's session may come
after somebody else's, whose move nobody need have heard of.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from imbari_chat.client.events.diff import SessionDiff
from imbari_chat.client.events.pause import Batch, Pause
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.newest import Newest
from imbari_chat.schema.events import (
    ChatEvent,
    MessageAdded,
    SessionAdded,
    SessionChanged,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import Place, is_ahead, latest_time, message_place
from imbari_chat.schema.paths import SessionId

__all__ = ["last_of", "named", "stamped", "with_messages"]

_FEW = 10
_GROWTH = 4
_ABOUT = 500
"""Milliseconds from a browser's message to its session, mostly: a round trip."""

_MOST_REMEMBERED = 100
_MOST_FORESEEN = 1_000
_MOST_AHEAD_AT_FIRST = 1_000
"""So many messages ahead of their time are known from the beginning; others may be told when it has
come."""

_MOST_AHEAD = 10_000
"""Messages ahead of their time that are remembered of a conversation: a megabyte. What is forgotten
of more may be told again when its time has come."""


async def with_messages(
    gateway: Gateway, diff: SessionDiff, batches: AsyncGenerator[Batch, None]
) -> AsyncGenerator[Batch, None]:
    """The inbox's events, each session that moved followed by the messages it moved with.

    Args:
        gateway: Where messages are read.
        diff: What the events come from.
        batches: The events, from what gives way, as this does; closed together with this.
    """
    news = _NewMessages(gateway)
    has_begun = False
    async with aclosing(batches):
        async for batch in batches:
            if isinstance(batch, Pause):
                yield batch
                continue
            if not has_begun:
                # Whatever the connection is called: a listener that is live may be told why, and
                # one that is slow hears of several states before the first window.
                has_begun = diff.has_begun
                yield Pause.READING
                await news.begin(batch)
                yield batch
                continue
            for event in batch:
                yield [event]
                match event:
                    case SessionAdded(session) | SessionChanged(session):
                        yield Pause.READING
                        new = await news.since(event, diff.horizon)
                        yield [MessageAdded(session.id, one) for one in new]
                    case SessionRemoved(session):
                        news.left(session)
                    case _:
                        pass


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a conversation.

    Attributes:
        session: As it was when the messages were last read, or seen first; None if it never was.
        until: Messages up to this time are old, ms; used as long as there are no ids.
        looked: The server's time when its messages were last read, ms; as ``ids``.
        ids: Of the last timely messages that were read, and where these stand; None if that has not
            happened.
        floor: Where the lowest stood that was read, if there are others below, which are old.
        forgotten: From the one to the other messages are not remembered any more: they may have
            been given.
        ahead: Ids and places of all that was ever read and is still ahead of its time. A look need
            not go down to the lowest of them.
        ahead_floor: Up to here what is ahead of its time is old for as long as it is ahead: it was
            there before anything was read, or is one of too many.
        begun: If the clock said of all that was there when messages were first read that it was
            ahead of its time: messages up to this time, ms, are old once the clock has come to it.
        foreseen: Times and texts of what was read and is later than the session, but was written
            together with it.
    """

    session: Session | None
    until: int
    looked: int | None = None
    ids: Mapping[str, Place] | None = None
    floor: Place | None = None
    forgotten: tuple[Place, Place] | None = None
    ahead: Mapping[str, Place] = field(default_factory=dict)
    ahead_floor: Place | None = None
    begun: int | None = None
    foreseen: frozenset[tuple[int, str]] = frozenset()

    @classmethod
    def by(cls, session: Session) -> "_Known":
        """All that ``session`` holds is known."""
        return cls(session, session.last_message_time)

    def after(self, session: Session, newest: Newest) -> "_Known":
        """These messages are known as well, and all below them."""
        read = [*newest.lower, *newest.timely]
        before = self.ids or {}
        in_order = sorted(({**before, **_places(read)}).items(), key=_place)
        late = sum(one.timestamp > newest.now for one in newest.timely)
        end = max(len(in_order) - max(_MOST_REMEMBERED, late + 1), 0)
        ids, forgotten = dict(in_order[end:]), self.forgotten
        if end:
            gone = [in_order[0][1], in_order[end - 1][1], *(forgotten or ())]
            forgotten = min(gone), max(gone)
        floor = message_place(newest.timely[0]) if newest.timely and not newest.is_all else None
        # A clock that was set back takes for ahead what was timely a moment ago.
        if self.floor and not newest.is_all and (floor is None or floor < self.floor):
            floor = self.floor
        known = {**before, **self.ahead}
        ahead = {key: place for key, place in known.items() if is_ahead(place, newest.now)}
        ahead |= _places(newest.ahead)
        ahead_floor = self.ahead_floor
        if self.ids is None and newest.ahead and not newest.is_all_ahead:
            ahead_floor = message_place(newest.ahead[0])
        begun = self.begun
        if self.ids is None and not newest.timely and not newest.is_all_ahead:
            begun = self.until
        if len(ahead) > _MOST_AHEAD:
            in_order = sorted(ahead.items(), key=_place)[-_MOST_AHEAD:]
            ahead, ahead_floor = dict(in_order), in_order[0][1]
        until = session.last_message_time
        later = [one for one in newest.timely if one.timestamp >= until and one.sender_uid]
        foreseen = frozenset((one.timestamp, one.text) for one in later[-_MOST_FORESEEN:])
        return _Known(
            session, until, newest.now, ids, floor, forgotten, ahead, ahead_floor, begun, foreseen
        )

    def has_moved(self, session: Session) -> bool:
        """Whether its last message is another one now."""
        return self.session is None or last_of(self.session) != last_of(session)

    def has_foreseen(self, session: Session) -> bool:
        """Whether the message that it moved with was read before, with all that came before it."""
        last = (session.last_message_time, session.last_message)
        latest = session.last_customer_message_id
        return last in self.foreseen and (
            latest in (self.ids or {})
            or (self.session is not None and self.session.last_customer_message_id == latest)
        )

    def is_given(self, message: Message) -> bool:
        """Whether it has been given, as far as that is remembered."""
        if message.id in self.ahead or message.id in (self.ids or {}):
            return True
        if self.forgotten is None:
            return False
        lowest, highest = self.forgotten
        return lowest <= message_place(message) <= highest

    def is_old(self, message: Message, now: int) -> bool:
        """Whether it is known, or stands below what is known.

        Args:
            message: Which.
            now: The server's time when it was read, ms.
        """
        if self.ids is None:
            return message.timestamp <= self.until
        if self.is_given(message):
            return True
        if self.begun is not None and message.timestamp <= self.begun <= latest_time(now):
            return True
        place = message_place(message)
        ahead_floor = self.ahead_floor if is_ahead(place, now) else None
        return any(floor is not None and place <= floor for floor in (self.floor, ahead_floor))

    def new(self, session: Session, newest: Newest) -> list[Message]:
        """Those of the newest messages that are new, in order."""
        messages = [*newest.lower, *newest.timely, *newest.ahead]
        told_of: set[str] = set()
        if self.session is not None:
            told_of = named(session, messages) - named(self.session, messages)
            told_of |= stamped(session, messages) - stamped(self.session, messages)
        return [
            one
            for one in messages
            if (one.id in told_of and not self.is_given(one)) or not self.is_old(one, newest.now)
        ]

    def is_reached(self, messages: Sequence[Message], now: int) -> bool:
        """Whether these, the last of their kind, go back to what is old."""
        return not messages or self.is_old(messages[0], now)

    def is_passed(self, messages: Sequence[Message], now: int) -> bool:
        """Whether these, the last timely ones, go back to what is old, and to the last look."""
        since = now if self.looked is None else min(now, self.looked)
        is_before = not messages or messages[0].timestamp <= since
        return is_before and self.is_reached(messages, now)


class _NewMessages:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: dict[SessionId, _Known] = {}

    async def begin(self, batch: Sequence[ChatEvent]) -> None:
        """Everything that the sessions of the first snapshot hold by now is old."""
        now = self._gateway.ids.now()
        for event in batch:
            if not isinstance(event, SessionAdded):
                continue
            time = event.session.last_message_time
            if time > now or not time:
                known = _Known(event.session, time or now)
                newest = await self._back_to(event.session.id, known, ahead=_MOST_AHEAD_AT_FIRST)
                self._known[event.session.id] = known.after(event.session, newest)

    def left(self, session: Session) -> None:
        """It is not in the window any more, and may come back."""
        self._known.setdefault(session.id, _Known.by(session))

    async def since(self, event: SessionAdded | SessionChanged, horizon: int) -> Sequence[Message]:
        """Messages of the event's session that have not been given yet, oldest first.

        Args:
            event: The session as it is now.
            horizon: For a session not seen before: its messages up to this time, ms, are old.
        """
        session = event.session
        known = self._known.get(session.id)
        if known is None and isinstance(event, SessionChanged):
            known = _Known.by(event.before)  # nothing of it has been given
        elif known is None:
            if session.last_message_time <= horizon:
                return ()
            known = _Known(None, horizon)
        if not known.has_moved(session) or known.has_foreseen(session):
            return ()
        newest = await self._back_to(session.id, known)
        await newest.look_at(session.last_message_time, _FEW)
        self._known[session.id] = known.after(session, newest)
        return known.new(session, newest)

    async def _back_to(self, session_id: SessionId, known: _Known, *, ahead: int = 0) -> Newest:
        """The newest messages, as far back as something new may be.

        Args:
            session_id: Whose.
            known: What is old.
            ahead: Of those ahead of their time at least so many are read, old or not.
        """
        newest = await self._gateway.newest(self._gateway.patient, session_id, _FEW, enough=_FEW)
        read = _FEW
        while True:
            has_timely = newest.is_all_timely or known.is_passed(newest.timely, newest.now)
            has_ahead = newest.is_all_ahead or (
                read >= ahead and known.is_reached(newest.ahead, newest.now)
            )
            if has_timely and has_ahead:
                return newest
            await newest.further(read * (_GROWTH - 1), timely=not has_timely, ahead=not has_ahead)
            read *= _GROWTH


def _places(messages: Iterable[Message]) -> dict[str, Place]:
    return {one.id: message_place(one) for one in messages}


def _place(item: tuple[str, Place]) -> Place:
    return item[1]


def last_of(session: Session) -> tuple[object, ...]:
    """What changes with every message."""
    return (session.last_message, session.last_message_time, session.last_customer_message_id)


def named(session: Session, messages: Sequence[Message]) -> set[str]:
    """Ids of the messages that the session tells of: the one in its preview, and by id."""
    shown = [one for one in messages if one.text == session.last_message]
    found: set[str] = {one.id for one in messages if one.id == session.last_customer_message_id}
    if shown:
        nearest = min(shown, key=lambda one: abs(one.timestamp - session.last_message_time))
        found.add(nearest.id)
    return found


def stamped(session: Session, messages: Sequence[Message]) -> set[str]:
    """Id of the message that alone has the session's time.

    A dashboard writes the text and then the time, or the other way about. With the first of them
    its message is not found if its clock is slow, and what others write in between takes the
    other's place.

    A widget's session is a round trip later than its message, so the time may be another's by
    chance: it counts for nothing where it is about that of the message in the preview.
    """
    time, text = session.last_message_time, session.last_message
    found = [one for one in messages if one.timestamp == time]
    if len(found) != 1:
        return set()
    is_the_previews = any(
        one.text == text and abs(one.timestamp - time) <= _ABOUT for one in messages
    )
    return set() if is_the_previews and found[0].text != text else {found[0].id}
