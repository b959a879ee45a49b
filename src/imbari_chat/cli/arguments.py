"""The order of words on a command line: the program's options anywhere, and ids with a dash."""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from typer.core import TyperGroup

__all__ = ["options_first", "programs_options_first"]

_LONG_OPTION: Final = re.compile(r"--[a-z][a-z-]*")


def options_first(parameters: Iterable[Any], given: Sequence[str]) -> list[str]:
    """``given`` with a command's options before a double dash and all else behind it.

    Session ids begin with a dash and hold any letters: ``-OhQ...`` is an id, ``-h`` a question.
    Whatever looks like a long option is one, so that a mistyped one is refused.

    Args:
        parameters: Of the command, as Typer has them.
        given: What follows the command's name.
    """
    known = _options(parameters)
    options: list[str] = []
    others: list[str] = []
    rest = deque(given)
    while rest:
        word = rest.popleft()
        name, equals, _ = word.partition("=")
        if word == "--":
            others.extend(rest)
            break
        if name not in known:
            (options if _LONG_OPTION.fullmatch(name) else others).append(word)
            continue
        options.append(word)
        if known[name] and not equals and rest:
            options.append(rest.popleft())
    return [*options, "--", *others] if others else options


def programs_options_first(
    root: TyperGroup, ctx: Any, given: Sequence[str], defaults: Mapping[str, tuple[str, Any]]
) -> list[str]:
    """``given`` with the options of the program before the command, wherever they stand.

    What a command has for itself is its own, and what follows a double dash stays where it is, as
    does what follows a command that another program is named for.

    Args:
        root: The program.
        ctx: Its context.
        given: The whole line.
        defaults: Options whose value may be left out: what it is then, and the pattern of one.
    """
    ours = _options(root.params)
    front: list[str] = []
    back: list[str] = []
    command: Any = root
    theirs: Mapping[str, bool] = {}
    rest = deque(given)
    while rest:
        word = rest.popleft()
        name, equals, _ = word.partition("=")
        if name in ours and name not in theirs:
            front.append(word)
            if name in defaults and not equals:
                default, pattern = defaults[name]
                value = rest.popleft() if rest and pattern.fullmatch(rest[0]) else default
                front[-1] = f"{name}={value}"
            elif ours[name] and not equals and rest:
                front.append(rest.popleft())
            continue
        back.append(word)
        if word == "--":
            break
        if name in theirs:
            if theirs[name] and not equals and rest and not rest[0].startswith("-"):
                back.append(rest.popleft())
        elif isinstance(command, TyperGroup) and not word.startswith("-"):
            command = command.get_command(ctx, word)
            theirs = _options(() if command is None else command.params)
        elif not word.startswith("-") and not _goes_on(command):
            break
    return [*front, *back, *rest]


def _goes_on(command: Any) -> bool:
    """Whether options may follow a command's arguments."""
    settings = {} if command is None else command.context_settings
    return bool(settings.get("allow_interspersed_args", command is not None))


def _options(parameters: Iterable[Any]) -> dict[str, bool]:
    """Names of options, and whether a value follows."""
    return {
        name: not parameter.is_flag
        for parameter in parameters
        if parameter.param_type_name == "option"
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
