"""Options of the simplest kinds, read without Typer's own conversion.

That conversion loads Pydantic, which takes as long as everything else an emulator needs until it
answers. Whatever is not plainly fine still goes that way, so nothing is refused here.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

__all__ = ["lighten"]

_SMALL: Final = 65535


def lighten(parameters: Iterable[Any]) -> None:
    """Let these parameters of a command read plain values themselves.

    Args:
        parameters: Of :mod:`typer.core`.
    """
    for parameter in parameters:
        parameter.process_value = partial(_value, parameter, parameter.process_value)


def _value(parameter: Any, full: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    if value is None and not parameter.required:
        return None if parameter.callback is None else parameter.callback(ctx, parameter, None)
    if parameter.callback is not None:
        return full(ctx, value)
    kind = parameter.type_descriptor.annotation
    if isinstance(value, str) and value:
        if kind is str:
            return value
        if kind is Path:
            return Path(value)
        if kind is int and value.isascii() and value.isdecimal() and int(value) <= _SMALL:
            return int(value)
    if isinstance(value, tuple) and value and kind == list[str]:
        return list(value)
    return full(ctx, value)
