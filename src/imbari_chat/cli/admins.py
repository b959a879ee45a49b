"""``admins``: which accounts are admins. Needs a service account, or an Auth emulator."""

import shlex
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from imbari_chat.cli.app import App
from imbari_chat.cli.auth import PasswordStdin, password
from imbari_chat.cli.options import Json, Quiet, Target, target
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.errors import NotFound

if TYPE_CHECKING:
    from imbari_chat.identity.accounts import Account, AdminAccounts
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["family"]

T = TypeVar("T")

_COLUMNS: Final = ("id", "email", "is_admin", "disabled")

_Email = Annotated[str, typer.Argument(metavar="EMAIL")]


def family() -> App:
    """The commands of ``admins``."""
    app = App(
        help="Say which accounts are admins; needs a service account or an Auth emulator.",
    )
    app.command("list")(list_admins)
    app.command("grant")(grant)
    app.command("revoke")(revoke)
    app.command("create")(create)
    return app


def list_admins(
    ctx: typer.Context,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """List the admins."""
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=_COLUMNS)
    accounts = _with_accounts(target(ctx), lambda all_of_them: all_of_them.admins())
    stdout, records = Stdout(), [_record(account) for account in accounts]
    if form.print(stdout, records, name="accounts", columns=_COLUMNS):
        return
    if not accounts:
        Stderr(quiet=quiet).say("no admins; `imbari-chat admins grant EMAIL` makes one")
        return
    from imbari_chat.cli.tables import cell, grid

    table = grid(["E-mail", "Uid", ""])
    for account in accounts:
        cells = (account.email or "", account.uid, "disabled" if account.disabled else "")
        table.add_row(*(cell(one, 300) for one in cells))
    stdout.draw(table)


def grant(ctx: typer.Context, email: _Email, json: Json = False, quiet: Quiet = False) -> None:
    """Make an account an admin, from its next sign-in or refresh on."""
    try:
        account = _changing(target(ctx), quiet, lambda accounts: accounts.grant(email))
    except NotFound as error:
        make = f"imbari-chat admins create {shlex.quote(email)}"
        raise NotFound(error.what, where=error.where, hint=f"Make it: {make}") from None
    _done(account, f"{email} is an admin from the next sign-in on", json=json, quiet=quiet)


def revoke(ctx: typer.Context, email: _Email, json: Json = False, quiet: Quiet = False) -> None:
    """Take the right away, and end the account's sign-ins."""
    account = _changing(target(ctx), quiet, lambda accounts: accounts.revoke(email))
    _done(
        account,
        f"{email} is no admin any more; what is signed in ends within the hour",
        json=json,
        quiet=quiet,
    )


def create(
    ctx: typer.Context,
    email: _Email,
    password_stdin: PasswordStdin = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a new account that is an admin. The password comes in as for `auth login`."""
    here = target(ctx)
    Stderr().name_target(here.settings())  # before a word of a secret
    secret = password(from_stdin=password_stdin, confirm=not password_stdin)

    def make(accounts: "AdminAccounts") -> "Account":
        accounts.create(email, secret)
        return accounts.grant(email)

    _done(_with_accounts(here, make), f"{email} can sign in as an admin", json=json, quiet=quiet)


def _changing(here: Target, quiet: bool, work: "Callable[[AdminAccounts], T]") -> T:
    Stderr(quiet=quiet).name_target(here.settings())
    return _with_accounts(here, work)


def _with_accounts(here: Target, work: "Callable[[AdminAccounts], T]") -> T:
    from imbari_chat.cli.colleagues import open_accounts
    from imbari_chat.cli.waiting import waited_for

    settings = here.settings()

    def call() -> T:
        with closing(open_accounts(settings)) as accounts:
            return work(accounts)

    return waited_for(call, Stderr(), settings.target())


def _done(account: "Account", words: str, *, json: bool, quiet: bool) -> None:
    Stderr(quiet=quiet).say(words)
    if json:
        Stdout(tells_what_was_done=True).document({"account": _record(account)})


def _record(account: "Account") -> "dict[str, JsonValue]":
    return {
        "id": account.uid,
        "email": account.email,
        "is_admin": account.is_admin,
        "disabled": account.disabled,
    }
