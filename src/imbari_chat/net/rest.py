"""The REST transport: reads and writes through the identity's library, streams over our own reader.

Both official libraries block, so their calls run on worker threads; a stream holds one connection
and no thread.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from imbari_chat.engine.access import Access
from imbari_chat.engine.buffer import DEFAULT_LIMIT, ChangeBuffer, Overflow
from imbari_chat.errors import ImbariError
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.background import report
from imbari_chat.net.base import GRACE, BaseTransport
from imbari_chat.net.caller import Caller
from imbari_chat.net.transport import Done, Way, Withdraw
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query

if TYPE_CHECKING:
    from imbari_chat.engine.stream import StreamPolicy
    from imbari_chat.net.http_client import HttpClient
    from imbari_chat.net.sse import SseSubscription

__all__ = ["RestTransport"]

_MOST_CALLS = 8


class RestTransport(BaseTransport[Access]):
    """A :class:`~net.transport.Transport` over HTTP alone.

    Args:
        who: Finds out who is asking; may block, and is called once, off the event loop, when it is
            first needed. Or the caller of another transport, which closes it.
        timeout: How long a write may take and a read may hear nothing, in seconds.
        policy: When a stream worries.
        environment: The way of the streams; by default what this process's environment says.
    """

    def __init__(
        self,
        who: Callable[[], Access] | Caller[Access],
        *,
        timeout: float,
        policy: "StreamPolicy | None" = None,
        environment: HttpEnvironment | None = None,
    ) -> None:
        super().__init__(who, timeout=timeout, environment=environment, calls=_MOST_CALLS)
        self._policy = policy
        self._http: HttpClient | None = None
        self._opening = asyncio.Lock()
        self._subscriptions: list[SseSubscription] = []

    @property
    def way(self) -> Way:
        """How the database is reached."""
        return Way("rest")

    @property
    def on_disconnect(self) -> None:
        """None: each request is a connection of its own."""
        return None

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """Read once; the deadline is one on silence."""
        access = await self._caller()
        return await self._over_http(path, access.get, path, query)

    async def update(self, changes: Mapping[Path, Json]) -> None:
        """Write all of ``changes`` or nothing; the deadline is one on silence."""
        access = await self._caller()
        await self._over_http(next(iter(changes), ROOT), access.update, changes, write=True)

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        """Write without waiting: a worker has it when this returns, if one is free."""
        self._guard.check()
        access = self._caller.known
        if access is None:
            return super().submit(changes, done)

        def told(_: None, error: BaseException | None) -> None:
            if self._closed:
                return
            if isinstance(error, TimeoutError):
                error = self._no_answer(str(next(iter(changes), ROOT)), unknown=True)
            if error is None or isinstance(error, ImbariError):
                done(error)
            else:
                report(error, "writing")

        try:
            return self._workers.begin(
                access.update, changes, told=told, silence=self._timeout + GRACE
            )
        except ImbariError as error:
            done(error)
            return lambda: False

    async def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        """Write ``value`` if ``expected`` is what is stored at ``path``; False if it is not."""
        access = await self._caller()
        swap = access.compare_and_set
        return await self._over_http(path, swap, path, expected, value, write=True)

    @property
    def subscriptions(self) -> "tuple[SseSubscription, ...]":
        """The listeners that are neither closed nor ended."""
        self._subscriptions = [one for one in self._subscriptions if one.state != "closed"]
        return tuple(self._subscriptions)

    def listen(
        self,
        path: Path,
        query: Query | None = None,
        *,
        buffer: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
    ) -> "SseSubscription":
        """Listen; the connection is opened when the subscription is first iterated."""
        return self.subscribe(path, query, ChangeBuffer(buffer, overflow, where=str(path)))

    def subscribe(self, path: Path, query: Query | None, buffer: ChangeBuffer) -> "SseSubscription":
        """The same, into a buffer that may hold something."""
        from imbari_chat.engine.stream import StreamPolicy
        from imbari_chat.net.sse import SseSubscription

        self._check()
        subscription = SseSubscription(
            self._caller,
            self._client,
            self._workers,
            self._environment,
            path,
            query,
            self._policy or StreamPolicy(connect_timeout=self._timeout),
            buffer,
        )
        self._subscriptions = [*self.subscriptions, subscription]
        return subscription

    def reconnect_now(self) -> None:
        """Have every listener not wait any longer."""
        self._guard.check()
        for subscription in self.subscriptions:
            subscription.reconnect_now()

    async def _end(self) -> None:
        await asyncio.gather(*(one.close() for one in self._subscriptions))
        if self._http is not None:
            await self._http.close()

    async def _client(self) -> "HttpClient":
        async with self._opening:
            if self._http is None:
                self._http = await self._workers.run(self._make_client)
            return self._http

    def _make_client(self) -> "HttpClient":
        from imbari_chat.net.http_client import HttpClient, load

        load()
        return HttpClient(self._environment, self._load_tls, connect_timeout=self._timeout)

    async def _load_tls(self) -> ssl.SSLContext:
        return await self._workers.run(lambda: self._environment.tls)
