"""One conversation, from the admin's end."""

from collections.abc import AsyncGenerator
from functools import partial
from types import TracebackType
from typing import Self

from imbari_chat.client.arguments import checked_buffer, checked_count, checked_message_id
from imbari_chat.client.base import EventSource
from imbari_chat.client.dispatcher import EventDispatcher
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.marking import looked, mark_on_entering, mark_read
from imbari_chat.client.reading.pager import MessagePager, Start
from imbari_chat.client.sending.entry import overtaken
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.errors import NotFound
from imbari_chat.schema import paths, plans
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.forms import checked_text
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import Place, message_place, place_of_message
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

__all__ = ["AsyncConversation"]

_WINDOW = 50


class AsyncConversation(EventSource):
    """A conversation as an admin has it open. Get one from :meth:`AsyncAdminChat.open`.

    ::

        async with desk.open(session_id) as conversation:
            for message in await conversation.history():
                print(message.label, message.text)
            await conversation.reply("Your beans shipped today.")

    Entering reads the session and, unless peeking, marks the customer's messages read, but for what
    the rules let nobody change: a malformed record must not hide a conversation. Leaving ends what
    listens. Everything but :attr:`session` works without entering, too.

    Attributes:
        id: The session's.
    """

    def __init__(self, gateway: Gateway, session_id: SessionId, *, peek: bool) -> None:
        self._gateway = gateway
        self._peek = peek
        self._session: Session | None = None
        self._is_shown = False
        self._background: EventDispatcher | None = None
        self.id: SessionId = session_id

    @property
    def session(self) -> Session:
        """The session as it was when the conversation was entered.

        Raises:
            RuntimeError: The conversation has not been entered with ``with``.
        """
        if self._session is None:
            raise RuntimeError("the session is read when the conversation is entered with `with`")
        return self._session

    async def __aenter__(self) -> Self:
        if self._peek:
            self._session = await self._looked()
        else:
            self._session = await mark_on_entering(self._gateway, self.id)
            await self.show()
        self._begin_listening()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        if self._background is not None:
            await self._background.close()

    async def show(self) -> None:
        """Colleagues see that this conversation is open, until :meth:`hide` or leaving.

        Entering does so, unless peeking.
        """
        self._gateway.check()
        if not self._is_shown:
            self._is_shown = True
            self._gateway.presence.opened(self.id)

    async def hide(self) -> None:
        """Colleagues do not see it any more."""
        self._gateway.check()
        self._leave()

    async def typing(self) -> None:
        """The admin is typing: the customer sees that the team is, for a few seconds.

        Call it at every key: others are told every three seconds at most. It ends by itself, or
        with a reply.
        """
        self._gateway.check()
        self._gateway.presence.types(self.id)

    def _leave(self) -> None:
        if self._is_shown:
            self._is_shown = False
            self._gateway.presence.closed(self.id)

    async def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first.

        Raises:
            InvalidData: ``limit`` is not positive.
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer.
        """
        checked_count("limit", limit)
        return await self._gateway.messages(self.id, limit)

    def browse(self, *, page_size: int = 100, start: Start = "newest") -> MessagePager:
        """All messages page by page, in either direction, while others write.

        Args:
            page_size: How many a page holds.
            start: Where the first page is, ``newest`` or ``oldest``.

        Returns:
            A pager, with ``older()`` and ``newer()``; iterating it gives one message at a time,
            away from the start.

        Raises:
            InvalidData: An argument is not one of those that can be.
        """
        return MessagePager(self._gateway, self.id, page_size=page_size, start=start)

    async def reply(
        self,
        text: str,
        *,
        timeout: float | None = None,
        queue: bool = True,
        expect_last: Message | str | None = None,
    ) -> OutgoingMessage:
        """Send an admin's message; it and the session's preview appear together.

        It is never sent twice, and replies to one conversation go out in the order of the calls.
        Being offline is no error: what cannot be sent now is queued, and goes out when the network
        is back.

        Args:
            text: What to say.
            timeout: How long this call takes at most, in seconds; as long as one request may take
                by default. With 0 it hands the message over and returns at once.
            queue: Whether the message stays in the outbox when it cannot be sent now. Otherwise
                that is an error at once.
            expect_last: The last message the writer has seen, or its id: if another one has come
                since, the reply is refused instead. Needs a connection to begin with.

        Returns:
            The message. Its ``delivery`` says where it is, and moves on by itself: ``confirmed``;
            or at the deadline ``queued`` (certainly not there yet) or ``sent`` (perhaps there).

        Raises:
            InvalidData: The text is empty or too long.
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Conflict: ``expect_last`` is no longer the last message.
            Unavailable: With ``queue=False``: not sent; ``outcome_unknown`` says whether it may
                be there all the same. With ``expect_last``: it cannot be checked now. With a
                durable outbox: it cannot be found out who is signed in, and it was not accepted;
                or its file is kept locked, and it may yet go out.
        """
        checked_text(text)
        expected = checked_message_id("expect_last", expect_last)
        after = None if expected is None else await self._checked(expected)
        plan = self._plan(text, after)
        self._gateway.presence.spoke(self.id)
        return await self._gateway.send(plan, self.id, timeout=timeout, queue=queue)

    async def resolve(self) -> None:
        """Close the matter. The customer reopens it by writing again.

        Raises:
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        await self._gateway.commit(plans.resolve(self.id))

    async def reopen(self) -> None:
        """Take a resolved conversation up again.

        Raises:
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: No answer; ``outcome_unknown`` says whether it may have been done.
        """
        await self._gateway.commit(plans.reopen(self.id))

    async def mark_read(self, *, up_to: Message | str | None = None) -> int:
        """Mark the customer's messages read, and take exactly those off the unread count.

        When a colleague marks some at the same moment, the rules refuse one of the two as a whole,
        and that one looks again.

        Args:
            up_to: The last message that was seen, or its id; what came after it stays unread. All
                by default.

        Returns:
            How many messages this call marked.

        Raises:
            NotFound: There is no message with this id.
            Conflict: Colleagues kept getting in between.
            SessionNotFound: The conversation is not there, or not any more.
            AccessDenied: Whoever is signed in is not an admin.
            Unavailable: The service cannot be reached.
        """
        checked_message_id("up_to", up_to)
        last = None if up_to is None else await self._place_of(up_to)
        _, marked = await mark_read(self._gateway, self.id, last)
        return marked

    async def _place_of(self, message: Message | str) -> Place:
        """Where a message stands in the conversation."""
        if isinstance(message, Message):
            return message_place(message)
        message_id = paths.message_id(message)
        raw = await self._gateway.transport.get(paths.message(self.id, message_id))
        if raw is None:
            raise NotFound(f"there is no message {message!r}", where=f"conversation {self.id}")
        return place_of_message(message_id, raw)

    async def _looked(self) -> Session:
        return await looked(self._gateway, self.id)

    def events(
        self,
        *,
        history: int = 50,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> AsyncGenerator[ChatEvent, None]:
        """Follow the conversation, through every outage, until the iterator is closed.

        Args:
            history: How many of the messages already there come first, as MessageAdded.
            buffer: How many changes are kept while the consumer is busy.
            overflow: What becomes of one more: ``coalesce`` folds the newest into one, which loses
                intermediate states and no message; ``raise`` ends the iteration.

        Yields:
            MessageAdded, MessageChanged, MessageRemoved, RecordRejected, ConnectionChanged,
            DeliveryChanged, PresenceChanged, TypingChanged and ColleaguesChanged. The first
            ConnectionChanged that is live follows the history. What is written here comes at once,
            as MessageAdded with an OutgoingMessage, and MessageRemoved if it is not stored after
            all.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
            InvalidData: An argument is not one of those that can be.
        """
        from imbari_chat.client.events.event_stream import message_events

        checked_count("history", history, least=0)
        checked_buffer(buffer, overflow)
        return message_events(
            self._gateway,
            self.id,
            history=history,
            window=_WINDOW,
            buffer=buffer,
            overflow=overflow,
        )

    def _plan(self, text: str, after: int | None) -> plans.Plan:
        message_id = self._gateway.ids.message(self.id)
        return plans.reply(self.id, message_id, text, uid=self._gateway.uid, after=after)

    async def _checked(self, expected: str) -> int:
        """The session's time, if ``expected`` is its last message.

        The time is read first: whatever comes after this look moves it on, and the rules compare.
        A message that is ahead of the server's time stands last until its time has come, so there
        may be two that are last; whoever answers one of them must have seen the other.
        """
        session = await self._looked()
        seen = self._gateway.ids.seen(self.id)
        newest = await self._gateway.newest(self._gateway.transport, self.id, 1, enough=1)
        last = {one.id for one in (*newest.timely[-1:], *newest.ahead[-1:])}
        if expected not in last or not last <= seen | {expected}:
            raise overtaken(self.id)
        return session.last_message_time

    @property
    def _dispatcher(self) -> EventDispatcher:
        """Made when somebody wants it: most conversations are opened for a reply."""
        if self._background is None:
            self._background = self._gateway.dispatcher(partial(self.events, history=0))
        return self._background

    def _begin_listening(self) -> None:
        wanted = self._background is not None and self._background.wanted
        if wanted and self._session is not None:
            self._dispatcher.begin()
