"""Codes that the service mails: asking for one, and what it does when it comes back.

Nothing is mailed here. The owner gets the link in the answer; everybody finds unused codes at
``/emulator/v1/projects/P/oobCodes``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import OobCode
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.credentials import checked_password
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.schemas import REQUEST_TYPES
from imbari_chat.emulator.auth.sessions import session_of
from imbari_chat.emulator.auth.uris import form_encoded, is_absolute
from imbari_chat.wire.json import Json

__all__ = ["apply_code", "offer_recovery", "reset_password", "send_code"]

_MODES: Final = {
    "PASSWORD_RESET": "resetPassword",
    "VERIFY_EMAIL": "verifyEmail",
    "EMAIL_SIGNIN": "signIn",
    "VERIFY_AND_CHANGE_EMAIL": "verifyAndChangeEmail",
    "RECOVER_EMAIL": "recoverEmail",
}
_CODE_LENGTH: Final = 54


def send_code(call: Call) -> dict[str, Json]:
    """``accounts:sendOobCode``."""
    fields = call.fields
    kind = fields.choice("requestType", REQUEST_TYPES)
    if not kind or kind == "OOB_REQ_TYPE_UNSPECIFIED":
        raise BadRequest("MISSING_REQ_TYPE")
    wants_link = fields.flag("returnOobLink")
    if wants_link and not call.owner:
        raise BadRequest("INSUFFICIENT_PERMISSION")
    target = fields.text("continueUrl")
    if target and not is_absolute(target):
        raise BadRequest(
            "INVALID_CONTINUE_URI : ((expected an absolute URI with valid scheme and host))"
        )
    recipient = _RECIPIENTS.get(kind)
    if recipient is None:
        raise not_built(kind)
    email, new_email = recipient(call)
    answer: dict[str, Json] = {
        "kind": "identitytoolkit#GetOobConfirmationCodeResponse",
        "email": email,
    }
    if kind == "PASSWORD_RESET" and call.accounts.by_email(email) is None:
        if call.accounts.settings.email_privacy:
            return answer
        raise BadRequest("EMAIL_NOT_FOUND")
    code = _create(call, kind, email, new_email=new_email, target=target)
    return answer | ({"oobCode": code.code, "oobLink": code.link} if wants_link else {})


def offer_recovery(call: Call, email: str) -> None:
    """Makes the code that takes an account back to its first address."""
    _create(call, "RECOVER_EMAIL", email)


def reset_password(call: Call) -> dict[str, Json]:
    """``accounts:resetPassword``: checks a code; with ``newPassword`` uses it up."""
    text = call.fields.text("oobCode")
    if not text:
        raise BadRequest("MISSING_OOB_CODE")
    code = call.accounts.code(text)
    if code is None:
        raise BadRequest("INVALID_OOB_CODE")
    password = call.fields.text("newPassword")
    if password:
        if code.request_type != "PASSWORD_RESET":
            raise BadRequest("INVALID_OOB_CODE")
        checked_password(password)
        account = _spend(call, code, call.accounts.by_email(code.email))
        changed = account.with_password(password, call.salt(), call.millis)
        # Whoever reads the mail owns the account: other ways in are closed.
        removed = [str(entry["providerId"]) for entry in changed.linked or ()]
        changed = replace(changed.revoked(call.seconds), email_verified=True)
        call.accounts.put(changed, removed=removed)
    answer: dict[str, Json] = {
        "kind": "identitytoolkit#ResetPasswordResponse",
        "requestType": code.request_type,
    }
    if code.request_type != "EMAIL_SIGNIN":
        answer["email"] = code.email
    if code.new_email is not None:
        answer["newEmail"] = code.new_email
    return answer


def apply_code(call: Call, text: str) -> tuple[Account, str | None]:
    """Does what a code is for, and uses it up.

    Returns:
        The account afterwards, and its new address if that is what was confirmed.

    Raises:
        BadRequest: ``INVALID_OOB_CODE``, or ``EMAIL_EXISTS`` when somebody took the address.
    """
    accounts = call.accounts
    code = accounts.code(text)
    if code is None:
        raise BadRequest("INVALID_OOB_CODE")
    if code.request_type == "VERIFY_EMAIL":
        account = _spend(call, code, accounts.by_email(code.email))
        return accounts.put(replace(account, email_verified=True)), None
    if code.request_type == "VERIFY_AND_CHANGE_EMAIL":
        account = _spend(call, code, accounts.by_email(code.email))
        return _moved(call, account, code.new_email or ""), code.new_email
    if code.request_type == "RECOVER_EMAIL":
        account = _spend(call, code, accounts.by_initial_email(code.email))
        return _moved(call, account, code.email), None
    raise not_built(code.request_type)


def _moved(call: Call, account: Account, email: str) -> Account:
    if call.accounts.by_email(email) is not None:
        raise BadRequest("EMAIL_EXISTS")
    return call.accounts.put(replace(account, email=email, email_verified=True))


def _spend(call: Call, code: OobCode, account: Account | None) -> Account:
    call.accounts.spend_code(code)
    if account is None:
        raise BadRequest("INVALID_OOB_CODE")
    return account


def _create(
    call: Call, kind: str, email: str, *, new_email: str | None = None, target: str | None = None
) -> OobCode:
    code = call.url_safe(_CODE_LENGTH)
    query = {"mode": _MODES[kind], "lang": "en", "oobCode": code, "apiKey": "fake-api-key"}
    if target:
        query["continueUrl"] = target
    link = f"{call.origin}/emulator/action?{form_encoded(query.items())}"
    record = OobCode(email=email, request_type=kind, code=code, link=link, new_email=new_email)
    call.accounts.keep_code(record)
    return record


def _named_email(call: Call) -> tuple[str, None]:
    email = call.fields.text("email")
    if not email:
        raise BadRequest("MISSING_EMAIL")
    return email.lower(), None


def _own_email(call: Call) -> tuple[str, None]:
    """The caller's address; asking for the link without an ID token, the owner names one."""
    id_token = call.fields.text("idToken")
    if call.fields.flag("returnOobLink") and not id_token:
        email, _ = _named_email(call)
        if call.accounts.by_email(email) is None:
            raise BadRequest("USER_NOT_FOUND")
        return email, None
    own = session_of(call, id_token or "").account.email
    if own is None:
        raise BadRequest("MISSING_EMAIL")
    return own, None


def _changed_email(call: Call) -> tuple[str, str]:
    new_email = (call.fields.text("newEmail") or "").lower()
    if not new_email:
        raise BadRequest("MISSING_NEW_EMAIL")
    if not (call.fields.text("idToken") or call.fields.flag("returnOobLink")):
        raise BadRequest("MISSING_ID_TOKEN")
    email, _ = _own_email(call)
    if call.accounts.by_email(new_email) is not None:
        raise BadRequest("EMAIL_EXISTS")
    return email, new_email


_RECIPIENTS: Final[dict[str, Callable[[Call], tuple[str, str | None]]]] = {
    "EMAIL_SIGNIN": _named_email,
    "PASSWORD_RESET": _named_email,
    "VERIFY_EMAIL": _own_email,
    "VERIFY_AND_CHANGE_EMAIL": _changed_email,
}
