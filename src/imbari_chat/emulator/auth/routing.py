"""Which operation a path names, and whose right it takes to call it.

Paths are the live URLs without ``https://``. The legacy names of
``www.googleapis.com/identitytoolkit/v3/relyingparty`` are other words for the same operations.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from imbari_chat.emulator.auth import imports, listing, oob, profiles, projects, sessions, signin
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import not_built, not_found
from imbari_chat.wire.json import Json

__all__ = ["Operation", "Right", "Route", "find"]

Operation = Callable[[Call], dict[str, Json]]


class Right(Enum):
    """What a caller must show."""

    NOTHING = auto()
    KEY = auto()
    OWNER = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes.

    Attributes:
        operation: What to do.
        right: What the caller must show.
        project: The project in the path, None when there is none.
        body_names_project: The project is the body's ``targetProjectId``, and the rest of the
            body stands for the query.
    """

    operation: Operation
    right: Right
    project: str | None = None
    body_names_project: bool = False


_TOOLKIT: Final = "/identitytoolkit.googleapis.com/v1/"
_TOOLKIT_V2: Final = "/identitytoolkit.googleapis.com/v2/"
_LEGACY: Final = "/www.googleapis.com/identitytoolkit/v3/relyingparty/"
_REFRESH: Final = "/securetoken.googleapis.com/v1/token"

_BY_KEY: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "accounts:signUp"): signin.sign_up,
    ("POST", "accounts:signInWithPassword"): signin.sign_in_with_password,
    ("POST", "accounts:signInWithCustomToken"): signin.sign_in_with_custom_token,
    ("POST", "accounts:lookup"): profiles.lookup,
    ("POST", "accounts:update"): profiles.update,
    ("POST", "accounts:delete"): profiles.delete,
    ("POST", "accounts:sendOobCode"): oob.send_code,
    ("POST", "accounts:resetPassword"): oob.reset_password,
    ("POST", "accounts:createAuthUri"): projects.create_auth_uri,
    ("GET", "projects"): projects.public_config,
    ("GET", "recaptchaParams"): projects.recaptcha,
}
_BY_OWNER: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/accounts"): signin.sign_up,
    ("POST", "/accounts:lookup"): profiles.lookup,
    ("POST", "/accounts:update"): profiles.update,
    ("POST", "/accounts:delete"): profiles.delete,
    ("POST", "/accounts:sendOobCode"): oob.send_code,
    ("POST", "/accounts:query"): listing.query,
    ("POST", "/accounts:batchDelete"): listing.batch_delete,
    ("GET", "/accounts:batchGet"): listing.batch_get,
    ("POST", "/accounts:batchCreate"): imports.batch_create,
    ("POST", ":createSessionCookie"): sessions.create_session_cookie,
}
_CONTROLS: Final[dict[tuple[str, str], Operation]] = {
    ("DELETE", "/accounts"): projects.clear_accounts,
    ("GET", "/config"): projects.emulator_config,
    ("PATCH", "/config"): projects.patch_emulator_config,
    ("GET", "/oobCodes"): projects.oob_codes,
    ("GET", "/verificationCodes"): projects.verification_codes,
}
_RENAMED: Final = {
    "createAuthUri": "accounts:createAuthUri",
    "deleteAccount": "accounts:delete",
    "emailLinkSignin": "accounts:signInWithEmailLink",
    "getAccountInfo": "accounts:lookup",
    "getOobConfirmationCode": "accounts:sendOobCode",
    "getProjectConfig": "projects",
    "getRecaptchaParam": "recaptchaParams",
    "publicKeys": "publicKeys",
    "resetPassword": "accounts:resetPassword",
    "sendVerificationCode": "accounts:sendVerificationCode",
    "setAccountInfo": "accounts:update",
    "signOutUser": "signOutUser",
    "signupNewUser": "accounts:signUp",
    "verifyAssertion": "accounts:signInWithIdp",
    "verifyCustomToken": "accounts:signInWithCustomToken",
    "verifyPassword": "accounts:signInWithPassword",
    "verifyPhoneNumber": "accounts:signInWithPhoneNumber",
}
_LEGACY_BATCHES: Final[dict[str, Operation]] = {
    "downloadAccount": listing.batch_get,
    "uploadAccount": imports.batch_create,
}
_NOT_BUILT: Final = frozenset(
    {
        "accounts:signInWithEmailLink", "accounts:signInWithIdp", "accounts:signInWithPhoneNumber",
        "accounts:sendVerificationCode", "accounts:signInWithGameCenter",
        "accounts:issueSamlResponse", "accounts:verifyIosClient", "publicKeys", "signOutUser",
        "sessionCookiePublicKeys",
    }
)  # fmt: skip
_NOT_BUILT_V2: Final = re.compile(
    r"recaptchaConfig|passwordPolicy|accounts/?(?:mfa|passkey)[A-Za-z]*:.+|projects/[^/]+/.+"
)
_PROJECT: Final = re.compile(r"projects/([^/:]+)([/:].*)")


def find(method: str, path: str) -> Route:
    """The route of a request.

    Raises:
        Refused: 404 for a path nobody has, 501 for one that only the real service has.
    """
    if path == _REFRESH and method == "POST":
        return Route(sessions.refresh, Right.KEY)
    if path.startswith(_LEGACY):
        name = path.removeprefix(_LEGACY)
        batch = _LEGACY_BATCHES.get(name)
        if batch is not None and method == "POST":
            return Route(batch, Right.OWNER, body_names_project=True)
        return _toolkit(method, _RENAMED.get(name, ""))
    if path.startswith(_TOOLKIT):
        return _toolkit(method, path.removeprefix(_TOOLKIT))
    if path.startswith(_TOOLKIT_V2):
        return _toolkit_v2(method, path.removeprefix(_TOOLKIT_V2))
    if path.startswith("/emulator/v1/"):
        return _in_project(method, path.removeprefix("/emulator/v1/"), _CONTROLS, Right.NOTHING)
    raise not_found()


def _toolkit(method: str, name: str) -> Route:
    operation = _BY_KEY.get((method, name))
    if operation is not None:
        return Route(operation, Right.KEY)
    if name in _NOT_BUILT:
        raise not_built(name)
    if re.fullmatch(r"projects/[^/]+/tenants(?:/.*)?", name):
        raise not_built("multi-tenancy")
    return _in_project(method, name, _BY_OWNER, Right.OWNER)


def _toolkit_v2(method: str, name: str) -> Route:
    if method == "GET" and re.fullmatch(r"projects/[^/]+/config", name):
        return Route(projects.admin_config, Right.OWNER, name.split("/")[1])
    if _NOT_BUILT_V2.fullmatch(name):
        raise not_built(name)
    raise not_found()


def _in_project(
    method: str, name: str, table: dict[tuple[str, str], Operation], right: Right
) -> Route:
    match = _PROJECT.fullmatch(name)
    operation = table.get((method, match[2])) if match else None
    if match is None or operation is None:
        raise not_found()
    return Route(operation, right, match[1])
