"""What both ends of the chat have in common: an async context manager around a channel."""

from types import TracebackType
from typing import Self

from imbari_chat.client.background import Listening
from imbari_chat.client.channel import Channel
from imbari_chat.client.letters import undelivered
from imbari_chat.client.listens import Listens
from imbari_chat.client.status import ChatStatus, status_of
from imbari_chat.errors import Unavailable
from imbari_chat.schema.outgoing import OutgoingMessage

__all__ = ["ChatEnd"]


class ChatEnd(Listens):
    """An end of the chat.

    Args:
        channel: Closed together with this.
        listening: What handlers and waiters hear.
    """

    def __init__(self, channel: Channel, listening: Listening) -> None:
        self._channel = channel
        self._background = listening
        self._entered = False

    @property
    def uid(self) -> str | None:
        """The uid that the security rules see; None until the first call has been made."""
        return self._channel.uid

    @property
    def outbox(self) -> tuple[OutgoingMessage, ...]:
        """Messages on their way: neither confirmed nor failed, in the order written."""
        return self._channel.outbox.pending

    @property
    def status(self) -> ChatStatus:
        """Is it alive, since when, and what is queued: at this moment."""
        return status_of(
            self._channel.transport.subscriptions,
            self.outbox,
            closed=self._channel.closed,
            failure=self._listening.failure,
        )

    def reconnect_now(self) -> None:
        """Do not wait for any backoff: somebody knows that the network is back."""
        self._channel.reconnect_now()

    async def flush(self, *, timeout: float | None = None) -> tuple[OutgoingMessage, ...]:
        """Wait until every message is delivered or has failed.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            What is still on its way.
        """
        return await self._channel.outbox.flush(timeout)

    async def close(self) -> tuple[OutgoingMessage, ...]:
        """Close every listener and give back sockets and threads. Closing twice is fine.

        Messages on their way get a fifth of a second to arrive; :meth:`flush` before, to wait
        longer. What does not arrive is logged as a warning.

        Returns:
            Those messages, with their ``error`` set.
        """
        return await self._channel.close()

    async def __aenter__(self) -> Self:
        try:
            await self._channel.transport.open()
        except BaseException:
            await self.close()
            raise
        self._entered = True
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
    def _listening(self) -> Listening:
        return self._background

    def _begin_listening(self) -> None:
        if self._entered and self._listening.wanted:
            self._listening.begin()
