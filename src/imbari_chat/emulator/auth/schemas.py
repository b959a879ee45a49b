"""Which type each field of a request has: what the service checks before it does anything.

A kind is the name of a JSON type, a list of one kind for an array, a dict for an object, or a
tuple of names for a choice. Fields that are not listed are not looked at.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "ATTRIBUTES",
    "BATCH_CREATE",
    "BATCH_DELETE",
    "CONFIG",
    "CREATE_AUTH_URI",
    "DELETE",
    "LOOKUP",
    "NOTHING",
    "ORDERS",
    "QUERY",
    "REQUEST_TYPES",
    "RESET_PASSWORD",
    "SEND_OOB_CODE",
    "SEND_VERIFICATION_CODE",
    "SESSION_COOKIE",
    "SIGN_IN_WITH_CUSTOM_TOKEN",
    "SIGN_IN_WITH_EMAIL_LINK",
    "SIGN_IN_WITH_IDP",
    "SIGN_IN_WITH_PASSWORD",
    "SIGN_IN_WITH_PHONE_NUMBER",
    "SIGN_UP",
    "SORT_FIELDS",
    "TOKEN",
    "UPDATE",
    "Schema",
]

Schema = Mapping[str, Any]
"""Kinds by name of field; recursive, hence not to be typed more closely."""


def _texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), "string")


def _flags(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), "boolean")


def _lists(names: str) -> dict[str, Any]:
    return {name: ["string"] for name in names.split()}


def _integers(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), "integer")


_CLIENTS: Final = (
    "CLIENT_TYPE_UNSPECIFIED",
    "CLIENT_TYPE_WEB",
    "CLIENT_TYPE_ANDROID",
    "CLIENT_TYPE_IOS",
)
ATTRIBUTES: Final = (
    "USER_ATTRIBUTE_NAME_UNSPECIFIED",
    "EMAIL",
    "DISPLAY_NAME",
    "PROVIDER",
    "PHOTO_URL",
    "PASSWORD",
    "RAW_USER_INFO",
)
"""What ``deleteAttribute`` may name."""

REQUEST_TYPES: Final = (
    "OOB_REQ_TYPE_UNSPECIFIED",
    "PASSWORD_RESET",
    "OLD_EMAIL_AGREE",
    "NEW_EMAIL_ACCEPT",
    "VERIFY_EMAIL",
    "RECOVER_EMAIL",
    "EMAIL_SIGNIN",
    "VERIFY_AND_CHANGE_EMAIL",
    "REVERT_SECOND_FACTOR_ADDITION",
)
"""What a mailed code may be for."""

ORDERS: Final = ("ORDER_UNSPECIFIED", "ASC", "DESC")
SORT_FIELDS: Final = (
    "SORT_BY_FIELD_UNSPECIFIED",
    "USER_ID",
    "NAME",
    "CREATED_AT",
    "LAST_LOGIN_AT",
    "USER_EMAIL",
)
_RECAPTCHA: Final = ("RECAPTCHA_VERSION_UNSPECIFIED", "RECAPTCHA_ENTERPRISE")
_CLIENT: Final = {"clientType": _CLIENTS, "recaptchaVersion": _RECAPTCHA}
_PROVIDER: Final = _texts(
    "displayName email federatedId phoneNumber photoUrl providerId rawId screenName"
)
_ENROLLMENT: Final = {
    **_texts("displayName enrolledAt mfaEnrollmentId phoneInfo unobfuscatedPhoneInfo"),
    "emailInfo": {},
    "totpInfo": {},
}

NOTHING: Final[Schema] = {}
SIGN_UP: Final[Schema] = {
    **_texts(
        "captchaChallenge captchaResponse displayName email idToken instanceId localId password"
        " phoneNumber photoUrl targetProjectId tenantId"
    ),
    **_flags("disabled emailVerified"),
    **_CLIENT,
    "mfaInfo": [_texts("displayName phoneInfo")],
}
SIGN_IN_WITH_PASSWORD: Final[Schema] = {
    **_texts(
        "captchaChallenge captchaResponse delegatedProjectNumber email idToken instanceId password"
        " pendingIdToken tenantId"
    ),
    **_flags("returnSecureToken"),
    **_CLIENT,
}
SIGN_IN_WITH_CUSTOM_TOKEN: Final[Schema] = {
    **_texts("delegatedProjectNumber instanceId tenantId token"),
    **_flags("returnSecureToken"),
}
SIGN_IN_WITH_EMAIL_LINK: Final[Schema] = _texts("email idToken oobCode tenantId")
SIGN_IN_WITH_IDP: Final[Schema] = {
    **_texts(
        "delegatedProjectNumber idToken pendingIdToken pendingToken postBody requestUri sessionId"
        " tenantId"
    ),
    **_flags("autoCreate returnIdpCredential returnRefreshToken returnSecureToken"),
}
SEND_VERIFICATION_CODE: Final[Schema] = {
    **_texts(
        "captchaResponse iosReceipt iosSecret phoneNumber playIntegrityToken recaptchaToken"
        " safetyNetToken tenantId"
    ),
    **_CLIENT,
    "autoRetrievalInfo": {},
}
SIGN_IN_WITH_PHONE_NUMBER: Final[Schema] = {
    **_texts("code idToken phoneNumber sessionInfo temporaryProof tenantId verificationProof"),
    "operation": ("VERIFY_OP_UNSPECIFIED", "SIGN_UP_OR_IN", "REAUTH", "UPDATE", "LINK"),
}
LOOKUP: Final[Schema] = {
    **_texts("delegatedProjectNumber idToken targetProjectId tenantId"),
    **_lists("email initialEmail localId phoneNumber"),
    "federatedUserId": [_texts("providerId rawId")],
}
UPDATE: Final[Schema] = {
    **_texts(
        "captchaChallenge captchaResponse createdAt customAttributes delegatedProjectNumber"
        " displayName email idToken instanceId lastLoginAt localId oobCode password phoneNumber"
        " photoUrl targetProjectId tenantId validSince"
    ),
    **_flags("disableUser emailVerified returnSecureToken upgradeToFederatedLogin"),
    **_lists("deletePasskey deleteProvider provider"),
    "deleteAttribute": [ATTRIBUTES],
    "linkProviderUserInfo": _PROVIDER,
    "mfa": {"enrollments": [_ENROLLMENT]},
}
DELETE: Final[Schema] = _texts("delegatedProjectNumber idToken localId targetProjectId tenantId")
SEND_OOB_CODE: Final[Schema] = {
    **_texts(
        "androidMinimumVersion androidPackageName captchaResp challenge continueUrl"
        " dynamicLinkDomain email iOSAppStoreId iOSBundleId idToken linkDomain newEmail"
        " targetProjectId tenantId userIp"
    ),
    **_flags("androidInstallApp canHandleCodeInApp returnOobLink"),
    **_CLIENT,
    "requestType": REQUEST_TYPES,
}
RESET_PASSWORD: Final[Schema] = _texts("email newPassword oldPassword oobCode tenantId")
CREATE_AUTH_URI: Final[Schema] = {
    **_texts(
        "appId authFlowType context continueUri hostedDomain identifier oauthConsumerKey"
        " oauthScope openidRealm otaApp providerId sessionId tenantId"
    ),
    "customParameter": {},
}
SESSION_COOKIE: Final[Schema] = _texts("idToken tenantId validDuration")
QUERY: Final[Schema] = {
    **_texts("limit offset tenantId"),
    **_flags("returnUserInfo"),
    "expression": [_texts("email phoneNumber userId")],
    "order": ORDERS,
    "sortBy": SORT_FIELDS,
}
BATCH_DELETE: Final[Schema] = {
    **_texts("tenantId"),
    **_flags("force"),
    "localIds": ["string"],
}
BATCH_CREATE: Final[Schema] = {
    **_texts("delegatedProjectNumber hashAlgorithm saltSeparator signerKey tenantId"),
    **_flags("allowOverwrite sanityCheck"),
    **_integers("blockSize cpuMemCost dkLen memoryCost parallelization rounds"),
    "argon2Parameters": {},
    "passwordHashOrder": ("UNSPECIFIED_ORDER", "SALT_AND_PASSWORD", "PASSWORD_AND_SALT"),
    "users": [
        {
            **_texts(
                "createdAt customAttributes dateOfBirth displayName email initialEmail language"
                " lastLoginAt lastRefreshAt localId passwordHash phoneNumber photoUrl rawPassword"
                " salt screenName tenantId timeZone validSince"
            ),
            **_flags("customAuth disabled emailLinkSignin emailVerified"),
            **_integers("version"),
            "passwordUpdatedAt": "number",
            "mfaInfo": [_ENROLLMENT],
            "providerUserInfo": [_PROVIDER],
        }
    ],
}
TOKEN: Final[Schema] = _texts("code grantType refreshToken")
CONFIG: Final[Schema] = {
    "signIn": _flags("allowDuplicateEmails"),
    "emailPrivacyConfig": _flags("enableImprovedEmailPrivacy"),
}
