"""The customer's end of the chat: what the website's widget does, in Python."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Self, TypeVar

from imbari_chat.client.channel import Channel, ChatEnd, RejectionHandler
from imbari_chat.client.conversation import no_such_session
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.errors import AuthError, ImbariError, Unavailable
from imbari_chat.schema import decode, paths, plans
from imbari_chat.schema.events import ChatEvent, MessageAdded
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["AsyncCustomerChat"]

E = TypeVar("E", bound=ChatEvent)

_WINDOW = 50
_MOST_KEPT = 1000
_LAST_MARKS = 0.2
"""Seconds that closing gives to telling the server what was seen."""

SEND_POLICY: Final = OutboxPolicy(interval=plans.MIN_CUSTOMER_INTERVAL, second_chances=2)
"""The rules' interval is counted from the answer to the last message, so it is over at the server
as well. A refusal may still mean that the same customer wrote in another window."""

_log = logging.getLogger("imbari_chat")


class AsyncCustomerChat(ChatEnd):
    """The chat as a customer has it: one conversation, open or minimised.

    ::

        async with AsyncCustomerChat.from_env() as chat:
            await chat.start(name="Amina", email="amina@example.com", topic="Wholesale")
            await chat.send("Do you ship to Kampala?")
            answer = await chat.wait_for(MessageAdded, timeout=30)

    It listens in the background from :meth:`start` or :meth:`resume` on, so that
    :attr:`has_new_message` is right without anybody iterating events.
    """

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self._session: Session | None = None
        self._lead: LeadForm | None = None
        self._is_open = False
        self._seen_until = 0
        self._answered_at = 0
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._failure: BaseException | None = None
        self._waiting: deque[ChatEvent] = deque(maxlen=_MOST_KEPT)
        self._news = asyncio.Event()
        self._marks: set[asyncio.Task[None]] = set()

    @classmethod
    def from_env(
        cls,
        *,
        remember: bool = False,
        on_rejected: RejectionHandler | None = None,
        **flags: Any,
    ) -> Self:
        """Build one from the settings: ``flags`` over environment over file.

        Args:
            remember: Be the anonymous customer that the settings' profile was before, if any, and
                keep the sign-in for the next time. Otherwise this is somebody new.
            on_rejected: Called with every malformed record that a read comes across.
            **flags: Fields of :class:`~imbari_chat.config.Settings`.

        Raises:
            ConfigError: The settings are not usable. Signing in happens at the first call.
        """
        from imbari_chat.client import connect
        from imbari_chat.config import Settings

        settings = Settings.load(**flags)
        transport = connect.customer_transport(settings, remember=remember)
        return cls(
            Channel(
                transport,
                on_rejected=on_rejected,
                policy=SEND_POLICY,
                patience=settings.timeout,
            )
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
        return not self._is_open and self._answered_at > self._seen_until

    async def start(
        self,
        name: str,
        email: str,
        phone: str | None = None,
        topic: str | None = None,
        text: str | None = None,
    ) -> Session:
        """Start a conversation, open, with the first message if there is one.

        Raises:
            InvalidData: A field of the form, or the text, is not acceptable; ``where`` names it.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            Unavailable: No answer.
        """
        lead = LeadForm.checked(name=name, email=email, phone=phone, topic=topic)
        await self._channel.transport.open()
        if self.uid is None:
            raise AuthError("a customer has to be signed in to start a conversation")
        session_id = SessionId(self._channel.new_id())
        first = None if text is None else (MessageId(self._channel.new_id()), text)
        await self._channel.commit(plans.start_chat(session_id, lead, uid=self.uid, first=first))
        if first is not None:
            self._channel.outbox.used(session_id)
        return await self._attach(session_id, fresh=True)

    async def resume(self, session_id: str) -> Session:
        """Come back to a conversation of one's own, minimised until :meth:`open`.

        Raises:
            NotFound: There is no such conversation.
            AccessDenied: It is somebody else's.
        """
        return await self._attach(paths.session_id(session_id), fresh=False)

    async def sessions(self) -> list[Session]:
        """One's own conversations, newest first."""
        await self._channel.transport.open()
        if self.uid is None:
            return []
        raw = await self._channel.transport.get(paths.SESSIONS, paths.sessions_of(self.uid))
        return self._channel.usable(decode.sessions(raw))

    async def history(self, *, limit: int = 100) -> list[Message]:
        """The last ``limit`` messages, oldest first."""
        return await self._channel.messages(self.session.id, limit)

    async def send(self, text: str, *, patience: float | None = None) -> Message:
        """Send a message. A resolved conversation becomes active again.

        Messages go out one after the other, at most one per half second, as the rules demand.
        While the network is away they are tried again, and none is sent twice.

        Args:
            text: What to say.
            patience: How long to keep trying, in seconds; as long as one request may take by
                default. With 0 there is one try.

        Returns:
            The message. Its timestamp is this machine's time; listeners bring the server's.

        Raises:
            InvalidData: The text is empty or too long.
            AccessDenied: The rules refuse, for example because this customer is blocked.
            Unavailable: Patience ended; ``outcome_unknown`` says whether it may have been sent.
        """
        session, lead = self.session, self._lead
        assert lead is not None
        message_id = MessageId(self._channel.new_id(session.last_message_time))
        plan = plans.customer_sends(session.id, message_id, text, lead, uid=self.uid)
        return await self._channel.send(plan, session.id, patience)

    async def open(self) -> None:
        """The customer looks at the conversation: the badge goes, and the server is told."""
        self._is_open = True
        await self._mark_seen()

    async def hide(self) -> None:
        """The customer minimises the chat; answers from now on raise the badge."""
        self._is_open = False

    async def events(self, *, history: int = 0) -> AsyncGenerator[ChatEvent, None]:
        """Follow the conversation, through every outage, until the iterator is closed.

        Args:
            history: How many of the messages already there come first, as MessageAdded.

        Yields:
            MessageAdded (one's own too), MessageChanged, RecordRejected, ConnectionChanged.

        Raises:
            ImbariError: The stream has ended for good, for example because access was lost.
        """
        stream = self._channel.message_events(self.session.id, history=history, window=_WINDOW)
        async with aclosing(stream):
            async for event in stream:
                yield event

    async def wait_for(self, kind: type[E], *, timeout: float) -> E:
        """Wait for an event of this kind that has not been waited for before.

        What came since the conversation was started or resumed counts, so an answer that is faster
        than this call is not missed. One's own messages do not count.

        Args:
            kind: An event class such as MessageAdded.
            timeout: Seconds to wait at most.

        Raises:
            Unavailable: Nothing of the kind came in time.
            ImbariError: The stream has ended for good.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    found = next((one for one in self._waiting if isinstance(one, kind)), None)
                    if found is not None:
                        while self._waiting.popleft() is not found:
                            pass
                        return found
                    if self._failure is not None:
                        raise self._failure
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Unavailable(f"no {kind.__name__} within {timeout:g} s") from None

    async def close(self) -> None:
        """Stop listening and give back sockets and threads. Closing twice is fine."""
        if self._marks:
            await asyncio.wait(self._marks, timeout=_LAST_MARKS)
        tasks = [task for task in (self._listener, *self._marks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().close()

    async def _attach(self, session_id: SessionId, *, fresh: bool) -> Session:
        session = await self._channel.session(session_id)
        if session is None:
            raise no_such_session(session_id)
        await self._detach()
        self._session = session
        self._lead = LeadForm(
            session.customer_name, session.customer_email, session.customer_phone, session.topic
        )
        self._is_open = fresh
        self._seen_until = session.customer_seen_at or 0
        self._listener = asyncio.create_task(
            self._listen(fresh=fresh), name=f"customer {session_id}"
        )
        self._listener.add_done_callback(self._listened)
        await self._listening.wait()
        if self._failure is not None:
            raise self._failure
        return session

    async def _detach(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        self._listening.clear()
        self._waiting.clear()
        self._answered_at = 0

    async def _listen(self, *, fresh: bool) -> None:
        """Keep the badge right and events at hand until closed; runs as a task.

        In a conversation just started every answer is news, also one that comes before this does.
        """
        history = [] if fresh else await self._channel.messages(self.session.id, _WINDOW)
        known = {one.id for one in history}
        for message in history:
            self._take_note(message)
        self._listening.set()
        stream = self._channel.message_events(self.session.id, history=_WINDOW, window=_WINDOW)
        async with aclosing(stream):
            async for event in stream:
                if isinstance(event, MessageAdded):
                    if event.message.id in known or event.message.sender == "customer":
                        continue
                    self._take_note(event.message)
                    if self._is_open:
                        self._mark_seen_soon()
                self._waiting.append(event)
                self._news.set()

    def _listened(self, listener: "asyncio.Task[None]") -> None:
        """The listener ended: whoever waits hears why."""
        if not listener.cancelled():
            self._failure = listener.exception()
        self._listening.set()
        self._news.set()

    def _take_note(self, message: Message) -> None:
        if message.sender == "admin":
            self._answered_at = max(self._answered_at, message.timestamp)

    def _mark_seen_soon(self) -> None:
        task = asyncio.create_task(self._mark_seen_quietly())
        self._marks.add(task)
        task.add_done_callback(self._marks.discard)

    async def _mark_seen_quietly(self) -> None:
        try:
            await self._mark_seen()
        except ImbariError as error:
            # Only the badge of a later visit depends on it, and the next answer tries again.
            _log.warning("could not record that the chat was seen: %s", error)

    async def _mark_seen(self) -> None:
        self._seen_until = max(self._seen_until, self._answered_at)
        await self._channel.commit(plans.mark_seen(self.session.id))
