"""One Server-Sent Events stream, kept alive: the shell around :class:`engine.stream.StreamCore`."""

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from imbari_chat.clock import local_time
from imbari_chat.engine.access import Access, StreamRequest
from imbari_chat.engine.buffer import ChangeBuffer
from imbari_chat.engine.places import MOST_MOVES, SERVICE_DOMAINS
from imbari_chat.engine.refusals import Call, redact, refusal
from imbari_chat.engine.server_time import SECOND
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
from imbari_chat.errors import ImbariError, Unavailable, raise_alone
from imbari_chat.http_environment import HttpEnvironment, untrusted_certificate
from imbari_chat.logs import Lines, get_logger
from imbari_chat.net.alarm import Alarm
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.large_json import read_large
from imbari_chat.net.names import look_up
from imbari_chat.net.subscription import BufferedSubscription
from imbari_chat.net.workers import Workers
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import Frame, SseParser

if TYPE_CHECKING:
    import httpx

    from imbari_chat.net.http_client import HttpAnswer, HttpClient

__all__ = ["SseSubscription"]

_log = get_logger(__name__)

_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
}
_REFUSAL_BYTES = 64 * 1024
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class SseSubscription(BufferedSubscription):
    """A :class:`~net.transport.Subscription` over HTTP.

    Nothing runs until it is iterated. From then on there is one timer, set to the core's deadline,
    and one task for the connection, if any.
    """

    def __init__(
        self,
        caller: Callable[[], Awaitable[Access]],
        client: Callable[[], Awaitable["HttpClient"]],
        workers: Workers,
        environment: HttpEnvironment,
        path: Path,
        query: Query | None,
        policy: StreamPolicy,
        buffer: ChangeBuffer,
    ) -> None:
        super().__init__(buffer)
        self._caller = caller
        self._client = client
        self._workers = workers
        self._environment = environment
        self._path = path
        self._query = query
        self._core = StreamCore(random.random, policy)
        self._last_heard: float | None = None
        self._alarm = Alarm(self._ring)
        self._connection: asyncio.Task[None] | None = None
        self._tasks = BackgroundTasks(f"stream {path}")  # connections, until their last line ran

    @property
    def retry_in(self) -> float | None:
        """Seconds from now until the next attempt; None if none is being waited for."""
        due = self._core.retry_at
        return None if due is None else max(due - time.monotonic(), 0.0)

    @property
    def last_heard(self) -> float | None:
        """When the service last said anything, in seconds since the epoch; None if never."""
        return self._last_heard

    def reconnect_now(self) -> None:
        """Do not wait for the backoff, nor for a silent connection: the network is back."""
        self._guard.check()
        self._core.reconnect_now(time.monotonic())
        self._settle()

    def _begin(self) -> None:
        self._core.start(time.monotonic())
        self._settle()

    async def _end(self) -> None:
        self._core.close()
        self._settle()
        await self._tasks.wait()

    def _overflowed(self) -> None:
        self._core.close()

    def _settle(self) -> None:
        """Carry out what the core decided, and set the timer to its next deadline."""
        while effects := self._core.drain():
            for effect in effects:
                self._carry_out(effect)
        self._alarm.set(self._core.deadline())
        self._notifier.notify()

    def _ring(self) -> None:
        self._core.tick(time.monotonic())
        self._settle()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Connect(renew):
                self._connection = self._tasks.start(self._connect(renew=renew))
            case Disconnect():
                if self._connection is not None:
                    self._connection.cancel()
                    self._connection = None
            case Changed() | StateChanged():
                self._publish(effect)
            case Ended(error):
                self._error = error

    def _fail(self, error: BaseException) -> None:
        """End it; the consumer gets ``error`` after what it has not read yet."""
        self._error = error
        self._core.close()

    def _report(self, fact: Callable[[float], None]) -> None:
        """Tell the core something about this task's connection, unless it has been dropped."""
        if self._connection is asyncio.current_task():
            fact(time.monotonic())
            self._settle()

    async def _connect(self, *, renew: bool) -> None:
        """One connection, from request to end; whatever happens is told to the core."""
        try:
            access, request = await self._ask(renew=renew)
        except ImbariError as error:
            self._report(partial(self._core.no_credential, error))
            return
        except Exception as error:  # noqa: BLE001  # the consumer must not wait for ever
            self._fail(error)
            self._settle()
            return
        self._report(self._core.identified)
        try:
            asked_at = local_time()
            answer = await self._open(request)
            del request  # it holds a credential, and the answer may last for days
            await self._listen(answer, access, asked_at)
        except ImbariError as error:
            self._report(partial(self._core.refused, error))
        except Exception as error:  # noqa: BLE001  # one answer must not end a listener
            self._report(partial(self._core.lost, _in_words(error) or self._own_fault(error)))

    def _own_fault(self, error: Exception) -> str:
        """A mistake of ours in handling one answer; the next answer may be another."""
        trace = Lines(redact("".join(traceback.format_exception(error))))
        _log.error("the stream of %s met an error of its own:\n%s", self._path, trace)
        return f"an answer could not be handled ({type(error).__name__})"

    async def _ask(self, *, renew: bool) -> tuple[Access, StreamRequest]:
        """Who is asking, and the request to make."""
        access = await self._caller()
        if renew:
            await self._workers.run(access.renew)
        return access, await self._workers.run(access.stream, self._path, self._query)

    async def _listen(self, answer: "HttpAnswer", access: Access, asked_at: int) -> None:
        try:
            call = Call(str(self._path))
            if answer.status != 200:
                body = await _beginning(answer)
                pause = answer.retry_after
                raise refusal(answer.status, body, call, kind=answer.kind, retry_after=pause)
            if not answer.kind.startswith("text/event-stream"):
                raise Unavailable(
                    f"something answered for {call.service} that is no event stream",
                    where=call.where,
                    hint="A network's log-in page or a firewall may be in the way",
                )
            if answer.time is not None:
                self._workers.stamps.note(answer.time, made=asked_at, within=SECOND)
            ends = access.expires_at
            left = None if ends is None else ends - time.time()
            self._report(partial(self._core.opened, expires_in=left))
            parser = SseParser()
            async for chunk in answer.body:
                said = [(one, await read_large(one.data)) for one in parser.feed(chunk)]
                self._report(partial(self._received, said, within=parser.is_within_frame))
            self._report(partial(self._core.lost, "the service ended the stream"))
        finally:
            await answer.body.aclose()

    def _received(self, said: list[tuple[Frame, Json]], now: float, *, within: bool) -> None:
        self._last_heard = time.time()
        self._core.heard(now)
        for frame, body in said:
            self._core.received(frame, now, body)
        if within:
            self._core.arriving(now)

    async def _open(self, request: StreamRequest) -> "HttpAnswer":
        """Send the request, following redirects with the credential, as the service expects.

        Production answers a stream with a redirect to the host that holds the database. The
        credential goes along only over TLS within the service's domains, or to the same host.
        """
        client = await self._client()
        import httpx  # by now it has been imported, off the event loop

        from imbari_chat.net.http_client import origin

        url = httpx.URL(request.url)
        for _ in range(1 + MOST_MOVES):
            await look_up(origin(url), self._workers, self._environment, str(self._path))
            answer = await client.get(url, {**request.headers, **_HEADERS})
            if answer.location is None:
                return answer
            await answer.body.aclose()
            try:
                target = url.join(answer.location)
            except httpx.InvalidURL:
                raise_alone(
                    Unavailable("the stream was redirected to no URL", where=str(self._path))
                )
            if not _may_carry_credentials(url, target):
                raise Unavailable(
                    f"the stream was redirected to {target.host}, which is not the service",
                    where=str(self._path),
                )
            url = target
        raise Unavailable("the stream was redirected in circles", where=str(self._path))


def _may_carry_credentials(origin: "httpx.URL", target: "httpx.URL") -> bool:
    if target.scheme == "https" and target.host.endswith(SERVICE_DOMAINS):
        return True
    # An emulator may send its streams from one name of this machine to another.
    same_place = target.host == origin.host or {origin.host, target.host} <= _THIS_MACHINE
    return same_place and (origin.scheme, origin.port) == (target.scheme, target.port)


async def _beginning(answer: "HttpAnswer") -> str:
    """An error's body, as far as it matters."""
    received = bytearray()
    async for chunk in answer.body:
        received += chunk
        if len(received) > _REFUSAL_BYTES:
            break
    return received[:_REFUSAL_BYTES].decode(errors="replace")


def _in_words(error: Exception) -> str | None:
    """What the network did, without the URL, which may hold a token; None if it did nothing."""
    import httpx

    match error:
        case httpx.ConnectTimeout():
            return "connecting took too long"
        case httpx.ConnectError() if untrusted := untrusted_certificate(error):
            return f"the certificate that came is not trusted: {untrusted}"
        case httpx.ConnectError():
            return "cannot connect"
        case httpx.ProxyError():
            return f"the proxy does not let this through: {error}"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the connection broke"
        case httpx.InvalidURL():
            return "the address cannot be used"
        case httpx.HTTPError():
            return f"the connection failed ({type(error).__name__})"
        case _:
            return None
