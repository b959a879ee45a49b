"""What an HTTP answer of the database that is not a success means, as one of our errors.

The service says 401 both for "the rules refuse" and for "your token is no good"; only the text
tells them apart, and they must not be treated alike: the first is final, the second is mended by a
new token.
"""

import json

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

__all__ = ["refusal", "service_text"]

_RULES_REFUSE = "permission denied"
_SIGN_IN = "Sign in again: imbari-chat auth login"
_INDEX = "Deploy the security rules that come with this package"


def service_text(body: str) -> str:
    """The ``error`` of a JSON error body, or the start of whatever came instead."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if isinstance(value, dict) and isinstance(value.get("error"), str):
        return str(value["error"]).strip()
    return " ".join(body.split())[:200]


def refusal(status: int, body: str, where: str, *, writing: bool = False) -> ImbariError:
    """The error for an answer with this status.

    Args:
        status: HTTP status, 400 or above, or a redirect that could not be followed.
        body: The answer's text.
        where: The path asked for; never a URL, which may hold a token.
        writing: Whether a write was asked for, so that a fault behind the service's front leaves
            the outcome unknown.
    """
    text = service_text(body)
    match status:
        case 401 if _RULES_REFUSE in text.lower():
            return AccessDenied("permission denied by the security rules", where=where)
        case 401 | 403 if "database name" not in text:
            return AuthError(f"the service refused the credential: {text}", hint=_SIGN_IN)
        case 400 if text.startswith("Index not defined"):
            return InvalidData(text, where=where, hint=_INDEX)
        case 400 | 405 | 413:
            return InvalidData(f"the database refused the request: {text}", where=where)
        case 402 | 429:
            return QuotaExceeded(f"the database is over its quota: {text}", where=where)
        case 403 | 404:
            return ConfigError(
                f"no such database: {text}", hint=_correct_address(body) or "Check its address"
            )
        case 412:
            return Conflict("the value changed in between", where=where)
        case 423:
            return Unavailable(f"the database is switched off: {text}", where=where)
        case 503:  # the service says so itself: the request was not attempted
            return Unavailable(f"the database is unavailable: {text}", where=where)
        case _:
            return Unavailable(
                f"the service answered {status}: {text}", where=where, outcome_unknown=writing
            )


def _correct_address(body: str) -> str | None:
    """A database asked for in the wrong region says where it lives."""
    try:
        address = json.loads(body).get("correctUrl")
    except (ValueError, AttributeError):
        return None
    return f"Its address is {address}" if isinstance(address, str) else None
