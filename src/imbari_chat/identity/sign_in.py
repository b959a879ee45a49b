"""Signing in, through pyrebase4's Auth class, and staying signed in.

The only home of what the sign-in service refuses, and of making pyrebase4 talk to an emulator.
"""

import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import requests

from imbari_chat.engine.refusals import Call, service_message
from imbari_chat.errors import (
    AuthError,
    ConfigError,
    ImbariError,
    QuotaExceeded,
    Unavailable,
    raise_alone,
)
from imbari_chat.identity.mapping import answered, from_transport
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import QuietSession, retry_after
from imbari_chat.identity.user import Tokens, UserAccess, read_claims

__all__ = ["resume", "sign_in_anonymously", "sign_in_with_password"]

_SERVICE: Final = "the sign-in service"
_CONSOLE: Final = "Firebase console, Authentication, Sign-in method"

_PREFIXES: Final = (
    "https://www.googleapis.com/identitytoolkit/",
    "https://identitytoolkit.googleapis.com/",
    "https://securetoken.googleapis.com/",
)


class _Refusal(NamedTuple):
    kind: type[ImbariError]
    what: str
    hint: str | None = None


_WRONG = _Refusal(AuthError, "wrong e-mail or password")
_OFF = _Refusal(
    AuthError, "this way of signing in is turned off for the project", f"Turn it on: {_CONSOLE}"
)
_NO_ANONYMOUS = _Refusal(
    AuthError,
    "anonymous sign-in is turned off for the project",
    f"Turn on the Anonymous provider: {_CONSOLE}",
)
_ENDED = _Refusal(AuthError, "your sign-in has ended", "Sign in again: imbari-chat auth login")
_KEY = _Refusal(
    ConfigError,
    "the API key is not valid for the sign-in service",
    "Copy the Web API key: Firebase console, Project settings",
)

_REFUSALS: Final[dict[str, _Refusal]] = {
    "EMAIL_NOT_FOUND": _WRONG,
    "INVALID_PASSWORD": _WRONG,
    "INVALID_LOGIN_CREDENTIALS": _WRONG,
    "INVALID_EMAIL": _Refusal(AuthError, "this is not an e-mail address"),
    "MISSING_EMAIL": _Refusal(AuthError, "the e-mail is missing"),
    "MISSING_PASSWORD": _Refusal(AuthError, "the password is missing"),
    "USER_DISABLED": _Refusal(
        AuthError, "this account is disabled", "Somebody with the Firebase console can enable it"
    ),
    "TOO_MANY_ATTEMPTS_TRY_LATER": _Refusal(
        QuotaExceeded, "too many attempts to sign in", "Wait some minutes before trying again"
    ),
    "QUOTA_EXCEEDED": _Refusal(QuotaExceeded, "too many sign-ins for now", "Try again later"),
    "ADMIN_ONLY_OPERATION": _NO_ANONYMOUS,
    "OPERATION_NOT_ALLOWED": _OFF,
    "PASSWORD_LOGIN_DISABLED": _OFF,
    "CONFIGURATION_NOT_FOUND": _Refusal(
        ConfigError, "Authentication is not set up for the project", f"Set it up: {_CONSOLE}"
    ),
    "TOKEN_EXPIRED": _ENDED,
    "USER_NOT_FOUND": _ENDED,
    "INVALID_REFRESH_TOKEN": _ENDED,
    "MISSING_REFRESH_TOKEN": _ENDED,
    "PROJECT_NUMBER_MISMATCH": _ENDED,
    "API key not valid. Please pass a valid API key": _KEY,
    "The request is missing a valid API key": _KEY,
}


def sign_in_with_password(
    project: Project, email: str, password: str, *, on_tokens: Callable[[str], None] | None = None
) -> UserAccess:
    """Sign in an existing account.

    Args:
        project: Where the account lives.
        email: As registered; case does not matter.
        password: Sent to the sign-in service and kept nowhere.
        on_tokens: Told the refresh token now, and each one that replaces it later.

    Raises:
        AuthError: Wrong e-mail or password, or the account or this way of signing in is off.
        ConfigError: The API key is missing or not valid.
        QuotaExceeded: Too many attempts.
        Unavailable: The sign-in service did not answer.
    """
    auth = _auth(project)
    tokens = _ask(lambda: auth.sign_in_with_email_and_password(email, password))
    return _open(project, tokens, on_tokens)


def sign_in_anonymously(
    project: Project, *, on_tokens: Callable[[str], None] | None = None
) -> UserAccess:
    """Make a new anonymous account and sign it in.

    Keep the refresh token: it is the only way back to the account.

    Raises:
        AuthError: Anonymous sign-in is off.
        ConfigError: The API key is missing or not valid.
        QuotaExceeded: Too many attempts.
        Unavailable: The sign-in service did not answer.
    """
    auth = _auth(project)
    tokens = _ask(auth.sign_in_anonymous, anonymous=True)
    return _open(project, tokens, on_tokens)


def resume(
    project: Project, refresh_token: str, *, on_tokens: Callable[[str], None] | None = None
) -> UserAccess:
    """Sign in with the refresh token of an earlier sign-in.

    Args:
        project: Where the account lives.
        refresh_token: From :attr:`UserAccess.refresh_token` or ``on_tokens``.
        on_tokens: Told each refresh token that replaces it, perhaps at once.

    Raises:
        AuthError: The sign-in has ended, or the account is disabled.
        ConfigError: The API key is missing or not valid.
        QuotaExceeded: Too many attempts.
        Unavailable: The sign-in service did not answer.
    """
    tokens = _refresher(project)(refresh_token)
    return _open(project, tokens, on_tokens, known=refresh_token)


def _open(
    project: Project,
    tokens: Tokens,
    on_tokens: Callable[[str], None] | None,
    known: str | None = None,
) -> UserAccess:
    access = UserAccess(project, tokens, refresh=_refresher(project), on_tokens=on_tokens)
    if on_tokens is not None and known is None:
        on_tokens(tokens.refresh_token)
    elif tokens.refresh_token != known:
        access.keep()
    return access


def _refresher(project: Project) -> Callable[[str], Tokens]:
    key = _key(project)
    return lambda refresh_token: _ask(
        lambda: _refreshed(project, key, refresh_token), resuming=True
    )


def _refreshed(project: Project, key: str, refresh_token: str) -> dict[str, Any]:
    """Tokens as the service gives them for a refresh token.

    Not by pyrebase4: to load what it imports costs more than all else that a short command does.
    """
    answer = _Requests(project).post(
        "https://securetoken.googleapis.com/v1/token",
        params={"key": key},
        data={"grant_type": "refresh_token", "refresh_token": refresh_token},
    )
    answer.raise_for_status()
    body = answer.json()
    return {"idToken": body["id_token"], "refreshToken": body["refresh_token"]}


def _ask(question: Callable[[], Any], *, anonymous: bool = False, resuming: bool = False) -> Tokens:
    """Put a question to the sign-in service. The errors of requests hold the API key and go."""
    id_token = refresh_token = None
    try:
        answer = question()
        id_token, refresh_token = answer["idToken"], answer["refreshToken"]
    except requests.RequestException as error:
        raise_alone(_refused(error, anonymous=anonymous, resuming=resuming))
    except (KeyError, TypeError, AttributeError):
        pass  # it is said below
    if not _is_token(id_token) or not isinstance(refresh_token, str) or not refresh_token:
        raise Unavailable(
            f"{_SERVICE} sent an answer without tokens",
            where="sign-in",
            hint="Something else may have answered; if this goes on, check the address",
        )
    assert isinstance(id_token, str)
    return Tokens(id_token, refresh_token)


def _is_token(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        read_claims(value)
    except AuthError:
        return False
    return True


def _refused(error: requests.RequestException, *, anonymous: bool, resuming: bool) -> ImbariError:
    call = Call("sign-in", service=_SERVICE, of_google=True)
    answer = answered(error)
    if answer is None or isinstance(error, requests.exceptions.InvalidJSONError):
        return from_transport(error, call)
    message = service_message(answer.text)
    code = message.split(" : ")[0].strip()  # a code, or a code with an explanation
    refusal = _REFUSALS.get(code) or _REFUSALS.get(code.split(" ")[0])
    if anonymous and refusal is _OFF:
        refusal = _NO_ANONYMOUS
    if refusal is not None:
        said = refusal.kind(refusal.what, hint=refusal.hint)
        said.retry_after = retry_after(answer)
        return said
    if answer.status_code == 400 and resuming:
        # Only the words that are known end a sign-in, since a customer has no other way back
        # (reference: client policy of refreshing).
        return Unavailable(
            f"{_SERVICE} refuses for now: {message}", where=call.where, hint="Try again later"
        )
    if answer.status_code == 400:
        return AuthError(f"{_SERVICE} refuses: {message}")
    if answer.status_code in (401, 403, 404):
        return ConfigError(
            f"{_SERVICE} refuses the project or its API key: {message}",
            hint="Check the Web API key and its restrictions, or the Auth emulator's address",
        )
    return from_transport(error, call)


def _auth(project: Project) -> Any:
    """pyrebase4's Auth for one project: with a timeout, and at the emulator if there is one.

    Auth calls ``requests.post`` on addresses written into its methods. So each method's own code
    is given another global namespace, in which ``requests`` is :class:`_Requests`. The library
    itself stays as it is, for others in the process and for projects on another service.
    """
    key = _key(project)
    from pyrebase import pyrebase

    names = {**vars(pyrebase), "requests": _Requests(project)}
    methods = {
        name: types.FunctionType(
            method.__code__, names, name, method.__defaults__, method.__closure__
        )
        for name, method in vars(pyrebase.Auth).items()
        if isinstance(method, types.FunctionType)
    }
    auth = type("Auth", (pyrebase.Auth,), methods)
    return auth(key, None, None)


def _key(project: Project) -> str:
    """The API key; an emulator takes any."""
    if not project.api_key and project.auth_emulator is None:
        raise ConfigError("the API key is missing", where="api key", hint=_KEY.hint)
    return project.api_key or "emulator"


class _Requests:
    """The one function of requests that is needed, and the only one that pyrebase4's Auth uses."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def post(self, url: str, **options: Any) -> requests.Response:
        emulator = self._project.auth_emulator
        if emulator is not None:
            if not url.startswith(_PREFIXES):
                raise ConfigError(
                    "pyrebase4 asks for an address that no Auth emulator serves",
                    hint="Install the version of pyrebase4 that this package asks for",
                )
            url = f"http://{emulator}/{url.removeprefix('https://')}"
        with QuietSession(self._project) as session:
            return session.post(url, **options)
