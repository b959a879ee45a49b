"""The customer's end of the chat: what the website's widget does, in Python."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Self, Unpack

from imbari_chat.client.arguments import checked_buffer, checked_count
from imbari_chat.client.base import BaseChat
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.events.event_stream import message_events
from imbari_chat.client.gateway import Gateway, RejectionHandler
from imbari_chat.client.reading.pager import MessagePager, Start
from imbari_chat.client.starting import Starter, lead_of
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import (
    AuthError,
    ImbariError,
    SessionNotFound,
)
from imbari_chat.logs import get_logger
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.schema import decode, paths, plans
from imbari_chat.schema.events import ChatEvent, MessageAdded
from imbari_chat.schema.forms import LeadForm, checked_text
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import arrivals
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId

if TYPE_CHECKING:
    from imbari_chat.config import Settings, SettingsFlags

__all__ = ["AsyncCustomerChat"]

_WINDOW = 50
_LAST_MARKS = 0.2
"""Seconds that closing gives to telling the server what was seen."""

SEND_POLICY: Final = OutboxPolicy(interval=plans.MIN_CUSTOMER_INTERVAL, second_chances=2)
"""The rules' interval is counted from the answer to the last message, so it is over at the server
as well. A refusal may still mean that the same customer wrote in another window."""

_log = get_logger(__name__)


class AsyncCustomerChat(BaseChat):
    """The chat as a customer has it: one conversation, open or minimised.

    ::

        async with AsyncCustomerChat.from_env() as chat:
            await chat.start(name="Amina", email="amina@example.com", topic="Wholesale")
            await chat.send("Do you ship to Kampala?")
            answer = await chat.wait_for(MessageAdded, timeout=30)

    It listens in the background from :meth:`start` or :meth:`resume` on, so that
    :attr:`has_new_message` is right without anybody iterating events. What :meth:`wait_for` gives
    came since then, and is never one's own message.
    """

    def __init__(
        self,
        settings: "Settings",
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """One for these settings; the customer signs in anonymously at the first call.

        Args:
            settings: Where the chat is. :meth:`from_env` finds them.
            remember: Be the anonymous customer that the settings' profile was before, if any, and
                keep the sign-in for the next time. Otherwise this is somebody new.
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.

        Raises:
            ConfigError: The settings are not usable.
        """
        from imbari_chat.client import transports

        self._use(
            Gateway(
                transports.customer_transport(settings, remember=remember),
                on_rejected=on_rejected,
                on_error=on_error,
                policy=SEND_POLICY,
                timeout=settings.timeout,
                store=transports.outbox_store(settings, "customer", comes_back=remember),
                side="customer",
                presence=settings.presence,
            )
        )

    def _use(self, gateway: Gateway) -> None:
        super()._use(gateway)
        self._background = gateway.dispatcher(self._heard, self._is_news)
        self._session: Session | None = None
        self._lead: LeadForm | None = None
        self._starter = Starter(gateway)
        self._is_open = False
        self._known: frozenset[str] = frozenset()
        self._has_unseen_answer = False
        self._marks = BackgroundTasks("marking as seen")

    @classmethod
    def from_env(
        cls,
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        on_error: ErrorHandler | None = None,
        **flags: "Unpack[SettingsFlags]",
    ) -> Self:
        """One for the settings that are found: ``flags`` over environment over file.

        ::

            async with AsyncCustomerChat.from_env(timeout=5) as chat:
                await chat.start(name="Amina", email="amina@example.com")

        Args:
            remember: Be the anonymous customer that the settings' profile was before, if any, and
                keep the sign-in for the next time. Otherwise this is somebody new.
            on_rejected: Called with every malformed record that a read comes across. Logged by
                default.
            on_error: Called with what an event handler raised and its event, and with what ended
                listening in the background and None. Logged by default.
            **flags: Fields of :class:`~imbari_chat.config.Settings`; None counts as not given.

        Raises:
            ConfigError: The settings are not usable. Signing in happens at the first call.
        """
        from imbari_chat.config import Settings

        return cls(
            Settings.load(**flags), remember=remember, on_rejected=on_rejected, on_error=on_error
        )

    @property
    def session(self) -> Session:
        """The conversation as it was when it was started or resumed.

        Raises:
            RuntimeError: Neither has happened.
        """
        if self._session is None:
            raise RuntimeError("start or resume a conversation first")
        return self._session

    @property
    def is_open(self) -> bool:
        """Whether the customer has the conversation in front of them."""
        return self._is_open

    @property
    def has_new_message(self) -> bool:
        """The red badge: an answer came while the chat was minimised or away."""
        return self._has_unseen_answer

    async def start(
        self,
        *,
        name: str,
        email: str,
        phone: str | None = None,
        topic: str | None = None,
        text: str | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Start a conversation, open, with the first message if there is one.

        ::

            await chat.start(name="Amina", email="amina@example.com", text="Do you ship?")

        If nobody knows whether it was started, because the answer was lost, calling it again
        settles that first: there will be one conversation.

        Args:
            name: Who the customer is.
            email: Where to answer when the chat is closed.
            phone: Stored as E.164 where it parses.
            topic: What it is about; ``QUICK_TOPICS`` are what the website offers.
            text: The first message.
            session_id: That of a :class:`StartUnfinished` that another client met, of the same
                customer: this settles that start.

        Raises:
            InvalidData: A field of the form, or the text, is not acceptable; ``where`` names it.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            StartUnfinished: No answer; it may have been started, and ``session_id`` names it.
            Unavailable: No answer; it was not started.
            Conflict: An earlier start with another form or text did go through; ``where`` names its
                session, which :meth:`resume` comes back to.
        """
        lead = LeadForm.checked(name=name, email=email, phone=phone, topic=topic)
        if text is not None:
            checked_text(text)
        await self._gateway.transport.open()
        if self.uid is None:
            raise AuthError("a customer has to be signed in to start a conversation")
        async with self._starter.starting(lead, text, session_id) as new:
            session = await self._attach(new, fresh=True)
        if text is not None:
            self._gateway.outbox.used(new)
        return session

    async def resume(self, session_id: str) -> Session:
        """Come back to a conversation of one's own, minimised until :meth:`show`.

        Raises:
            SessionNotFound: There is no such conversation.
            AccessDenied: It is somebody else's.
        """
        return await self._attach(paths.session_id(session_id), fresh=False)

    async def sessions(self) -> list[Session]:
        """One's own conversations, newest first.

        Raises:
            Unavailable: No answer.
        """
        await self._gateway.transport.open()
        if self.uid is None:
            return []
        raw = await self._gateway.transport.get(paths.SESSIONS, paths.sessions_of(self.uid))
        return self._gateway.usable(decode.sessions(raw))

    async def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first.

        Raises:
            InvalidData: ``limit`` is not positive.
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer.
        """
        checked_count("limit", limit)
        return await self._gateway.messages(self.session.id, limit)

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
            RuntimeError: No conversation has been started or resumed.
        """
        return MessagePager(self._gateway, self.session.id, page_size=page_size, start=start)

    async def send(
        self, text: str, *, timeout: float | None = None, queue: bool = True
    ) -> OutgoingMessage:
        """Send a message. A resolved conversation becomes active again.

        Messages go out one after the other, at most one per half second, as the rules demand, and
        none is sent twice. Being offline is no error: what cannot be sent now is queued, and goes
        out when the network is back.

        Args:
            text: What to say.
            timeout: How long this call takes at most, in seconds; as long as one request may take
                by default. With 0 it hands the message over and returns at once.
            queue: Whether the message stays in the outbox when it cannot be sent now. Otherwise
                that is an error at once.

        Returns:
            The message. Its ``delivery`` says where it is, and moves on by itself: ``confirmed``;
            or at the deadline ``queued`` (certainly not there yet) or ``sent`` (perhaps there).

        Raises:
            InvalidData: The text is empty or too long.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            Unavailable: With ``queue=False``: not sent; ``outcome_unknown`` says whether it may
                be there all the same. The file of a durable outbox is kept locked: it may yet go
                out.
            RuntimeError: No conversation has been started or resumed.
        """
        plan, session_id = self._plan(text)
        self._gateway.presence.spoke(session_id)
        return await self._gateway.send(plan, session_id, timeout=timeout, queue=queue)

    def _plan(self, text: str) -> tuple[plans.Plan, SessionId]:
        session, lead = self.session, self._lead
        assert lead is not None
        message_id = self._gateway.ids.message(session.id)
        plan = plans.customer_sends(session.id, message_id, text, lead, uid=self.uid)
        return plan, session.id

    async def show(self) -> None:
        """The customer looks at the conversation: the badge goes, and the server is told.

        Raises:
            RuntimeError: No conversation has been started or resumed.
            Unavailable: No answer; the badge is gone here all the same.
        """
        self._gateway.check()
        session = self.session
        self._is_open = True
        self._gateway.presence.shown(session.id)
        await self._mark_seen(session)

    async def hide(self) -> None:
        """The customer minimises the chat; answers from now on raise the badge."""
        self._gateway.check()
        self._is_open = False
        if self._session is not None:
            self._gateway.presence.hidden(self._session.id)

    async def typing(self) -> None:
        """The customer is typing: the team sees it for a few seconds.

        Call it at every key: others are told every three seconds at most. It ends by itself, or
        with a message.

        Raises:
            RuntimeError: No conversation has been started or resumed.
        """
        self._gateway.check()
        self._gateway.presence.types(self.session.id)

    def events(
        self,
        *,
        history: int = 0,
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
            DeliveryChanged, PresenceChanged and TypingChanged. What is written here comes at once,
            as MessageAdded with an OutgoingMessage, and MessageRemoved if it is not stored after
            all.

        Raises:
            StreamOverflow: The consumer fell behind, and ``overflow`` is ``raise``.
            ImbariError: The stream has ended for good, for example because access was lost.
            InvalidData: An argument is not one of those that can be.
            RuntimeError: No conversation has been started or resumed.
        """
        checked_count("history", history, least=0)
        checked_buffer(buffer, overflow)
        return message_events(
            self._gateway,
            self.session.id,
            history=history,
            window=_WINDOW,
            buffer=buffer,
            overflow=overflow,
        )

    async def close(self) -> tuple[OutgoingMessage, ...]:
        if self._gateway.place.is_at_home:
            await self._dispatcher.close()
            await self._marks.wait(_LAST_MARKS)
            await self._marks.close()
        return await super().close()

    async def _attach(self, session_id: SessionId, *, fresh: bool) -> Session:
        session = await self._gateway.session(session_id)
        if session is None:
            raise SessionNotFound.named(session_id)
        # In a conversation just started every answer is news, also one that is there already.
        history = [] if fresh else await self._gateway.messages(session_id, _WINDOW)
        await self._dispatcher.stop()
        self._session = session
        self._lead = lead_of(session)
        self._is_open = fresh
        (self._gateway.presence.shown if fresh else self._gateway.presence.hidden)(session_id)
        self._known = frozenset(one.id for one in history)
        seen_at, now = session.customer_seen_at or 0, self._gateway.ids.now()
        self._has_unseen_answer = any(
            message.sender == "admin" and arrival > seen_at
            for message, arrival in arrivals(history, now)
        )
        self._dispatcher.begin()
        return session

    async def _heard(self) -> AsyncGenerator[ChatEvent, None]:
        """What happens in the conversation, less what was known, keeping the badge right."""
        async with aclosing(self.events(history=_WINDOW)) as events:
            async for event in events:
                if isinstance(event, MessageAdded):
                    if event.message.id in self._known:
                        continue
                    if event.message.sender == "admin":
                        if self._is_open:
                            self._mark_seen_soon()
                        else:
                            self._has_unseen_answer = True
                yield event

    def _is_news(self, event: ChatEvent) -> bool:
        return not (isinstance(event, MessageAdded) and event.message.sender == "customer")

    def _begin_listening(self) -> None:
        """It listens from :meth:`start` or :meth:`resume` on, whoever wants to hear of it."""

    def _mark_seen_soon(self) -> None:
        self._marks.start(self._mark_seen_quietly())

    async def _mark_seen_quietly(self) -> None:
        try:
            await self._mark_seen(self.session)
        except ImbariError as error:
            # Only the badge of a later visit depends on it, and the next answer tries again.
            _log.warning("could not record that the chat was seen: %s", error)

    async def _mark_seen(self, session: Session) -> None:
        self._has_unseen_answer = False
        await self._gateway.commit(plans.mark_seen(session.id))
