"""``desk``: the terminal that admins spend their day in."""

import gc
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.editor import edited
from imbari_chat.cli.exit_codes import Interrupted, UsageError
from imbari_chat.cli.options import Target, target, with_admin_chat
from imbari_chat.cli.stderr import Stderr

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings
    from imbari_chat.desk.app import Desk
    from imbari_chat.view.listing import Shown

__all__ = ["desk", "open_desk", "refuse_without_terminal", "run_desk"]

_NO_SCREEN: Final = frozenset({"", "dumb", "unknown"})


def desk(
    ctx: typer.Context,
    peek: Annotated[bool, typer.Option("--peek", help="Never mark anything read.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Follow so many; older ones load at the end.")
    ] = 50,
) -> None:
    """See all conversations, read and answer them, on the whole screen."""
    open_desk(target(ctx), peek=peek, limit=limit)


def open_desk(
    here: Target,
    *,
    shown: "Shown" = "active",
    earliest: int | None = None,
    peek: bool = False,
    limit: int = 50,
) -> None:
    """Sign in, and show the desk until the person leaves.

    Args:
        here: Where the chat is, and who asks.
        shown: Which conversations the list begins with.
        earliest: Only what was written then or later, in ms since the epoch.
        peek: Never mark anything read.
        limit: How many conversations are followed.

    Raises:
        UsageError: There is no terminal, or one that cannot place a cursor.
        ImbariError: As for :func:`run_desk`.
    """
    gc.enable()  # which is off in commands that end by themselves
    refuse_without_terminal()
    settings = here.settings()

    async def run(chat: "AsyncAdminChat") -> None:
        await run_desk(chat, settings, shown=shown, earliest=earliest, peek=peek, limit=limit)

    with_admin_chat(here, Stderr(), run, writes=True, lasts=True)


def refuse_without_terminal(hint: str = "In a pipe use `imbari-chat watch` and `reply`") -> None:
    """Say so before anything is drawn or a key could act on what nobody sees.

    Args:
        hint: What to do in a pipe.

    Raises:
        UsageError: There is no terminal, or one that cannot place a cursor.
    """
    # Textual reads standard input and draws on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("the desk needs a terminal", hint=hint)
    if os.name == "posix" and os.environ.get("TERM", "") in _NO_SCREEN:
        raise UsageError(
            "this terminal cannot show a screen (its TERM is dumb or not set)",
            hint="Use `imbari-chat inbox`, `show` and `reply`, or set TERM",
        )


async def run_desk(
    chat: "AsyncAdminChat",
    settings: "Settings",
    *,
    title: str | None = None,
    shown: "Shown" = "active",
    earliest: int | None = None,
    peek: bool = False,
    limit: int = 50,
) -> None:
    """Show the desk until the person leaves.

    However it ends, the terminal is as before and ``chat`` is closed. Drafts are on disk; replies
    that have not arrived by then are given back on standard error.

    Args:
        chat: An admin's chat, entered.
        settings: Where it is.
        title: What the header calls the place; by default the project's id.
        shown: As for :func:`open_desk`, like all that follows.
        earliest: Only what was written then or later, in ms since the epoch.
        peek: Never mark anything read.
        limit: How many conversations are followed.

    Raises:
        Interrupted: The person pressed Ctrl-C.
        Unavailable: They left, and replies did not arrive.
        ImbariError: The inbox's stream has ended for good.
    """
    from imbari_chat.cli.colleagues import Colleagues
    from imbari_chat.desk.app import Desk
    from imbari_chat.desk.drafts import Drafts
    from imbari_chat.desk.frame import Place
    from imbari_chat.desk.notifier import Notices
    from imbari_chat.view.listing import Listing

    project = settings.project_id()
    directory = Colleagues(settings)
    app = Desk(
        chat,
        Listing(shown=shown, earliest=earliest),
        place=Place(
            title or project, settings.name or settings.profile, is_live=not settings.on_emulator
        ),
        drafts=Drafts(settings.data_dir / "drafts" / f"{project}-{settings.profile}.json"),
        undo=settings.undo,
        notices=Notices(settings.bell, settings.title, settings.notify, settings.notify_text),
        name=settings.name,
        edit=partial(edited, settings.data_dir / "drafts"),
        directory=directory,
        peek=peek,
        limit=limit,
    )
    try:
        await _until_left(app, chat)
    finally:
        directory.close()


async def _until_left(app: "Desk", chat: "AsyncAdminChat") -> None:
    from imbari_chat.cli.remains import give_back

    try:
        await app.run_async()
    finally:
        await chat.close()
        lost = give_back(app.store.state, app.sender.handed_over, Stderr())
    if app.failure is not None:
        raise app.failure
    if app.leaving.is_interrupted:
        raise Interrupted
    if lost is not None:
        raise lost
