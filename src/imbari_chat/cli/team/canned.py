"""``canned``: replies that are ready, and how a reply asks for one."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.app import App
from imbari_chat.cli.completion import canned_replies
from imbari_chat.cli.editor import given_text
from imbari_chat.cli.options import Json, Quiet, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.errors import NotFound

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.paths import SessionId
    from imbari_chat.schema.teamwork import CannedReply

__all__ = ["asks", "family", "said"]

_LIST: Final = "List them: imbari-chat canned list"

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="What it is called by: a to z, 0 to 9, - and _.",
        autocompletion=canned_replies,
    ),
]


def family() -> typer.Typer:
    """The commands of ``canned``."""
    app = App(
        help="Replies that are ready: `imbari-chat reply 1 /NAME` sends one.",
    )
    app.command("list")(list_)
    app.command("show")(show)
    app.command("save")(save)
    app.command("delete")(delete)
    return app


def list_(
    ctx: typer.Context,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """List the replies that are ready, by name.

    In a pipe each is a row: its name, a tab, and the text. `--ids` prints names.
    """
    stderr, stdout = Stderr(quiet=quiet), Stdout()
    from imbari_chat.schema.teamwork import CannedReply

    known = ["id", *CannedReply.model_fields, "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)

    async def work(chat: "AsyncAdminChat") -> "list[CannedReply]":
        return await chat.team.canned_replies()

    found = with_admin_chat(target(ctx), stderr, work)
    records = [{**record(one), "id": one.name} for one in found]
    if form.print(stdout, records, name="canned_replies", columns=("name", "text")):
        return
    if not found:
        stderr.say("no reply is ready; `imbari-chat canned save NAME TEXT` keeps one")
    else:
        from imbari_chat.cli.tables import cell, grid

        table = grid(expand=True)
        table.add_column("Name", no_wrap=True, style="bold")
        table.add_column("Text", no_wrap=True, ratio=1)
        for one in found:
            table.add_row(cell(f"/{one.name}", 60), cell(one.text, 300))
        stdout.draw(table)


def show(ctx: typer.Context, name: Name, json: Json = False, quiet: Quiet = False) -> None:
    """Print a reply as it is kept, with its placeholders."""
    stdout = Stdout()

    async def work(chat: "AsyncAdminChat") -> "CannedReply":
        from imbari_chat.schema.canned import checked_name

        wanted = checked_name(name)
        for one in await chat.team.canned_replies():
            if one.name == wanted:
                return one
        raise NotFound(f"there is no canned reply {name!r}", hint=_LIST)

    found = with_admin_chat(target(ctx), Stderr(quiet=quiet), work)
    if json:
        stdout.document({"canned_reply": record(found)})
    else:
        from imbari_chat.view.sanitize import safe_text

        stdout.text(safe_text(found.text, multiline=True))


def save(
    ctx: typer.Context,
    name: Name,
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT",
            help="In quotes; - reads standard input. {name}, {first_name}, {email} and {topic}"
            " stand for the customer's, {admin} for what you are called.",
        ),
    ],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Keep a reply, in place of one of the same name."""
    stderr, given = Stderr(quiet=quiet), given_text(text)

    async def work(chat: "AsyncAdminChat") -> "CannedReply":
        return await chat.team.save_canned_reply(name, given or "")

    made = with_admin_chat(target(ctx), stderr, work, writes=True)
    stderr.say(f"kept as /{made.name}")
    if json:
        Stdout(tells_what_was_done=True).document({"canned_reply": record(made)})


def delete(ctx: typer.Context, name: Name, quiet: Quiet = False) -> None:
    """Keep a reply no more."""
    stderr = Stderr(quiet=quiet)

    async def work(chat: "AsyncAdminChat") -> None:
        await chat.team.delete_canned_reply(name)

    with_admin_chat(target(ctx), stderr, work, writes=True)
    stderr.say(f"not kept any more: /{name.strip().removeprefix('/')}")


def asks(text: str) -> bool:
    """Whether a reply asks for a canned one, so that it cannot go out as it is."""
    from imbari_chat.schema.canned import named

    return named(text) is not None


async def said(chat: "AsyncAdminChat", text: str, session_id: "SessionId") -> str:
    """What a reply says: of ``/name`` the canned reply's text, and of ``//name`` just ``/name``.

    Raises:
        NotFound: No canned reply is called so.
        InvalidData: It has a placeholder for which there is nothing.
    """
    from imbari_chat.schema.canned import named

    if text.startswith("//") and named(text[1:]):
        return text[1:]
    name = named(text)
    if name is None:
        return text
    try:
        return await chat.team.fill(name, session_id)
    except NotFound as error:
        raise NotFound(
            error.what, hint=f"{_LIST}; to send just that, write /{text.strip()}"
        ) from error
