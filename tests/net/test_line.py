"""One socket, dialed without a network: what it is told, what it tells, and how it ends."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import socks
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidProxyStatus, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from imbari_chat.errors import ConfigError, ImbariError, Unavailable
from imbari_chat.http_environment import Proxy
from imbari_chat.net import line as module
from imbari_chat.net.line import Line, LineEvents

URL = "ws://database.example/.ws"


class Service:
    """What is at the other end, and the way to it.

    Attributes:
        does: What it does when it is dialed.
        got: The texts that came.
        ended: How its client ended the connection.
        proxies: The proxy to each address.
        asked: What was asked of the environment, the workers and the library, in order.
    """

    def __init__(self) -> None:
        self.does: Callable[[ServerProtocol, Request], Response] | None = ServerProtocol.accept
        self.fails: Exception | None = None
        self.fails_late: Exception | None = None
        self.got: list[str] = []
        self.ended: list[str] = []
        self.proxy: Proxy | None = None
        self.asked: list[str] = []
        self.options: dict[str, Any] = {}
        self.protocol = ServerProtocol()
        self.connection: Any = None

    # The environment, and the workers.

    tls = "the context"

    def proxy_for(self, url: str) -> Proxy | None:
        self.asked.append(f"way to {url}")
        return self.proxy

    async def run(self, work: Callable[..., Any], *given: Any) -> Any:
        self.asked.append("worker")
        return work(*given)

    # The library.

    async def connect(
        self, url: str, *, create_connection: Any, max_size: int, **options: Any
    ) -> None:
        self.options = {"url": url, "max_size": max_size, **options}
        if self.fails is not None:
            raise self.fails
        self.connection = create_connection(ClientProtocol(parse_uri(url), max_size=max_size))
        self.connection.connection_made(self)
        if self.fails_late is not None:
            raise self.fails_late
        try:
            await self.connection.handshake()
        except BaseException:
            self.abort()
            raise

    # The transport.

    def set_write_buffer_limits(self, *_: object) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def write(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Request) and self.does is None:
                self.close()
            elif isinstance(event, Request):
                assert self.does is not None
                self.protocol.send_response(self.does(self.protocol, event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.got.append(bytes(event.data).decode())
            elif isinstance(event, Frame):
                self.ended.append(f"{event.opcode.name} {bytes(event.data)!r}")
        asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """What it sends arrives."""
        if "closed" in self.ended or "aborted" in self.ended:
            return
        for data in self.protocol.data_to_send():
            self.connection.data_received(data)

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self._lose("closed")

    def get_extra_info(self, name: str) -> str:
        return name

    def abort(self) -> None:
        self._lose("aborted")

    def _lose(self, how: str) -> None:
        if "closed" not in self.ended and "aborted" not in self.ended:
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)
        self.ended.append(how)


class Told:
    """What a line tells."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.error: ImbariError | None = None

    def events(self) -> LineEvents:
        say = self.words.append
        return LineEvents(
            lambda text: say("heard" if text is None else text),
            lambda why: say(f"ended: {why}"),
            self._refused,
        )

    def _refused(self, error: ImbariError) -> None:
        self.error = error
        self.words.append("refused")

    @property
    def news(self) -> list[str]:
        """All but that something was heard."""
        return [one for one in self.words if one != "heard"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """What is dialed, by any address whose name can be resolved."""
    service = Service()

    async def look_up(url: str, workers: object, environment: object, where: str) -> None:
        assert (workers, environment) == (service, service)
        service.asked.append(f"{where} at {url}")

    monkeypatch.setattr(module, "connect", service.connect)
    monkeypatch.setattr(module, "look_up", look_up)
    return service


def _line(service: Service, told: Told, longest: int = 99) -> Line:
    place: Any = service
    return Line(told.events(), place, place, longest)


async def _dialed(service: Service, told: Told, url: str = URL) -> Line:
    """A line, as far as it comes by itself."""
    line = _line(service, told)
    line.dial(url)
    await _rest()
    return line


async def _rest() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_texts_go_and_come_at_once(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Before it is open, and when it is ending, they are lost."""
    told = Told()
    line = _line(service, told)
    line.post("too early")
    line.dial(URL)
    await _rest()
    line.post("déjà vu")
    assert service.got == ["déjà vu"]
    assert told.words == []
    service.protocol.send_text("voilà".encode())
    service.flush()
    assert told.words == ["voilà"]
    service.protocol.send_close(4001, "enough\nof this")
    service.flush()
    assert told.news == ["voilà", "ended: the service closed the connection (4001: enough of this)"]
    line.post("too late")
    assert service.got == ["déjà vu"]
    line.drop()
    await line.gone()
    assert caplog.records == []


async def test_what_leaves_is_asked_of_the_connection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as there is one, and always of the same, which knows what it saw before."""
    looks: list[object] = []

    class Seeing:
        def __init__(self, link: object) -> None:
            assert link == "socket"

        def moved_at(self) -> float:
            looks.append(self)
            return 7.0

    monkeypatch.setattr(module, "Departures", Seeing)
    line = _line(service, Told())
    assert line.moved_at() is None
    line.dial(URL)
    await _rest()
    assert [line.moved_at(), line.moved_at()] == [7.0, 7.0]
    assert len(looks) == 2
    assert looks[0] is looks[1]
    line.drop()
    await line.gone()


async def test_a_text_in_pieces_is_one(service: Service) -> None:
    """Cut within a character, too; one that is none is shown as far as it goes."""
    told = Told()
    line = await _dialed(service, told)
    service.protocol.send_text(b"caf\xc3", fin=False)
    service.protocol.send_continuation(b"", fin=False)
    service.protocol.send_continuation(b"\xa9", fin=True)
    service.protocol.send_text(b"\xff!", fin=True)
    service.flush()
    assert told.news == ["café", "\ufffd!"]
    line.drop()
    await line.gone()


async def test_bytes_that_end_no_text_are_heard_whatever_came_before(service: Service) -> None:
    """A long one is no silence, and one that is whole is heard as itself."""
    told = Told()
    line = await _dialed(service, told)
    for text in (b"one", b"two"):
        service.protocol.send_text(text, fin=False)
        service.flush()
        service.protocol.send_continuation(b"", fin=True)
        service.flush()
    assert told.words == ["heard", "one", "heard", "two"]
    line.drop()
    await line.gone()


FAREWELLS: list[tuple[Callable[[Service], object], list[str]]] = [
    (
        lambda one: one.protocol.send_close(1001),
        ["ended: the service closed the connection (1001)"],
    ),
    (
        lambda one: one.protocol.send_binary(b"x"),
        ["ended: the service sent bytes where it sends text"],
    ),
    (lambda one: one.close(), ["ended: the connection broke"]),
    (lambda one: one.protocol.send_text(b"x" * 100), ["ended: the connection broke"]),
    (lambda one: one.protocol.send_text(b"x" * 99), ["x" * 99]),
]


@pytest.mark.parametrize(("does", "news"), FAREWELLS)
async def test_what_the_service_does_is_told(
    service: Service, does: Callable[[Service], object], news: list[str]
) -> None:
    """Why it ended, first of all."""
    told = Told()
    line = await _dialed(service, told)
    does(service)
    service.flush()
    await _rest()
    service.close()
    await _rest()
    assert told.news[: len(news)] == news
    assert line.is_gone
    await line.gone()


def _answers(status: int, **headers: str) -> Callable[[ServerProtocol, Request], Response]:
    def answer(_: ServerProtocol, __: Request) -> Response:
        return Response(status, "x", Headers({"Content-Length": "0", **headers}), b"")

    return answer


@pytest.mark.parametrize("status", [200, 301, 403, 502])
async def test_an_answer_that_opens_no_socket_is_told(service: Service, status: int) -> None:
    """Wherever it leads to: that is not followed."""
    told, service.does = Told(), _answers(status, Location="http://elsewhere.example/")
    line = await _dialed(service, told)
    assert told.words == ["refused"]
    assert isinstance(told.error, Unavailable)
    assert told.error.what == (f"no socket was opened: something answered with status {status}")
    assert told.error.where == "the database's socket"
    assert "transport=rest" in str(told.error.hint)
    assert "Location" not in service.connection.response.headers
    assert line.is_gone


async def test_one_that_hangs_up_before_it_answers_is_told(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """As a network that did not carry the answer."""
    told, service.does = Told(), None
    line = await _dialed(service, told)
    assert told.words == ["ended: no socket was opened (InvalidMessage)"]
    assert line.is_gone
    assert caplog.records == []


def _untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("secret")
    error.verify_message = "self-signed certificate"
    return error


FAILURES: list[tuple[Exception, str]] = [
    (ConnectionRefusedError("secret"), "ended: cannot connect"),
    (EOFError("secret"), "ended: no socket was opened (EOFError)"),
    (_untrusted(), "ended: the certificate that came is not trusted: self-signed certificate"),
    (
        InvalidProxyStatus(Response(407, "secret", Headers())),
        "ended: the proxy does not let this through (status 407)",
    ),
    (InvalidHandshake("secret"), "ended: no socket was opened (InvalidHandshake)"),
    (InvalidStatus(Response(403, "x", Headers())), "refused"),
    (ConfigError("no such proxy"), "refused"),
]


@pytest.mark.parametrize(("error", "word"), FAILURES)
async def test_what_was_not_dialed_is_told(
    service: Service, caplog: pytest.LogCaptureFixture, error: Exception, word: str
) -> None:
    """And there is nothing left of it."""
    told, service.fails = Told(), error
    line = await _dialed(service, told)
    assert told.words == [word]
    assert (told.error is error) is isinstance(error, ImbariError)
    assert line.is_gone
    assert caplog.records == []


async def test_a_line_that_failed_is_gone_when_its_connection_is(service: Service) -> None:
    """The library sees to that, and takes its time."""
    told, service.fails_late = Told(), InvalidHandshake()
    line = await _dialed(service, told)
    assert (told.words, line.is_gone) == (["ended: no socket was opened (InvalidHandshake)"], False)
    service.abort()
    await line.gone()


async def test_a_mistake_of_ours_ends_a_line_as_a_network_does(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """And is logged: the next answer may be another."""
    told, service.fails = Told(), KeyError("secret")
    line = await _dialed(service, told)
    assert (told.words, line.is_gone) == (["ended: no socket was opened (KeyError)"], True)
    assert [one.message for one in caplog.records] == ["a socket could not be dialed"]


async def test_whoever_drops_a_line_is_told_nothing_more(service: Service) -> None:
    """The service is told; what it was sent last may still arrive."""
    told = Told()
    line = await _dialed(service, told)
    line.post("last words")
    assert not line.is_gone
    for _ in range(2):
        line.drop()
    assert service.got == ["last words"]
    assert service.ended == ["CLOSE b'\\x03\\xe8'", "closed"]
    service.connection.data_received(b"\x81\x01x")
    service.connection.data_received(b"\x82\x01x")
    await line.gone()
    assert told.words == []


async def test_a_dropped_line_that_does_not_end_is_torn(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a second, in which what was sent last may leave."""
    line, alarms = await _dialed(service, Told()), list[tuple[float, Any]]()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda *given: alarms.append(given))
    line.drop()
    ((seconds, tear),) = alarms
    assert seconds == 1.0
    tear()
    assert service.ended[-2:] == ["closed", "aborted"]


async def test_a_line_that_is_dropped_before_it_is_open_is_given_up(service: Service) -> None:
    """Not dialed, under way, refused by then, or silent."""
    told = Told()
    line = _line(service, told)
    line.drop()
    assert line.is_gone
    await line.gone()
    line = _line(service, told)
    line.dial(URL)
    assert [one.get_name() for one in asyncio.all_tasks()].count("socket") == 1
    line.drop()
    await line.gone()
    assert "socket" not in [one.get_name() for one in asyncio.all_tasks()]
    assert service.options == {}
    service.does = _answers(403)
    line = _line(service, told)
    line.dial(URL)
    for _ in range(3):
        await asyncio.sleep(0)
    line.drop()
    await line.gone()
    assert service.ended[0] == "closed"
    assert told.words == []


async def test_what_fails_because_a_line_is_dropped_is_not_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up may say so in its own words."""

    async def look_up(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Unavailable("the name cannot be resolved") from None

    monkeypatch.setattr(module, "look_up", look_up)
    told = Told()
    line = await _dialed(service, told)
    line.drop()
    await line.gone()
    assert told.words == []


async def test_a_connection_that_comes_after_all_is_torn(service: Service) -> None:
    """Nobody waits for it any more."""
    line = _line(service, Told())
    line.drop()
    connection: Any = service
    service.transport = service  # type: ignore[attr-defined]  # as its own
    service.connection_lost = lambda _: None  # type: ignore[attr-defined]
    service.connection = service
    line.opened(connection)
    assert service.ended == ["aborted"]


async def test_whoever_waits_for_the_end_waits_for_all_of_it(service: Service) -> None:
    """The dialing too, unless they are who dials."""
    told = Told()
    line = await _dialed(service, told)
    waits = asyncio.create_task(line.gone())
    await _rest()
    assert not waits.done()
    line.drop()
    await waits
    assert line.is_gone
    service.fails = ConnectionRefusedError()
    ends: list[str] = []

    async def ended() -> None:
        await again.gone()
        ends.append("gone")

    again = _line(service, told)
    dial = again._dial

    async def dialing(url: str) -> None:
        await dial(url)
        await ended()

    again._dial = dialing  # type: ignore[method-assign]  # that goes on to wait
    again.dial(URL)
    await asyncio.wait_for(again.gone(), 5)
    assert ends == ["gone"]


COMMON = {"compression": None, "open_timeout": None, "ping_interval": None, "max_size": 99}
PLAIN = [
    "way to http://database.example/.ws",
    "the database's socket at http://database.example/.ws",
]
SECURE = [one.replace("http:", "https:") for one in PLAIN]
TLS = {"ssl": "the context", "ssl_shutdown_timeout": 1.0}
WAYS: list[tuple[str, str | None, dict[str, Any], list[str]]] = [
    (URL, None, {"proxy": None}, PLAIN),
    (f"{URL}s", "http://p.example:8", {"proxy": "http://p.example:8"}, []),
    ("wss://database.example/.ws", None, {"proxy": None, **TLS}, [*SECURE, "worker"]),
    (
        URL,
        "http://amina:@p.example:8",
        {"proxy": "http://amina:@p.example:8"},
        PLAIN,
    ),
    (
        "wss://database.example/.ws",
        "https://p.example:8",
        {"proxy": "https://p.example:8", "proxy_ssl": "the context", **TLS},
        [*SECURE, "worker", "worker"],
    ),
    (
        URL,
        "socks5://p.example:8",
        {"proxy": None, "sock": "through p.example:8 to http://database.example/.ws"},
        [*PLAIN, "worker"],
    ),
]


@pytest.mark.parametrize(("url", "proxy", "options", "asked"), WAYS)
async def test_a_socket_is_dialed_on_the_way_that_the_environment_says(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    proxy: str | None,
    options: dict[str, Any],
    asked: list[str],
) -> None:
    """What waits for others does so off the event loop; silence is no affair of the library's."""

    def through_socks(way: Proxy, address: str) -> str:
        return f"through {way.url.removeprefix('socks5://')} to {address}"

    monkeypatch.setattr(module, "_through_socks", through_socks)
    service.proxy = None if proxy is None else Proxy(proxy, "http_proxy")
    service.fails = ConnectionRefusedError()
    await _dialed(service, Told(), url)
    told = {name: value for name, value in service.options.items() if name not in ("url", "logger")}
    assert (service.options["url"], told) == (url, {**COMMON, **options})
    assert not asked or service.asked == asked
    assert service.options["logger"].level == logging.WARNING  # less would print each frame


class Socket:
    """A connection through a proxy, which blocks."""

    blocks = True

    def setblocking(self, blocks: bool) -> None:
        self.blocks = blocks


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("http://database.example/.ws", ("database.example", 80)),
        ("https://database.example/.ws", ("database.example", 443)),
        ("https://database.example:9/.ws", ("database.example", 9)),
        ("http://database.example:9/.ws", ("database.example", 9)),
    ],
)
@pytest.mark.parametrize(
    ("proxy", "way"),
    [
        ("socks5://p.example", ("p.example", 1080, None, None)),
        ("socks5://p.example:8", ("p.example", 8, None, None)),
        ("socks5://am%40a:se%3Acret@p.example:8", ("p.example", 8, "am@a", "se:cret")),
    ],
)
def test_a_socks_proxy_is_asked_for_the_name_and_no_call_on_its_socket_blocks(
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    target: tuple[str, int],
    proxy: str,
    way: tuple[object, ...],
) -> None:
    """With what stands in its address."""
    asked: dict[str, Any] = {}

    def create_connection(target: tuple[str, int], **options: Any) -> Socket:
        asked.update(options, target=target)
        return Socket()

    monkeypatch.setattr(socks, "create_connection", create_connection)
    assert module._through_socks(Proxy(proxy, "all_proxy"), address).blocks is False
    names = ("proxy_addr", "proxy_port", "proxy_username", "proxy_password")
    assert (asked["target"], tuple(asked[name] for name in names)) == (target, way)
    assert asked["proxy_rdns"] is True
    assert asked["timeout"]


def test_a_socks_proxy_that_lets_nothing_through_is_said_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it said stays behind."""

    def create_connection(*_: object, **__: object) -> Socket:
        raise socks.ProxyError("secret")

    monkeypatch.setattr(socks, "create_connection", create_connection)
    with pytest.raises(Unavailable, match="does not let this through") as caught:
        module._through_socks(Proxy("socks5://p.example", "all_proxy"), "http://database.example/")
    assert (caught.value.where, caught.value.outcome_unknown) == ("the database's socket", False)
    assert "secret" not in str(caught.value)
