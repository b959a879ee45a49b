"""What every subscription has in common: it is iterated, says its state, and is closed once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from imbari_chat.engine.buffer import ChangeBuffer, ListenItem
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import StreamOverflow
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.process import LoopGuard
from imbari_chat.states import ConnectionState

__all__ = ["BufferedSubscription", "ClosedOnLeaving"]


class ClosedOnLeaving:
    """``async with`` closes it at the end."""

    async def close(self) -> None:
        """Stop at once, from any state. Closing twice is fine."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class BufferedSubscription(ClosedOnLeaving):
    """The consumer's side of a :class:`~net.transport.Subscription`. Nothing runs until iterated.

    Whoever derives from it says what begins and ends with it.
    """

    def __init__(self, buffer: ChangeBuffer) -> None:
        self._buffer = buffer
        self._guard = LoopGuard()
        self._notifier = Notifier()
        self._on_live: Callable[[], None] | None = None
        self._latest = StateChanged("connecting")
        self._since = time.time()
        self._value: Changed | None = None
        self._error: BaseException | None = None
        self._begun = False
        self._closed = False

    def _begin(self) -> None:
        """It is iterated for the first time."""
        raise NotImplementedError

    async def _end(self) -> None:
        """It is closed, before or after it was begun. Nothing is published any more."""
        raise NotImplementedError

    def _overflowed(self) -> None:
        """The consumer is too far behind: nothing more is to be published."""
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[ListenItem]:
        return self

    async def __anext__(self) -> ListenItem:
        self._guard.check()
        self.begin()
        await self._notifier.until(lambda: self.is_ready)
        if not self._buffer:
            raise self._error or StopAsyncIteration
        return self._buffer.take()

    @property
    def is_ready(self) -> bool:
        """Whether iterating takes no waiting: there is an item, or it is over."""
        return bool(self._buffer) or self._error is not None or self._closed

    def share(self, notifier: Notifier, on_live: Callable[[], None]) -> None:
        """Tell by this notifier, from now on, that it may be ready. Before it is iterated.

        Args:
            notifier: The consumer's.
            on_live: Called on the loop whenever it has become live, be the consumer busy or not.
        """
        self._notifier, self._on_live = notifier, on_live

    @property
    def has_begun(self) -> bool:
        """Whether it was iterated, or told to begin."""
        return self._begun

    def begin(self) -> None:
        """Listen from now on, before it is iterated. Twice is fine."""
        if not self._begun and not self._closed:
            self._begun = True
            self._begin()

    @property
    def state(self) -> ConnectionState:
        """The connection's state now."""
        return self._latest.state

    @property
    def since(self) -> float:
        """When the state became what it is, in seconds since the epoch."""
        return self._since

    @property
    def reason(self) -> str | None:
        """Why it did, if there is anything to say."""
        return self._latest.reason

    def again(self, touched: frozenset[str]) -> None:
        """Give the latest value once more, with these children touched; nothing if there is none.

        For a consumer that lays something of its own over the value. On the loop.
        """
        if self._value is not None:
            self._publish(Changed(self._value.value, touched))
            self._notifier.notify()

    async def close(self) -> None:
        """Stop at once, from any state. Closing twice is fine."""
        if self._closed:
            return
        if self._guard.is_at_home:
            self._buffer.clear()
            await self.retire()
        self._closed = True  # elsewhere the connection is not ours

    def tell(self, item: ListenItem) -> None:
        """The consumer is told something, now."""
        self._publish(item)
        self._notifier.notify()

    def retire(self) -> Coroutine[Any, Any, None]:
        """Publish nothing from now on; returns the rest of closing.

        What it published stays in its buffer, for whoever goes on with that. Its own iteration
        ends when the buffer is empty.
        """
        self._closed = True
        self._notifier.notify()
        return self._end()

    def _publish(self, item: ListenItem) -> None:
        """Keep it for the consumer; :attr:`_notifier` is told by whoever calls this."""
        if isinstance(item, StateChanged):
            self._latest, self._since = item, time.time()
            if item.state == "live" and self._on_live is not None:
                asyncio.get_running_loop().call_soon(self._on_live)
        else:
            self._value = item
        if self._closed or self._error is not None:
            return
        try:
            self._buffer.put(item)
        except StreamOverflow as error:
            self._error = error
            self._overflowed()
