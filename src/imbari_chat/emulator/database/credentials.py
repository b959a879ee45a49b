"""Who is asking: admin, user or nobody, and until when.

Any bearer token is an admin here, by design of the official emulator; user tokens are read and
believed, never verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.tokens import decode_unverified
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, is_number, parse

__all__ = ["ADMIN", "NOBODY", "Caller", "Expired", "caller", "user"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request this is.

    Attributes:
        admin: Rules do not apply.
        auth: What rules call ``auth``; null when nobody is signed in.
        expires_at: When the credential ends, in seconds since the epoch; None if it does not.
    """

    admin: bool
    auth: Json
    expires_at: float | None = None


ADMIN: Final = Caller(admin=True, auth=None)
NOBODY: Final = Caller(admin=False, auth=None)


class Expired(Refusal):
    """The token was good once."""


def caller(
    parameters: Mapping[str, str], authorization: str | None, now: float, *, enforce_expiry: bool
) -> Caller:
    """Read a request's credentials.

    Args:
        parameters: The query string.
        authorization: The header.
        now: Seconds since the epoch.
        enforce_expiry: Refuse tokens past their ``exp``, except those that were never issued
            (``iat`` 0), which the SDKs' mock tokens are.

    Raises:
        Refusal: The token is unreadable or has ended, or the override is malformed.
    """
    who = _believed(parameters, authorization, now, enforce_expiry=enforce_expiry)
    return _overridden(parameters.get("auth_variable_override")) if who.admin else who


def _believed(
    parameters: Mapping[str, str], authorization: str | None, now: float, *, enforce_expiry: bool
) -> Caller:
    """Whom the credentials say it is. [unsure] that a bearer wins over ``auth=``."""
    if parameters.get("access_token") or _is_bearer(authorization):
        return ADMIN
    token = parameters.get("auth")
    if not token:
        return NOBODY
    return user(token, now, enforce_expiry=enforce_expiry)


def _is_bearer(authorization: str | None) -> bool:
    scheme, _, token = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and bool(token.strip())


def _overridden(text: str | None) -> Caller:
    if text is None:
        return ADMIN
    try:
        auth = parse(text)
    except InvalidData:
        auth = False
    if auth is not None and not isinstance(auth, dict):
        raise _bad_override()
    return Caller(admin=False, auth=auth)


def _bad_override() -> Refusal:
    """[unsure]: the service's text is not recorded."""
    return Refusal(400, "auth_variable_override must be a JSON object or null")


def user(token: str, now: float, *, enforce_expiry: bool) -> Caller:
    """Whom a user's token speaks for; see :func:`caller`.

    Raises:
        Expired: It has ended.
        Refusal: It is unreadable.
    """
    try:
        claims = decode_unverified(token)
    except ValueError:
        raise _unreadable() from None
    if "d" in claims:  # a legacy token, made with a database secret
        return ADMIN if claims.get("admin") is True else Caller(admin=False, auth=claims["d"])
    uid = claims.get("sub") or claims.get("user_id")
    if not isinstance(uid, str):
        raise _unreadable()
    expires_at = _expiry(claims) if enforce_expiry else None
    if expires_at is not None and expires_at <= now:
        raise Expired(401, "Auth token is expired")
    firebase = claims.get("firebase")
    provider = firebase.get("sign_in_provider") if isinstance(firebase, dict) else None
    auth: Json = {"uid": uid, "provider": provider, "token": claims}
    return Caller(admin=False, auth=auth, expires_at=expires_at)


def _unreadable() -> Refusal:
    """The text is the service's. [unsure] in its status.

    A database secret is refused so as well: Google's emulator was seen to.
    """
    return Refusal(401, "Could not parse auth token.")


def _expiry(claims: Mapping[str, Json]) -> float | None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not (isinstance(issued, int | float) and is_number(expires) and issued > 0):
        return None
    assert isinstance(expires, int | float)
    return expires
