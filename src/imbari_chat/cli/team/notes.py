"""``notes``: what the team notes of a conversation, apart from what is said in it."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.editor import given_text
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.records import Fields, Form, Ids, Jsonl
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout, record
from imbari_chat.errors import InvalidData, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.teamwork import Note

__all__ = ["note_blocks", "notes"]

_COLUMNS: Final = ("id", "at", "name", "text")


def notes(
    ctx: typer.Context,
    session: SessionArgument,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]",
            help="What to note, in quotes; - reads standard input. Without it, notes are listed.",
        ),
    ] = None,
    delete: Annotated[
        str | None,
        typer.Option(
            metavar="NOTE",
            help="Take away the note with this id, or whose id begins so.",
        ),
    ] = None,
    json: Json = False,
    jsonl: Jsonl = False,
    ids: Ids = False,
    fields: Fields = None,
    quiet: Quiet = False,
) -> None:
    """Read what the team noted of a conversation, or note something. No customer sees it.

    In a pipe each note is a row, with tabs between its id, the time in ms, who wrote it and the
    text.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    if text and delete is not None:
        raise UsageError("a text is noted and --delete takes one away: one at a time")
    from imbari_chat.schema.teamwork import Note

    known = [*Note.model_fields, "extra"]
    form = Form.of(json=json, jsonl=jsonl, ids=ids, fields=fields, known=known)
    given = given_text(text) if text else None

    async def work(chat: "AsyncAdminChat") -> "list[Note]":
        name = await find_session(chat, session, here.settings())
        if given is None and delete is None:
            return await chat.team.notes(name)
        about = await chat.get_session(name)
        if given is not None:
            note = await chat.team.add_note(name, given)
            stderr.say(f"noted of {addressee(about)}; no customer sees it")
            return [note]
        found = _named(await chat.team.notes(name), delete or "")
        await chat.team.delete_note(name, found.id)
        stderr.say(f"taken away: a note of {addressee(about)}")
        return [found]

    is_writing = given is not None or delete is not None
    found = with_admin_chat(here, stderr, work, writes=is_writing)
    stdout = Stdout(tells_what_was_done=is_writing)
    if is_writing and not form.is_asked_for:
        return
    records = [record(one) for one in found]
    if not form.print(stdout, records, name="notes", columns=_COLUMNS):
        if found:
            stdout.draw(*note_blocks(found, with_ids=True))
        else:
            stderr.say("nothing is noted of it")


def note_blocks(notes: "Sequence[Note]", *, with_ids: bool = False) -> "list[RenderableType]":
    """Notes as a person reads them: who and when, and below it the text."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from imbari_chat.view.dates import full
    from imbari_chat.view.sanitize import safe_text

    blocks: list[RenderableType] = []
    for note in notes:
        head = Text("note by ", "yellow").append(safe_text(note.author, max_length=60), "bold")
        head.append(f"  {full(note.at, None)}", "dim")
        if with_ids:
            head.append(f"  {safe_text(note.id, max_length=20)}", "dim")
        text = Text(safe_text(note.text, multiline=True), "yellow")
        blocks.append(Group(head, Padding.indent(text, 2)))
    return blocks


def _named(notes: "Sequence[Note]", reference: str) -> "Note":
    wanted = reference.strip()
    found = [one for one in notes if wanted and one.id.startswith(wanted)]
    if not found:
        raise NotFound(f"no note of it has the id {reference!r}", hint="`notes` lists them")
    if len(found) > 1 and wanted not in {one.id for one in found}:
        raise InvalidData(f"several notes begin with {reference!r}")
    return next((one for one in found if one.id == wanted), found[0])
