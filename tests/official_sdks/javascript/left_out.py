"""Public calls of JavaScript clients that no case makes, and why."""

from collections.abc import Mapping
from typing import Final

from tests.official_sdks.javascript import clients

__all__ = ["LEFT_OUT"]

_WINDOW: Final = "needs a window that a person looks at; Node has none"
_FACTORS: Final = "second factors are not built"
_FILLED_IN: Final = "what a caller fills in: no call goes out"
_INTERNAL: Final = "the library's own; callers never need it"
_OTHER_SERVICES: Final = "there is no such service here"
_TENANTS: Final = "tenants are not built"

LEFT_OUT: Final[Mapping[str, Mapping[str, str]]] = {
    clients.NODE: {"forceLongPolling": "Node has no long polling"},
    clients.CHROMIUM: {},
    clients.AUTH: {
        "*WithPopup": _WINDOW,
        "*WithRedirect": _WINDOW,
        "getRedirectResult": _WINDOW,
        "*WithPhoneNumber": _WINDOW,
        "updatePhoneNumber": _WINDOW,
        "initializeRecaptchaConfig": _WINDOW,
        "getMultiFactorResolver": _FACTORS,
        "multiFactor": _FACTORS,
        "PhoneMultiFactorGenerator.*": _FACTORS,
        "TotpMultiFactorGenerator.*": _FACTORS,
        "TotpSecret.*": _FACTORS,
        "*Credential.*": _FILLED_IN,
        "FacebookAuthProvider.*": _FILLED_IN,
        "GithubAuthProvider.*": _FILLED_IN,
        "GoogleAuthProvider.credentialFrom*": _FILLED_IN,
        "OAuthProvider.*": _FILLED_IN,
        "SAMLAuthProvider.*": _FILLED_IN,
        "TwitterAuthProvider.*": _FILLED_IN,
        "debugErrorMap": _INTERNAL,
        "prodErrorMap": _INTERNAL,
    },
    clients.ADMIN_DATABASE: {
        "DataSnapshot.getRef": "`ref` under another name",
        "Database.useEmulator": "the environment says where the emulator is",
    },
    clients.ADMIN_AUTH: {
        "Auth.app": _INTERNAL,
        "Auth.verifyDecodedJWTNotRevokedOrDisabled": _INTERNAL,
        "*MultiFactor*": _FACTORS,
        "ProjectConfig.*": _FILLED_IN,
        "Tenant.*": _TENANTS,
        "TenantAwareAuth.*": _TENANTS,
        "TenantManager.authForTenant": _TENANTS,
    },
    clients.UNIT: {
        "RulesTestContext.cleanup": _INTERNAL,
        "RulesTestContext.firestore": _OTHER_SERVICES,
        "RulesTestContext.getApp": _INTERNAL,
        "RulesTestContext.storage": _OTHER_SERVICES,
        "RulesTestEnvironment.checkNotDestroyed": _INTERNAL,
        "RulesTestEnvironment.clearFirestore": _OTHER_SERVICES,
        "RulesTestEnvironment.clearStorage": _OTHER_SERVICES,
        "RulesTestEnvironment.createContext": _INTERNAL,
        "withFunctionTriggersDisabled": "there are no functions here",
    },
}
"""By client, and by name of the call; ``*`` stands for any text."""
