"""One listener that is taken from one transport to another, and whose consumer does not notice.

Each transport gives it a subscription of its own, and they all publish into one buffer. What the
first has said stays there; the next begins with the whole value, as after every outage, so whoever
compares it with what came before misses nothing and hears nothing twice.
"""

import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, Self

from imbari_chat.engine.buffer import ChangeBuffer, ListenItem, Overflow
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.socket_subscription import SocketSubscription
from imbari_chat.net.sse import SseSubscription
from imbari_chat.net.subscription import ClosedOnLeaving
from imbari_chat.states import ConnectionState
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["AutoSubscription", "JointBuffer", "Source"]


class JointBuffer(ChangeBuffer):
    """What several subscriptions say, one after the other, as if it were one's.

    That the next one connects is no news to a consumer who waits already. And that a WebSocket
    could not be opened is none before it is known that nothing else helps.

    Args:
        limit: As for any other.
        overflow: As for any other.
        where: As for any other.
        is_close: Whether it is about to be known.
    """

    def __init__(
        self, limit: int, overflow: Overflow, where: str, is_close: Callable[[], bool]
    ) -> None:
        super().__init__(limit, overflow, where)
        self._is_close = is_close
        self.held: StateChanged | None = None
        """What may turn out to be no news."""
        self.latest: StateChanged = StateChanged("connecting")
        self.since: float = time.time()
        self.is_continued: bool = False
        """Another subscription has taken over, and is not live yet."""
        self.value: Changed | None = None
        """The last that was said, by whichever of them."""

    def put(self, item: ListenItem) -> None:
        """Add an item, unless it is no news."""
        if isinstance(item, StateChanged):
            if item.state == "reconnecting" and self._is_close():
                self.held = item
                return
            self.held = None
            if item.state == "connecting" and self.is_continued:
                return
            self.is_continued = self.is_continued and item.state != "live"
            self.latest, self.since = item, time.time()
        else:
            self.value = item
        super().put(item)


class Source(Protocol):
    """A transport that listens."""

    def subscribe(
        self, path: Path, query: Query | None, buffer: ChangeBuffer
    ) -> SseSubscription | SocketSubscription:
        """Listen, into this buffer."""


class AutoSubscription(ClosedOnLeaving):
    """A :class:`~net.transport.Subscription` over one transport after the other.

    Args:
        source: The first transport.
        path: Where.
        query: Which children.
        buffer: What is said; its own.
    """

    def __init__(
        self, source: Source, path: Path, query: Query | None, buffer: JointBuffer
    ) -> None:
        self._path = path
        self._query = query
        self._buffer = buffer
        self._inner = source.subscribe(path, query, buffer)
        self._heard_before: float | None = None
        self._shared: tuple[Notifier, Callable[[], None]] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ListenItem:
        while True:
            inner = self._inner
            try:
                return await anext(inner)
            except StopAsyncIteration:
                if inner is self._inner:
                    raise

    @property
    def is_ready(self) -> bool:
        """Whether iterating takes no waiting: there is an item, or it is over."""
        return self._inner.is_ready

    def share(self, notifier: Notifier, on_live: Callable[[], None]) -> None:
        """As for any other; whichever is the one."""
        self._shared = notifier, on_live
        self._inner.share(*self._shared)

    def begin(self) -> None:
        """Listen from now on, before it is iterated. Twice is fine."""
        self._inner.begin()

    @property
    def state(self) -> ConnectionState:
        """The connection's state now."""
        return self._inner.state if self._is_over else self._buffer.latest.state

    @property
    def since(self) -> float:
        """When the state became what it is, in seconds since the epoch."""
        return self._inner.since if self._is_over else self._buffer.since

    @property
    def reason(self) -> str | None:
        """Why it did, if there is anything to say."""
        return self._inner.reason if self._is_over else self._buffer.latest.reason

    @property
    def retry_in(self) -> float | None:
        """Seconds from now until the next attempt; None if none is being waited for."""
        return self._inner.retry_in

    @property
    def last_heard(self) -> float | None:
        """When the service last said anything, in seconds since the epoch; None if never."""
        return self._inner.last_heard or self._heard_before

    def again(self, touched: frozenset[str]) -> None:
        """Give the latest value once more, be it one of before the move; nothing without one."""
        if self._buffer.value is not None and not self._is_over:
            self._inner.tell(Changed(self._buffer.value.value, touched))

    def decided(self) -> None:
        """It is known now whether anything else helps: if not, say what was held back."""
        if self._buffer.held is not None and not self._is_over:
            self._inner.tell(self._buffer.held)

    def move(self, source: Source) -> Coroutine[Any, Any, None]:
        """Go on over another transport, from now on; returns the rest of leaving this one."""
        old = self._inner
        if self.state in ("live", "stale"):
            old.tell(StateChanged("reconnecting", "another transport is used from now on", 0.0))
        if self._is_over:  # or that was more than the consumer can take
            return old.close()
        self._heard_before = self.last_heard
        self._buffer.held, self._buffer.is_continued = None, old.has_begun
        leaving = old.retire()
        self._inner = source.subscribe(self._path, self._query, self._buffer)
        if self._shared is not None:
            self._inner.share(*self._shared)
        if old.has_begun:
            self._inner.begin()
        return leaving

    async def close(self) -> None:
        """Stop at once, from any state. Closing twice is fine."""
        await self._inner.close()

    @property
    def _is_over(self) -> bool:
        return self._inner.state == "closed"
