"""``snooze``: a conversation out of sight for a while."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.options import Json, Quiet, SessionArgument, target, with_admin_chat
from imbari_chat.cli.session_refs import addressee, find_session
from imbari_chat.cli.stderr import Stderr
from imbari_chat.cli.stdout import Stdout
from imbari_chat.cli.team.when import WHEN, later

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.paths import SessionId

__all__ = ["snooze"]


def snooze(
    ctx: typer.Context,
    session: SessionArgument,
    until: Annotated[
        str | None,
        typer.Argument(metavar="[UNTIL]", help=f"Until when: {WHEN}.", show_default=False),
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
    now = time.time_ns() // 1_000_000
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
        Stdout().receipt({"session_id": name, "snoozed_until": end})
