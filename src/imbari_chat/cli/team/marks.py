"""``label`` says what a conversation is about, ``snooze`` takes it out of sight for a while."""

from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.since import later
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.clock import local_time
from imbari_chat.view.moments import WHEN

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.paths import SessionId

__all__ = ["label", "snooze"]


def label(
    ctx: typer.Context,
    session: SessionArgument,
    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LABEL]...", help="Labels to add."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="LABEL", help="A label to take away; may be repeated."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Label a conversation, or print its labels, one a line. They are kept in small letters."""
    stderr, here = Stderr(quiet=quiet), target(ctx)
    is_changed = bool(labels or remove)
    stdout = Stdout(tells_what_was_done=is_changed)

    async def work(chat: "AsyncAdminChat") -> "tuple[SessionId, tuple[str, ...]]":
        name = await find_session(chat, session, here.settings())
        about = await chat.get_session(name)
        if labels:
            await chat.team.label(name, labels)
        if remove:
            await chat.team.unlabel(name, remove)
        found = (await chat.team.read(name)).labels_of(name)
        words = ", ".join(found) or "no labels"
        stderr.say(f"{addressee(about)}: {words}")
        return name, found

    name, found = with_admin_chat(here, stderr, work, writes=is_changed)
    if json:
        stdout.document({"session_id": name, "labels": list(found)})
    elif not is_changed:
        from imbari_chat.view.sanitize import safe_text

        for one in found:
            stdout.text(safe_text(one))


def snooze(
    ctx: typer.Context,
    session: SessionArgument,
    until: Annotated[
        str | None,
        typer.Argument(metavar="[UNTIL]", help=f"Until when: {WHEN}."),
    ] = None,
    wake: Annotated[bool, typer.Option("--wake", help="Have it in sight again.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a conversation out of the inbox until then, or until its customer writes.

    `inbox --snoozed` lists those.
    """
    stderr, here = Stderr(quiet=quiet), target(ctx)
    if wake is (until is not None):
        raise UsageError(
            "say until when, or --wake, and not both" if wake else "until when?",
            hint=f"Say {WHEN}",
        )
    now = local_time()
    end = None if until is None else later(until, now, option="UNTIL")

    async def work(chat: "AsyncAdminChat") -> "SessionId":
        from imbari_chat.view.dates import full

        name = await find_session(chat, session, here.settings())
        about = await chat.get_session(name)
        if end is None:
            await chat.team.unsnooze(name)
            stderr.say(f"in sight again: the conversation with {addressee(about)}")
        else:
            await chat.team.snooze(name, end)
            when = full(end, None)
            stderr.say(f"snoozed until {when}: the conversation with {addressee(about)}")
        return name

    name = with_admin_chat(here, stderr, work, writes=True)
    if json:
        Stdout(tells_what_was_done=True).document({"session_id": name, "snoozed_until": end})
