"""Who a socket's credentials speak for, and until when."""

from typing import Final

from imbari_chat.emulator.database.credentials import ADMIN, NOBODY, Caller, Expired, user
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import is_number
from imbari_chat.wire.messages import Request

__all__ = ["BadToken", "expires", "signed_in"]

_SESSION_SECONDS: Final = 3600


class BadToken(Refusal):
    """A token that says nothing."""


def signed_in(request: Request, now: float, *, enforce_expiry: bool) -> Caller:
    """Whom credentials speak for: a user's token, or any other for the database's owner."""
    credential = request.body.get("cred")
    if not isinstance(credential, str):
        raise BadToken(401, "Could not parse auth token.")
    if request.action == "auth":
        try:
            return user(credential, now, enforce_expiry=enforce_expiry)
        except Expired:
            raise
        except Refusal as refusal:
            raise BadToken(refusal.status, refusal.what) from None
    if request.body.get("noauth") is True:
        return NOBODY
    override = request.body.get("authvar")
    if override is None:
        return ADMIN
    if not isinstance(override, dict):
        raise InvalidData("authvar must be a JSON object or null")
    return Caller(admin=False, auth=override)


def expires(who: Caller, now: float) -> int:
    """Seconds since the epoch; what nobody enforces is still said."""
    token = who.auth.get("token") if isinstance(who.auth, dict) else None
    expiry = token.get("exp") if isinstance(token, dict) else None
    if is_number(expiry):
        assert isinstance(expiry, int | float)
        return int(expiry)
    return int(now) + _SESSION_SECONDS
