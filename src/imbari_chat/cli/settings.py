"""``config``: where settings come from, and consent to a working directory's file."""

from pathlib import Path
from typing import Annotated

import typer

from imbari_chat.cli.app import App
from imbari_chat.cli.options import Quiet, target
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import ImbariError, NotFound

__all__ = ["family"]


def family() -> App:
    """The commands of ``config``."""
    app = App(help="Consent to the settings file of a working directory.")
    app.command("trust")(trust)
    return app


def trust(
    ctx: typer.Context,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Consent no longer.")] = False,
    quiet: Quiet = False,
) -> None:
    """Consent to this directory's imbari-chat.toml as it is now; a change needs consent again.

    Without it the file may name emulators on this machine, and no live target, credentials or
    places for them. Read it first.
    """
    from imbari_chat.config_origins import WORKING_DIRECTORY_FILE, consents

    stderr, given = Stderr(quiet=quiet), consents()
    file = Path(WORKING_DIRECTORY_FILE)
    if not file.is_file():
        raise NotFound("there is no settings file here", where=str(file.resolve()))
    if withdraw:
        stderr.say("consent withdrawn" if given.withdraw(file) else "there was no consent")
        return
    given.give(file)
    try:
        stderr.name_target(target(ctx).settings())
    except ImbariError:
        given.withdraw(file)
        raise
    stderr.say(f"trusted as it is now: {file.resolve()}")
