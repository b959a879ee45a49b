"""One listener of a socket that it shares with others."""

from typing import TYPE_CHECKING

from imbari_chat.engine.buffer import ChangeBuffer
from imbari_chat.engine.effects import Changed, Ended, StateChanged
from imbari_chat.net.subscription import BufferedSubscription
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

if TYPE_CHECKING:
    from imbari_chat.net.websocket import WebSocketTransport

__all__ = ["SocketSubscription"]


class SocketSubscription(BufferedSubscription):
    """A :class:`~net.transport.Subscription` that shares its transport's socket."""

    def __init__(
        self,
        transport: "WebSocketTransport",
        hearer: int,
        path: Path,
        query: Query | None,
        buffer: ChangeBuffer,
    ) -> None:
        super().__init__(buffer)
        self._transport = transport
        self._hearer = hearer
        self._path = path
        self._query = query

    @property
    def retry_in(self) -> float | None:
        """Seconds from now until the next attempt; None if none is being waited for."""
        return self._transport.retry_in if self._begun else None

    @property
    def last_heard(self) -> float | None:
        """When the service last said anything, in seconds since the epoch; None if never."""
        return self._transport.last_heard

    def hear(self, item: Changed | StateChanged | Ended) -> None:
        """The link tells something."""
        if isinstance(item, Ended):
            self._error = item.error
            self._transport.forget(self._hearer)
            self._notifier.notify()
        else:
            self.tell(item)

    def _begin(self) -> None:
        self._transport.begin(self._hearer, self._path, self._query)

    async def _end(self) -> None:
        self._over(None)

    def _overflowed(self) -> None:
        self._over(str(self._error))

    def _over(self, reason: str | None) -> None:
        self._transport.forget(self._hearer)
        self._publish(StateChanged("closed", reason))
