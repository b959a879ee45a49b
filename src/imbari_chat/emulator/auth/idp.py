"""Signing in with an identity provider, from credentials nobody has signed.

The provider is never asked: its ID token is an unsigned JWT, or the claims themselves as strict
JSON, made up by whoever tests. SAML is not built.
"""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.sessions import issue_tokens, session_of
from imbari_chat.emulator.auth.uris import form_pairs, is_absolute, with_query
from imbari_chat.emulator.tokens import decode_unverified, parse_object
from imbari_chat.wire.json import Json, dumps

__all__ = ["sign_in_with_idp"]

_NO_ACCESS_TOKEN: Final = frozenset({"google.com", "apple.com"})


@dataclass(frozen=True, slots=True)
class _Assertion:
    """What a provider says of a user."""

    provider: str
    raw_id: str
    claims: dict[str, Json]
    id_token: str | None
    access_token: str | None

    def text(self, name: str) -> str | None:
        value = self.claims.get(name)
        return value if isinstance(value, str) else None

    @property
    def email(self) -> str | None:
        email = self.text("email")
        return email.lower() if email else None

    @property
    def verified(self) -> bool:
        return bool(self.claims.get("email_verified"))

    def entry(self) -> dict[str, Json]:
        """The provider's entry in ``providerUserInfo``."""
        return _present(
            providerId=self.provider,
            rawId=self.raw_id,
            federatedId=self.raw_id,
            displayName=self.text("name"),
            photoUrl=self.text("picture"),
            email=self.email,
            screenName=self.text("screen_name"),
        )

    def answer(self) -> dict[str, Json]:
        """The part of the answer that tells what the provider said."""
        google = self.provider == "google.com"
        return _present(
            kind="identitytoolkit#VerifyAssertionResponse",
            context="",
            providerId=self.provider,
            displayName=self.text("name"),
            fullName=self.text("name"),
            screenName=self.text("screen_name"),
            email=self.email,
            emailVerified=self.verified,
            photoUrl=self.text("picture"),
            firstName=self.text("given_name") if google else None,
            lastName=self.text("family_name") if google else None,
            rawUserInfo=dumps(self._google_info() if google else self.claims),
            federatedId=f"https://accounts.google.com/{self.raw_id}" if google else self.raw_id,
            oauthAccessToken=self.access_token
            or f"FirebaseAuthEmulatorFakeAccessToken_{self.provider}",
            oauthIdToken=self.id_token,
        )

    def _google_info(self) -> dict[str, Json]:
        scopes = "openid https://www.googleapis.com/auth/userinfo.profile"
        if self.email:
            scopes += " https://www.googleapis.com/auth/userinfo.email"
        return _present(
            granted_scopes=scopes,
            id=self.raw_id,
            name=self.text("name"),
            given_name=self.text("given_name"),
            family_name=self.text("family_name"),
            verified_email=self.verified,
            locale="en",
            email=self.email,
            picture=self.text("picture"),
        )


def sign_in_with_idp(call: Call) -> dict[str, Json]:
    """``accounts:signInWithIdp``: signs in, signs up, or links the provider to an ID token's user.

    With ``returnIdpCredential`` a conflict is part of a good answer instead of a refusal.
    """
    for name in ("returnRefreshToken", "pendingIdToken"):
        if call.fields.text_or_flag(name):
            raise not_built(f"{name} is not implemented yet.")
    said = _assertion(call)
    answer = said.answer()
    id_token = call.fields.text("idToken")
    caller = session_of(call, id_token).account if id_token else None
    try:
        found = _linked(call, said, caller) if caller else _matched(call, said, answer)
    except BadRequest as refused:
        if call.fields.flag("returnIdpCredential"):
            return answer | {"errorMessage": refused.message}
        raise
    if answer.get("needConfirmation"):
        return answer
    if found is None:
        found = _created(call, said)
        answer["isNewUser"] = True
    account = call.accounts.put(replace(found, last_login_at=call.millis), added=[said.entry()])
    answer["localId"] = account.local_id
    if account.email == said.email:
        answer |= {"emailVerified": account.email_verified}
    if account.disabled:
        raise BadRequest("USER_DISABLED")
    return _present(**answer) | issue_tokens(call, account, said.provider)


def _assertion(call: Call) -> _Assertion:
    parameters, uri = _parameters(call)
    provider = parameters.get("providerId", "").lower()
    if not provider:
        raise BadRequest(
            f"INVALID_CREDENTIAL_OR_PROVIDER_ID : Invalid IdP response/credential: {uri}"
        )
    id_token = parameters.get("id_token") or None
    access_token = parameters.get("access_token") or None
    claims = _claims(id_token) or _claims(access_token)
    if claims is None:
        raise _unreadable(provider, id_token, access_token)
    if parameters.get("SAMLResponse"):
        raise not_built("SAML is not implemented in this emulator.")
    return _Assertion(provider, str(claims["sub"]), claims, id_token, access_token)


def _parameters(call: Call) -> tuple[dict[str, str], str]:
    """The parameters of ``requestUri`` and ``postBody`` together, and all of it as one URI."""
    uri = call.fields.text("requestUri")
    if not uri:
        raise BadRequest("MISSING_REQUEST_URI")
    if not is_absolute(uri):
        raise BadRequest("INVALID_REQUEST_URI")
    parts = urlsplit(uri)
    parameters = dict(form_pairs(parts.query))
    parameters |= dict(form_pairs(call.fields.text("postBody") or ""))
    parameters |= dict(form_pairs(parts.fragment))
    return parameters, with_query(uri, parameters)


def _claims(token: str | None) -> dict[str, Json] | None:
    if not token:
        return None
    if token.startswith("{"):
        try:
            claims = parse_object(token)
        except ValueError as error:
            raise BadRequest(
                f"INVALID_IDP_RESPONSE : Unable to parse id_token: {token} ((Auth Emulator failed "
                "to parse fake id_token as strict JSON.))"
            ) from error
    else:
        try:
            claims = decode_unverified(token)
        except ValueError:
            return None
    if not claims.get("sub"):
        raise BadRequest(
            "INVALID_IDP_RESPONSE : Invalid Idp Response: id_token missing required fields. "
            '((Missing "sub" field. This field is required and must be a unique identifier.))'
        )
    if not isinstance(claims["sub"], str):
        raise BadRequest('INVALID_IDP_RESPONSE : ((The "sub" field must be a string.))')
    return claims


def _unreadable(provider: str, id_token: str | None, access_token: str | None) -> Exception:
    if id_token:
        return BadRequest(
            f"INVALID_IDP_RESPONSE : Unable to parse id_token: {id_token} ((Auth Emulator only "
            "accepts strict JSON or JWTs as fake id_tokens.))"
        )
    if not access_token:
        return not_built(
            "The Auth Emulator only supports sign-in with credentials (id_token required)."
        )
    if provider in _NO_ACCESS_TOKEN:
        return not_built(
            f"The Auth Emulator only support sign-in with {provider} using id_token, not "
            "access_token. Please update your code to use id_token."
        )
    return not_built(f"The Auth Emulator does not support {provider} sign-in with credentials.")


def _linked(call: Call, said: _Assertion, caller: Account) -> Account:
    """The caller, who also goes by the provider's name from now on."""
    accounts = call.accounts
    if accounts.by_provider(said.provider, said.raw_id) is not None:
        raise BadRequest("FEDERATED_USER_ID_ALREADY_LINKED")
    unique = not accounts.settings.allow_duplicate_emails
    if unique and said.email:
        holder = accounts.by_email(said.email)
        if holder is not None and holder.local_id != caller.local_id:
            raise BadRequest("EMAIL_EXISTS")
        if not caller.email:
            caller = replace(caller, email=said.email, email_verified=said.verified)
    if said.email and said.verified and caller.email == said.email:
        caller = replace(caller, email_verified=True)
    return caller


def _matched(call: Call, said: _Assertion, answer: dict[str, Json]) -> Account | None:
    """Who the provider means; None is somebody new.

    An address that the provider has verified takes over an account that has not: other ways in
    are closed. One that is not verified leaves the answer with ``needConfirmation``.
    """
    accounts = call.accounts
    known = accounts.by_provider(said.provider, said.raw_id)
    if known is not None:
        return known
    if accounts.settings.allow_duplicate_emails or not said.email:
        return None
    account = accounts.by_email(said.email)
    if account is None:
        return None
    entries = account.linked or ()
    if not said.verified:
        answer["needConfirmation"] = True
        answer["localId"] = account.local_id
        answer["verifiedProvider"] = [
            entry["providerId"]
            for entry in entries
            if entry["providerId"] not in {"password", "phone"}
        ]
        return account
    if any(
        entry["providerId"] == said.provider and entry["rawId"] != said.raw_id for entry in entries
    ):
        answer["emailRecycled"] = True
    if not account.email_verified:
        account = replace(account, password_hash=None, phone_number=None).revoked(call.seconds)
    return replace(
        account,
        display_name=said.text("name"),
        photo_url=said.text("picture"),
        screen_name=said.text("screen_name"),
        email_verified=True,
    )


def _created(call: Call, said: _Assertion) -> Account:
    account = Account(
        local_id=call.new_uid(),
        created_at=call.millis,
        display_name=said.text("name"),
        photo_url=said.text("picture"),
        screen_name=said.text("screen_name"),
    )
    if call.accounts.settings.allow_duplicate_emails or not said.email:
        return account
    return replace(account, email=said.email, email_verified=said.verified)


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}
