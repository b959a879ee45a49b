"""Which commands there are, and the order they are shown in. Nothing else is decided here.

A start costs what it needs: ``--version`` loads neither Typer nor Rich, ``--help`` no command's own
imports, and a command only its own.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from imbari_chat import __version__
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    import typer

__all__ = ["build", "run"]

CONVERSATIONS: Final = "Conversations"
TRYING: Final = "The other end"
PEOPLE: Final = "Who may do what"
OPERATIONS: Final = "Operations"


def run(arguments: Sequence[str] | None = None) -> None:
    """The program.

    Raises:
        SystemExit: With one of :class:`~imbari_chat.cli.exit_codes.ExitCode`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        Stdout().text(f"imbari-chat {__version__}")
        return
    build()(given)


def build() -> "typer.Typer":
    """The whole command line as a Typer app."""
    from imbari_chat.cli import (
        admins,
        auth,
        doctor,
        emulator,
        inbox,
        program,
        reply,
        rules,
        settings,
    )
    from imbari_chat.cli.customer.command import customer
    from imbari_chat.cli.demo.command import demo
    from imbari_chat.cli.options import SessionCommand

    app = program.new_app()

    def session_command(name: str, function: "Callable[..., None]") -> None:
        app.command(name, rich_help_panel=CONVERSATIONS, cls=SessionCommand)(function)

    app.command("inbox", rich_help_panel=CONVERSATIONS)(inbox.inbox)
    session_command("show", inbox.show)
    session_command("reply", reply.reply)
    session_command("watch", inbox.watch)
    session_command("resolve", reply.resolve)
    session_command("reopen", reply.reopen)

    app.command("demo", rich_help_panel=TRYING)(demo)
    app.command("customer", rich_help_panel=TRYING)(customer)

    app.add_typer(auth.family(), name="auth", rich_help_panel=PEOPLE)
    app.add_typer(admins.family(), name="admins", rich_help_panel=PEOPLE)

    app.command("doctor", rich_help_panel=OPERATIONS)(doctor.doctor)
    app.add_typer(emulator.family(), name="emulator", rich_help_panel=OPERATIONS)
    app.add_typer(rules.family(), name="rules", rich_help_panel=OPERATIONS)
    app.add_typer(settings.family(), name="config", rich_help_panel=OPERATIONS)
    app.command("version", rich_help_panel=OPERATIONS)(program.version)
    return app
