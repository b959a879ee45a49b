"""HTTP as the identities need it: with a timeout, and with secrets kept out of logs.

The database takes a user's token in the query string and the sign-in service takes the API key
there, so every URL is a secret; this is the only home of what keeps them quiet.
"""

import logging
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
import requests.adapters
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions

from imbari_chat.engine.access import hangs_on, heard, told_the_time
from imbari_chat.engine.backoff import asked_pause
from imbari_chat.engine.places import MOST_MOVES, SERVICE_DOMAINS
from imbari_chat.engine.refusals import is_from_service, redact
from imbari_chat.engine.server_time import http_date
from imbari_chat.errors import InvalidData
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.project import Project
from imbari_chat.wire.json import Json, parse, same

__all__ = [
    "JSON_BODY",
    "QuietSession",
    "SilentWrites",
    "StrangerAnswer",
    "follow_environment",
    "refuse_strangers",
    "retry_after",
]

JSON_BODY: Final = {"content-type": "application/json; charset=UTF-8"}
"""The header of what is written."""

_PIECE = 1024
"""Bytes of a body after which whoever waits hears of it. A line that does not carry as many within
the timeout counts as silent."""

_SOCKET_OPTIONS: Final = [
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * _PIECE),
]
"""By itself a system takes megabytes off a body at once, and nobody hears when they have left. A
line with a round trip of 200 ms still carries 160 kB a second (Linux doubles what is asked for)."""


def follow_environment(
    session: requests.Session, environment: HttpEnvironment, *, retries: Any = 0
) -> None:
    """Have a session of any library go the way that the environment says, and no other.

    Args:
        session: Its own reading of the environment is turned off, netrc included.
        environment: Asked for the way to every address, those of redirects too.
        retries: As ``max_retries`` of the adapter of requests. Its pauses are its own: urllib3
            would sleep for as long as any answer asks, and whoever waits for it with it.
    """
    if isinstance(retries, urllib3.Retry):
        retries = retries.new(respect_retry_after_header=False)
    session.trust_env = False
    session.max_redirects = MOST_MOVES
    for scheme in ("http://", "https://"):
        session.mount(scheme, _ByEnvironment(environment, max_retries=retries))


class _ByEnvironment(requests.adapters.HTTPAdapter):
    """Chooses proxy and trust for each request, and tells of answers as they arrive."""

    def __init__(self, environment: HttpEnvironment, *, max_retries: Any) -> None:
        self._environment = environment
        super().__init__(max_retries=max_retries)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002  # the context decides
        cert: Any = None,
        proxies: Any = None,  # the environment decides
    ) -> requests.Response:
        body = request.body
        if isinstance(body, bytes):
            request.body = _in_pieces(body)  # type: ignore[assignment]  # any iterable will do
        proxies = self._proxies(request.url or "")
        try:
            response = super().send(request, stream, timeout, cert=cert, proxies=proxies)
        finally:
            request.body = body
        heard()
        # The session would read it all at once, and nobody would hear of it. A stranger's page is
        # left to it: one without an end must not put the deadline off.
        if not stream and "json" in response.headers.get("content-type", ""):
            response._content = b"".join(_pieces(response))  # noqa: SLF001
        return response

    def way(self, request: requests.PreparedRequest) -> tuple[Any, str]:
        """The pool that a request takes its connection from, and its target as it is named there.

        Raises:
            RequestException: The address cannot be used.
        """
        url = request.url or ""
        proxies = self._proxies(url)
        choose = self.get_connection_with_tls_context  # type: ignore[attr-defined]  # as above
        pool = choose(request, verify=True, proxies=proxies)
        self.cert_verify(pool, url, True, None)
        return pool, self.request_url(request, proxies)  # type: ignore[no-untyped-call]

    def _proxies(self, url: str) -> dict[str, str]:
        proxy = self._environment.proxy_for(url)
        # A SOCKS proxy is asked for names as well, as httpx does.
        return {} if proxy is None else {"all": proxy.url.replace("socks5:", "socks5h:", 1)}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)  # type: ignore[no-untyped-call]
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        made = super().build_connection_pool_key_attributes  # type: ignore[misc]  # stubs are older
        host, pool = made(request, verify, cert)
        if host["scheme"] == "https":
            pool["ssl_context"] = self._environment.tls
        return host, pool

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """In UTF-8, as the libraries of streams and sockets send them; requests knows Latin-1."""
        parts = urlsplit(proxy)
        if parts.username is None:
            return {}
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(user.encode()).decode()}"}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        if proxy.startswith("https:"):
            host = urlsplit(proxy).hostname or ""
            options["proxy_ssl_context"] = _NamedContext(self._environment.tls, host)
        options["socket_options"] = _SOCKET_OPTIONS
        manager: Any = super().proxy_manager_for(proxy, **options)  # type: ignore[no-untyped-call]
        if not proxy.startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Leave it to the context: requests would add certifi's list to what it trusts."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


class _Aimed(dict[str, str]):
    """Headers of a request to a target that needs no encoding.

    urllib3 looks at each character of a target twice, and a token makes it a thousand long.
    """

    def __init__(self, headers: Mapping[str, str], target: str) -> None:
        super().__init__(headers)
        self.target = target

    def copy(self) -> "_Aimed":
        """The same, as urllib3 makes one."""
        return _Aimed(self, self.target)


class _Cut:
    """A connection that can be ended while its answer is waited for, and that sends in one go."""

    sock: Any
    _head: bytes | None = None  # of a request whose body follows at once; empty before it comes

    def request(self, method: str, url: str, *args: Any, **options: Any) -> None:
        headers = options.get("headers")
        if isinstance(headers, _Aimed):
            url = headers.target
        super().request(method, url, *args, **options)  # type: ignore[misc]  # of the class beside it

    def endheaders(self, message_body: Any = None, **options: Any) -> None:
        """Send the head, together with a body that is there: in two parts it wakes a service twice.

        One that comes in pieces takes its time.
        """
        self._head = b"" if message_body and isinstance(message_body, bytes) else None
        super().endheaders(message_body, **options)  # type: ignore[misc]  # of the class beside it

    def send(self, data: Any) -> None:
        if self._head == b"":
            self._head = data
            return
        if self._head is not None:
            data, self._head = self._head + data, None
        super().send(data)  # type: ignore[misc]  # likewise

    def getresponse(self, *args: Any, **options: Any) -> Any:
        hangs_on(partial(_shut, self.sock))
        return super().getresponse(*args, **options)  # type: ignore[misc]  # likewise


class _HttpConnection(_Cut, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_Cut, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}


def _shut(connection: Any) -> None:
    """End a connection that another thread reads; within TLS, what it runs over."""
    with suppress(OSError):
        socket.socket.shutdown(getattr(connection, "socket", connection), socket.SHUT_RDWR)


class _NamedContext:
    """A TLS context that knows whom it is to meet: urllib3 names no proxy that is an address."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._context = context
        self._host = host

    def wrap_socket(self, sock: socket.socket, **options: Any) -> ssl.SSLSocket:
        return self._context.wrap_socket(sock, **{**options, "server_hostname": self._host})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    size = 0
    for piece in response.iter_content(_PIECE):  # in chunks it comes in theirs, however small
        size += len(piece)
        if size >= _PIECE:
            heard()
            size = 0
        yield piece


class _Pieces:
    """A body that leaves piece by piece: each has the timeout to itself, and whoever waits hears.

    Sent at once, all of it has to leave within the timeout: a slow line would be cut at every try.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for begin in range(0, len(self._body), _PIECE):
            yield self._body[begin : begin + _PIECE]
            heard()


def _in_pieces(body: bytes) -> "bytes | _Pieces":
    return body if len(body) <= _PIECE else _Pieces(body)


class StrangerAnswer(requests.RequestException):
    """Something that is not the service answered; its answer is not carried along.

    Attributes:
        status: Of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__("the answer is not the service's")
        self.status = status


def retry_after(answer: requests.Response) -> float | None:
    """Seconds for which an answer asks to be left alone; None if it does not."""
    return asked_pause(answer.headers.get("retry-after"), answer.headers.get("date"))


def refuse_strangers(response: requests.Response, *_: object, **__: object) -> None:
    """A response hook that stops at answers which neither service gives, such as a log-in page.

    Left alone, requests follows a redirect of a write as a read, firebase-admin takes any page for
    a write that was made, and any 412 for somebody who wrote in between. What passes is read as
    JSON here reads it.

    Raises:
        StrangerAnswer: It is a redirect that changes the method or leads away from the service, a
            refusal or a success in words that are not the service's, or not the answer to what was
            asked.
    """
    if not _may_be_the_service(response):
        raise StrangerAnswer(response.status_code)
    response.json = partial(_json_of, response)  # type: ignore[method-assign]
    if _is_databases(response):
        _tell_the_time(response.headers)


def _tell_the_time(headers: Mapping[str, str]) -> None:
    """What the database's clock showed, if its answer says so."""
    time = http_date(headers.get("date"), headers.get("age"))
    if time is not None:
        told_the_time(time)


def _may_be_the_service(response: requests.Response) -> bool:
    status, asked = response.status_code, response.request
    kind = response.headers.get("content-type", "")
    if status in (307, 308):
        return _leads_home(response)
    if 400 <= status < 600:
        return is_from_service(
            status,
            kind,
            response.text,
            tagged="etag" in response.headers and "if-match" in asked.headers,
            of_google=not _is_databases(response),
        )
    if "print=silent" in (asked.url or ""):
        return status == 204
    if status != 200 or "json" not in kind.lower():
        return False
    if asked.method == "PUT" and "if-match" in asked.headers:
        return _is_echo(response.content, asked.body)
    return True


def _json_of(response: requests.Response, **_: object) -> Json:
    """The answer as this package reads JSON: requests lets through what it cannot hold."""
    try:
        return parse(response.content)
    except InvalidData as error:
        raise requests.exceptions.InvalidJSONError(str(error), response=response) from None


def _is_databases(response: requests.Response) -> bool:
    """Whether the database was asked, and not the sign-in service."""
    return urlsplit(response.request.url or "").path.endswith(".json")


def _leads_home(response: requests.Response) -> bool:
    """Whether a redirect, which repeats the body and what is secret in it, stays at the service."""
    if not response.headers.get("location"):
        return False
    try:
        origin = urlsplit(response.url)
        target = urlsplit(urljoin(response.url, response.headers["location"]))
        is_service = (target.hostname or "").endswith(SERVICE_DOMAINS)
    except ValueError:
        return False
    same_place = (target.scheme, target.netloc) == (origin.scheme, origin.netloc)
    return same_place or (target.scheme == "https" and is_service)


def _is_echo(answer: bytes, written: str | bytes | None) -> bool:
    """Whether a conditional write was answered with what it wrote, as the database does."""
    try:
        value = parse(written or b"")
        return same(parse(answer), value)
    except InvalidData:
        return False


class _Redaction(logging.Filter):
    """Rewrites a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


_REDACTION = _Redaction()

_TALKATIVE = (
    "urllib3.connectionpool",
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
)
"""Loggers that print URLs: of requests, and in the answer of a service that redirects a stream."""


class SilentWrites:
    """Writes to one database that are answered with nothing, by the connections of a session.

    Merging settings, reading the URL anew, looking for cookies and making an answer of it costs a
    session twice what the request does. Here all but the body is made ready once, and of an answer
    as it should be nothing is wanted but when it was given.

    Args:
        session: Whose connections are used; it makes something of any other answer.
        timeout: Seconds of silence.
    """

    def __init__(self, session: requests.Session, timeout: float) -> None:
        self._session = session
        self._timeout = timeout
        self._ready: _Ready | None = None

    def patch(
        self, token: str, sign: Callable[[str], tuple[str, Mapping[str, str]]], body: bytes
    ) -> None:
        """Send one request, and read the whole answer.

        Args:
            token: Who is asking.
            sign: URL and headers of a write that a token is good for; asked once for each.
            body: What to write.

        Raises:
            RequestException: As a session does, also of a refusal; :class:`StrangerAnswer`, too.
        """
        ready = self._ready
        if ready is None or ready.token != token:
            ready = self._ready = self._prepared(token, *sign(token))
        try:
            answer = ready.pool.urlopen(
                "PATCH",
                ready.shown,
                _in_pieces(body),
                _Aimed({**ready.request.headers, "Content-Length": str(len(body))}, ready.target),
                retries=ready.adapter.max_retries,
                timeout=self._timeout,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._ready = None
            raise _of_requests(error, ready.request) from error
        heard()
        if answer.status != HTTPStatus.NO_CONTENT:
            self._take_otherwise(answer, ready, body)
            return
        answer.drain_conn()
        _tell_the_time(answer.headers)

    def _prepared(self, token: str, url: str, headers: Mapping[str, str]) -> "_Ready":
        request = self._session.prepare_request(
            requests.Request("PATCH", url, {**JSON_BODY, **headers})
        )
        adapter = self._session.get_adapter(url)
        assert isinstance(adapter, _ByEnvironment)
        pool, target = adapter.way(request)
        takes_aim = issubclass(pool.ConnectionCls, _Cut)  # one through SOCKS does not
        # By a URL the pool sees what a proxy is to be told.
        shown = "/" if takes_aim and not pool.proxy else target
        return _Ready(token, request, adapter, pool, target, shown)

    def _take_otherwise(self, answer: Any, ready: "_Ready", body: bytes) -> None:
        """A redirect, which is followed, a refusal or a stranger's answer."""
        request = ready.request.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        response = ready.adapter.build_response(request, answer)  # type: ignore[no-untyped-call]
        refuse_strangers(response)
        response.content  # noqa: B018  # the connection is free when it has been read
        moved: Iterator[requests.Response] = self._session.resolve_redirects(
            response, request, timeout=self._timeout
        )
        [response, *moved][-1].raise_for_status()


@dataclass(frozen=True, slots=True, repr=False)
class _Ready:
    """A request without its body, and whom to give it."""

    token: str
    request: requests.PreparedRequest
    adapter: _ByEnvironment
    pool: Any  # of urllib3, of whichever version
    target: str
    shown: str  # to the pool, which need not encode it


def _of_requests(
    error: urllib3.exceptions.HTTPError | OSError, request: requests.PreparedRequest
) -> requests.RequestException:
    """What requests would make of what urllib3 raises."""
    kind: type[requests.RequestException] = requests.ConnectionError
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        kind = requests.ReadTimeout
    elif isinstance(error, urllib3.exceptions.InvalidHeader):
        kind = requests.exceptions.InvalidHeader
    return kind(error, request=request)


class QuietSession(requests.Session):
    """A session that keeps to the environment's way and gives up on silence.

    Requests to an emulator get the namespace.

    Making one also strikes tokens out of the logs of urllib3, httpx and httpcore, which print URLs
    whole: httpx reads the streams whose URLs are made here.
    """

    def __init__(self, project: Project, *, namespace: str | None = None) -> None:
        super().__init__()
        self._timeout = project.timeout
        self._namespace = namespace
        follow_environment(self, project.http)
        self.hooks["response"].append(refuse_strangers)
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_REDACTION)

    def request(  # type: ignore[override]  # all but the URL is passed on as it came
        self, method: str, url: str, *args: Any, **kwargs: Any
    ) -> requests.Response:
        if self._namespace is not None:
            url += f"{'&' if '?' in url else '?'}ns={quote(self._namespace, safe='')}"
        kwargs.setdefault("timeout", self._timeout)
        return super().request(method, url, *args, **kwargs)
