"""What both ends of the chat have in common: events to listen to, and a gateway to close."""

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from imbari_chat.client.arguments import (
    checked_callable,
    checked_kind,
    checked_seconds,
    checked_sender,
)
from imbari_chat.client.dispatcher import EventDispatcher, EventFilter
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.entry import undelivered
from imbari_chat.client.status import ChatStatus, status_of
from imbari_chat.errors import Unavailable
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Sender
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.presence import PresenceSnapshot

__all__ = ["BaseChat", "EventSource"]

E = TypeVar("E", bound=ChatEvent)
T = TypeVar("T")


class EventSource:
    """What everything that can be listened to offers, besides its ``events``."""

    _gateway: Gateway

    @property
    def _dispatcher(self) -> EventDispatcher:
        """What is listened to."""
        raise NotImplementedError

    def on(
        self,
        kind: type[E],
        *,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> Callable[[Callable[[E], T]], Callable[[E], T]]:
        """Call the decorated function with every event of this kind.

        ::

            @desk.on(MessageAdded, sender="customer")
            async def greet(event: MessageAdded) -> None: ...

        Handlers run one after the other, each event through all of them before the next, so they
        see events in order. One that raises is reported to ``on_error`` and goes on receiving.
        Listening begins with the ``with`` block, now inside it, or with :meth:`listen`.

        Args:
            kind: An event class.
            sender: For events that carry a message: only from this side, ``"customer"`` or
                ``"admin"``.
            where: Only events for which this is true.

        Raises:
            InvalidData: ``kind`` is no class of events, ``sender`` neither side, or what is to be
                called cannot be.
            ClientClosed: The client has been closed.
        """
        checked_kind(kind)
        checked_sender(sender)
        checked_callable("where", where, none=True)
        self._gateway.check()

        def register(handler: Callable[[E], T]) -> Callable[[E], T]:
            checked_callable("handler", handler)
            self._dispatcher.add(EventFilter(kind, sender, where), handler)
            self._begin_listening()
            return handler

        return register

    async def wait_for(
        self,
        kind: type[E],
        *,
        timeout: float,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> E:
        """Wait for an event of this kind that has not been waited for before.

        What came since listening began counts, so an answer that is faster than this call is not
        missed; :meth:`listen` begins it. Of events nobody waits for the last 1,000 are kept.

        Args:
            kind: An event class such as MessageAdded.
            timeout: Seconds to wait at most.
            sender: For events that carry a message: only from this side.
            where: Only events for which this is true.

        Raises:
            WaitTimeout: Nothing of the kind came in time; also a ``TimeoutError``.
            ImbariError: The listening has ended for good.
        """
        checked_kind(kind)
        checked_sender(sender)
        checked_callable("where", where, none=True)
        checked_seconds("timeout", timeout)
        self._gateway.check()
        event = await self._dispatcher.next(EventFilter(kind, sender, where), timeout=timeout)
        assert isinstance(event, kind)
        return event

    async def listen(self) -> None:
        """Listen in the background from now on; returns when the connection is live.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        self._gateway.check()
        await self._dispatcher.until_live()

    async def wait_closed(self) -> None:
        """Wait until this is closed, while handlers are being called.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        if not self._gateway.closed:
            self._gateway.place.check()
            await self._dispatcher.until_over()

    def _begin_listening(self) -> None:
        """Start, if this is where events are handled."""
        raise NotImplementedError


class BaseChat(EventSource):
    """An end of the chat: a gateway, closed together with it, and what listens to it."""

    _background: EventDispatcher

    @classmethod
    def _over(cls, gateway: Gateway) -> Self:
        """One over a gateway that is there already, whatever the settings say."""
        chat = cls.__new__(cls)
        chat._use(gateway)  # noqa: SLF001  # it is one of these
        return chat

    def _use(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._entered = False

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._gateway.uid

    @property
    def account(self) -> str | None:
        """The e-mail address of who is signed in, or of the service account.

        None until the first call has been made, and of who has none: a customer without an account,
        an emulator's owner.
        """
        return self._gateway.account

    @property
    def outbox(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way: neither confirmed nor failed, in the order written."""
        return self._gateway.outbox.pending

    @property
    def status(self) -> ChatStatus:
        """Is it alive, since when, and what is queued: at this moment."""
        return status_of(
            self._gateway.subscriptions,
            self.outbox,
            self._gateway.way,
            behind=self._gateway.patient.behind,
            closed=self._gateway.closed,
            failure=self._dispatcher.failure,
            presence=self._gateway.presence.state,
        )

    @property
    def presence(self) -> PresenceSnapshot:
        """Who is there and who types at this moment, as far as is known while events are followed.

        PresenceChanged, TypingChanged and ColleaguesChanged say when it becomes another.
        """
        return self._gateway.presence.snapshot

    def reconnect_now(self) -> None:
        """Do not wait for any backoff: somebody knows that the network is back."""
        self._gateway.reconnect_now()

    async def flush(self, *, timeout: float | None = None) -> tuple[OutgoingMessage, ...]:
        """Wait until every message is delivered or has failed, but for what is held.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            What is still on its way.

        Raises:
            ClientClosed: The client has been closed before.
            ConfigError: The outbox is durable, and its file cannot be read.
            AuthError: The outbox is durable, and nobody is signed in whose messages could be sent.
        """
        checked_seconds("timeout", timeout, none=True)
        self._gateway.check()
        left = await self._gateway.outbox.flush(timeout)
        if (trouble := self._gateway.outbox.trouble) is not None:
            raise trouble
        return left

    async def refused(self) -> tuple[OutgoingMessage, ...]:
        """Messages that the service refused, in the order written, kept by a durable outbox.

        Each says why in its ``error``, and is kept until :meth:`drop`. An outbox in memory keeps
        none: whoever sent it was told.

        Raises:
            ConfigError: The outbox is durable, and its file cannot be read.
            AuthError: Nobody is signed in whose messages they could be.
        """
        self._gateway.check()
        await self._gateway.transport.open()
        return await self._gateway.outbox.refused()

    async def hold(self, message_id: str) -> None:
        """Do not send a message of the outbox, nor those behind it in its conversation.

        A message that was accepted more than a day ago is held by itself: :meth:`release` sends it,
        :meth:`drop` gives it up.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._gateway.check()
        await self._gateway.outbox.hold(paths.message_id(message_id))

    async def release(self, message_id: str) -> None:
        """Send a message that is held.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._gateway.check()
        await self._gateway.outbox.release(paths.message_id(message_id))

    async def drop(self, message_id: str) -> None:
        """Give a message of the outbox up, or forget one that was refused and is still on disk.

        One that is with the service may arrive all the same; then it stays ``sent``.

        Raises:
            NotFound: The outbox holds no such message.
            ConfigError: The outbox is durable, and its file cannot be written.
        """
        self._gateway.check()
        await self._gateway.outbox.drop(paths.message_id(message_id))

    async def close(self) -> tuple[OutgoingMessage, ...]:
        """Close every listener and give back sockets and threads. Closing twice is fine.

        Messages on their way get a fifth of a second to arrive; :meth:`flush` before, to wait
        longer. What does not arrive is logged as a warning.

        Returns:
            Those messages, with their ``error`` set.
        """
        return await self._gateway.close()

    async def __aenter__(self) -> Self:
        transport = self._gateway.transport
        try:
            await transport.open()
        except BaseException:
            await self.close()
            raise
        self._entered = True
        self._gateway.outbox.begin()
        self._begin_listening()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, and raise Unavailable if that lost messages and nothing else went wrong."""
        left = await self.close()
        if left and error is None:
            raise Unavailable(
                f"closed with {undelivered(left)}",
                hint="Wait for them with flush(), or send again what was not sent",
                outcome_unknown=any(one.delivery == "sent" for one in left),
            )

    @property
    def _dispatcher(self) -> EventDispatcher:
        return self._background

    def _begin_listening(self) -> None:
        if self._entered and self._dispatcher.wanted:
            self._dispatcher.begin()
