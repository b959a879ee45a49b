"""Settings to an identity: which project, which stored sign-in, and who acts. Needs no client."""

from dataclasses import dataclass
from typing import Literal

from imbari_chat.config import Settings
from imbari_chat.engine.access import SocketAccess
from imbari_chat.errors import AuthError, ConfigError
from imbari_chat.identity.project import Project
from imbari_chat.identity.token_store import TokenStore
from imbari_chat.identity.user import UserAccess
from imbari_chat.logs import get_logger

__all__ = [
    "Role",
    "StoredSignIn",
    "admin_access",
    "customer_access",
    "project",
    "sign_in_project",
    "stored_sign_in",
]

Role = Literal["admin", "customer"]

_log = get_logger(__name__)


def project(settings: Settings) -> Project:
    """The project that the settings name.

    Raises:
        ConfigError: No database is configured, its address is not usable, or it is a live one
            beside an Auth emulator.
    """
    if settings.auth_emulator is not None and not settings.on_emulator:
        raise ConfigError(
            f"the database is a live one ({settings.address()}), but the sign-in service is an"
            f" emulator at {settings.auth_emulator}",
            hint="Unset FIREBASE_AUTH_EMULATOR_HOST, or set FIREBASE_DATABASE_EMULATOR_HOST too",
        )
    key = settings.web_api_key() if settings.api_key or settings.on_emulator else ""
    return Project(
        id=settings.project_id(),
        database_url=settings.address(),
        api_key=key,
        database_emulator=settings.database_emulator,
        auth_emulator=settings.auth_emulator,
        timeout=settings.timeout,
    )


def sign_in_project(settings: Settings) -> Project:
    """The same, for signing in: never a live sign-in for an emulated database.

    Raises:
        ConfigError: As for :func:`project`; or there is no Auth emulator beside the database
            emulator, or no API key.
    """
    if settings.on_emulator and settings.auth_emulator is None:
        raise ConfigError(
            "the database is an emulator, but no Auth emulator is configured to sign in at",
            hint="Set FIREBASE_AUTH_EMULATOR_HOST=HOST:PORT, or use `imbari-chat emulator exec`",
        )
    where = project(settings)
    settings.web_api_key()
    return where


@dataclass(frozen=True, slots=True)
class StoredSignIn:
    """What is kept of one role's sign-in at one place.

    Attributes:
        store: Where.
        project: Whose accounts, and where.
        name: Role and profile.
    """

    store: TokenStore
    project: Project
    name: str

    def load(self, *, briefly: bool = False) -> str | None:
        """The refresh token, or None; see :meth:`TokenStore.load`, also for what it raises."""
        return self.store.load(self.project.id, self.name, self.project.place, briefly=briefly)

    def keep(self, refresh_token: str) -> None:
        """In place of what was kept; raises what :meth:`TokenStore.save` does."""
        self.store.save(self.project.id, self.name, refresh_token, self.project.place)

    def forget(self) -> bool:
        """False if there was none; raises what :meth:`TokenStore.delete` does."""
        return self.store.delete(self.project.id, self.name, self.project.place)


def stored_sign_in(settings: Settings, where: Project, role: Role) -> StoredSignIn:
    """The stored sign-in of a role, for the settings' profile."""
    store = TokenStore(settings.data_dir / "tokens", backend=settings.token_store)
    return StoredSignIn(store, where, f"{role}-{settings.profile}")


def admin_access(settings: Settings) -> SocketAccess:
    """The admin's identity: as chosen, or the first of those that are there. Blocks.

    Raises:
        AuthError: Nobody is signed in, or the sign-in has ended.
        ConfigError: The identity's settings are incomplete.
    """
    match settings.identity:
        case "service-account":
            if settings.credentials is None:
                raise ConfigError(
                    "identity is service-account, but no key file is named",
                    hint="Set IMBARI_CHAT_CREDENTIALS to the key file (JSON)",
                )
            return _service(settings)
        case "application-default" | "emulator":
            return _service(settings.model_copy(update={"credentials": None}))
        case "login":
            return _signed_in(settings)
        case "auto":
            return _first_available(settings)


def _first_available(settings: Settings) -> SocketAccess:
    if settings.credentials is not None and not settings.on_emulator:
        return _service(settings)
    # At an emulator somebody can act who is not signed in.
    kept = stored_sign_in(settings, project(settings), "admin")
    if kept.load(briefly=settings.on_emulator) is None:
        if settings.on_emulator:
            return _service(settings)
        raise AuthError("nobody is signed in", hint="Sign in: imbari-chat auth login")
    try:
        return _signed_in(settings)
    except AuthError as error:
        if not settings.on_emulator:
            raise
        # An emulator forgets its users when it stops; the sign-in is of an earlier one.
        _log.warning(
            "the stored sign-in is not known to this emulator (%s); using its owner", error
        )
        return _service(settings)


def _service(settings: Settings) -> SocketAccess:
    from imbari_chat.identity.service import service_access

    if settings.identity == "emulator" and not settings.on_emulator:
        raise ConfigError(
            "identity is emulator, but the database is a live one",
            hint="Choose another identity, or set FIREBASE_DATABASE_EMULATOR_HOST",
        )
    return service_access(
        project(settings), key_file=settings.credentials, unrestricted=settings.unrestricted
    )


def _signed_in(settings: Settings) -> UserAccess:
    from imbari_chat.identity import sign_in

    where = sign_in_project(settings)
    kept = stored_sign_in(settings, where, "admin")
    token = kept.load()
    if token is None:
        raise AuthError("nobody is signed in", hint="Sign in: imbari-chat auth login")
    return sign_in.resume(where, token, on_tokens=kept.keep)


def customer_access(settings: Settings, where: Project, *, remember: bool) -> SocketAccess:
    """The customer's identity: somebody new, or who this profile was before. Blocks.

    Args:
        settings: Whose profile.
        where: The project to sign in at.
        remember: Be the customer that this profile was before, and keep a new one's sign-in.

    Raises:
        AuthError: The project lets nobody in anonymously.
    """
    from imbari_chat.identity import sign_in

    if not remember:
        return sign_in.sign_in_anonymously(where)
    kept = stored_sign_in(settings, where, "customer")
    try:
        token = kept.load()
        if token is not None:
            return sign_in.resume(where, token, on_tokens=kept.keep)
    except AuthError as error:
        # It has ended, or the file is damaged; a customer cannot sign in again, only start anew.
        _log.warning("the earlier customer's sign-in is lost (%s); starting anew", error.what)
    return sign_in.sign_in_anonymously(where, on_tokens=kept.keep)
