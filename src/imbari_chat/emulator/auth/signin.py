"""Signing up and signing in: anonymously, with a password, with a custom token."""

from dataclasses import replace
from typing import Final

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.claims import checked_claims
from imbari_chat.emulator.auth.credentials import checked_email, checked_password, checked_phone
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.sessions import issue_tokens, session_of
from imbari_chat.emulator.tokens import decode_unverified, parse_object
from imbari_chat.wire.json import Json, canonical_number, dumps

__all__ = ["sign_in_with_custom_token", "sign_in_with_password", "sign_up"]

_AUDIENCE: Final = (
    "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
)
_UID_MAX: Final = 128


def sign_up(call: Call) -> dict[str, Json]:
    """``accounts:signUp``: a new user, or an anonymous one who gets a password.

    The owner may choose the uid and set the profile, and gets no tokens.
    """
    provider: str | None = None
    if call.owner:
        draft = _owner_draft(call)
    else:
        draft, provider = _user_draft(call)
    email, password = call.fields.text("email"), call.fields.text("password")
    if email or (email is not None and provider is not None):
        draft = replace(draft, email=checked_email(email))
        if call.accounts.by_email(email) is not None:
            raise BadRequest("EMAIL_EXISTS")
    if password:
        draft = draft.with_password(checked_password(password), call.salt(), call.millis)
    id_token = call.fields.text("idToken")
    if id_token:
        account = _linked(session_of(call, id_token).account, draft)
    else:
        account = replace(draft, created_at=call.millis)
    if password:
        account = account.revoked(call.seconds)
    if call.fields.objects("mfaInfo"):
        raise not_built("Second factors are not implemented in this emulator.")
    account = call.accounts.put(account)
    answer: dict[str, Json] = {
        "kind": "identitytoolkit#SignupNewUserResponse",
        "localId": account.local_id,
    }
    if account.display_name is not None:
        answer["displayName"] = account.display_name
    if account.email is not None:
        answer["email"] = account.email
    return answer | (issue_tokens(call, account, provider) if provider else {})


def sign_in_with_password(call: Call) -> dict[str, Json]:
    """``accounts:signInWithPassword``.

    With e-mail enumeration protection on, an unknown address and a wrong password are the same
    answer.
    """
    email, password = call.fields.text("email"), call.fields.text("password")
    if email is None:
        raise BadRequest("MISSING_EMAIL")
    email = checked_email(email)
    if not password:
        raise BadRequest("MISSING_PASSWORD")
    for name in ("captchaResponse", "captchaChallenge"):
        if call.fields.text(name):
            raise not_built("captcha unimplemented")
    for name in ("idToken", "pendingIdToken"):
        if call.fields.text(name):
            raise not_built(
                "idToken / pendingIdToken is no longer in use and unsupported by the Auth Emulator."
            )
    private = call.accounts.settings.email_privacy
    account = call.accounts.by_email(email)
    if account is None:
        raise BadRequest("INVALID_LOGIN_CREDENTIALS" if private else "EMAIL_NOT_FOUND")
    if account.disabled:
        raise BadRequest("USER_DISABLED")
    if not account.has_password(password):
        raise BadRequest("INVALID_LOGIN_CREDENTIALS" if private else "INVALID_PASSWORD")
    account = call.accounts.put(replace(account, last_login_at=call.millis))
    return {
        "kind": "identitytoolkit#VerifyPasswordResponse",
        "registered": True,
        "localId": account.local_id,
        "email": email,
        **issue_tokens(call, account, "password"),
    }


def sign_in_with_custom_token(call: Call) -> dict[str, Json]:
    """``accounts:signInWithCustomToken``: creates the user when the uid is new.

    Neither signature nor expiry nor issuer of the token is checked.
    """
    token = call.fields.text("token")
    if not token:
        raise BadRequest("MISSING_CUSTOM_TOKEN")
    payload = _custom_payload(token)
    uid = _primitive(payload.get("uid")) or _primitive(payload.get("user_id"))
    if not uid:
        raise BadRequest("MISSING_IDENTIFIER")
    extra = checked_claims(payload["claims"]) if "claims" in payload else {}
    known = call.accounts.get(uid)
    if known is not None and known.disabled:
        raise BadRequest("USER_DISABLED")
    account = call.accounts.put(
        replace(
            known or Account(local_id=uid, created_at=call.millis),
            custom_auth=True,
            last_login_at=call.millis,
        )
    )
    return {
        "kind": "identitytoolkit#VerifyCustomTokenResponse",
        "isNewUser": known is None,
        **issue_tokens(call, account, "custom", extra),
    }


def _user_draft(call: Call) -> tuple[Account, str]:
    """The new user before e-mail and password, and how they sign up.

    Any hint of a password asks for all of it. An anonymous user has no profile.
    """
    fields = call.fields
    draft = Account(local_id=call.new_uid(), last_login_at=call.millis)
    if fields.text("localId"):
        raise BadRequest("UNEXPECTED_PARAMETER : User ID")
    email, password = fields.text("email"), fields.text("password")
    if not (email or password or fields.text("idToken")):
        return draft, "anonymous"
    if not email:
        raise BadRequest("MISSING_EMAIL")
    if not password:
        raise BadRequest("MISSING_PASSWORD")
    draft = replace(draft, display_name=fields.text("displayName"), email_verified=False)
    return draft, "password"


def _owner_draft(call: Call) -> Account:
    fields = call.fields
    uid = fields.text("localId")
    if uid and fields.text("idToken"):
        raise BadRequest("UNEXPECTED_PARAMETER : User ID")
    if uid and len(uid) > _UID_MAX:
        raise _overlong_uid()
    if uid and call.accounts.get(uid) is not None:
        raise BadRequest("DUPLICATE_LOCAL_ID")
    phone = fields.text("phoneNumber")
    if phone and call.accounts.by_phone(checked_phone(phone)) is not None:
        raise BadRequest("PHONE_NUMBER_EXISTS")
    return Account(
        local_id=uid or call.new_uid(),
        last_login_at=call.millis,
        display_name=fields.text("displayName"),
        photo_url=fields.text("photoUrl"),
        email_verified=fields.flag("emailVerified") or False,
        phone_number=phone or None,
        disabled=fields.flag("disabled") or None,
    )


def _overlong_uid() -> BadRequest:
    """[unsure] The admin SDKs refuse such a uid themselves, so the service's code is a guess."""
    return BadRequest("INVALID_LOCAL_ID")


def _linked(account: Account, draft: Account) -> Account:
    """The account with what the draft brings; what it does not bring stays."""
    return replace(
        account,
        last_login_at=draft.last_login_at,
        display_name=draft.display_name or account.display_name,
        photo_url=draft.photo_url or account.photo_url,
        phone_number=draft.phone_number or account.phone_number,
        disabled=draft.disabled or account.disabled,
        email=draft.email or account.email,
        email_verified=draft.email_verified,
        password_hash=draft.password_hash or account.password_hash,
        salt=draft.salt or account.salt,
        password_updated_at=draft.password_updated_at or account.password_updated_at,
    )


def _custom_payload(token: str) -> dict[str, Json]:
    """The payload of a custom token, which may be plain JSON here, to make tests easy."""
    if token.startswith("{"):
        try:
            return parse_object(token)
        except ValueError as error:
            raise BadRequest(
                "INVALID_CUSTOM_TOKEN : ((Auth Emulator only accepts strict JSON or JWTs as fake "
                "custom tokens.))"
            ) from error
    try:
        payload = decode_unverified(token)
    except ValueError as error:
        raise BadRequest("INVALID_CUSTOM_TOKEN : Invalid assertion format") from error
    audience = payload.get("aud", "undefined")
    if audience != _AUDIENCE:
        shown = _primitive(audience)
        raise BadRequest(
            "INVALID_CUSTOM_TOKEN : ((Invalid aud (audience): "
            f"{dumps(audience) if shown is None else shown} Note: "
            "Firebase ID Tokens / third-party tokens cannot be used with signInWithCustomToken.))"
        )
    return payload


def _primitive(value: Json) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(canonical_number(value))
    return str(value) if isinstance(value, str | int) else None
