"""Looking at an account, changing it, deleting it: by its user, or by the owner."""

from dataclasses import replace
from typing import Final

from imbari_chat.emulator.auth.account import Account, provider_entry
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.claims import checked_attributes
from imbari_chat.emulator.auth.credentials import checked_email, checked_password, checked_phone
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.oob import apply_code, offer_recovery
from imbari_chat.emulator.auth.schemas import ATTRIBUTES
from imbari_chat.emulator.auth.sessions import issue_tokens, session_of
from imbari_chat.wire.json import Json

__all__ = ["delete", "lookup", "update"]

_NOT_BUILT: Final = ("provider", "upgradeToFederatedLogin")


def lookup(call: Call) -> dict[str, Json]:
    """``accounts:lookup``: the caller, or everybody the owner names.

    Unknown names are skipped, and without a single hit there is no ``users`` at all.
    """
    found: list[Account | None]
    if call.owner:
        fields, accounts = call.fields, call.accounts
        found = [accounts.get(uid) for uid in fields.texts("localId")]
        found += [accounts.by_email(email) for email in fields.texts("email")]
        found += [accounts.by_phone(number) for number in fields.texts("phoneNumber")]
        if fields.texts("initialEmail"):
            raise not_built("Lookup by initialEmail is not implemented.")
        found += [
            accounts.by_provider(entry.text("providerId") or "", entry.text("rawId") or "")
            for entry in fields.objects("federatedUserId")
        ]
    else:
        found = [session_of(call, _id_token(call)).account]
    users: dict[str, Json] = {user.local_id: user.to_json() for user in found if user is not None}
    answer: dict[str, Json] = {"kind": "identitytoolkit#GetAccountInfoResponse"}
    return answer | ({"users": [*users.values()]} if users else {})


def delete(call: Call) -> dict[str, Json]:
    """``accounts:delete``."""
    account = _named(call) if call.owner else session_of(call, _id_token(call)).account
    call.accounts.remove(account.local_id)
    return {"kind": "identitytoolkit#DeleteAccountResponse"}


def update(call: Call) -> dict[str, Json]:
    """``accounts:update``: by ID token, by a mailed code, or by the owner.

    A changed e-mail or password ends every ID token issued before this second; the answer then
    has new ones.
    """
    fields = call.fields
    for name in _NOT_BUILT:
        if name in fields:
            raise not_built(f"{name} is not implemented yet.")
    if call.owner and not fields.text("localId"):
        raise BadRequest("MISSING_LOCAL_ID")
    if not call.owner and not (fields.text("idToken") or fields.text("oobCode")):
        raise BadRequest("INVALID_REQ_TYPE : Unsupported request parameters.")
    attributes = fields.text("customAttributes")
    if attributes is not None and not call.owner:
        raise BadRequest("INSUFFICIENT_PERMISSION")
    if attributes:
        checked_attributes(attributes)
    for name in fields.choices("deleteAttribute", ATTRIBUTES):
        if name in {"PROVIDER", "RAW_USER_INFO"}:
            raise not_built(f"deleteAttribute: {name}")
    factors = fields.object("mfa")
    if factors is not None and factors.objects("enrollments"):
        raise not_built("Second factors are not implemented in this emulator.")
    code = fields.text("oobCode")
    if code:
        account, new_email = apply_code(call, code)
        return _answer(call.accounts.put(account, added=_providers(call)), new_email)
    return _edit(call)


def _edit(call: Call) -> dict[str, Json]:
    fields = call.fields
    provider: str | None = None
    id_token = fields.text("idToken")
    if id_token:
        session = session_of(call, id_token)
        before, provider = session.account, session.provider
        if "disableUser" in fields:
            raise BadRequest("OPERATION_NOT_ALLOWED")
    else:
        before = _named(call)
    after, new_email = _readdressed(call, before, provider)
    password = fields.text("password")
    if password:
        after = after.with_password(checked_password(password), call.salt(), call.millis)
        provider = "password"
    readdressed = after.email != before.email
    renewed = bool(password) or readdressed or "validSince" in fields
    if renewed:
        after = after.revoked(call.seconds)
    after = _with_profile(call, after)
    if call.owner:
        after = _with_privileges(call, after)
    after = call.accounts.put(
        _without(call, after),
        added=_providers(call),
        removed=call.fields.texts("deleteProvider"),
    )
    if readdressed and after.initial_email is not None:
        offer_recovery(call, after.initial_email)
    tokens = issue_tokens(call, after, provider) if renewed and provider else {}
    return _answer(after, new_email) | tokens


def _readdressed(call: Call, account: Account, provider: str | None) -> tuple[Account, str | None]:
    """The account with the e-mail asked for, and that e-mail."""
    text = call.fields.text("email")
    if not text:
        return account, None
    email = checked_email(text)
    if email == account.email:
        return account, email
    if call.accounts.by_email(email) is not None:
        raise BadRequest("EMAIL_EXISTS")
    if account.email is not None and account.initial_email is None and provider != "anonymous":
        account = replace(account, initial_email=account.email)
    return replace(account, email=email, email_verified=False), email


def _with_profile(call: Call, account: Account) -> Account:
    name, photo = call.fields.text("displayName"), call.fields.text("photoUrl")
    return replace(
        account,
        display_name=account.display_name if name is None else name,
        photo_url=account.photo_url if photo is None else photo,
    )


def _with_privileges(call: Call, account: Account) -> Account:
    """What only the owner may set."""
    fields = call.fields
    phone = fields.text("phoneNumber")
    if phone and phone != account.phone_number:
        if call.accounts.by_phone(checked_phone(phone)) is not None:
            raise BadRequest("PHONE_NUMBER_EXISTS")
        account = replace(account, phone_number=phone)
    disabled, verified = fields.flag("disableUser"), fields.flag("emailVerified")
    attributes = fields.text("customAttributes")
    created, login = fields.integer("createdAt"), fields.integer("lastLoginAt")
    account = replace(
        account,
        disabled=account.disabled if disabled is None else disabled,
        email_verified=account.email_verified if verified is None else verified,
        custom_attributes=account.custom_attributes if attributes is None else attributes,
        created_at=account.created_at if created is None else created,
        last_login_at=account.last_login_at if login is None else login,
    )
    since = fields.integer("validSince")
    return account if since is None else account.revoked(since)


def _without(call: Call, account: Account) -> Account:
    """The account without what the request deletes; deleting goes last."""
    attributes = set(call.fields.choices("deleteAttribute", ATTRIBUTES))
    providers = set(call.fields.texts("deleteProvider"))
    if "DISPLAY_NAME" in attributes:
        account = replace(account, display_name=None)
    if "PHOTO_URL" in attributes:
        account = replace(account, photo_url=None)
    if "EMAIL" in attributes or "password" in providers:
        account = replace(account, email=None, email_verified=None, email_link=None)
    if "PASSWORD" in attributes or "password" in providers:
        account = replace(account, password_hash=None, salt=None)
    if "phone" in providers:
        account = replace(account, phone_number=None)
    return account


def _providers(call: Call) -> list[dict[str, Json]]:
    """The provider to be linked, if there is one."""
    info = call.fields.object("linkProviderUserInfo")
    if info is None:
        return []
    if not info.text("providerId"):
        raise BadRequest("MISSING_PROVIDER_ID")
    if not info.text("rawId"):
        raise BadRequest("MISSING_RAW_ID")
    return [provider_entry(info)]


def _named(call: Call) -> Account:
    """The account the owner names by uid."""
    uid = call.fields.text("localId")
    if not uid:
        raise BadRequest("MISSING_LOCAL_ID")
    account = call.accounts.get(uid)
    if account is None:
        raise BadRequest("USER_NOT_FOUND")
    return account


def _id_token(call: Call) -> str:
    token = call.fields.text("idToken")
    if not token:
        raise BadRequest("MISSING_ID_TOKEN")
    return token


def _answer(account: Account, new_email: str | None) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "kind": "identitytoolkit#SetAccountInfoResponse",
        "localId": account.local_id,
        "emailVerified": account.email_verified,
        "providerUserInfo": account.providers(),
        "email": account.email,
        "displayName": account.display_name,
        "photoUrl": account.photo_url,
        "newEmail": new_email,
        "passwordHash": account.password_hash,
    }
    return {name: value for name, value in fields.items() if value is not None}
