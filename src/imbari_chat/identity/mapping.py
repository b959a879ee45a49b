"""What the libraries raise and the database answers, as errors of this package.

Nothing here quotes a URL, because a user's token is part of it. Callers whose exceptions hold such
a URL raise the mapped error ``from None``, so that no traceback prints the original either.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    Conflict,
    ImbariError,
    InvalidData,
    QuotaExceeded,
    Unavailable,
)
from imbari_chat.identity.session import redact
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.paths import Path

if TYPE_CHECKING:
    from google.auth.exceptions import GoogleAuthError

__all__ = [
    "Call",
    "TokenExpired",
    "answered",
    "from_google",
    "from_status",
    "from_transport",
    "service_errors",
    "service_message",
    "user_errors",
]

_MAX_QUOTE = 300


@dataclass(frozen=True, slots=True)
class Call:
    """What was being done when it failed.

    Attributes:
        where: The path, or what else names the place.
        write: True if it may have changed something.
        caller: Who the rules saw, for a person to read.
        service: Who was asked, for a person to read.
    """

    where: str
    write: bool = False
    caller: str = "this caller"
    service: str = "the database"

    @classmethod
    def update(cls, changes: Mapping[Path, Json], caller: str) -> Self:
        """A multi-path update, named by the first path and the number of others."""
        first, *others = sorted(changes)
        where = f"{first} and {len(others)} more" if others else str(first)
        return cls(where, write=True, caller=caller)


class TokenExpired(AuthError):
    """The service says that the token is past its end; a new one may do."""


@contextmanager
def user_errors(call: Call) -> Iterator[None]:
    """Map what requests and pyrebase4 raise; their texts and causes hold the token and go."""
    try:
        yield
    except requests.RequestException as error:
        raise from_transport(error, call) from None


@contextmanager
def service_errors(call: Call) -> Iterator[None]:
    """Map what firebase-admin and google-auth raise; their tokens travel in a header."""
    from firebase_admin.exceptions import FirebaseError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except FirebaseError as error:
        if isinstance(error.cause, requests.RequestException):
            raise from_transport(error.cause, call) from error
        raise Unavailable(
            f"{call.service} gave an answer that firebase-admin cannot read",
            where=call.where,
            hint=_hint(call),
            outcome_unknown=call.write,
        ) from error
    except GoogleAuthError as error:
        raise from_google(error, call.where) from error
    except requests.RequestException as error:
        raise from_transport(error, call) from error


def from_transport(error: requests.RequestException, call: Call) -> ImbariError:
    """An exception of requests, also in the shape ``HTTPError(original, body)`` of pyrebase4."""
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return Unavailable(
            f"{call.service} sent something that is not JSON",
            where=call.where,
            hint="Check the address; a proxy or a log-in page may have answered instead",
            outcome_unknown=call.write,
        )
    answer = answered(error)
    if answer is not None:
        return from_status(answer.status_code, answer.text, call)
    if isinstance(error, ValueError):  # InvalidURL, MissingSchema and their like
        return ConfigError(f"the address of {call.service} cannot be used", where=call.where)
    host = urlsplit(error.request.url or "").netloc if error.request is not None else ""
    at = f" at {host}" if host else ""
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
    return Unavailable(what, where=call.where, hint=_hint(call), outcome_unknown=call.write)


def answered(error: requests.RequestException) -> requests.Response | None:
    """The answer that ``error`` complains about, or None if there was none."""
    original = error.args[0] if error.args else None
    if isinstance(original, requests.HTTPError):  # pyrebase4 wraps it and loses the response
        return original.response
    return error.response


def from_google(error: "GoogleAuthError", where: str | None = None) -> ImbariError:
    """A failure to get an access token. Nothing has been sent to the database."""
    from google.auth.exceptions import DefaultCredentialsError, TransportError

    if isinstance(error, DefaultCredentialsError):
        return ConfigError(
            "no Google credentials were found on this machine",
            where=where,
            hint="Name a service account's key file, or run: gcloud auth application-default login",
        )
    if isinstance(error, TransportError) or error.retryable:
        return Unavailable(
            "Google's token service did not answer", where=where, hint="Try again later"
        )
    reason = _clean(str(error.args[0])) if error.args else "no reason given"
    return AuthError(
        f"Google refused the service account: {reason}",
        where=where,
        hint="A deleted key and a clock that is wrong are the usual reasons",
    )


def from_status(status: int, body: str, call: Call) -> ImbariError:
    """A database's answer other than success (reference: its status and body catalogue)."""
    text = service_message(body)
    where = call.where
    match status:
        case 400:
            return InvalidData(f"{call.service} refuses the request: {text}", where=where)
        case 401:
            return _unauthorised(text, call)
        case 402 | 429:
            return QuotaExceeded(
                f"a limit of the plan is used up: {text}",
                where=where,
                hint="See the usage page of the Firebase console",
            )
        case 403 | 404 | 405:
            right = _fields(body).get("correctUrl")
            return ConfigError(
                f"{call.service} is not at this address: {text}",
                where=where,
                hint=f"Set the database URL to {_clean(right)}"
                if isinstance(right, str)
                else "Check the configured address; for a database its region, too",
            )
        case 412:
            return Conflict("the data changed meanwhile", where=where, hint="Read it again first")
        case 413:
            return InvalidData(
                "the data is too large for one request", where=where, hint="Write it in parts"
            )
        case 423:
            return Unavailable(
                f"{call.service} is switched off: {text}",
                where=where,
                hint="An owner of the project can switch it on in the Firebase console",
            )
        case 503:  # the service promises that it has not tried the request
            return Unavailable(
                f"{call.service} is unavailable for now", where=where, hint="Try again later"
            )
    if 300 <= status < 400:
        return Unavailable(
            f"something answered for {call.service} with a redirect",
            where=where,
            hint="A network's log-in page may be in the way",
            outcome_unknown=call.write,
        )
    return Unavailable(
        f"{call.service} failed with status {status}: {text}",
        where=where,
        hint=_hint(call),
        outcome_unknown=call.write,
    )


def _hint(call: Call) -> str:
    return "It may have been written or not: read first" if call.write else "Try again later"


def _unauthorised(text: str, call: Call) -> ImbariError:
    said = text.lower()
    if "permission denied" in said:
        verb = "write" if call.write else "read"
        return AccessDenied(
            f"the security rules do not let {call.caller} {verb} this",
            where=call.where,
            hint="Check who is signed in, and what the database's rules ask for here",
        )
    if "expired" in said:
        return TokenExpired(
            "the sign-in has expired",
            where=call.where,
            hint="Sign in again; check this machine's clock if that does not help",
        )
    if "appcheck" in said.replace(" ", ""):
        return AuthError(
            "the database takes requests only from apps that App Check knows",
            where=call.where,
            hint="Use a service account, or turn off enforcement for the Realtime Database",
        )
    return AuthError(
        f"{call.service} does not accept this sign-in: {text}",
        where=call.where,
        hint="Sign in again, and check that it belongs to the same project as the database",
    )


def _never_left(error: requests.RequestException) -> bool:
    """True if the request was certainly not sent: there was no connection to send it on."""
    reason = error.args[0] if error.args else None
    reason = getattr(reason, "reason", reason)
    inner = getattr(reason, "original_error", None)  # of a proxy error
    if isinstance(reason, urllib3.exceptions.SSLError) and reason.args:
        inner = reason.args[0]
    return isinstance(error, requests.ConnectTimeout) or any(
        isinstance(
            candidate,
            urllib3.exceptions.NewConnectionError
            | urllib3.exceptions.ConnectTimeoutError
            | ssl.SSLCertVerificationError,
        )
        for candidate in (reason, inner)
    )


def _fields(body: str) -> dict[str, Json]:
    try:
        value = parse(body)
    except InvalidData:
        return {}
    return value if isinstance(value, dict) else {}


def service_message(body: str) -> str:
    """What an error answer says, be it a text, a ``message`` inside ``error``, or no JSON."""
    error = _fields(body).get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return _clean(error if isinstance(error, str) else body) or "no reason given"


def _clean(text: str) -> str:
    """One printable line of bounded length: the text comes from the network."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    line = redact(line).rstrip(".")
    return line if len(line) <= _MAX_QUOTE else f"{line[:_MAX_QUOTE]}..."
