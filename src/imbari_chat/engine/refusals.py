"""What an answer that is not a success means, as one of our errors, and whether to try again.

The service says 401 both for "the rules refuse" and for "your token is no good"; only the text
tells them apart, and they must not be treated alike: the first is final, the second is mended by a
new token. And not everything that answers is the service: a guest network's page, a firewall or a
cache has the same statuses and none of its words. Only the service itself can refuse for good; a
stranger's answer is an outage. Nothing here quotes a URL, because a user's token is part of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Self

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
from imbari_chat.wire.json import Json, parse
from imbari_chat.wire.paths import Path

__all__ = [
    "Call",
    "CredentialRefused",
    "Remedy",
    "TokenExpired",
    "is_from_service",
    "one_line",
    "redact",
    "refusal",
    "remedy",
    "service_message",
    "stranger",
    "verdict",
]

_MAX_QUOTE = 300

_STATUS_WORDS = {
    *(status.phrase.casefold() for status in HTTPStatus),
    # What 413 is called depends on the year.
    *("request entity too large", "payload too large", "content too large"),
}

_CORRECT_URL = "correctUrl"

_ADDRESS_WORDS = re.compile(r"firebase|database|emulator|region|^40[45] ", re.IGNORECASE)
"""What the database talks of, where it says that it is not at this address."""

_CODE = re.compile(r"[A-Z]{2,}(_[A-Z]+)+\b")
"""How the sign-in service names a mistake of its client: ``TOKEN_EXPIRED``."""

_PARAMETER = re.compile(r"\b(auth|access_token|key|refresh_token)=[^&\s\"'<>)\]]+")
_JWT = re.compile(r"\beyJ[\w-]{6,}(?:\.[\w-]*)*", re.ASCII)  # eyJ is base64 for {"


@dataclass(frozen=True, slots=True)
class Call:
    """What was being done when it failed.

    Attributes:
        where: The path, or what else names the place.
        write: True if it may have changed something.
        caller: Who the rules saw, for a person to read.
        service: Who was asked, for a person to read.
        of_google: Its errors are objects, as those of the sign-in service are.
    """

    where: str
    write: bool = False
    caller: str = "this caller"
    service: str = "the database"
    of_google: bool = False

    @property
    def hint(self) -> str:
        """What to do when no answer came."""
        return "It may have been written or not: read first" if self.write else "Try again later"

    @classmethod
    def update(cls, changes: Mapping[Path, Json], caller: str) -> Self:
        """A multi-path update, named by the first path and the number of others."""
        first, *others = sorted(changes)
        where = f"{first} and {len(others)} more" if others else str(first)
        return cls(where, write=True, caller=caller)


class CredentialRefused(AuthError):
    """The service does not take the token it was shown; it may take a new one, or this one later.

    Unlike a plain AuthError, which says that the sign-in itself is over.
    """


class TokenExpired(CredentialRefused):
    """The service says that the token is past its end; a new one may do."""


class Remedy(Enum):
    """What helps against an error."""

    WAIT = "wait"
    """The same request may be taken later: an outage, or a quota that fills again."""

    RENEW = "renew"
    """The same request may be taken with a new credential, or later."""

    NOTHING = "nothing"
    """It will be refused again."""


def remedy(error: BaseException) -> Remedy:
    """Whether trying again helps: the one answer for streams, reads, messages and sign-ins."""
    match error:
        case Unavailable() | QuotaExceeded():
            return Remedy.WAIT
        case CredentialRefused():
            return Remedy.RENEW
        case _:
            return Remedy.NOTHING


def is_from_service(
    status: int, kind: str, body: str, *, tagged: bool = False, of_google: bool = False
) -> bool:
    """Whether an answer other than success is in the service's own words.

    Every refusal of the database is a JSON object with a text as its ``error``, beside which there
    is at most a ``correctUrl``; a failed condition is answered with the stored value and its
    version instead. An ``error`` that is no more than a status in words, ``{"error":
    "Forbidden"}``, is what web frameworks and gateways answer, and not the database; so is one that
    refuses an address without a word of databases, or a request with a code in place of a sentence,
    ``invalid_request`` (reference: status and body catalogue). With a 401 a text is believed: a new
    credential is tried, and nothing is over.

    The sign-in service puts the status, a message and either a list of errors or a status in words
    into an object (reference: errors of auth over REST). A code of its own as the message of a 400
    is enough.

    Args:
        status: The answer's status.
        kind: Its content type.
        body: Its text.
        tagged: Whether it has an ETag.
        of_google: Whether the sign-in service was asked, and not the database.
    """
    if "json" not in kind.lower():
        return False
    if status == 412:
        return tagged and _is_json(body)
    fields = _fields(body)
    error = fields.get("error")
    if of_google:
        return isinstance(error, dict) and _is_of_google(status, error)
    if not isinstance(error, str) or not fields.keys() <= {"error", _CORRECT_URL}:
        return False
    if status == 401 or _CORRECT_URL in fields:
        return True
    if status in (403, 404, 405) and not _ADDRESS_WORDS.search(error):
        return False
    if status == 400 and len(error.split()) < 2:
        return False
    return error.strip().casefold() not in _STATUS_WORDS


def _is_of_google(status: int, error: Mapping[str, Json]) -> bool:
    message = error.get("message")
    if not isinstance(message, str):
        return False
    if status == 400 and error.get("code") in (None, status) and _CODE.match(message):
        return True  # what stands in for the service often leaves out the rest
    is_complete = isinstance(error.get("errors"), list) or isinstance(error.get("status"), str)
    return is_complete and error.get("code") == status


def stranger(status: int, call: Call) -> Unavailable:
    """The error for an answer that the service did not give: an outage, and no more than that."""
    if 300 <= status < 400:
        what = f"something answered for {call.service} with a redirect"
    elif status < 300:
        what = f"something answered for {call.service} that is not JSON as it sends it"
    else:
        what = f"something other than {call.service} answered, with status {status}"
    return Unavailable(
        what,
        where=call.where,
        hint="A network's log-in page or a firewall may be in the way; if this goes on, check the"
        " configured address",
        outcome_unknown=call.write,
    )


def refusal(
    status: int,
    body: str,
    call: Call,
    *,
    kind: str = "application/json",
    tagged: bool = False,
    retry_after: float | None = None,
) -> ImbariError:
    """An answer other than success (reference: the database's status and body catalogue).

    Args:
        status: The answer's status.
        body: Its text.
        call: What was asked.
        kind: Its content type.
        tagged: Whether it has an ETag.
        retry_after: Seconds for which it asks to be left alone. A stranger is not believed: it may
            be gone in a moment.
    """
    if not is_from_service(status, kind, body, tagged=tagged, of_google=call.of_google):
        return stranger(status, call)
    error = verdict(status, body, call)
    error.retry_after = retry_after
    return error


def verdict(status: int, body: str, call: Call) -> ImbariError:
    """What an answer other than success means that certainly is the service's own.

    Args:
        status: The answer's status.
        body: Its text.
        call: What was asked.
    """
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
            right = _fields(body).get(_CORRECT_URL)
            return ConfigError(
                f"{call.service} is not at this address: {text}",
                where=where,
                hint=f"Set the database URL to {one_line(right)}"
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
    return Unavailable(
        f"{call.service} failed with status {status}: {text}",
        where=where,
        hint=call.hint,
        outcome_unknown=call.write,
    )


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
    return CredentialRefused(
        f"{call.service} does not accept this sign-in: {text}",
        where=call.where,
        hint="Sign in again, and check that it belongs to the same project as the database",
    )


def redact(text: str) -> str:
    """``text`` with tokens and keys struck out, where they look like tokens and keys."""
    return _JWT.sub("[token]", _PARAMETER.sub(r"\1=[hidden]", text))


def service_message(body: str) -> str:
    """What an error answer says, be it a text, a ``message`` inside ``error``, or no JSON."""
    said = _said(body)
    return one_line(body if said is None else said) or "no reason given"


def one_line(text: str) -> str:
    """One printable line of bounded length: the text comes from the network."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:4000]).split())
    line = redact(line).rstrip(".")
    return line if len(line) <= _MAX_QUOTE else f"{line[:_MAX_QUOTE]}..."


def _is_json(body: str) -> bool:
    try:
        parse(body)
    except InvalidData:
        return False
    return True


def _fields(body: str) -> dict[str, Json]:
    try:
        value = parse(body)
    except InvalidData:
        return {}
    return value if isinstance(value, dict) else {}


def _said(body: str) -> str | None:
    """The text of an error answer; None if this is none."""
    error = _fields(body).get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) else None
