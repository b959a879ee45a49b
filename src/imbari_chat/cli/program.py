"""The root of the command line: options before the command, and the boundary for every error."""

import os
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from imbari_chat import __version__
from imbari_chat.cli.app import NAME, App, Family
from imbari_chat.cli.arguments import programs_options_first
from imbari_chat.cli.completion import VARIABLE, register_shells
from imbari_chat.cli.exit_codes import UsageError, boundary
from imbari_chat.cli.options import EMULATOR_AUTH_PORT, EMULATOR_DATABASE, Target
from imbari_chat.cli.stdout import Stdout

__all__ = ["new_app", "version"]

_HOST_AND_PORT: Final = re.compile(r"[^\s:/]+:\d+|\[[0-9A-Fa-f:]+\]:\d+")


class _Root(Family):
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
        if VARIABLE in os.environ:
            register_shells()

        def command() -> object:
            try:
                return super(_Root, self).main(
                    args, NAME, complete_var, False, windows_expand_args, **extra
                )
            except typer.Abort as abort:
                # Typer takes every EOFError for a person who ends the input.
                mistake = abort.__cause__ if isinstance(abort.__cause__, EOFError) else None
                raise mistake or KeyboardInterrupt from None
            except typer.TyperException as error:
                raise _usage_error(error) from None

        sys.exit(boundary(command, as_json=_wants_json(args or ())))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Typer has no options whose value may be left out.
        usual = {"--emulator": (EMULATOR_DATABASE, _HOST_AND_PORT)}
        return super().parse_args(ctx, programs_options_first(self, ctx, args, usual))


def new_app() -> typer.Typer:
    """The app with its global options and no command yet."""
    app = App(
        cls=_Root,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Imbari Coffee's customer chat: read, reply and resolve, live or one command at a"
        " time.",
        epilog="These options may stand behind the command as well. Data goes to standard output,"
        " everything else to standard error. There is more to read: exit-codes, environment,"
        " formatting, naming, each with `imbari-chat help`.",
    )
    app.callback()(_root)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def _root(
    ctx: typer.Context,
    project: Annotated[str | None, typer.Option(metavar="ID", help="Firebase project id.")] = None,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A live database's address."),
    ] = None,
    emulator: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:PORT]",
            help=f"Talk to a database emulator, at {EMULATOR_DATABASE} unless said otherwise; its"
            f" Auth half is at port {EMULATOR_AUTH_PORT}.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which stored sign-in to use."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A service account's key file."),
    ] = None,
    request_timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="How long one request may take."),
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


def _wants_json(given: Sequence[str]) -> bool:
    """Whether a program reads what comes of this line, also of one that cannot be understood."""
    ours = list(takewhile(lambda word: word != "--", given))
    return "--json" in ours or "--jsonl" in ours


def _usage_error(error: typer.TyperException) -> UsageError:
    """What Typer refuses, in our own words."""
    message = _in_our_words(error) or error.format_message()
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else NAME
    sentence = message[:1].lower() + message[1:].rstrip(".")
    return UsageError(" ".join(sentence.split()), hint=f"Try `{path} --help`")


def _in_our_words(error: Any) -> str | None:
    """A value that Pydantic refuses; None for all else."""
    errors = getattr(error.__cause__, "errors", None)
    if errors is None:
        return None
    from imbari_chat.validation import reason

    first = errors()[0]
    name = max(error.param.opts, key=len)
    # Typer's own refusals quote the value themselves.
    value = "" if first["type"] == "value_error" else f"{first['input']!r} "
    return f"invalid value for {name}: {value}{reason(first)}"
