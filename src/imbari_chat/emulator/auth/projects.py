"""What can be asked about a project itself, and the emulator's own controls over one."""

from imbari_chat.emulator.auth.accounts import Accounts
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.credentials import is_email
from imbari_chat.emulator.auth.errors import BadRequest, not_built
from imbari_chat.emulator.auth.sessions import PROJECT_NUMBER
from imbari_chat.emulator.auth.uris import is_absolute
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
        raise not_built("Sign-in with IDP is not yet supported.")
    identifier, target = fields.text("identifier"), fields.text("continueUri")
    if not identifier:
        raise BadRequest("MISSING_IDENTIFIER")
    if not target:
        raise BadRequest("MISSING_CONTINUE_URI")
    if not is_email(identifier):
        raise BadRequest("INVALID_IDENTIFIER")
    if not is_absolute(target):
        raise BadRequest("INVALID_CONTINUE_URI")
    kind = "identitytoolkit#CreateAuthUriResponse"
    session: Json = fields.text("sessionId") or call.alphanumeric(27)
    if call.accounts.settings.email_privacy:
        return {"kind": kind, "sessionId": session}
    methods, providers, registered = _ways_in(call.accounts, identifier.lower())
    return {
        "kind": kind,
        "registered": registered,
        "allProviders": providers,
        "sessionId": session,
        "signinMethods": methods,
    }


def _ways_in(accounts: Accounts, email: str) -> tuple[list[Json], list[Json], bool]:
    """Methods, providers, and whether anybody has the address, be it only with a provider."""
    unique = not accounts.settings.allow_duplicate_emails
    account = accounts.by_email(email) or (accounts.by_provider_email(email) if unique else None)
    if account is None:
        return [], [], False
    methods: list[Json] = []
    providers: list[Json] = []
    for entry in account.linked or ():
        name = entry["providerId"]
        if name == "password":
            providers.append(name)
            methods += ["password"] if account.password_hash is not None else []
            methods += ["emailLink"] if account.email_link else []
        elif name != "phone" and unique:
            providers.append(name)
            methods.append(name)
    return methods, providers, True


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


def verification_codes(call: Call) -> dict[str, Json]:
    """``GET /emulator/v1/projects/P/verificationCodes``: the unused ones, oldest first."""
    return {"verificationCodes": [code.to_json() for code in call.accounts.verifications()]}
