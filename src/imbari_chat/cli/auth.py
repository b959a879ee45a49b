"""``auth``: sign in, sign out, and who commands act as."""

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.app import App
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, target
from imbari_chat.cli.stderr import Stderr, ask, ask_secretly
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    from imbari_chat.config import Settings
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["PasswordStdin", "family", "password"]

_PASSWORD: Final = "IMBARI_CHAT_PASSWORD"  # noqa: S105  # the variable's name

_EVERY_TOKENS: Final = frozenset(
    {"iss", "aud", "auth_time", "iat", "exp", "sub", "user_id", "firebase"}
)
"""Claims that say nothing about a person, or what is said already."""

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


def family() -> App:
    """The commands of ``auth``."""
    app = App(help="Sign in as an admin, or see who you act as.")
    app.command("login")(login)
    app.command("logout")(logout)
    app.command("status")(status)
    app.command("token")(token)
    return app


def login(
    ctx: typer.Context,
    email: Annotated[
        str | None,
        typer.Argument(metavar="EMAIL", help="Asked for if left out."),
    ] = None,
    password_stdin: PasswordStdin = False,
    quiet: Quiet = False,
) -> None:
    """Sign in with e-mail and password. The password is not kept; a refresh token is.

    The password is asked for, or read from standard input, or taken from IMBARI_CHAT_PASSWORD.
    """
    stderr, settings = Stderr(quiet=quiet), target(ctx).settings()
    from imbari_chat.cli.waiting import waited_for
    from imbari_chat.identity import factory, sign_in

    where = factory.sign_in_project(settings)
    Stderr().name_target(settings)  # before a word of a secret
    if email is None:
        email = ask("E-mail: ")
    if not email:
        raise UsageError("whose sign-in? No e-mail was given", hint="auth login EMAIL")
    secret = password(from_stdin=password_stdin)
    kept = factory.stored_sign_in(settings, where, "admin")
    who = email  # which is somebody now
    access = waited_for(
        lambda: sign_in.sign_in_with_password(where, who, secret, on_tokens=kept.keep),
        stderr,
        settings.target(),
    )
    access.close()
    stderr.say(f"signed in to {where.id} as {email}; kept in {kept.store.place}")
    if not access.is_admin:
        grant = f"imbari-chat admins grant {shlex.quote(email)}"
        stderr.warn(f"{email} is no admin yet; `{grant}`, then sign in again")


def logout(ctx: typer.Context, quiet: Quiet = False) -> None:
    """Forget the stored sign-in."""
    stderr, settings = Stderr(quiet=quiet), target(ctx).settings()
    from imbari_chat.identity import factory

    kept = factory.stored_sign_in(settings, factory.project(settings), "admin")
    was_there = kept.forget()
    stderr.say("signed out" if was_there else "nobody was signed in")


def status(ctx: typer.Context, json: Json = False) -> None:
    """Say where commands act and as whom, after asking the service. Exit code 4 if that is nobody.

    With the account, what its token claims, and until when that holds; it is renewed by itself.
    """
    settings = target(ctx).settings()
    found = _acting(settings)
    facts: dict[str, JsonValue] = {**settings.where(), "profile": settings.profile, **found}
    if json:
        Stdout().document(facts)
        return
    from rich.text import Text

    from imbari_chat.cli.tables import facts_table
    from imbari_chat.view.sanitize import safe_text

    told = {name: _told(name, value) for name, value in facts.items() if value not in (None, {})}
    Stdout().draw(facts_table({name: Text(safe_text(text)) for name, text in told.items()}))


def token(ctx: typer.Context, quiet: Quiet = False) -> None:
    """Print the token that proves who commands act as: for an hour at most, and a secret.

    For a sign-in it is the ID token, which the database's REST API takes as ?auth=; for a service
    account an access token, which it takes as a bearer.
    """
    from imbari_chat.cli.waiting import waited_for
    from imbari_chat.identity.factory import admin_access

    settings, stderr = target(ctx).settings(), Stderr(quiet=quiet)
    with closing(waited_for(lambda: admin_access(settings), stderr, settings.target())) as access:
        secret = str(access.socket().credential["cred"])
        ends = access.expires_at
    stdout = Stdout()
    if stdout.is_terminal and ends is not None:
        stderr.say(f"a secret, until {_told('expires_at', int(ends * 1000))}:")
    stdout.text(secret)


def password(*, from_stdin: bool, confirm: bool = False) -> str:
    """A password: from standard input, the environment or a hidden prompt; never from a flag.

    Args:
        from_stdin: Take the first line of standard input.
        confirm: Ask twice, because nobody knows it yet.

    Raises:
        UsageError: There is none, and nobody to ask.
    """
    if from_stdin:
        secret = sys.stdin.readline().rstrip("\r\n")
    else:
        secret = os.environ.get(_PASSWORD, "") or ask_secretly("Password: ")
        if confirm and not os.environ.get(_PASSWORD) and secret != ask_secretly("Once more: "):
            raise UsageError("the two passwords differ")
    if not secret:
        raise UsageError(
            "no password was given", hint=f"Type it when asked, pipe it in, or set {_PASSWORD}"
        )
    return secret


def _acting(settings: "Settings") -> "Mapping[str, JsonValue]":
    """Who commands act as, found out as they find it out."""
    from imbari_chat.cli.waiting import waited_for
    from imbari_chat.identity.factory import admin_access
    from imbari_chat.identity.user import UserAccess

    with closing(waited_for(lambda: admin_access(settings), Stderr(), settings.target())) as access:
        expires = None if access.expires_at is None else int(access.expires_at * 1000)
        about: dict[str, JsonValue] = {"uid": access.uid, "expires_at": expires}
    if isinstance(access, UserAccess):
        claims = access.claims
        about = {"email": access.account, "admin": access.is_admin, **about}
        return {"identity": "login", **about, "claims": claims}
    if settings.on_emulator:
        return {"identity": "emulator", **about}
    about["unrestricted"] = settings.unrestricted
    if settings.identity != "application-default":
        key = str(settings.credentials)
        about = {"email": access.account, "credentials": key, **about}
        return {"identity": "service-account", **about}
    return {"identity": "application-default", **about}


def _told(name: str, value: "JsonValue") -> str:
    """A fact for a person: a time as such, and of claims those that say something."""
    if name == "expires_at" and isinstance(value, int):
        from imbari_chat.view.dates import full

        return full(value, None)
    if name == "claims" and isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items() if key not in _EVERY_TOKENS)
    return str(value)
