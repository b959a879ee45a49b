"""Listening in the background, for handlers and for waiters.

One task takes events from a source. It keeps the news for whoever waits, and queues what handlers
want for a second task, which calls them one after the other, in order. A handler that is slow makes
the queue full, which makes the first task wait, which makes the stream fold its changes: memory
stays bounded and nothing is lost. A handler that raises is reported, and the next event is its.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from imbari_chat.errors import ClientClosed, WaitTimeout
from imbari_chat.logs import get_logger
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.process import ProcessGuard
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from imbari_chat.schema.models import Sender

__all__ = ["ErrorHandler", "EventDispatcher", "EventFilter", "log_error"]

E = TypeVar("E", bound=ChatEvent)
F = TypeVar("F", bound=Callable[[Any], object])

Handler: TypeAlias = Callable[[Any], object]
"""Takes an event. What it returns is awaited if it can be."""

ErrorHandler: TypeAlias = Callable[[Exception, ChatEvent | None], None]
"""Takes what a handler raised, and on which event; None if it is the listening that ended."""

_MOST_QUEUED = 1024
_MOST_KEPT = 1000

_log = get_logger(__name__)

_handling: "ContextVar[EventDispatcher | None]" = ContextVar("imbari-chat handling", default=None)
"""Whose handler this is, or what a handler started."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants.

    Attributes:
        kind: An event class.
        sender: For events that carry a message: only from this side.
        where: Only those for which this is true.
    """

    kind: type[Any]
    sender: Sender | None = None
    where: Callable[[Any], bool] | None = None

    def fits(self, event: ChatEvent) -> bool:
        """Whether ``event`` is of this kind and from this side, whatever ``where`` says of it."""
        if not isinstance(event, self.kind):
            return False
        if self.sender is None:
            return True
        message = getattr(event, "message", None)
        return message is not None and message.sender == self.sender

    def admits(self, event: ChatEvent) -> bool:
        """Whether ``event`` is one of them. Raises what ``where`` raises."""
        return self.fits(event) and (self.where is None or self.where(event))


def log_error(error: Exception, event: ChatEvent | None) -> None:
    """What happens to errors nobody takes care of."""
    if event is None:
        _log.error("listening has ended: %s", error)
    else:
        _log.error("a handler failed on %s", type(event).__name__, exc_info=error)


class EventDispatcher:
    """Takes events from a source for as long as anybody wants them.

    Args:
        source: Makes the stream of events.
        on_error: Told what handlers raise, and what ended the listening.
        is_news: Which events :meth:`wait_for` may give. By default those that follow the first
            snapshot.
    """

    def __init__(
        self,
        source: Callable[[], AsyncGenerator[ChatEvent, None]],
        *,
        on_error: ErrorHandler | None = None,
        is_news: Callable[[ChatEvent], bool] | None = None,
    ) -> None:
        self._source = source
        self._on_error = on_error or log_error
        self._is_news = is_news
        self._handlers: list[tuple[EventFilter, Handler]] = []
        self._queue: deque[ChatEvent] = deque()
        self._kept: deque[ChatEvent] = deque(maxlen=_MOST_KEPT)
        self._live = False
        self._failure: BaseException | None = None
        self._over = False
        self._notifier = Notifier()
        self._guard = ProcessGuard()
        self._pump: asyncio.Task[None] | None = None
        self._caller: asyncio.Task[None] | None = None
        self._times_stopped = 0

    @property
    def wanted(self) -> bool:
        """Whether anybody has registered a handler."""
        return bool(self._handlers)

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if that was not :meth:`close`."""
        return self._failure

    def add(self, wanted: EventFilter, handler: Handler) -> None:
        """Call ``handler`` with every event that is wanted, from now on."""
        self._handlers.append((wanted, handler))

    def begin(self) -> None:
        """Start, if that has not happened. Needs a running event loop.

        Raises:
            RuntimeError: This is a forked child of the process that made it.
        """
        self._guard.check()
        if self._pump is None and not self._over:
            self._pump = asyncio.create_task(self._take_all(), name="imbari-chat listening")
            calling = self._call_all(self._times_stopped)
            self._caller = asyncio.create_task(calling, name="imbari-chat handlers")

    async def until_live(self) -> None:
        """Wait until the first snapshot has been taken.

        Raises:
            ImbariError: The listening has ended.
        """
        self.begin()
        await self._until(lambda: self._live and not self._over)

    async def until_over(self) -> None:
        """Wait until it is closed.

        Raises:
            ImbariError: What ended it, if that was not :meth:`close`.
        """
        self.begin()
        await self._notifier.until(lambda: self._over)
        if self._failure is not None:
            raise self._failure

    async def next(self, wanted: EventFilter, *, timeout: float) -> ChatEvent:
        """The first wanted event that has not been waited for; older ones are passed over.

        Raises:
            WaitTimeout: None came in time.
            ImbariError: The listening has ended.
        """
        found: list[ChatEvent] = []

        def there() -> bool:
            event = next((one for one in self._kept if wanted.admits(one)), None)
            if event is None:
                return False
            while self._kept.popleft() is not event:
                pass
            found.append(event)
            return True

        try:
            async with asyncio.timeout(timeout):
                self.begin()
                await self._until(there)
        except TimeoutError:
            raise WaitTimeout(f"no {wanted.kind.__name__} within {timeout:g} s") from None
        return found[0]

    async def stop(self) -> None:
        """Stop taking events and forget those that were taken; it can be begun again."""
        if not self._guard.is_here:
            return  # the tasks are the parent's
        self._end(None)
        # A handler that stops the listening it is called by is let finish, and then the task ends.
        caller = None if _handling.get() is self else self._caller
        tasks = [task for task in (self._pump, caller) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pump = self._caller = None
        self._times_stopped += 1
        self._queue.clear()
        self._kept.clear()
        self._live = self._over = False
        self._failure = None

    async def close(self) -> None:
        """Stop at once and for good; also from within a handler. Closing twice is fine."""
        await self.stop()
        self._end(None)

    async def _until(self, condition: Callable[[], bool]) -> None:
        is_met = False

        def is_settled() -> bool:
            nonlocal is_met
            is_met = condition()  # asked once: what it has found and taken is gone
            return is_met or self._over

        await self._notifier.until(is_settled)
        if not is_met:
            raise self._failure or ClientClosed("what listened here has been closed")

    async def _take_all(self) -> None:
        try:
            async with aclosing(self._source()) as events:
                async for event in events:
                    await self._take(event)
        except Exception as error:  # noqa: BLE001  # the top of a task: whoever listens is told
            self._end(error)
            self._report(error, None)
        else:
            self._end(None)

    async def _take(self, event: ChatEvent) -> None:
        if isinstance(event, ConnectionChanged) and event.state == "live":
            self._live = True
        self._keep(event)
        if self._is_handled(event):
            await self._notifier.until(lambda: len(self._queue) < _MOST_QUEUED)
            self._queue.append(event)
        self._notifier.notify()

    def _keep(self, event: ChatEvent) -> None:
        if self._live if self._is_news is None else self._is_news(event):
            self._kept.append(event)

    def _is_handled(self, event: ChatEvent) -> bool:
        return any(wanted.fits(event) for wanted, _ in self._handlers)

    async def _call_all(self, times_stopped: int) -> None:
        """Until it is stopped, from within perhaps. It may run before anybody has the task."""
        _handling.set(self)
        while self._times_stopped == times_stopped:
            await self._notifier.until(lambda: bool(self._queue) or self._over)
            if not self._queue:
                return
            event = self._queue.popleft()
            self._notifier.notify()
            for wanted, handler in list(self._handlers):
                await self._call(wanted, handler, event)

    async def _call(self, wanted: EventFilter, handler: Handler, event: ChatEvent) -> None:
        try:
            if not wanted.admits(event):
                return
            result = handler(event)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            mistake = RuntimeError("a handler awaited something that was cancelled")
            mistake.__cause__ = error
            self._report(mistake, event)
        except Exception as error:  # noqa: BLE001  # a handler's mistake must cost no event
            self._report(error, event)

    def _report(self, error: Exception, event: ChatEvent | None) -> None:
        try:
            self._on_error(error, event)
        except Exception as second:  # noqa: BLE001  # nor may a mistake in reporting one
            log_error(second, event)

    def _end(self, error: Exception | None) -> None:
        if not self._over:
            self._over, self._failure = True, error
        self._notifier.notify()
