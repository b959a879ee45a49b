"""What an ID token says about its user, and which claims an application may add.

Names collide in a fixed order: the profile (``name``, ``picture``) gives way to the custom
attributes of the account, those to the claims of a custom token, and all of them to what the
service itself asserts.
"""

from collections.abc import Mapping
from typing import Final

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.tokens import parse_object
from imbari_chat.wire.json import Json

__all__ = ["LIFETIME", "checked_attributes", "checked_claims", "id_token_claims", "issuer"]

LIFETIME: Final = 3600
"""Seconds an ID token lives."""

_ATTRIBUTES_LIMIT: Final = 1000
# In the order in which the service names the first offender.
_RESERVED: Final = (
    "iss", "aud", "sub", "iat", "exp", "nbf", "jti", "nonce", "azp", "acr", "amr", "cnf",
    "auth_time", "firebase", "at_hash", "c_hash",
)  # fmt: skip
_ASSERTED: Final = frozenset(
    {
        "email", "email_verified", "phone_number", "provider_id", "auth_time", "user_id",
        "firebase", "iat", "exp", "aud", "iss", "sub",
    }
)  # fmt: skip


def checked_claims(claims: Json) -> dict[str, Json]:
    """The claims of a custom token, or of an account.

    Raises:
        BadRequest: Not an object (``INVALID_CLAIMS``), or a reserved name in it
            (``FORBIDDEN_CLAIM``).
    """
    if not isinstance(claims, dict):
        raise BadRequest("INVALID_CLAIMS")
    for name in _RESERVED:
        if name in claims:
            raise BadRequest(f"FORBIDDEN_CLAIM : {name}")
    return claims


def checked_attributes(text: str) -> str:
    """The text of ``customAttributes``, known to be good.

    Raises:
        BadRequest: Over 1000 characters (``CLAIMS_TOO_LARGE``), not a JSON object, or reserved.
    """
    if len(text) > _ATTRIBUTES_LIMIT:
        raise BadRequest("CLAIMS_TOO_LARGE")
    try:
        claims = parse_object(text)
    except ValueError as error:
        raise BadRequest("INVALID_CLAIMS") from error
    checked_claims(claims)
    return text


def issuer(project: str) -> str:
    """Who issues the ID tokens of a project."""
    return f"https://securetoken.google.com/{project}"


def id_token_claims(
    account: Account, *, project: str, provider: str, extra: Mapping[str, Json], now: int
) -> dict[str, Json]:
    """The payload of an ID token issued now (seconds).

    Args:
        account: The user.
        project: The audience.
        provider: How the user signed in: ``password``, ``anonymous``, ``custom``, ...
        extra: Claims that came in a custom token.
        now: ``iat``; ``auth_time`` is the last sign-in instead, and survives refreshes.
    """
    custom = parse_object(account.custom_attributes) if account.custom_attributes else {}
    added = {**custom, **extra}
    return {
        **_present({"name": account.display_name, "picture": account.photo_url}),
        **{name: value for name, value in added.items() if name not in _ASSERTED},
        **_present(
            {
                "email": account.email,
                "email_verified": account.email_verified,
                "phone_number": account.phone_number,
                "provider_id": provider if provider == "anonymous" else None,
            }
        ),
        "auth_time": _auth_time(account, now),
        "user_id": account.local_id,
        "firebase": {"identities": _identities(account), "sign_in_provider": provider},
        "iat": now,
        "exp": now + LIFETIME,
        "aud": project,
        "iss": issuer(project),
        "sub": account.local_id,
    }


def _present(claims: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in claims.items() if value is not None}


def _auth_time(account: Account, now: int) -> int:
    """Seconds of the last sign-in; an imported user may never have signed in."""
    return now if account.last_login_at is None else account.last_login_at // 1000


def _identities(account: Account) -> dict[str, Json]:
    identities: dict[str, list[Json]] = {}
    if account.email is not None:
        identities["email"] = [account.email]
    for info in account.linked or ():
        if info["providerId"] != "password":
            identities.setdefault(str(info["providerId"]), []).append(info["rawId"])
    return {**identities}
