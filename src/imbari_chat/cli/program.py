"""The root of the command line: options before the command, and the boundary for every error."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from imbari_chat import __version__
from imbari_chat.cli.exit_codes import ExitCode, ReaderGone, UsageError, boundary
from imbari_chat.cli.light import lighten
from imbari_chat.cli.options import EMULATOR_AUTH_PORT, EMULATOR_DATABASE, Target
from imbari_chat.cli.stdout import Stdout

__all__ = ["new_app", "version"]

NAME: Final = "imbari-chat"

_HOST_AND_PORT: Final = re.compile(r"[^\s:/]+:\d+|\[[0-9A-Fa-f:]+\]:\d+")


class _Root(TyperGroup):
    """All commands, whose errors end in :func:`~imbari_chat.cli.exit_codes.boundary`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002  # always ours, however it was started
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002  # errors are ours to show
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        def command() -> object:
            try:
                return super(_Root, self).main(
                    args, NAME, complete_var, False, windows_expand_args, **extra
                )
            except typer.Abort:
                raise KeyboardInterrupt from None
            except typer.TyperException as error:
                return _refuse(error, self)

        sys.exit(boundary(command))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lighten(self.get_params(ctx))
        return super().parse_args(ctx, _with_emulator_address(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # Typer would make it a failure
            raise ReaderGone from None


def new_app() -> typer.Typer:
    """The app with its global options and no command yet."""
    app = typer.Typer(
        cls=_Root,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Imbari Coffee's customer chat: read, reply and resolve, live or one command at a"
        " time.",
        epilog="Data goes to standard output, everything else to standard error. Exit codes: 0"
        " done, 1 failure, 2 usage, 3 not found, 4 not signed in, 5 denied, 6 conflict, 7 invalid"
        " data, 8 network, 9 quota, 10 a check failed, 124 --timeout reached, 130 Ctrl-C.",
    )
    app.callback()(_root)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def _root(
    ctx: typer.Context,
    project: Annotated[
        str | None, typer.Option(metavar="ID", help="Firebase project id.", show_default=False)
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A live database's address.", show_default=False),
    ] = None,
    emulator: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:PORT]",
            help=f"Talk to a database emulator, at {EMULATOR_DATABASE} unless said otherwise; its"
            f" Auth half is at port {EMULATOR_AUTH_PORT}.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which stored sign-in to use.", show_default=False),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A service account's key file.", show_default=False),
    ] = None,
    request_timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="How long one request may take.", show_default=False),
    ] = None,
    show_version: Annotated[  # noqa: ARG001  # its callback does the work
        bool,
        typer.Option(
            "--version",
            help="Print the version and leave.",
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
) -> None:
    ctx.obj = Target.of(
        project=project,
        database_url=database_url,
        emulator=emulator,
        profile=profile,
        credentials=credentials,
        request_timeout=request_timeout,
    )


def version() -> None:
    """Print the version."""
    Stdout().text(f"{NAME} {__version__}")


def _with_emulator_address(args: Sequence[str]) -> list[str]:
    """``--emulator`` alone means the usual port; Typer has no options with an optional value."""
    given = list(args)
    for index, argument in enumerate(given):
        following = given[index + 1] if index + 1 < len(given) else ""
        if argument == "--emulator" and not _HOST_AND_PORT.fullmatch(following):
            given[index] = f"--emulator={EMULATOR_DATABASE}"
            break
    return given


def _refuse(error: typer.TyperException, root: _Root) -> object:
    """A usage error in our own words, or the help page that Typer has just printed instead."""
    message = error.format_message()
    if not message.strip():
        return ExitCode.USAGE
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else NAME
    hint = f"Try `{path} --help`"
    unknown = re.match(r"No such option: (--[a-z-]+)", message)
    if unknown and ctx is not None and path != NAME:
        ours = {name for parameter in root.get_params(ctx) for name in parameter.opts}
        if unknown[1] in ours:
            hint = f"It goes before the command: `{NAME} {unknown[1]} ... {path.split(' ', 1)[1]}`"
    sentence = message[:1].lower() + message[1:].rstrip(".")
    raise UsageError(" ".join(sentence.split()), hint=hint) from None
