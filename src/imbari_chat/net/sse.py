"""One Server-Sent Events stream, kept alive: the shell around :class:`engine.stream.StreamCore`."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imbari_chat.engine.access import Access, StreamRequest
from imbari_chat.engine.refusals import Call, refusal
from imbari_chat.engine.stream import (
    Changed,
    Connect,
    Disconnect,
    Effect,
    Ended,
    StateChanged,
    StreamCore,
    StreamPolicy,
)
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.net.transport import ListenItem
from imbari_chat.net.workers import Workers
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import SseParser

if TYPE_CHECKING:
    import httpx

__all__ = ["SseSubscription"]

_MOST_WAITING = 1024
"""Changes kept for a consumer that is busy; beyond that, the newest two become one."""

_MOST_REDIRECTS = 5
_REFUSAL_BYTES = 64 * 1024
_SERVICE_DOMAINS = (".firebaseio.com", ".firebasedatabase.app")
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class SseSubscription:
    """A :class:`~net.transport.Subscription` over HTTP.

    Nothing runs until it is iterated. A consumer that falls far behind is never cut off and never
    makes this grow: a change holds the whole value, so two of them fold into one.
    """

    def __init__(
        self,
        caller: Callable[[], Awaitable[Access]],
        client: "httpx.AsyncClient",
        workers: Workers,
        path: Path,
        query: Query | None,
        policy: StreamPolicy | None = None,
    ) -> None:
        self._caller = caller
        self._client = client
        self._workers = workers
        self._path = path
        self._query = query
        self._core = StreamCore(random.random, policy)
        self._items: deque[ListenItem] = deque()
        self._error: BaseException | None = None
        self._closed = False
        self._news = asyncio.Event()  # for the consumer
        self._wake = asyncio.Event()  # for the driver
        self._driver: asyncio.Task[None] | None = None
        self._connection: asyncio.Task[None] | None = None

    def __aiter__(self) -> AsyncIterator[ListenItem]:
        return self

    async def __anext__(self) -> ListenItem:
        if self._driver is None and not self._closed:
            self._driver = asyncio.create_task(self._drive(), name=f"stream {self._path}")
            self._driver.add_done_callback(self._driven)
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()

    @property
    def closed(self) -> bool:
        """Whether it has been closed from this side."""
        return self._closed

    def reconnect_now(self) -> None:
        """Do not wait for the backoff: the network is back."""
        self._core.reconnect_now(time.monotonic())
        self._wake.set()

    async def close(self) -> None:
        """Stop at once, from any state. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._core.close()
        tasks = [task for task in (self._driver, self._connection) if task is not None]
        for task in tasks:
            task.cancel()
        self._items.clear()
        self._news.set()
        current = asyncio.current_task()
        await asyncio.gather(*(t for t in tasks if t is not current), return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _drive(self) -> None:
        """Carry out effects and watch the clock until the stream is over."""
        self._core.start(time.monotonic())
        while True:
            for effect in self._core.drain():
                self._carry_out(effect)
            if self._error is not None:
                return
            self._wake.clear()
            deadline = self._core.deadline()
            try:
                async with asyncio.timeout(
                    None if deadline is None else max(deadline - time.monotonic(), 0)
                ):
                    await self._wake.wait()
            except TimeoutError:
                self._core.tick(time.monotonic())

    def _driven(self, driver: "asyncio.Task[None]") -> None:
        """The driver ended; if by a fault of ours, the consumer hears of it."""
        if not driver.cancelled() and (fault := driver.exception()) is not None:
            self._error = fault
        self._news.set()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Connect(renew):
                self._connection = asyncio.create_task(self._connect(renew=renew))
            case Disconnect():
                if self._connection is not None:
                    self._connection.cancel()
                    self._connection = None
            case Changed() | StateChanged():
                self._publish(effect)
            case Ended(error):
                self._error = error
        self._news.set()

    def _publish(self, item: ListenItem) -> None:
        last = self._items[-1] if len(self._items) >= _MOST_WAITING else None
        if isinstance(last, Changed) and isinstance(item, Changed):
            known = last.touched is not None and item.touched is not None
            touched = frozenset({*(last.touched or ()), *(item.touched or ())}) if known else None
            self._items[-1] = Changed(item.value, touched)
        else:
            self._items.append(item)

    async def _connect(self, *, renew: bool) -> None:
        """One connection, from request to end; whatever happens is told to the core."""
        import httpx

        try:
            access = await self._caller()
            if renew and not await self._renewed(access):
                return
            request = await self._workers.run(access.stream, self._path, self._query)
            await self._listen(request, access)
        except ImbariError as error:
            self._core.refused(error, time.monotonic())
        except httpx.HTTPError as error:
            self._core.lost(_in_words(error), time.monotonic())
        except Exception as error:
            # The consumer must not wait for ever on a connection that died of a fault of ours.
            self._error = error
            raise
        finally:
            self._wake.set()
            self._news.set()

    async def _renewed(self, access: Access) -> bool:
        try:
            await self._workers.run(access.renew)
        except ImbariError as error:
            self._core.cannot_renew(error, time.monotonic())
            return False
        return True

    async def _listen(self, request: StreamRequest, access: Access) -> None:
        response = await self._open(request)
        try:
            if response.status_code != 200:
                body = await _beginning(response)
                raise refusal(response.status_code, body, Call(str(self._path)))
            expires_at = access.expires_at
            self._core.opened(
                time.monotonic(), None if expires_at is None else expires_at - time.time()
            )
            self._wake.set()
            parser = SseParser()
            async for chunk in response.aiter_raw():
                now = time.monotonic()
                self._core.heard(now)
                for frame in parser.feed(chunk):
                    self._core.received(frame, now)
                self._wake.set()
            self._core.lost("the service ended the stream", time.monotonic())
        finally:
            await response.aclose()

    async def _open(self, request: StreamRequest) -> "httpx.Response":
        """Send the request, following redirects with the credential, as the service expects.

        Production answers a stream with a redirect to the host that holds the database. The
        credential goes along only over TLS within the service's domains, or to the same host.
        """
        import httpx

        url = httpx.URL(request.url)
        for _ in range(_MOST_REDIRECTS):
            headers = {
                **request.headers,
                "Accept": "text/event-stream",
                "Accept-Encoding": "identity",
                "Cache-Control": "no-cache",
            }
            response = await self._client.send(
                self._client.build_request("GET", url, headers=headers), stream=True
            )
            if not response.is_redirect:
                return response
            await response.aclose()
            target = url.join(response.headers["location"])
            if not _may_carry_credentials(url, target):
                raise Unavailable(
                    f"the stream was redirected to {target.host}, which is not the service",
                    where=str(self._path),
                )
            url = target
        raise Unavailable("the stream was redirected in circles", where=str(self._path))


def _may_carry_credentials(origin: "httpx.URL", target: "httpx.URL") -> bool:
    if target.scheme == "https" and target.host.endswith(_SERVICE_DOMAINS):
        return True
    # An emulator may send its streams from one name of this machine to another.
    same_place = target.host == origin.host or {origin.host, target.host} <= _THIS_MACHINE
    return same_place and (origin.scheme, origin.port) == (target.scheme, target.port)


async def _beginning(response: "httpx.Response") -> str:
    """An error's body, as far as it matters."""
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > _REFUSAL_BYTES:
            break
    return received[:_REFUSAL_BYTES].decode(errors="replace")


def _in_words(error: Exception) -> str:
    """What went wrong, without the URL, which may hold a token."""
    import httpx

    match error:
        case httpx.ConnectTimeout():
            return "connecting took too long"
        case httpx.ConnectError():
            return "cannot connect"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the connection broke"
        case _:
            return f"the connection failed ({type(error).__name__})"
