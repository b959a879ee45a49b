"""Commands and families of commands as Typer has them, with help pages that end in examples.

A help page is drawn first and written then, like all data, so that a reader who leaves early or a
full disk is told of in one way.
"""

import inspect
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from imbari_chat.cli.arguments import options_first
from imbari_chat.cli.examples import EXAMPLES
from imbari_chat.cli.exit_codes import ExitCode
from imbari_chat.cli.light import lighten
from imbari_chat.cli.stdout import Stdout

__all__ = ["NAME", "App", "Command", "Family", "SessionCommand", "write_help"]

NAME = "imbari-chat"


_PLACEHOLDERS: Final = {"int": "N", "int range": "N", "float range": "NUMBER", "str": "TEXT"}
"""What stands for a value, by the type that it becomes in Python."""


class Command(TyperCommand):
    """A command. Its help page names no types of Python's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tidy_all(self)
        lighten(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        return _with_our_page(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _refused_by(ctx):
            return super().parse_args(ctx, args)


class SessionCommand(Command):
    """A command whose arguments may begin with a dash, as session ids do."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, options_first(self.get_params(ctx), args))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        from imbari_chat.cli.completion import complete_ids

        return [*super().shell_complete(ctx, incomplete), *complete_ids(self, ctx, incomplete)]


class Family(TyperGroup):
    """A command of commands. Alone it shows its help, as an error: nothing was done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _tidy_all(self)
        lighten(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        return _with_our_page(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            write_help(ctx)
            raise typer.Exit(ExitCode.USAGE)
        with _refused_by(ctx):
            return super().parse_args(ctx, args)


class App(typer.Typer):
    """A family with commands of these classes."""

    def __init__(self, *, cls: type[TyperGroup] = Family, **kwargs: Any) -> None:
        super().__init__(cls=cls, add_completion=False, pretty_exceptions_enable=False, **kwargs)

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **kwargs: Any
    ) -> Callable[[Any], Any]:
        return super().command(name, cls=cls or Command, **kwargs)


@contextmanager
def _refused_by(ctx: Any) -> Iterator[None]:
    """Let whatever is refused say by which command, which Typer does for some of it."""
    try:
        yield
    except typer.TyperException as refusal:
        error: Any = refusal  # Typer has no type for what only some of them say
        error.ctx = ctx
        raise


def write_help(ctx: Any) -> None:
    """Print the help page of a context's command.

    Raises:
        ReaderGone: Nobody reads it.
        OutputFailed: It cannot be written.
    """
    page = _Page(sys.stdout)
    with redirect_stdout(page):
        ctx.command.get_help(ctx)  # which draws it, and returns nothing
        _draw_examples(EXAMPLES[ctx.command_path.removeprefix(NAME).strip()])
    Stdout().text("\n".join(line.rstrip() for line in page.text().strip("\n").splitlines()))


def _draw_examples(examples: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    lines = Text()
    for number, (line, meaning) in enumerate(examples):
        lines.append("\n" if number else "").append(f"# {meaning}\n", "dim").append(line)
    panel = Panel(lines, title="Examples", title_align="left", border_style="dim")
    Console().print(panel)


class _Page(io.TextIOWrapper):
    """What is drawn on it looks as if it were drawn on ``stream``."""

    def __init__(self, stream: Any) -> None:
        self._drawn = io.BytesIO()
        super().__init__(self._drawn, encoding=stream.encoding, errors="backslashreplace")
        self._is_terminal = stream.isatty()

    def isatty(self) -> bool:
        return bool(self._is_terminal)

    def text(self) -> str:
        """What was drawn."""
        self.flush()
        return self._drawn.getvalue().decode(self.encoding)


def _tidy_all(command: Any) -> None:
    """Let each paragraph of a docstring be one line, and no parameter say of what type it is."""
    paragraphs = inspect.cleandoc(command.help).split("\n\n")
    command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    for parameter in command.params:
        _tidy(parameter)


def _tidy(parameter: Any) -> None:
    if parameter.param_type_name == "argument":
        usage = _usage(parameter)
        parameter.get_usage_pieces = lambda _: [usage]
    kind = parameter.display_type(None)
    if "|" in kind:
        return  # it says what can be chosen
    if parameter.param_type_name == "argument":
        parameter.display_type = lambda _: ""  # its name says what it is
    elif parameter.metavar is None:
        parameter.metavar = "" if parameter.is_flag else _PLACEHOLDERS[kind.strip("<>")]


def _usage(argument: Any) -> str:
    """As synopses have it: ``SESSION``, ``[TEXT]``, ``SESSION...``, ``[LABEL]...``."""
    name = argument.metavar or argument.name.upper()
    if not (argument.required or name.startswith("[")):
        name = f"[{name}]"
    return name if argument.nargs == 1 or name.endswith("...") else f"{name}..."


def _with_our_page(option: Any) -> Any:
    if option is not None and option.callback is not _asked_for_help:
        _tidy(option)
        option.callback = _asked_for_help
        lighten([option])
    return option


def _asked_for_help(ctx: Any, _parameter: Any, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        write_help(ctx)
        raise typer.Exit
