"""HTTP as the identities need it: with a timeout, and with secrets kept out of logs.

The database takes a user's token in the query string and the sign-in service takes the API key
there, so every URL is a secret; this is the only home of what keeps them quiet.
"""

import logging
from typing import Any
from urllib.parse import quote

import requests

from imbari_chat.engine.refusals import redact
from imbari_chat.identity.project import Project

__all__ = ["QuietSession", "refuse_strangers"]


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
    """A session with a timeout on every request, and the namespace on requests to an emulator.

    Making one also strikes tokens out of the logs of urllib3, httpx and httpcore, which print URLs
    whole: httpx reads the streams whose URLs are made here.
    """

    def __init__(self, project: Project, *, emulator: bool, namespace: str | None = None) -> None:
        super().__init__()
        self._timeout = project.timeout
        self._namespace = namespace
        # A proxy configured for the internet cannot reach an emulator on this machine.
        self.trust_env = not emulator
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
