"""``label``: what a conversation is labelled."""

from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.paths import SessionId
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["label"]


def label(
    ctx: typer.Context,
    session: SessionArgument,
    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LABEL]...", help="Labels to add.", show_default=False),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="LABEL", help="A label to take away; may be repeated."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Label a conversation, or print its labels, one a line. They are kept in small letters."""
    stderr, stdout, here = Stderr(quiet=quiet), Stdout(), target(ctx)
    added, removed = labels or (), remove or ()

    async def work(chat: "AsyncAdminChat") -> "tuple[SessionId, tuple[str, ...]]":
        name = await find_session(chat, session, here.settings())
        about = await chat.get_session(name)
        if added:
            await chat.team.label(name, added)
        if removed:
            await chat.team.unlabel(name, removed)
        found = (await chat.team.read(name)).labels_of(name)
        words = ", ".join(found) or "no labels"
        stderr.say(f"{addressee(about)}: {words}")
        return name, found

    name, found = with_admin_chat(here, stderr, work, writes=bool(added or removed))
    if json:
        document: dict[str, JsonValue] = {"session_id": name, "labels": list(found)}
        (stdout.receipt if added or removed else stdout.document)(document)
    elif not (added or removed):
        from imbari_chat.view.sanitize import safe_text

        for one in found:
            stdout.text(safe_text(one))
