"""``emulator``: the embedded stand-in for Firebase, on its own or beside a command."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from imbari_chat.cli.emulator_options import EXPORT_ON_EXIT, EmulatorOptions
from imbari_chat.cli.light import lighten
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
_PROJECT: Final = "demo-imbari"
_NO_SUCH_COMMAND: Final = 127
"""What a shell answers; ``exec`` otherwise answers what its command does."""

_Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one.", show_default=False),
]
_Rules = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Security rules, instead of the shipped ones; loaded again when the file changes.",
        show_default=False,
    ),
]
_NoRules = Annotated[bool, typer.Option("--no-rules", help="Allow everything.")]
_Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Ports and rules from a firebase.json.", show_default=False),
]
_Project = Annotated[
    str | None,
    typer.Option(metavar="ID", help=f"Project id; {_PROJECT} by default.", show_default=False),
]
_Host = Annotated[str | None, typer.Option(help="Where to listen.", show_default=False)]
_Remote = Annotated[bool, typer.Option("--allow-remote", help="Let other machines in.")]
_Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Keep data and users here, also when killed.", show_default=False
    ),
]
_Sync = Annotated[
    bool, typer.Option("--fsync", help="With --data: survive power cuts too; slower.")
]
_Import = Annotated[
    Path | None,
    typer.Option("--import", metavar="DIR", help="Begin with an export.", show_default=False),
]
_Export = Annotated[
    str | None,
    typer.Option(
        EXPORT_ON_EXIT,
        metavar="[DIR]",
        help="Export at the end; to the directory of --import if none is named.",
        show_default=False,
    ),
]
_Log = Annotated[
    bool, typer.Option("--log-requests", help="A line on stderr for each; no secrets in it.")
]


class _Command(TyperCommand):
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
        lighten(self.get_params(ctx))
        return super().parse_args(ctx, given + rest)


class _Family(TyperGroup):
    """The group of these commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lighten(self.get_params(ctx))
        return super().parse_args(ctx, args)


def family() -> typer.Typer:
    """The commands of ``emulator``."""
    app = typer.Typer(
        cls=_Family,
        no_args_is_help=True,
        help="Run the embedded Realtime Database and Auth; needs nothing installed.",
    )
    app.command("start", cls=_Command)(start)
    app.command("exec", cls=_Command, context_settings={"allow_interspersed_args": False})(execute)
    return app


def start(
    ctx: typer.Context,
    database_port: _Port = None,
    auth_port: _Port = None,
    hub_port: _Port = None,
    rules: _Rules = None,
    no_rules: _NoRules = False,
    config: _Config = None,
    project: _Project = None,
    host: _Host = None,
    allow_remote: _Remote = False,
    data: _Data = None,
    fsync: _Sync = False,
    import_from: _Import = None,
    export_on_exit: _Export = None,
    log_requests: _Log = False,
    parent: Annotated[
        int | None,
        typer.Option(
            metavar="PID", help="End when this process, the parent, does.", show_default=False
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run it until Ctrl-C, at the usual ports: 9000 for the database, 9099 for Auth.

    Prints where it listens, and the variables by which every Firebase library finds it.
    """
    stderr = Stderr(quiet=quiet)
    asked = EmulatorOptions(
        ports={"database": database_port, "auth": auth_port, "hub": hub_port},
        usual_ports={"database": _DATABASE_PORT, "auth": EMULATOR_AUTH_PORT, "hub": 0},
        rules=rules,
        no_rules=no_rules,
        config=config,
        project=project or target(ctx).flags.get("project") or _PROJECT,
        host=host,
        allow_remote=allow_remote,
        data=data,
        sync=fsync,
        import_from=import_from,
        export_on_exit=export_on_exit,
        log_requests=log_requests,
    )
    from imbari_chat.emulator.process import serve

    with narrating_log(stderr), asked.emulator(stderr) as emulator:

        def ready() -> None:
            _announce(emulator, json=json)
            kept = "in memory until Ctrl-C" if data is None else f"in {data}"
            stderr.say(f"ready; data and users are kept {kept}")

        serve(emulator, parent=parent, ready=ready)


def execute(
    ctx: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="After --.", show_default=False)
    ],
    database_port: _Port = None,
    auth_port: _Port = None,
    hub_port: _Port = None,
    rules: _Rules = None,
    no_rules: _NoRules = False,
    config: _Config = None,
    project: _Project = None,
    host: _Host = None,
    allow_remote: _Remote = False,
    data: _Data = None,
    fsync: _Sync = False,
    import_from: _Import = None,
    export_on_exit: _Export = None,
    log_requests: _Log = False,
) -> None:
    """Run a command beside a fresh emulator, at free ports, and answer with its exit code."""
    stderr = Stderr()
    asked = EmulatorOptions(
        ports={"database": database_port, "auth": auth_port, "hub": hub_port},
        usual_ports={"database": 0, "auth": 0, "hub": 0},
        rules=rules,
        no_rules=no_rules,
        config=config,
        project=project or target(ctx).flags.get("project") or _PROJECT,
        host=host,
        allow_remote=allow_remote,
        data=data,
        sync=fsync,
        import_from=import_from,
        export_on_exit=export_on_exit,
        log_requests=log_requests,
    )
    from imbari_chat.emulator.process import CommandNotFound, run

    with narrating_log(stderr), asked.emulator(stderr) as emulator:
        try:
            code = run(command, emulator)
        except CommandNotFound as error:
            stderr.error(error)
            code = _NO_SUCH_COMMAND
    raise typer.Exit(code)


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
