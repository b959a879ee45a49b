"""What can be asked about a project itself, and the emulator's own controls over one."""

from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.credentials import is_email
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.oob import is_absolute_uri
from imbari_chat.emulator.auth.sessions import PROJECT_NUMBER
from imbari_chat.wire.json import Json

__all__ = [
    "admin_config",
    "clear_accounts",
    "create_auth_uri",
    "emulator_config",
    "oob_codes",
    "patch_emulator_config",
    "public_config",
    "recaptcha",
    "verification_codes",
]


def public_config(_call: Call) -> dict[str, Json]:
    """``GET projects``: what any client may know."""
    return {"projectId": PROJECT_NUMBER, "authorizedDomains": ["localhost"]}


def recaptcha(_call: Call) -> dict[str, Json]:
    """``GET recaptchaParams``: recognisable fakes, since nothing here is protected by one."""
    return {
        "kind": "identitytoolkit#GetRecaptchaParamResponse",
        "recaptchaStoken": "This-is-a-fake-token__Dont-send-this-to-the-Recaptcha-service__"
        "The-Auth-Emulator-does-not-support-Recaptcha",
        "recaptchaSiteKey": "Fake-key__Do-not-send-this-to-Recaptcha_",
    }


def create_auth_uri(call: Call) -> dict[str, Json]:
    """``accounts:createAuthUri``: how an address can sign in; nothing of it under protection."""
    fields = call.fields
    if fields.text("providerId"):
        raise not_built("signing in with an identity provider")
    identifier, target = fields.text("identifier"), fields.text("continueUri")
    if not identifier:
        raise BadRequest("MISSING_IDENTIFIER")
    if not target:
        raise BadRequest("MISSING_CONTINUE_URI")
    if not is_email(identifier):
        raise BadRequest("INVALID_IDENTIFIER")
    if not is_absolute_uri(target):
        raise BadRequest("INVALID_CONTINUE_URI")
    kind = "identitytoolkit#CreateAuthUriResponse"
    session: Json = fields.text("sessionId") or call.alphanumeric(27)
    if call.accounts.settings.email_privacy:
        return {"kind": kind, "sessionId": session}
    account = call.accounts.by_email(identifier)
    entries = () if account is None else account.linked or ()
    methods: list[Json] = [
        entry["providerId"] for entry in entries if entry["providerId"] != "phone"
    ]
    return {
        "kind": kind,
        "registered": account is not None,
        "allProviders": methods,
        "sessionId": session,
        "signinMethods": methods,
    }


def admin_config(call: Call) -> dict[str, Json]:
    """``GET v2/projects/P/config``."""
    config = call.accounts.config()
    return {"signIn": config["signIn"], "blockingFunctions": {}} | config


def emulator_config(call: Call) -> dict[str, Json]:
    """``GET /emulator/v1/projects/P/config``."""
    return call.accounts.config()


def patch_emulator_config(call: Call) -> dict[str, Json]:
    """``PATCH`` of the same: changes what is given and answers with all of it."""
    call.accounts.configure(call.fields)
    return call.accounts.config()


def clear_accounts(call: Call) -> dict[str, Json]:
    """``DELETE /emulator/v1/projects/P/accounts``."""
    call.accounts.clear()
    return {}


def oob_codes(call: Call) -> dict[str, Json]:
    """``GET /emulator/v1/projects/P/oobCodes``: the unused ones, oldest first."""
    return {"oobCodes": [code.to_json() for code in call.accounts.codes()]}


def verification_codes(_call: Call) -> dict[str, Json]:
    """``GET /emulator/v1/projects/P/verificationCodes``: none, as there is no phone sign-in."""
    return {"verificationCodes": []}
