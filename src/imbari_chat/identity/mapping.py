"""What the libraries raise and the database answers, as errors of this package.

Nothing here quotes a URL, because a user's token is part of it. The originals go altogether: they
hold such a URL, or the request with its headers.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from imbari_chat.engine.refusals import Call, one_line, refusal, stranger
from imbari_chat.errors import (
    AuthError,
    ConfigError,
    ImbariError,
    Unavailable,
    raise_alone,
)
from imbari_chat.http_environment import untrusted_certificate
from imbari_chat.identity.session import StrangerAnswer, retry_after

if TYPE_CHECKING:
    from google.auth.exceptions import GoogleAuthError

__all__ = [
    "answered",
    "from_google",
    "from_transport",
    "service_errors",
    "transport_errors",
    "version_tag",
]


_OAUTH_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+", re.ASCII)


@contextmanager
def transport_errors(call: Call) -> Iterator[None]:
    """Map what requests and pyrebase4 raise; their texts may hold the token."""
    try:
        yield
    except requests.RequestException as error:
        raise_alone(from_transport(error, call))


@contextmanager
def service_errors(call: Call) -> Iterator[None]:
    """Map what firebase-admin and google-auth raise; the requests they carry hold the token."""
    from firebase_admin.exceptions import FirebaseError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except FirebaseError as error:
        if isinstance(error.cause, requests.RequestException):
            raise_alone(from_transport(error.cause, call))
        answer = error.http_response  # which is false where its status is an error's
        raise_alone(stranger(200 if answer is None else answer.status_code, call))
    except GoogleAuthError as error:
        raise_alone(from_google(error, call.where))
    except requests.RequestException as error:
        raise_alone(from_transport(error, call))


def from_transport(error: requests.RequestException, call: Call) -> ImbariError:
    """An exception of requests, also in the shape ``HTTPError(original, body)`` of pyrebase4."""
    if isinstance(error, StrangerAnswer):
        return stranger(error.status, call)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return stranger(200, call)
    answer = answered(error)
    if answer is not None:
        kind = answer.headers.get("content-type", "")
        tagged = "etag" in answer.headers
        pause = retry_after(answer)
        return refusal(
            answer.status_code, answer.text, call, kind=kind, tagged=tagged, retry_after=pause
        )
    if isinstance(error, requests.exceptions.InvalidHeader):  # two lengths of one answer, say
        return stranger(200, call)
    if isinstance(error, ValueError):  # InvalidURL, MissingSchema and their like
        return ConfigError(
            f"the address of {call.service} cannot be used",
            where=call.where,
            hint="Look at the database's address and at the emulators' hosts",
        )
    host = urlsplit(error.request.url or "").netloc if error.request is not None else ""
    at = f" at {host}" if host else ""
    if kept_out := _kept_out(error, call, at):
        return kept_out
    if _never_left(error):
        return Unavailable(
            f"cannot connect to {call.service}{at}",
            where=call.where,
            hint="Check the network, and the address if this goes on",
        )
    what = (
        f"{call.service}{at} did not answer in time"
        if isinstance(error, requests.Timeout)
        else f"the connection to {call.service}{at} broke before the answer came"
    )
    return Unavailable(what, where=call.where, hint=call.hint, outcome_unknown=call.write)


def answered(error: requests.RequestException) -> requests.Response | None:
    """The answer that ``error`` complains about, or None if there was none."""
    original = error.args[0] if error.args else None
    if isinstance(original, requests.HTTPError):  # pyrebase4 wraps it and loses the response
        return original.response
    return error.response


def version_tag(tag: str | None, call: Call) -> str:
    """The tag that came with what was read; a write is made only if it still holds.

    Raises:
        Unavailable: There was none.
    """
    if not tag:
        raise Unavailable(
            f"{call.service} did not say which version of the data it sent",
            where=call.where,
            hint="A proxy may have removed the ETag header",
        )
    return tag


def from_google(error: "GoogleAuthError", where: str | None = None) -> ImbariError:
    """A failure to get an access token. Nothing has been sent to the database."""
    from google.auth.exceptions import DefaultCredentialsError

    if isinstance(error, DefaultCredentialsError):
        return ConfigError(
            "no Google credentials were found on this machine",
            where=where,
            hint="Name a service account's key file, or run: gcloud auth application-default login",
        )
    cause = error.__cause__
    if isinstance(cause, requests.RequestException):
        call = Call(where or "sign-in", service="Google's token service")
        if kept_out := _kept_out(cause, call, ""):
            return kept_out
    if error.retryable or not _is_refusal(error):
        return Unavailable(
            "Google's token service did not answer", where=where, hint="Try again later"
        )
    return AuthError(
        f"Google refused the service account: {one_line(str(error.args[0]))}",
        where=where,
        hint="A deleted key and a clock that is wrong are the usual reasons",
    )


def _kept_out(error: requests.RequestException, call: Call, at: str) -> Unavailable | None:
    """What an office's network makes of a request that it does not know: it never left."""
    if untrusted := untrusted_certificate(error):
        return Unavailable(
            f"the certificate of {call.service}{at} is not trusted: {untrusted}",
            where=call.where,
            hint="Name the network's own authority in SSL_CERT_FILE, if it has one",
        )
    if refused := _refused_by_proxy(error):
        return Unavailable(
            f"the proxy on the way to {call.service}{at} does not let this through: {refused}",
            where=call.where,
            hint="Check https_proxy, and the name and password in it",
        )
    return None


def _refused_by_proxy(error: requests.RequestException) -> str | None:
    """What a proxy said instead of opening a tunnel, through which a request would go."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    said = str(getattr(reason, "original_error", ""))
    _, tunnel, words = said.partition("Tunnel connection failed: ")
    return one_line(words) if tunnel else None


def _is_refusal(error: "GoogleAuthError") -> bool:
    """Whether the token service itself said no: in JSON, with an error code of OAuth.

    google-auth puts the answer beside its text; of an answer that is no JSON, it makes the text.
    """
    answers = [one for one in error.args[1:] if isinstance(one, dict)]
    return any(_OAUTH_CODE.fullmatch(str(answer.get("error"))) for answer in answers)


def _never_left(error: requests.RequestException) -> bool:
    """True if the request was certainly not sent: there was no connection to send it on."""
    reason = error.args[0] if error.args else None
    reason = getattr(reason, "reason", reason)
    inner = getattr(reason, "original_error", None)  # of a proxy error
    return isinstance(error, requests.ConnectTimeout) or any(
        isinstance(
            candidate,
            urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError,
        )
        for candidate in (reason, inner)
    )
