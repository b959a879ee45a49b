"""Signing in by a mailed link."""

from dataclasses import replace

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.auth.sessions import issue_tokens, session_of
from imbari_chat.wire.json import Json

__all__ = ["sign_in_with_email_link"]


def sign_in_with_email_link(call: Call) -> dict[str, Json]:
    """``accounts:signInWithEmailLink``: signs in, signs up, or links the address to a user.

    Following the link has proved the address.
    """
    fields, accounts = call.fields, call.accounts
    id_token = fields.text("idToken")
    caller = session_of(call, id_token).account if id_token else None
    email, text = fields.text("email"), fields.text("oobCode")
    if not email:
        raise BadRequest("MISSING_EMAIL")
    email = email.lower()
    if not text:
        raise BadRequest("MISSING_OOB_CODE")
    code = accounts.code(text)
    if code is None or code.request_type != "EMAIL_SIGNIN":
        raise BadRequest("INVALID_OOB_CODE")
    if code.email != email:
        raise BadRequest(
            "INVALID_EMAIL : The email provided does not match the sign-in email address."
        )
    accounts.spend_code(code)
    holder = accounts.by_email(email)
    account = caller or holder
    if account is not None and account.disabled:
        raise BadRequest("USER_DISABLED")
    if caller is not None and holder is not None and caller.local_id != holder.local_id:
        raise BadRequest("EMAIL_EXISTS")
    kept = accounts.put(
        replace(
            account or Account(local_id=call.new_uid(), created_at=call.millis),
            email=email,
            email_verified=True,
            email_link=True,
            last_login_at=call.millis,
        )
    )
    return {
        "kind": "identitytoolkit#EmailLinkSigninResponse",
        "email": email,
        "localId": kept.local_id,
        "isNewUser": account is None,
        **issue_tokens(call, kept, "password"),
    }
