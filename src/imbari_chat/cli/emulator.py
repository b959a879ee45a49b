"""``emulator``: the embedded stand-in for Firebase, on its own or beside a command."""

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from imbari_chat.cli.app import App, Command
from imbari_chat.cli.emulator_options import EXPORT_ON_EXIT, EmulatorOptions, taking_options
from imbari_chat.cli.options import (
    EMULATOR_AUTH_PORT,
    EMULATOR_DATABASE,
    Json,
    Quiet,
    target,
)
from imbari_chat.cli.stderr import Stderr, narrating_log
from imbari_chat.cli.stdout import Stdout

if TYPE_CHECKING:
    from imbari_chat.emulator import Emulator
    from imbari_chat.wire.json import Json as JsonValue

__all__ = ["family"]

_DATABASE_PORT: Final = int(EMULATOR_DATABASE.rpartition(":")[2])
_NO_SUCH_COMMAND: Final = 127
"""What a shell answers; ``exec`` otherwise answers what its command does."""


class _Command(Command):
    """A command whose ``--export-on-exit`` may stand alone; Typer has no such options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with_value = {
            name
            for parameter in self.get_params(ctx)
            if not getattr(parameter, "is_flag", False)
            for name in parameter.opts
        }
        rest, given = list(args), []
        while rest and rest[0].startswith("-") and rest[0] != "--":
            option = rest.pop(0)
            alone = not rest or rest[0].startswith("-")
            if option == EXPORT_ON_EXIT and alone:
                option = f"{EXPORT_ON_EXIT}="
            given.append(option)
            if option in with_value and rest:
                given.append(rest.pop(0))
        return super().parse_args(ctx, given + rest)


def family() -> App:
    """The commands of ``emulator``."""
    app = App(help="Run the embedded Realtime Database and Auth; needs nothing installed.")
    app.command("start", cls=_Command)(start)
    app.command("exec", cls=_Command, context_settings={"allow_interspersed_args": False})(execute)
    return app


@taking_options
def start(
    ctx: typer.Context,
    options: EmulatorOptions,
    parent: Annotated[
        int | None,
        typer.Option(metavar="PID", help="End when this process, the parent, does."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run it until Ctrl-C, at the usual ports: 9000 for the database, 9099 for Auth.

    Prints where it listens, and the variables by which every Firebase library finds it.
    """
    stderr = Stderr(quiet=quiet)
    from imbari_chat.emulator.process import serve

    ports = {"database": _DATABASE_PORT, "auth": EMULATOR_AUTH_PORT, "hub": 0}
    with narrating_log(stderr), options.emulator(stderr, _project(ctx), ports) as emulator:

        def ready() -> None:
            _announce(emulator, json=json)
            kept = "in memory until Ctrl-C" if options.data is None else f"in {options.data}"
            stderr.say(f"ready; data and users are kept {kept}")

        serve(emulator, parent=parent, ready=ready)


@taking_options
def execute(
    ctx: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="After --.")],
    options: EmulatorOptions,
) -> None:
    """Run a command beside a fresh emulator, at free ports, and answer with its exit code."""
    stderr = Stderr()
    from imbari_chat.emulator.process import CommandNotFound, run

    ports = {"database": 0, "auth": 0, "hub": 0}
    with narrating_log(stderr), options.emulator(stderr, _project(ctx), ports) as emulator:
        try:
            code = run(command, emulator)
        except CommandNotFound as error:
            stderr.error(error)
            code = _NO_SUCH_COMMAND
    raise typer.Exit(code)


def _project(ctx: typer.Context) -> str | None:
    """What was said before the command."""
    project: str | None = target(ctx).flags.get("project")
    return project


def _announce(emulator: "Emulator", *, json: bool) -> None:
    """Where it listens: for a program, or as lines a shell can take as they are."""
    stdout, variables = Stdout(), emulator.environment()
    if json:
        emulators: dict[str, JsonValue] = {
            name: {"host": host, "port": port} for name, (host, port) in emulator.addresses.items()
        }
        stdout.line(
            {
                "pid": os.getpid(),
                "project": emulator.project,
                "namespace": emulator.namespace,
                "emulators": emulators,
                "environment": dict(variables),
            }
        )
        return
    stdout.text(f"# project {emulator.project}, database {emulator.namespace}, pid {os.getpid()}")
    for name, (host, port) in emulator.addresses.items():
        stdout.text(f"# {name:<8}  {host} port {port}")
    for name, value in variables.items():
        stdout.text(f"export {name}={shlex.quote(value)}")
