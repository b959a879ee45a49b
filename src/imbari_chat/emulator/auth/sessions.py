"""Issuing tokens, and believing them when they come back.

ID tokens live an hour. Unless the emulator is strict their expiry is not checked, so that a
debugging session may take its time, and a refresh token never ends. They are always checked
against ``validSince``: a changed password or a revocation ends the ID tokens from before it.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import Final

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.claims import LIFETIME, id_token_claims, issuer
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.tokens import decode_unverified, encode_unsigned, parse_object
from imbari_chat.wire.json import Json, dumps

__all__ = [
    "PROJECT_NUMBER",
    "Session",
    "create_session_cookie",
    "issue_tokens",
    "refresh",
    "session_of",
]

PROJECT_NUMBER: Final = "12345"
"""The number of every project, as a string."""

_COOKIE_MIN: Final = 5 * 60
_COOKIE_MAX: Final = 14 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Session:
    """What a valid ID token says: who, signed in how, and the whole payload."""

    account: Account
    provider: str
    claims: dict[str, Json]


def issue_tokens(
    call: Call, account: Account, provider: str, extra: dict[str, Json] | None = None
) -> dict[str, Json]:
    """The three fields of every answer that signs somebody in; notes the time in the account."""
    account = call.accounts.put(replace(account, last_refresh_at=call.millis))
    claims = id_token_claims(
        account,
        project=call.accounts.project,
        provider=provider,
        extra=extra or {},
        now=call.seconds,
    )
    return {
        "idToken": encode_unsigned(claims),
        "refreshToken": _refresh_token(call, account, provider, extra or {}),
        "expiresIn": str(LIFETIME),
    }


def session_of(call: Call, id_token: str) -> Session:
    """The session behind an ID token.

    Raises:
        BadRequest: ``INVALID_ID_TOKEN``, ``USER_NOT_FOUND``, ``TOKEN_EXPIRED`` or
            ``USER_DISABLED``, looked for in that order.
    """
    try:
        claims = decode_unverified(id_token)
    except ValueError as error:
        raise BadRequest("INVALID_ID_TOKEN") from error
    uid, issued, firebase = claims.get("user_id"), claims.get("iat"), claims.get("firebase")
    if not isinstance(uid, str) or not isinstance(firebase, dict):
        raise BadRequest("INVALID_ID_TOKEN")
    provider = firebase.get("sign_in_provider")
    if call.strict:
        _check_strictly(claims, call.accounts.project, call.seconds)
    account = call.accounts.get(uid)
    if account is None:
        raise BadRequest("USER_NOT_FOUND")
    if account.valid_since is not None and not (
        isinstance(issued, int | float) and issued >= account.valid_since
    ):
        raise BadRequest("TOKEN_EXPIRED")
    if account.disabled:
        raise BadRequest("USER_DISABLED")
    return Session(account, provider if isinstance(provider, str) else "", claims)


def refresh(call: Call) -> dict[str, Json]:
    """``/v1/token``: a new ID token for a refresh token.

    The only operation that answers in snake_case.
    """
    token = call.fields.text("refreshToken")
    record = _refresh_record(token) if token else {}
    grant = call.fields.text("grantType")
    if not grant:
        raise BadRequest("MISSING_GRANT_TYPE")
    if grant != "refresh_token":
        raise BadRequest("INVALID_GRANT_TYPE")
    if not token:
        raise BadRequest("MISSING_REFRESH_TOKEN")
    account, provider, extra = _refreshed(call, record)
    if account.disabled:
        raise BadRequest("USER_DISABLED")
    tokens = issue_tokens(call, account, provider, extra)
    return {
        "id_token": tokens["idToken"],
        "access_token": tokens["idToken"],
        "expires_in": tokens["expiresIn"],
        "refresh_token": tokens["refreshToken"],
        "token_type": "Bearer",
        "user_id": account.local_id,
        "project_id": PROJECT_NUMBER,
    }


def create_session_cookie(call: Call) -> dict[str, Json]:
    """``projects/P:createSessionCookie``: the claims of an ID token, for 5 minutes to 14 days."""
    id_token = call.fields.text("idToken")
    if not id_token:
        raise BadRequest("MISSING_ID_TOKEN")
    duration = call.fields.integer("validDuration") or _COOKIE_MAX
    if not _COOKIE_MIN <= duration <= _COOKIE_MAX:
        raise BadRequest("INVALID_DURATION")
    claims = session_of(call, id_token).claims
    cookie = encode_unsigned(
        {
            **claims,
            "iat": call.seconds,
            "exp": call.seconds + duration,
            "iss": f"https://session.firebase.google.com/{call.accounts.project}",
        }
    )
    return {"sessionCookie": cookie}


def _check_strictly(claims: dict[str, Json], project: str, now: int) -> None:
    """Strict only: the token is this project's and has not expired.

    [unsure] The live service is taken to call a token invalid for each of these, and to see an
    end in its ``exp`` itself, without any leeway.
    """
    expires = claims.get("exp")
    alive = isinstance(expires, int | float) and expires > now
    ours = claims.get("aud") == project and claims.get("iss") == issuer(project)
    if not alive or not ours:
        raise BadRequest("INVALID_ID_TOKEN")


def _refresh_token(call: Call, account: Account, provider: str, extra: dict[str, Json]) -> str:
    record: dict[str, Json] = {
        "_AuthEmulatorRefreshToken": "DO NOT MODIFY",
        "localId": account.local_id,
        "provider": provider,
        "extraClaims": extra,
        "projectId": call.accounts.project,
        "revocations": account.revocations,
    }
    return b64encode(dumps(record).encode()).decode("ascii")


def _refresh_record(token: str) -> dict[str, Json]:
    """What a refresh token holds; this is looked at before anything else of the request."""
    try:
        return parse_object(b64decode(token.encode("ascii"), validate=True))
    except ValueError as error:
        raise BadRequest("INVALID_REFRESH_TOKEN") from error


def _refreshed(call: Call, record: dict[str, Json]) -> tuple[Account, str, dict[str, Json]]:
    uid, provider = record.get("localId"), record.get("provider")
    extra = record.get("extraClaims")
    account = call.accounts.get(uid) if isinstance(uid, str) else None
    if (
        account is None
        or not isinstance(provider, str)
        or not isinstance(extra, dict)
        or record.get("projectId") != call.accounts.project
    ):
        raise BadRequest("INVALID_REFRESH_TOKEN")
    # Strict only: the service ends refresh tokens whenever it moves validSince. Its whole
    # seconds cannot tell two changes within one second apart; the count can.
    if call.strict and record.get("revocations") != account.revocations:
        raise BadRequest("TOKEN_EXPIRED")
    return account, provider, extra
