"""``accounts:batchCreate``: taking over users from elsewhere. Owner only.

Password hashes are kept as they come. Only a hash this emulator wrote itself lets its user sign
in; after an import of real ones their users have to reset the password.
"""

from collections.abc import Iterable
from dataclasses import replace

from imbari_chat.emulator.auth.account import Account, Provider, provider_entry
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.claims import checked_attributes
from imbari_chat.emulator.auth.credentials import checked_email
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.wire.json import Json

__all__ = ["batch_create"]

_DERIVED = frozenset({"password", "phone"})
_SPOKEN = {
    "INVALID_CLAIMS": "Invalid custom claims provided.",
    "CLAIMS_TOO_LARGE": "Custom claims provided are too large.",
    "FORBIDDEN_CLAIM": "Custom claims provided include a reserved claim.",
    "INVALID_EMAIL": "email is invalid",
}


def batch_create(call: Call) -> dict[str, Json]:
    """Creates the users, or replaces them with ``allowOverwrite``; a bad one stops no other."""
    users = call.fields.objects("users")
    if not users:
        raise BadRequest("MISSING_USER_ACCOUNT")
    if call.fields.flag("sanityCheck"):
        _check_duplicates(users)
    if not call.fields.flag("allowOverwrite"):
        uid = _repeated(user.text("localId") or "" for user in users)
        if uid is not None:
            raise BadRequest(f"DUPLICATE_LOCAL_ID : {uid}")
    errors: list[Json] = []
    for index, user in enumerate(users):
        try:
            call.accounts.put(_imported(call, user))
        except BadRequest as error:
            code = error.message.partition(" :")[0]
            errors.append({"index": index, "message": _SPOKEN.get(code, error.message)})
    return {"kind": "identitytoolkit#UploadAccountResponse", "error": errors}


def _check_duplicates(users: list[Fields]) -> None:
    email = _repeated(email for user in users if (email := user.text("email")))
    if email is not None:
        raise BadRequest(f"DUPLICATE_EMAIL : {email}")
    raw_id = _repeated(
        f"Provider id({info.text('providerId')}), Raw id({info.text('rawId')})"
        for user in users
        for info in user.objects("providerUserInfo")
    )
    if raw_id is not None:
        raise BadRequest(f"DUPLICATE_RAW_ID : {raw_id}")


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that comes a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _imported(call: Call, user: Fields) -> Account:
    uid = user.text("localId")
    if not uid:
        raise BadRequest("localId is missing")
    if user.objects("mfaInfo"):
        raise BadRequest("Second factors are not implemented in this emulator.")
    attributes = user.text("customAttributes")
    if attributes:
        checked_attributes(attributes)
    linked = _providers(call, uid, user)
    phone = _phone(call, uid, user.text("phoneNumber"))
    account = Account(
        local_id=uid,
        email=_email(call, uid, user.text("email")),
        email_verified=user.flag("emailVerified") or False,
        display_name=user.text("displayName"),
        photo_url=user.text("photoUrl"),
        phone_number=phone,
        disabled=user.flag("disabled") or False,
        valid_since=call.seconds,
        created_at=user.integer("createdAt") or call.millis,
        last_login_at=user.integer("lastLoginAt"),
        custom_attributes=attributes or None,
        linked=linked,
    )
    if call.accounts.get(uid) is not None and not call.fields.flag("allowOverwrite"):
        raise BadRequest("localId belongs to an existing account - can not overwrite.")
    return _with_password(call, account, user)


def _email(call: Call, uid: str, text: str | None) -> str | None:
    """The address, if nobody else has it.

    The live service looks for duplicates only on ``sanityCheck``; this emulator cannot hold them.
    """
    if not text:
        return None
    email = checked_email(text)
    if _taken(call.accounts.by_email(email), uid):
        if call.fields.flag("sanityCheck"):
            raise BadRequest("email exists in other account in database")
        raise BadRequest(f"((Auth Emulator does not support importing duplicate email: {text}))")
    return email


def _phone(call: Call, uid: str, number: str | None) -> str | None:
    if not number:
        return None
    if not number.startswith("+"):
        raise BadRequest("phone number format is invalid")
    if _taken(call.accounts.by_phone(number), uid):
        raise BadRequest("phone number exists in other account in database")
    return number


def _providers(call: Call, uid: str, user: Fields) -> tuple[Provider, ...] | None:
    """``providerUserInfo``, without what follows from the rest of the user."""
    if "providerUserInfo" not in user:
        return None
    return tuple(
        _linked(call, uid, info)
        for info in user.objects("providerUserInfo")
        if info.text("providerId") not in _DERIVED
    )


def _linked(call: Call, uid: str, info: Fields) -> Provider:
    """An entry of ``providerUserInfo`` for a provider that is neither password nor phone."""
    provider, raw_id = info.text("providerId"), info.text("rawId")
    if not provider or not raw_id:
        if not info.text("federatedId"):
            raise BadRequest("federatedId or (providerId & rawId) is required")
        raise BadRequest(
            "((Parsing federatedId is not implemented in Auth Emulator; please specify providerId "
            "AND rawId as a workaround.))"
        )
    if _taken(call.accounts.by_provider(provider, raw_id), uid):
        raise BadRequest("raw id exists in other account in database")
    return provider_entry(info)


def _taken(holder: Account | None, uid: str) -> bool:
    return holder is not None and holder.local_id != uid


def _with_password(call: Call, account: Account, user: Fields) -> Account:
    """The hash as it came, or the plain ``rawPassword`` that only an emulator takes."""
    known = user.text("passwordHash")
    if known:
        return replace(
            account,
            password_hash=known,
            salt=user.text("salt"),
            password_updated_at=call.millis,
        )
    raw = user.text("rawPassword")
    if raw:
        return account.with_password(raw, user.text("salt") or call.salt(), call.millis)
    return account
