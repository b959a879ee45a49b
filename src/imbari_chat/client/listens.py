"""What can be listened to, and how: ``on``, ``wait_for``, ``listen`` and ``wait_closed``."""

from collections.abc import Callable
from typing import Any, TypeVar

from imbari_chat.client.background import Listening, Wanted
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Sender

__all__ = ["Listens"]

E = TypeVar("E", bound=ChatEvent)
F = TypeVar("F", bound=Callable[[Any], object])


class Listens:
    """What everything that can be listened to offers, besides its ``events``.

    Subclasses say what is listened to, in ``_listening``.
    """

    @property
    def _listening(self) -> Listening:
        raise NotImplementedError

    def on(
        self,
        kind: type[E],
        *,
        sender: Sender | None = None,
        where: Callable[[E], bool] | None = None,
    ) -> Callable[[F], F]:
        """Call the decorated function with every event of this kind.

        ::

            @desk.on(MessageAdded, sender="customer")
            async def greet(event: MessageAdded) -> None: ...

        Handlers run one after the other, each event through all of them before the next, so they
        see events in order. One that raises is reported to ``on_error`` and goes on receiving.
        Listening begins with the ``with`` block, or now inside it.

        Args:
            kind: An event class.
            sender: For events that carry a message: only from this side.
            where: Only events for which this is true.
        """

        def register(handler: F) -> F:
            self._listening.add(Wanted(kind, sender, where), handler)
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
            Unavailable: Nothing of the kind came in time.
            ImbariError: The listening has ended for good.
        """
        event = await self._listening.next(Wanted(kind, sender, where), timeout=timeout)
        assert isinstance(event, kind)
        return event

    async def listen(self) -> None:
        """Listen in the background from now on; returns when the connection is live.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        await self._listening.until_live()

    async def wait_closed(self) -> None:
        """Wait until this is closed, while handlers are being called.

        Raises:
            ImbariError: The listening has ended for good, for example because access was lost.
        """
        await self._listening.until_over()

    def _begin_listening(self) -> None:
        """Start, if this is where events are handled."""
        raise NotImplementedError
