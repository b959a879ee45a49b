"""One socket: dialed on the way that the environment says, texts in and out as they come.

Loaded off the event loop, because importing the library takes long. Of its inside only what its
documentation gives to derive from is used: a connection class of ours, which is told each frame,
and the protocol object, which takes one. So a text is written at once, without a task, and a
fragmented one is put together here.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidProxyStatus, InvalidStatus, WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import CONNECTING, OPEN, Event

from imbari_chat.engine.refusals import one_line
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.http_environment import HttpEnvironment, Proxy, untrusted_certificate
from imbari_chat.logs import get_logger
from imbari_chat.net.background import in_background
from imbari_chat.net.departures import Departures
from imbari_chat.net.names import look_up
from imbari_chat.net.workers import Workers

__all__ = ["Line", "LineEvents"]

_WHERE: Final = "the database's socket"

_LAST_WORDS: Final = 1.0
"""Seconds that what was sent last may take to leave when a line is dropped."""

_log = get_logger(__name__)

_QUIET = get_logger(f"{__name__}.library")
_QUIET.setLevel(logging.WARNING)  # otherwise it prints every frame, and some hold a token


@dataclass(frozen=True, slots=True)
class LineEvents:
    """Who is told of what, on the event loop. Nobody is once the line was dropped.

    Attributes:
        heard: Given each text that arrived, or None for bytes that ended none.
        ended: The line is gone, or there never was one; why, for a person to read.
        refused: Nothing was dialed, or something answered that opened no socket.
    """

    heard: Callable[[str | None], None]
    ended: Callable[[str], None]
    refused: Callable[[ImbariError], None]


class Line:
    """One socket, from the dial to its end.

    Args:
        events: Who is told.
        environment: Asked for the way.
        workers: Where to wait for names, certificates and proxies.
        longest: Bytes that one text may have.
    """

    def __init__(
        self, events: LineEvents, environment: HttpEnvironment, workers: Workers, longest: int
    ) -> None:
        self._events = events
        self._environment = environment
        self._workers = workers
        self._longest = longest
        self._dropped = False
        self._connection: _Connection | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._departures: Departures | None = None
        self._gone = asyncio.Event()

    def dial(self, url: str) -> None:
        """Open it. A redirect is not followed: what is said on the socket is for the service."""
        self._dialing = in_background(self._dial(url), "socket")

    def post(self, text: str) -> None:
        """Send a text now. On a line that is ending it is lost, as its end will tell."""
        connection = self._connection
        if connection is not None and connection.protocol.state is OPEN:
            connection.protocol.send_text(text.encode())
            connection.send_data()

    def drop(self) -> None:
        """End it, and tell nobody. What was sent last may still leave."""
        if self._dropped:
            return
        self._dropped = True
        if self._dialing is not None:
            self._dialing.cancel()
        connection = self._connection
        if connection is None:
            self._over()
            return
        if connection.protocol.state is OPEN:
            connection.protocol.send_close(CloseCode.NORMAL_CLOSURE)
            connection.send_data()
        connection.transport.close()
        asyncio.get_running_loop().call_later(_LAST_WORDS, connection.transport.abort)

    def moved_at(self) -> float | None:
        """When bytes of a long text left, in monotonic seconds; None if none did of late."""
        if self._connection is None:
            return None
        if self._departures is None:
            self._departures = Departures(self._connection.transport.get_extra_info("socket"))
        return self._departures.moved_at()

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it."""
        return self._gone.is_set()

    async def gone(self) -> None:
        """Wait until nothing is left of it."""
        if self._dialing is not None and self._dialing is not asyncio.current_task():
            await asyncio.wait({self._dialing})
        await self._gone.wait()

    def heard(self, text: str | None) -> None:
        """A text arrived, or bytes that ended none."""
        if not self._dropped:
            self._events.heard(text)

    def ended(self, reason: str) -> None:
        """It is gone, or is about to be."""
        if not self._dropped:
            self._events.ended(reason)

    def opened(self, connection: "_Connection") -> None:
        """There is a connection, though perhaps no socket yet."""
        self._connection = connection
        if self._dropped:
            connection.transport.abort()

    def lost(self) -> None:
        """There is no connection any more."""
        self._over()

    def _over(self) -> None:
        self._gone.set()

    async def _dial(self, url: str) -> None:
        try:
            await self._connect(url)
        except ImbariError as error:
            self._failed(partial(self._events.refused, error))
        except InvalidStatus as error:
            self._failed(partial(self._events.refused, _refusal(error.response)))
        except (OSError, EOFError, WebSocketException) as error:
            self._failed(partial(self._events.ended, _in_words(error)))
        except Exception as error:  # noqa: BLE001  # ours; the next answer may be another
            _log.exception("a socket could not be dialed")
            self._failed(partial(self._events.ended, _in_words(error)))

    def _failed(self, tell: Callable[[], None]) -> None:
        if self._connection is None:
            self._over()
        if not self._dropped:
            tell()

    async def _connect(self, url: str) -> None:
        """Dial, directly or through a proxy, and wait for the answer to the upgrade."""
        address = url.replace("ws", "http", 1)
        proxy = self._environment.proxy_for(address)
        await look_up(address, self._workers, self._environment, _WHERE)
        options: dict[str, Any] = {}
        if url.startswith("wss:"):
            options |= {"ssl": await self._tls(), "ssl_shutdown_timeout": _LAST_WORDS}
        if proxy is not None and proxy.is_socks:
            options["sock"] = await self._workers.run(_through_socks, proxy, address)
        elif proxy is not None and proxy.over_tls:
            options["proxy_ssl"] = await self._tls()
        await connect(
            url,
            proxy=None if proxy is None or proxy.is_socks else proxy.url,
            create_connection=cast("type[ClientConnection]", partial(_Connection, self)),
            compression=None,
            open_timeout=None,  # silence is the link's affair
            ping_interval=None,
            max_size=self._longest,
            logger=_QUIET,
            **options,
        )

    def _tls(self) -> Awaitable[ssl.SSLContext]:
        return self._workers.run(lambda: self._environment.tls)


class _Connection(ClientConnection):
    """The library's connection, which tells a line instead of keeping messages."""

    def __init__(self, line: Line, protocol: ClientProtocol, **options: Any) -> None:
        super().__init__(protocol, **options)
        self._line = line
        self._pieces: list[bytes] = []
        self._has_told = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._line.opened(self)

    def data_received(self, data: bytes) -> None:
        counts = self.protocol.state is not CONNECTING  # a stranger's page may have no end
        self._has_told = False
        super().data_received(data)
        if counts and not self._has_told:
            self._line.heard(None)

    def process_event(self, event: Event) -> None:
        if isinstance(event, Response):
            if "Location" in event.headers:  # it would be followed
                del event.headers["Location"]
            super().process_event(event)
            return
        assert isinstance(event, Frame)
        match event.opcode:
            case Opcode.TEXT | Opcode.CONT:
                self._pieces.append(bytes(event.data))
                if event.fin:
                    text = b"".join(self._pieces).decode(errors="replace")
                    self._pieces.clear()
                    self._has_told = True
                    self._line.heard(text)
            case Opcode.BINARY:
                self._line.ended("the service sent bytes where it sends text")
            case Opcode.CLOSE:
                self._line.ended(self._farewell())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.response is not None and self.response.status_code == 101:
            self._line.ended(self._farewell())
        self._line.lost()

    def _farewell(self) -> str:
        said = self.protocol.close_rcvd
        if said is None:
            return "the connection broke"
        reason = f": {one_line(said.reason)}" if said.reason else ""
        return f"the service closed the connection ({int(said.code)}{reason})"


def _refusal(response: Response) -> Unavailable:
    """An answer that opens no socket. The service itself speaks on sockets, also to refuse one."""
    return Unavailable(
        f"no socket was opened: something answered with status {response.status_code}",
        where=_WHERE,
        hint="A proxy or a firewall may let no sockets through; the setting transport=rest does"
        " without",
    )


def _in_words(error: Exception) -> str:
    """What the network did."""
    if untrusted := untrusted_certificate(error):
        return f"the certificate that came is not trusted: {untrusted}"
    if isinstance(error, InvalidProxyStatus):
        status = error.response.status_code
        return f"the proxy does not let this through (status {status})"
    if isinstance(error, OSError):
        return "cannot connect"
    return f"no socket was opened ({type(error).__name__})"


def _through_socks(proxy: Proxy, address: str) -> Any:
    """A connection through a SOCKS proxy, which is asked for names, too. Blocks."""
    import socks

    way, target = urlsplit(proxy.url), urlsplit(address)
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        connection = socks.create_connection(
            (target.hostname, port),
            timeout=_SOCKS_TIMEOUT,
            proxy_type=socks.SOCKS5,
            proxy_addr=way.hostname,
            proxy_port=way.port or 1080,
            proxy_rdns=True,
            proxy_username=unquote(way.username) if way.username else None,
            proxy_password=unquote(way.password) if way.password else None,
        )
    except OSError as error:  # its own errors among them
        raise Unavailable("the proxy does not let this through", where=_WHERE) from error
    connection.setblocking(False)
    return connection


_SOCKS_TIMEOUT: Final = 10.0
