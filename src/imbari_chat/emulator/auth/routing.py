"""Which operation a path names, and whose right it takes to call it.

Paths are the live URLs without ``https://``. The legacy names of
``www.googleapis.com/identitytoolkit/v3/relyingparty`` are other words for the same operations.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from imbari_chat.emulator.auth import (
    emaillink,
    idp,
    imports,
    listing,
    oob,
    phone,
    profiles,
    projects,
    schemas,
    sessions,
    signin,
)
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import WrongMethod, not_built, not_found
from imbari_chat.emulator.auth.schemas import Schema
from imbari_chat.wire.json import Json

__all__ = ["Operation", "Right", "Route", "find"]

Operation = Callable[[Call], dict[str, Json]]


class Right(Enum):
    """What a caller must show.

    ``KEY`` and ``OWNER`` are content with the owner's bearer token alone; ``OWNER`` with nothing
    else, ``ONLY_KEY`` not even with that.
    """

    NOTHING = auto()
    KEY = auto()
    ONLY_KEY = auto()
    OWNER = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes.

    Attributes:
        operation: What to do.
        right: What the caller must show.
        schema: What the body's fields must be.
        project: The project in the path, None when there is none.
        form: The body may be a form as well as JSON.
        body_names_project: The project is the body's ``targetProjectId``, and the rest of the
            body stands for the query.
    """

    operation: Operation
    right: Right
    schema: Schema
    project: str | None = None
    form: bool = False
    body_names_project: bool = False


def _unbuilt(name: str) -> tuple[Operation, Schema]:
    """Something the live service has and this emulator has not."""

    def refuse(_call: Call) -> dict[str, Json]:
        raise not_built(f"{name} is not implemented in the Auth Emulator.")

    return refuse, schemas.NOTHING


_Table = dict[tuple[str, str], tuple[Operation, Schema]]

_TOOLKIT: Final = "/identitytoolkit.googleapis.com/v1/"
_TOOLKIT_V2: Final = "/identitytoolkit.googleapis.com/v2/"
_LEGACY: Final = "/www.googleapis.com/identitytoolkit/v3/relyingparty/"
_REFRESH: Final = "/securetoken.googleapis.com/v1/token"

_BY_KEY: Final[_Table] = {
    ("POST", "accounts:signUp"): (signin.sign_up, schemas.SIGN_UP),
    ("POST", "accounts:signInWithPassword"): (
        signin.sign_in_with_password,
        schemas.SIGN_IN_WITH_PASSWORD,
    ),
    ("POST", "accounts:signInWithCustomToken"): (
        signin.sign_in_with_custom_token,
        schemas.SIGN_IN_WITH_CUSTOM_TOKEN,
    ),
    ("POST", "accounts:signInWithEmailLink"): (
        emaillink.sign_in_with_email_link,
        schemas.SIGN_IN_WITH_EMAIL_LINK,
    ),
    ("POST", "accounts:signInWithIdp"): (idp.sign_in_with_idp, schemas.SIGN_IN_WITH_IDP),
    ("POST", "accounts:sendVerificationCode"): (
        phone.send_verification_code,
        schemas.SEND_VERIFICATION_CODE,
    ),
    ("POST", "accounts:signInWithPhoneNumber"): (
        phone.sign_in_with_phone_number,
        schemas.SIGN_IN_WITH_PHONE_NUMBER,
    ),
    ("POST", "accounts:lookup"): (profiles.lookup, schemas.LOOKUP),
    ("POST", "accounts:update"): (profiles.update, schemas.UPDATE),
    ("POST", "accounts:delete"): (profiles.delete, schemas.DELETE),
    ("POST", "accounts:sendOobCode"): (oob.send_code, schemas.SEND_OOB_CODE),
    ("POST", "accounts:resetPassword"): (oob.reset_password, schemas.RESET_PASSWORD),
    ("POST", "accounts:createAuthUri"): (projects.create_auth_uri, schemas.CREATE_AUTH_URI),
    ("GET", "projects"): (projects.public_config, schemas.NOTHING),
    ("GET", "recaptchaParams"): (projects.recaptcha, schemas.NOTHING),
    ("GET", "sessionCookiePublicKeys"): _unbuilt("identitytoolkit.getSessionCookiePublicKeys"),
    **{
        ("POST", f"accounts:{name}"): _unbuilt(f"identitytoolkit.accounts.{name}")
        for name in ("issueSamlResponse", "signInWithGameCenter", "verifyIosClient")
    },
}
_BY_KEY_V2: Final[_Table] = {
    ("GET", "recaptchaConfig"): _unbuilt("identitytoolkit.getRecaptchaConfig"),
    ("GET", "passwordPolicy"): _unbuilt("identitytoolkit.getPasswordPolicy"),
    ("GET", "defaultSupportedIdps"): _unbuilt("identitytoolkit.defaultSupportedIdps.list"),
    ("POST", "accounts:revokeToken"): _unbuilt("identitytoolkit.accounts.revokeToken"),
    **{
        ("POST", f"accounts/{name}"): _unbuilt(f"identitytoolkit.accounts.{name.replace(':', '.')}")
        for name in (
            "mfaEnrollment:start",
            "mfaEnrollment:finalize",
            "mfaEnrollment:withdraw",
            "mfaSignIn:start",
            "mfaSignIn:finalize",
            "passkeyEnrollment:start",
            "passkeyEnrollment:finalize",
            "passkeySignIn:start",
            "passkeySignIn:finalize",
        )
    },
}
_BY_OWNER: Final[_Table] = {
    ("POST", "/accounts"): (signin.sign_up, schemas.SIGN_UP),
    ("POST", "/accounts:lookup"): (profiles.lookup, schemas.LOOKUP),
    ("POST", "/accounts:update"): (profiles.update, schemas.UPDATE),
    ("POST", "/accounts:delete"): (profiles.delete, schemas.DELETE),
    ("POST", "/accounts:sendOobCode"): (oob.send_code, schemas.SEND_OOB_CODE),
    ("POST", "/accounts:query"): (listing.query, schemas.QUERY),
    ("POST", ":queryAccounts"): (listing.query, schemas.QUERY),
    ("POST", "/accounts:batchDelete"): (listing.batch_delete, schemas.BATCH_DELETE),
    ("GET", "/accounts:batchGet"): (listing.batch_get, schemas.NOTHING),
    ("POST", "/accounts:batchCreate"): (imports.batch_create, schemas.BATCH_CREATE),
    ("POST", ":createSessionCookie"): (sessions.create_session_cookie, schemas.SESSION_COOKIE),
}
_BY_OWNER_V2: Final[_Table] = {
    ("GET", "/config"): (projects.admin_config, schemas.NOTHING),
    ("PATCH", "/config"): _unbuilt("identitytoolkit.projects.updateConfig"),
}
_CONTROLS: Final[_Table] = {
    ("DELETE", "/accounts"): (projects.clear_accounts, schemas.NOTHING),
    ("GET", "/config"): (projects.emulator_config, schemas.NOTHING),
    ("PATCH", "/config"): (projects.patch_emulator_config, schemas.CONFIG),
    ("GET", "/oobCodes"): (projects.oob_codes, schemas.NOTHING),
    ("GET", "/verificationCodes"): (projects.verification_codes, schemas.NOTHING),
}
_RENAMED: Final = {
    "createAuthUri": "accounts:createAuthUri",
    "deleteAccount": "accounts:delete",
    "emailLinkSignin": "accounts:signInWithEmailLink",
    "getAccountInfo": "accounts:lookup",
    "getOobConfirmationCode": "accounts:sendOobCode",
    "getProjectConfig": "projects",
    "getRecaptchaParam": "recaptchaParams",
    "resetPassword": "accounts:resetPassword",
    "sendVerificationCode": "accounts:sendVerificationCode",
    "setAccountInfo": "accounts:update",
    "signupNewUser": "accounts:signUp",
    "verifyAssertion": "accounts:signInWithIdp",
    "verifyCustomToken": "accounts:signInWithCustomToken",
    "verifyPassword": "accounts:signInWithPassword",
    "verifyPhoneNumber": "accounts:signInWithPhoneNumber",
}
_LEGACY_BATCHES: Final = {
    "downloadAccount": (listing.batch_get, schemas.NOTHING),
    "uploadAccount": (imports.batch_create, schemas.BATCH_CREATE),
}
_WIDGETS: Final = frozenset(
    {"/emulator/auth/handler", "/emulator/auth/iframe", "/emulator/openapi.json"}
)
_PROJECT: Final = re.compile(r"projects/([^/:]+)([/:].*)")
_TENANTS: Final = re.compile(r"projects/[^/]+/tenants(?:[/:].*)?")
_PROVIDER_CONFIGS: Final = re.compile(
    r"projects/[^/]+/(inboundSamlConfigs|oauthIdpConfigs|defaultSupportedIdpConfigs)(?:/[^/]+)?"
)


def find(method: str, path: str, query: str = "") -> Route:
    """The route of a request.

    Args:
        method: The HTTP method.
        path: The path as it stands in the request, escapes and all.
        query: For the text of a refusal.

    Raises:
        Refused: 404 for a path nobody has, 405 for one with another method, 501 for a family
            that only the real service has.
    """
    try:
        return _found(method, path)
    except WrongMethod as refused:
        if query and not path.startswith(_LEGACY):
            refused.add_query(query)
        raise


def _found(method: str, path: str) -> Route:
    if path == _REFRESH:
        if method != "POST":
            raise WrongMethod(method, path)
        return Route(sessions.refresh, Right.ONLY_KEY, schemas.TOKEN, form=True)
    if path.startswith(_LEGACY):
        return _legacy(method, path.removeprefix(_LEGACY))
    if path.startswith(_TOOLKIT):
        return _toolkit(method, path, _TOOLKIT, _BY_KEY, _BY_OWNER)
    if path.startswith(_TOOLKIT_V2):
        return _toolkit(method, path, _TOOLKIT_V2, _BY_KEY_V2, _BY_OWNER_V2)
    if path.startswith("/emulator/v1/"):
        return _in_project(method, path, "/emulator/v1/", _CONTROLS, Right.NOTHING)
    if path in _WIDGETS and method == "GET":
        raise not_built(f"{path} is not implemented in this emulator.")
    raise not_found()


def _legacy(method: str, name: str) -> Route:
    if method == "POST" and name in _LEGACY_BATCHES:
        operation, schema = _LEGACY_BATCHES[name]
        return Route(operation, Right.OWNER, schema, body_names_project=True)
    if method == "POST" and name == "signOutUser":
        raise not_built("signOutUser is not implemented in the Auth Emulator.")
    return _toolkit(method, _TOOLKIT + _RENAMED.get(name, ""), _TOOLKIT, _BY_KEY, {})


def _toolkit(method: str, path: str, prefix: str, by_key: _Table, by_owner: _Table) -> Route:
    name = path.removeprefix(prefix)
    found = by_key.get((method, name))
    if found is not None:
        operation, schema = found
        return Route(operation, Right.KEY, schema)
    if _TENANTS.fullmatch(name):
        raise not_built("Multi-tenancy is not implemented in this emulator.")
    if _PROVIDER_CONFIGS.fullmatch(name):
        raise not_built("Provider configurations are not implemented in this emulator.")
    _check_method(by_key, name, method, path)
    return _in_project(method, path, prefix, by_owner, Right.OWNER)


def _in_project(method: str, path: str, prefix: str, table: _Table, right: Right) -> Route:
    match = _PROJECT.fullmatch(path.removeprefix(prefix))
    if match is not None:
        _check_method(table, match[2], method, path)
    found = table.get((method, match[2])) if match else None
    if match is None or found is None:
        raise not_found()
    operation, schema = found
    return Route(operation, right, schema, unquote(match[1]))


def _check_method(table: _Table, name: str, method: str, path: str) -> None:
    if (method, name) not in table and any(known == name for _, known in table):
        raise WrongMethod(method, path)
