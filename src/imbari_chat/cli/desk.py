"""``desk``: the terminal that admins spend their day in."""

import gc
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exit_codes import Interrupted, UsageError
from imbari_chat.cli.options import Target, target, with_admin_chat
from imbari_chat.cli.stderr import Stderr

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.desk.app import Desk

__all__ = ["desk", "refuse_without_terminal"]

_NO_SCREEN: Final = frozenset({"", "dumb", "unknown"})


def desk(
    ctx: typer.Context,
    peek: Annotated[bool, typer.Option("--peek", help="Never mark anything read.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Follow so many; older ones load at the end.")
    ] = 50,
) -> None:
    """See all conversations, read and answer them, on the whole screen."""
    refuse_without_terminal()
    gc.enable()  # which is off in commands that end by themselves
    here = target(ctx)

    async def run(chat: "AsyncAdminChat") -> None:
        await run_desk(chat, here, peek=peek, limit=limit)

    with_admin_chat(here, Stderr(), run, writes=True)


def refuse_without_terminal() -> None:
    """Say so before anything is drawn or a key could act on what nobody sees.

    Raises:
        UsageError: There is no terminal, or one that cannot place a cursor.
    """
    # Textual reads standard input and draws on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the desk needs a terminal", hint="In a pipe use `imbari-chat watch` and `reply`"
        )
    if os.name == "posix" and os.environ.get("TERM", "") in _NO_SCREEN:
        raise UsageError(
            "this terminal cannot show a screen (its TERM is dumb or not set)",
            hint="Use `imbari-chat inbox`, `show` and `reply`, or set TERM",
        )


async def run_desk(chat: "AsyncAdminChat", here: Target, *, peek: bool, limit: int) -> None:
    """Show the desk until the person leaves.

    However it ends, the terminal is as before and ``chat`` is closed. Drafts are on disk; replies
    that have not arrived by then are given back on standard error.

    Raises:
        Interrupted: The person pressed Ctrl-C.
        Unavailable: They left, and replies did not arrive.
        ImbariError: The inbox's stream has ended for good.
    """
    from imbari_chat.desk.app import Desk, Place
    from imbari_chat.desk.drafts import Drafts

    settings = here.settings()
    name = f"{settings.project_id()}-{settings.profile}.json"
    place = Place(settings.project_id(), settings.profile, is_live=not settings.on_emulator)
    app = Desk(
        chat, place=place, peek=peek, limit=limit,
        drafts=Drafts(settings.data_dir / "drafts" / name),
    )  # fmt: skip
    await _until_left(app, chat)


async def _until_left(app: "Desk", chat: "AsyncAdminChat") -> None:
    from dataclasses import replace

    from imbari_chat.cli.live.remains import give_back

    try:
        await app.run_async()
    finally:
        await chat.close()
        lost = give_back(replace(app.store.state, drafts={}), app.sender.handed_over, Stderr())
    if app.failure is not None:
        raise app.failure
    if app.is_interrupted:
        raise Interrupted
    if lost is not None:
        raise lost
