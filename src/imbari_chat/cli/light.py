"""Options of the simplest kinds, read without Typer's own conversion.

That conversion loads Pydantic, which takes as long as everything else an emulator needs until it
answers, and builds a validator for each option of every command. Whatever is not plainly fine still
goes that way, so nothing is refused here.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

__all__ = ["lighten"]

_DIGITS: Final = 9


def lighten(parameters: Iterable[Any]) -> None:
    """Let these parameters of a command read plain values themselves.

    Args:
        parameters: Of :mod:`typer.core`.
    """
    for parameter in parameters:
        parameter.process_value = partial(_value, parameter, parameter.process_value)


def _value(parameter: Any, full: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    if value is None and not parameter.required:
        nothing = () if parameter.multiple or parameter.nargs != 1 else None
        return nothing if parameter.callback is None else parameter.callback(ctx, parameter, None)
    if parameter.callback is not None:
        return full(ctx, value)
    kind = parameter.type_descriptor.annotation
    if type(value) is not str:
        if kind == list[str] and isinstance(value, tuple) and value:
            return list(value)
        if isinstance(kind, type) and isinstance(value, kind):
            return value  # a default, or a flag
    elif value and kind in (str, Path):
        return kind(value)
    elif kind is int and value.isascii() and value.isdecimal() and len(value) <= _DIGITS:
        said = parameter.type_descriptor.parameter_info
        number = int(value)
        if (said.min is None or said.min <= number) and (said.max is None or number <= said.max):
            return number
    return full(ctx, value)
