"""Who is an admin: accounts and their ``admin`` claim, through firebase-admin."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as FilePath
from typing import Any, Final

from imbari_chat.engine.refusals import Call
from imbari_chat.errors import (
    AccessDenied,
    ConfigError,
    Conflict,
    InvalidData,
    NotFound,
    QuotaExceeded,
    raise_alone,
)
from imbari_chat.identity.apps import auth_client, close_app, open_app
from imbari_chat.identity.mapping import from_google, service_errors
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import refuse_strangers

__all__ = ["Account", "AdminAccounts"]

_CLAIM: Final = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the project.

    Attributes:
        uid: What rules see as ``auth.uid``.
        email: None for an account without one.
        name: What its owner is called, if the account says.
        is_admin: True if it carries the claim ``admin: true``.
        disabled: True if it may not sign in.
    """

    uid: str
    email: str | None
    name: str | None
    is_admin: bool
    disabled: bool


class AdminAccounts:
    """Grants and revokes the right to be an admin. Safe to use from several threads.

    A claim reaches a user with the next ID token: at the next sign-in or refresh.

    Args:
        project: Whose accounts.
        key_file: A service account's key; None for application default credentials. An Auth
            emulator needs neither.

    Raises:
        ConfigError: The credentials cannot be used.
    """

    def __init__(self, project: Project, *, key_file: FilePath | None = None) -> None:
        from google.auth.exceptions import GoogleAuthError

        self._app = open_app(project, None if project.auth_emulator is not None else key_file)
        try:
            self._client = auth_client(self._app, project)
        except BaseException as error:
            close_app(self._app)
            if isinstance(error, GoogleAuthError):
                raise_alone(from_google(error))
            raise
        # The library has no way to say who may answer.
        session = self._client._user_manager.http_client.session  # noqa: SLF001
        session.hooks["response"].append(refuse_strangers)

    def grant(self, email: str) -> Account:
        """Make the account of ``email`` an admin; its other claims stay.

        Raises:
            NotFound: No account has this e-mail.
            AuthError, AccessDenied, ConfigError, InvalidData, QuotaExceeded, Unavailable: As for
                every call.
        """
        with _errors(email):
            user = self._client.get_user_by_email(email)
            claims = {**(user.custom_claims or {}), _CLAIM: True}
            self._client.set_custom_user_claims(user.uid, claims)
        return self._look_up(email)

    def revoke(self, email: str) -> Account:
        """Take the right from the account of ``email``, and end its sign-ins.

        An ID token that is out already stays good for up to an hour; no new one is given.

        Raises:
            NotFound: No account has this e-mail.
            AuthError, AccessDenied, ConfigError, InvalidData, QuotaExceeded, Unavailable: As for
                every call.
        """
        with _errors(email):
            user = self._client.get_user_by_email(email)
            claims = {k: v for k, v in (user.custom_claims or {}).items() if k != _CLAIM}
            self._client.set_custom_user_claims(user.uid, claims)
            self._client.revoke_refresh_tokens(user.uid)
        return self._look_up(email)

    def admins(self, *, among: int | None = None) -> list[Account]:
        """Every admin, by e-mail. Reads all accounts of the project, a thousand a request.

        Args:
            among: Read no more accounts than so many.

        Raises:
            AuthError, AccessDenied, ConfigError, QuotaExceeded, Unavailable: As for every call.
        """
        with _errors("accounts"):
            users = islice(self._client.list_users().iterate_all(), among)
            accounts = [_account(user) for user in users]
        return sorted(
            (account for account in accounts if account.is_admin),
            key=lambda account: (account.email or "", account.uid),
        )

    def find(self, reference: str) -> Account:
        """The account with this e-mail, or uid.

        Raises:
            NotFound: There is none.
            AuthError, AccessDenied, ConfigError, InvalidData, QuotaExceeded, Unavailable: As for
                every call.
        """
        with _errors(reference):
            get = self._client.get_user_by_email if "@" in reference else self._client.get_user
            return _account(get(reference))

    def create(self, email: str, password: str) -> Account:
        """Make an account, which is no admin yet.

        Raises:
            Conflict: The e-mail has an account already.
            InvalidData: The e-mail is none, or the password is shorter than six characters.
            AuthError, AccessDenied, ConfigError, QuotaExceeded, Unavailable: As for every call.
        """
        with _errors(email):
            return _account(self._client.create_user(email=email, password=password))

    def close(self) -> None:
        """Delete the library's app; its connections end with this object. Twice is fine."""
        close_app(self._app)

    def _look_up(self, email: str) -> Account:
        with _errors(email):
            return _account(self._client.get_user_by_email(email))


def _account(user: Any) -> Account:
    claims = user.custom_claims or {}
    return Account(
        uid=user.uid,
        email=user.email,
        name=user.display_name,
        is_admin=claims.get(_CLAIM) is True,
        disabled=bool(user.disabled),
    )


@contextmanager
def _errors(where: str) -> Iterator[None]:
    """Map what is particular to accounts; the rest is as for the database."""
    from firebase_admin import auth, exceptions

    try:
        with service_errors(Call(where, write=True, service="the account service")):
            try:
                yield
            except auth.UserNotFoundError:
                raise_alone(
                    NotFound(
                        "no account has this e-mail",
                        where=where,
                        hint="Add it first: Firebase console, Authentication, Users",
                    )
                )
            except auth.EmailAlreadyExistsError:
                raise_alone(Conflict("this e-mail has an account already", where=where))
            except auth.ConfigurationNotFoundError:
                raise_alone(
                    ConfigError(
                        "Authentication is not set up for the project",
                        hint="Set it up: Firebase console, Authentication",
                    )
                )
            except exceptions.ResourceExhaustedError:
                raise_alone(
                    QuotaExceeded(
                        "too many requests to the account service", hint="Try again later"
                    )
                )
            except exceptions.PermissionDeniedError:
                raise_alone(
                    AccessDenied(
                        "the service account may not manage accounts",
                        where=where,
                        hint="Give it the role Firebase Authentication Admin",
                    )
                )
    except ValueError as error:  # how firebase-admin refuses an argument
        raise InvalidData(f"firebase-admin does not take this: {error}", where=where) from error
