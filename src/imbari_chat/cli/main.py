"""Which commands there are, and the order they are shown in. Nothing else is decided here.

A start costs what it needs: ``--version`` loads neither Typer nor Rich, ``--help`` no command's own
imports, and a command only its own.
"""

import atexit
import gc
import sys
from collections.abc import Sequence, Set
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from imbari_chat import __version__
from imbari_chat.cli.exit_codes import boundary
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    import typer

__all__ = ["build", "run"]

CONVERSATIONS: Final = "Conversations"
TEAM: Final = "With colleagues"
TRYING: Final = "The other end"
PEOPLE: Final = "Who may do what"
OPERATIONS: Final = "Operations"


class _Command(NamedTuple):
    """Where a command is, and where help shows it.

    Attributes:
        panel: The heading it is under.
        module: Below this package; loaded when the command is asked for.
        function: The command itself, or what makes the Typer app of a family of commands.
        is_family: Whether it is a family.
        names_session: Whether its argument may begin with a dash.
        lasts: Whether it goes on until somebody ends it.
    """

    panel: str
    module: str
    function: str
    is_family: bool = False
    names_session: bool = False
    lasts: bool = False

    def add_to(self, app: "typer.Typer", name: str) -> None:
        found = getattr(import_module(f"imbari_chat.cli.{self.module}"), self.function)
        if self.is_family:
            app.add_typer(found(), name=name, rich_help_panel=self.panel)
        elif self.names_session:
            from imbari_chat.cli.app import SessionCommand

            app.command(name, rich_help_panel=self.panel, cls=SessionCommand)(found)
        else:
            app.command(name, rich_help_panel=self.panel)(found)


_COMMANDS: Final = {
    "desk": _Command(CONVERSATIONS, "desk", "desk"),
    "inbox": _Command(CONVERSATIONS, "inbox", "inbox"),
    "show": _Command(CONVERSATIONS, "show", "show", names_session=True),
    "history": _Command(CONVERSATIONS, "show", "history", names_session=True),
    "reply": _Command(CONVERSATIONS, "reply", "reply", names_session=True),
    "watch": _Command(CONVERSATIONS, "watch", "watch", names_session=True, lasts=True),
    "resolve": _Command(CONVERSATIONS, "reply", "resolve", names_session=True),
    "reopen": _Command(CONVERSATIONS, "reply", "reopen", names_session=True),
    "search": _Command(CONVERSATIONS, "search", "search"),
    "export": _Command(CONVERSATIONS, "export.command", "export", names_session=True),
    "assign": _Command(TEAM, "team.assign", "assign", names_session=True),
    "label": _Command(TEAM, "team.marks", "label", names_session=True),
    "snooze": _Command(TEAM, "team.marks", "snooze", names_session=True),
    "notes": _Command(TEAM, "team.notes", "notes", names_session=True),
    "block": _Command(TEAM, "team.block", "block", names_session=True),
    "canned": _Command(TEAM, "team.canned", "family", is_family=True),
    "outbox": _Command(CONVERSATIONS, "outbox", "family", is_family=True),
    "demo": _Command(TRYING, "demo.command", "demo", lasts=True),
    "customer": _Command(TRYING, "customer.command", "customer", lasts=True),
    "auth": _Command(PEOPLE, "auth", "family", is_family=True),
    "admins": _Command(PEOPLE, "admins", "family", is_family=True),
    "doctor": _Command(OPERATIONS, "doctor", "doctor"),
    "emulator": _Command(OPERATIONS, "emulator", "family", is_family=True, lasts=True),
    "rules": _Command(OPERATIONS, "rules", "family", is_family=True),
    "config": _Command(OPERATIONS, "settings", "family", is_family=True),
    "completion": _Command(OPERATIONS, "completion", "completion"),
    "help": _Command(OPERATIONS, "topics", "help_"),
    "version": _Command(OPERATIONS, "program", "version"),
}
"""In the order of the help page."""


def run(arguments: Sequence[str] | None = None) -> None:
    """The program.

    Raises:
        SystemExit: With one of :class:`~imbari_chat.cli.exit_codes.ExitCode`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        if code := boundary(lambda: Stdout().text(f"imbari-chat {__version__}")):
            sys.exit(code)
        return
    names = _named(given)
    _spare_collections(names)
    build(names)(given)


def build(names: Set[str] | None = None) -> "typer.Typer":
    """The command line as a Typer app: all of it, or the commands of these names alone."""
    from imbari_chat.cli import program

    app = program.new_app()
    for name, command in _COMMANDS.items():
        if names is None or name in names:
            command.add_to(app, name)
    return app


def _named(arguments: Sequence[str]) -> Set[str] | None:
    """Commands, one of which this line is for; None if it may be for any, or for the root's help.

    A word before the command that could be an option's value is not taken for a mistyped command.
    """
    before = ""
    for argument in arguments:
        if argument in _COMMANDS:
            return {word for word in arguments if word in _COMMANDS}
        if argument in ("-h", "--help") or not (argument.startswith("-") or before.startswith("-")):
            return None
        before = argument
    return None


def _spare_collections(names: Set[str] | None) -> None:
    """Search for garbage in commands that last, and in no command at its end, when all of it goes.

    Imports make hundreds of thousands of objects and hardly any garbage. Searching them again and
    again took a fourth of a short command's time.
    """
    if not any(_COMMANDS[name].lasts for name in names or ()):
        gc.disable()
    atexit.register(gc.freeze)
