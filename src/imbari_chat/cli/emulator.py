"""``emulator``: the embedded stand-in for Firebase, on its own or beside a command."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from imbari_chat.cli.exits import UsageError
from imbari_chat.cli.narration import Narrator
from imbari_chat.cli.options import (
    EMULATOR_AUTH_PORT,
    EMULATOR_DATABASE,
    Json,
    Quiet,
    target,
)
from imbari_chat.cli.output import Output
from imbari_chat.errors import ConfigError, RulesError

if TYPE_CHECKING:
    from imbari_chat.emulator import Emulator

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
        metavar="FILE", help="Security rules, instead of the shipped ones.", show_default=False
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


def family() -> typer.Typer:
    """The commands of ``emulator``."""
    app = typer.Typer(
        no_args_is_help=True,
        help="Run the embedded Realtime Database and Auth; needs nothing installed.",
    )
    app.command("start")(start)
    app.command("exec", context_settings={"allow_interspersed_args": False})(execute)
    return app


def start(
    ctx: typer.Context,
    database_port: _Port = None,
    auth_port: _Port = None,
    rules: _Rules = None,
    no_rules: _NoRules = False,
    config: _Config = None,
    project: _Project = None,
    host: _Host = None,
    allow_remote: _Remote = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run it until Ctrl-C, at the usual ports: 9000 for the database, 9099 for Auth.

    Prints the variables by which every Firebase library finds it.
    """
    emulator = _emulator(
        ctx,
        ports=(database_port, auth_port),
        usual_ports=(_DATABASE_PORT, EMULATOR_AUTH_PORT),
        rules=rules,
        no_rules=no_rules,
        config=config,
        project=project,
        host=host,
        allow_remote=allow_remote,
    )
    from imbari_chat.emulator.process import serve

    with emulator:
        out = Output()
        variables = emulator.environment()
        if json:
            out.line(dict(variables))
        else:
            for name, value in variables.items():
                out.text(f"export {name}={shlex.quote(value)}")
        Narrator(quiet=quiet).say("ready; data and users live in memory until Ctrl-C")
        serve(emulator)


def execute(
    ctx: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="After --.", show_default=False)
    ],
    database_port: _Port = None,
    auth_port: _Port = None,
    rules: _Rules = None,
    no_rules: _NoRules = False,
    config: _Config = None,
    project: _Project = None,
    host: _Host = None,
    allow_remote: _Remote = False,
) -> None:
    """Run a command beside a fresh emulator, at free ports, and answer with its exit code."""
    emulator = _emulator(
        ctx,
        ports=(database_port, auth_port),
        usual_ports=(0, 0),
        rules=rules,
        no_rules=no_rules,
        config=config,
        project=project,
        host=host,
        allow_remote=allow_remote,
    )
    from imbari_chat.emulator.process import CommandNotFound, run

    try:
        code = run(command, emulator)
    except CommandNotFound as error:
        Narrator().error(error)
        code = _NO_SUCH_COMMAND
    raise typer.Exit(code)


def _emulator(
    ctx: typer.Context,
    *,
    ports: tuple[int | None, int | None],
    usual_ports: tuple[int, int],
    rules: Path | None,
    no_rules: bool,
    config: Path | None,
    project: str | None,
    host: str | None,
    allow_remote: bool,
) -> "Emulator":
    """An emulator as asked for, not started yet: options over ``firebase.json`` over the usual."""
    if rules is not None and no_rules:
        raise UsageError("--rules and --no-rules contradict each other")
    from imbari_chat.emulator import Emulator

    file, usual_host = rules, "127.0.0.1"
    if config is not None:
        from imbari_chat.emulator.config import FirebaseConfig

        configured = FirebaseConfig.read(config)
        file = rules or configured.rules
        usual_ports = configured.database_port, configured.auth_port
        usual_host = configured.database_host
    text = None if no_rules else _text(file)
    database_port, auth_port = (
        usual if given is None else given for given, usual in zip(ports, usual_ports, strict=True)
    )
    try:
        return Emulator(
            project or target(ctx).flags.get("project") or _PROJECT,
            text,
            host=host or usual_host,
            database_port=database_port,
            auth_port=auth_port,
            allow_remote=allow_remote,
        )
    except RulesError as error:
        raise RulesError(
            error.what,
            line=error.line,
            column=error.column,
            where=str(file or "the shipped rules"),
            hint=error.hint,
        ) from None


def _text(file: Path | None) -> str:
    if file is None:
        from imbari_chat.schema import strict_rules

        return strict_rules()
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the rules cannot be read: {error.strerror}", where=str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("the rules are not UTF-8 text", where=str(file)) from None
