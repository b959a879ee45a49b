"""``block``: whose messages are not taken."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.since import later
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.clock import local_time
from imbari_chat.view.moments import WHEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.teamwork import Block

__all__ = ["block"]

_COLUMNS: Final = ("uid", "at", "until", "by", "reason")


def block(
    ctx: typer.Context,
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="[SESSION]",
            help="Whose customer. Without it, those who are blocked are listed.",
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Why, for colleagues."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="WHEN",
            help=f"When it ends by itself: {WHEN}.",
        ),
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Let them write again.")] = False,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Take no more from a conversation's customer, wherever they write; or list who is blocked.

    They can read on. In a pipe each who is blocked is a row, with tabs between their uid, since
    when and until when in ms, by whom, and the reason.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    if session is None and (reason or until or lift):
        raise UsageError("whose customer? Name a SESSION")
    if lift and (reason or until):
        raise UsageError("--lift goes with neither --reason nor --until")
    if session is not None and not lift and not (reason or "").strip():
        raise UsageError("why? --reason tells colleagues", hint="For example --reason 'Shouts'")
    from imbari_chat.schema.teamwork import Block

    known = ["id", *Block.model_fields, "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)
    now = local_time()
    end = None if until is None else later(until, now, option="--until")

    async def work(chat: "AsyncAdminChat") -> "list[Block]":
        if session is None:
            team = await chat.team.read()
            blocked = (one for one in team.blocks.values() if one.is_on(team.at))
            return sorted(blocked, key=lambda block: block.at, reverse=True)
        name = await find_session(chat, session, here.settings())
        about = await chat.get_session(name)
        if lift:
            await chat.team.unblock(name)
            stderr.say(f"may write again: {addressee(about)}")
            return []
        from imbari_chat.view.labels import block_words

        made = await chat.team.block(name, reason or "", until=end)
        stderr.say(f"{addressee(about)}: {block_words(made, None)}")
        return [made]

    is_writing = session is not None
    found = with_admin_chat(here, stderr, work, writes=is_writing)
    stdout = Stdout(tells_what_was_done=is_writing)
    if is_writing and not form.is_asked_for:
        return
    records = [{**record(one), "id": one.uid} for one in found]
    if not form.print(stdout, records, name="blocks", columns=_COLUMNS):
        if found:
            stdout.draw(_table(found))
        else:
            stderr.say("nobody is blocked")


def _table(blocks: "Sequence[Block]") -> "Table":
    from imbari_chat.cli.tables import cell, grid
    from imbari_chat.view.dates import full

    table = grid(("Customer", "Since", "Until", "By", "Reason"))
    for one in blocks:
        until = "lifted" if one.until is None else full(one.until, None)
        cells = (one.uid, full(one.at, None), until, one.by or "", one.reason)
        table.add_row(*(cell(one, 60) for one in cells))
    return table
