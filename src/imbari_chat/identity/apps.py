"""firebase-admin's apps: one of our own for each user of the library, never the default one."""

import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from imbari_chat.errors import ConfigError, raise_alone
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.mapping import from_google
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import follow_environment, refuse_strangers
from imbari_chat.wire.json import Json

if TYPE_CHECKING:
    import firebase_admin
    from firebase_admin import auth

__all__ = ["auth_client", "close_app", "database_client", "open_app"]

_choosing = threading.Lock()


def open_app(
    project: Project, key_file: FilePath | None, *, override: Mapping[str, Json] | None = None
) -> "firebase_admin.App":
    """A new app with a name of its own, so that no two callers meet in one.

    Args:
        project: What to talk to.
        key_file: A service account's key; None for application default credentials, which are
            not looked for before something needs them.
        override: The ``auth`` that rules shall see; None to stand above the rules.

    Raises:
        ConfigError: The key file cannot be read or is none.
    """
    import firebase_admin
    from firebase_admin import credentials

    options: dict[str, Any] = {
        "projectId": project.id,
        "databaseURL": project.admin_url,
        "httpTimeout": project.timeout,
    }
    if override is not None:
        options["databaseAuthVariableOverride"] = dict(override)
    credential = None
    if key_file is not None:
        try:
            credential = credentials.Certificate(str(key_file))
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            raise ConfigError(
                f"the service account's key file cannot be opened: {reason}",
                where=str(key_file),
                hint="Set the credentials to a JSON key file that you may read",
            ) from None
        except (ValueError, AttributeError):  # no JSON, or JSON of something else; may hold a key
            raise_alone(
                ConfigError(
                    "this is not the key file of a service account",
                    where=str(key_file),
                    hint="Download one: Firebase console, Project settings, Service accounts",
                )
            )
    return firebase_admin.initialize_app(credential, options, name=f"imbari-chat-{uuid.uuid4()}")


def close_app(app: "firebase_admin.App") -> None:
    """Give back the app's connections. Closing twice is fine."""
    import firebase_admin

    try:
        firebase_admin.delete_app(app)
    except ValueError:  # its way of saying that the app is gone already
        return


def auth_client(app: "firebase_admin.App", project: Project) -> "auth.Client":
    """firebase-admin's client for accounts, at the project's emulator or at the live service.

    The library chooses by an environment variable and by nothing else, which it reads while the
    client is made, through one function. Here that function answers what the project says, also
    when the project says "live" and the environment says otherwise; to other threads it answers
    as ever. The environment itself stays as it is: whoever goes through it meanwhile, as every
    request does that looks for a proxy, would trip over a variable that comes and goes.

    Raises:
        ConfigError: The library no longer asks that function.
    """
    from firebase_admin import _auth_utils, auth

    maker = threading.get_ident()
    with _choosing:
        library: Callable[[], str] = _auth_utils.get_emulator_host

        def host() -> str:
            return (project.auth_emulator or "") if threading.get_ident() == maker else library()

        _auth_utils.get_emulator_host = host
        try:
            client = auth.Client(app)
        finally:
            _auth_utils.get_emulator_host = library
    if client.emulated is not (project.auth_emulator is not None):
        raise ConfigError(
            "this version of firebase-admin cannot be told where accounts are",
            hint="Install a version that imbari-chat is tested with: see its constraints.txt",
        )
    session = client._user_manager.http_client.session  # noqa: SLF001  # the only way to it
    retries = session.get_adapter("https://").max_retries
    _follow_environment(session, project.http, retries=retries)
    return client


def database_client(app: "firebase_admin.App", project: Project) -> tuple[Any, Any]:
    """firebase-admin's reference to the root of the project's database, and its HTTP client.

    Raises:
        ConfigError: There are no credentials, or the library would talk to somebody else.
    """
    from firebase_admin import db
    from google.auth.exceptions import GoogleAuthError

    try:
        root = db.reference("/", app)
    except GoogleAuthError as error:
        raise_alone(from_google(error))
    except ValueError as error:
        raise ConfigError(
            f"firebase-admin does not take the settings: {error}",
            hint="Look at the database's address and at the emulators' hosts",
        ) from error
    # The library's own queries cannot say startAfter, endBefore, a key bound or an order by
    # priority, and put values into the URL as they are: a plus sign in an e-mail address would
    # arrive as a space. So its client is asked as well.
    client = root._client  # noqa: SLF001  # the only way to it
    if client.base_url != project.rest_base:
        raise ConfigError(
            f"firebase-admin would talk to {client.base_url} instead of {project.rest_base}",
            where="FIREBASE_DATABASE_EMULATOR_HOST",
            hint="Unset the variable, or set the database emulator to the same address",
        )
    # By default the library sends a request again when the answer is lost, and an increment
    # would then count twice. Here every call is one request, and the caller decides.
    _follow_environment(client.session, project.http)
    # It takes every 401 for an old token, also where the rules refuse: that were two new tokens
    # and two more requests.
    client.session._refresh_status_codes = ()  # noqa: SLF001  # the client makes the session
    client.session.hooks["response"].append(refuse_strangers)
    return root, client


def _follow_environment(session: Any, environment: HttpEnvironment, *, retries: Any = 0) -> None:
    """Have a session of google-auth follow the environment, and the one it fetches tokens with.

    Args:
        session: An AuthorizedSession, as firebase-admin makes them.
        environment: Asked for the way to every address.
        retries: How often a request other than for a token is tried again.
    """
    follow_environment(session, environment, retries=retries)
    tokens = session._auth_request_session  # noqa: SLF001  # the only way to it
    follow_environment(tokens, environment, retries=tokens.get_adapter("https://").max_retries)
