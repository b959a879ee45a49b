"""Manual pages, from what the help pages are made of: commands, options, examples and topics.

One page for the program and one for each command; a family's commands are on its page.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from imbari_chat import __version__
from imbari_chat.cli.app import NAME
from imbari_chat.cli.examples import EXAMPLES
from imbari_chat.cli.main import build
from imbari_chat.cli.topics import TOPICS, Part

__all__ = ["MANUAL", "manual_pages"]

MANUAL: Final = Path(__file__).parents[1] / "docs" / "man"

_MADE: Final = '.\\" made by `make reference` from the code; change that'
_LITERAL: Final = re.compile(r"`([^`]+)`")


def manual_pages() -> dict[Path, str]:
    """The pages, by where they are kept."""
    root = typer.main.get_command(build())
    ctx = root.make_context(NAME, [], resilient_parsing=True)
    pages = {MANUAL / f"{NAME}.1": _lines(_program(root, ctx))}
    for name, command in _commands(root):
        pages[MANUAL / f"{NAME}-{name}.1"] = _lines(_page(name, command, ctx))
    return pages


def _lines(lines: Iterator[str]) -> str:
    return "\n".join([_MADE, *lines]) + "\n"


def _program(root: Any, ctx: Any) -> Iterator[str]:
    yield from _head(NAME, root, ctx)
    yield ".SH COMMANDS"
    for name, command in _commands(root):
        yield from _entry(f"{NAME}-{name}(1)", _summary(command))
    yield from _options(root, ctx)
    for title, topic in TOPICS.items():
        yield f".SH {_text(title.replace('-', ' ').upper())}"
        for part in topic.parts():
            yield from _part(part)
    yield from _examples("")


def _page(name: str, command: Any, ctx: Any) -> Iterator[str]:
    below = _context(command, name, ctx)
    yield from _head(f"{NAME}-{name}", command, below)
    yield from _options(command, below)
    for sub, found in _commands(command):
        deeper = _context(found, sub, below)
        yield f".SH {_text(f'{name} {sub}'.upper())}"
        yield f".B {_text(' '.join(_usage(found, deeper)))}"
        yield from _prose(found.help)
        yield from _options(found, deeper, heading=".SS Options")
        yield from _examples(f"{name} {sub}", heading=".SS Examples")
    yield from _examples(name)
    yield ".SH SEE ALSO"
    yield f".BR {_text(NAME)} (1)"


def _head(title: str, command: Any, ctx: Any) -> Iterator[str]:
    yield f'.TH {_text(title.upper())} 1 "" "{_text(f"{NAME} {__version__}")}"'
    yield ".SH NAME"
    yield f"{_text(title)} \\- {_text(_summary(command))}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(' '.join(_usage(command, ctx)))}"
    yield ".SH DESCRIPTION"
    yield from _prose(command.help)
    yield from _prose(command.epilog)


def _usage(command: Any, ctx: Any) -> Sequence[str]:
    return [ctx.command_path, *command.collect_usage_pieces(ctx)]


def _options(command: Any, ctx: Any, heading: str = ".SH OPTIONS") -> Iterator[str]:
    yield heading
    for parameter in command.get_params(ctx):
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            names = parameter.display_name_raw
        else:
            names = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=len))
            kind = parameter.display_type_rich(ctx)
            names += f" {kind}" if kind else ""
        default = parameter.default
        said = "" if default in (None, False, ()) else default
        said = getattr(said, "value", said)
        yield from _entry(names, parameter.help or "", f"By default {said}." if said != "" else "")


def _examples(path: str, heading: str = ".SH EXAMPLES") -> Iterator[str]:
    yield heading
    for line, meaning in EXAMPLES[path]:
        yield from (".PP", f"{_text(meaning[:1].upper() + meaning[1:])}:", ".PP", ".RS 4", ".nf")
        yield from (_text(line), ".fi", ".RE")


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, str):
        yield from _prose(part)
        return
    for name, meaning in part.items():
        yield from _entry(name, meaning)


def _entry(name: str, *meanings: str) -> Iterator[str]:
    yield from (".TP", f".B {_text(name)}")
    yield _text(" ".join(filter(None, meanings))) or "\\&"


def _prose(text: str | None) -> Iterator[str]:
    for paragraph in (text or "").split("\n\n"):
        if paragraph.strip():
            yield ".PP"
            yield _text(" ".join(paragraph.split()))


def _summary(command: Any) -> str:
    return re.split(r"[.:;]\s", " ".join(command.help.split()))[0].rstrip(".")


def _commands(command: Any) -> list[tuple[str, Any]]:
    return list(getattr(command, "commands", {}).items())


def _context(command: Any, name: str, parent: Any) -> Any:
    return command.context_class(command, info_name=name, parent=parent, **command.context_settings)


def _text(text: str) -> str:
    """As troff takes it: what it would obey is escaped, and what is literal is bold."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = _LITERAL.sub(r"\\fB\1\\fR", escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
