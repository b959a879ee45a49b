"""HTTP as the identities need it: with a timeout, and with secrets kept out of logs.

The database takes a user's token in the query string and the sign-in service takes the API key
there, so every URL is a secret; this is the only home of what keeps them quiet.
"""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests
import requests.adapters

from imbari_chat.engine.access import heard
from imbari_chat.engine.refusals import redact
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.project import Project

__all__ = ["QuietSession", "follow_environment", "refuse_strangers"]

_PIECE = 1024
"""Bytes of an answer after which whoever waits hears of it. A line that does not bring as many
within the timeout counts as silent."""


def follow_environment(
    session: requests.Session, environment: HttpEnvironment, *, retries: Any = 0
) -> None:
    """Have a session of any library go the way that the environment says, and no other.

    Args:
        session: Its own reading of the environment is turned off, netrc included.
        environment: Asked for the way to every address, those of redirects too.
        retries: As ``max_retries`` of the adapter of requests.
    """
    session.trust_env = False
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
        proxies: Any = None,  # noqa: ARG002  # the environment decides
    ) -> requests.Response:
        proxy = self._environment.proxy_for(request.url or "")
        # A SOCKS proxy is asked for names as well, as httpx does.
        way = None if proxy is None else proxy.url.replace("socks5:", "socks5h:", 1)
        response = super().send(
            request, stream, timeout, cert=cert, proxies={} if way is None else {"all": way}
        )
        heard()
        # The session would read it all at once, and nobody would hear of it. A stranger's page is
        # left to it: one without an end must not put the deadline off.
        if not stream and "json" in response.headers.get("content-type", ""):
            response._content = b"".join(_pieces(response))  # noqa: SLF001
        return response

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        made = super().build_connection_pool_key_attributes  # type: ignore[misc]  # stubs are older
        host, pool = made(request, verify, cert)
        if host["scheme"] == "https":
            pool["ssl_context"] = self._environment.tls
        return host, pool

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        if proxy.startswith("https:"):
            options["proxy_ssl_context"] = self._environment.tls
        return super().proxy_manager_for(proxy, **options)  # type: ignore[no-untyped-call]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Leave it to the context: requests would add certifi's list to what it trusts."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


def _pieces(response: requests.Response) -> Iterator[bytes]:
    for piece in response.iter_content(_PIECE):
        heard()
        yield piece


def refuse_strangers(response: requests.Response, *_: object, **__: object) -> None:
    """A response hook that stops at answers which neither service gives, such as a log-in page.

    Left alone, requests follows a redirect of a write as a read, and firebase-admin takes any
    page for a write that was made.

    Raises:
        requests.RequestException: It is a redirect that changes the method, or no JSON.
    """
    status = response.status_code
    if 300 <= status < 400 and (status not in (307, 308) or "location" not in response.headers):
        raise requests.HTTPError("redirected", response=response)
    kind = response.headers.get("content-type", "")
    if response.ok and status not in (204, 307, 308) and "json" not in kind:
        raise requests.exceptions.InvalidJSONError("not JSON", response=response)


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
