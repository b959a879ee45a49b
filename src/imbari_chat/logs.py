"""The loggers of this package: what a record is told to quote cannot pass for anything else.

Keys, names and the words of errors come from strangers. In a log file a line break of theirs would
begin a record that nobody wrote, and a terminal obeys their control characters. So what does not
print is escaped, as ``repr`` escapes it, before any handler sees it, and can still be looked for.
"""

import logging
from collections.abc import Mapping
from typing import Final

__all__ = ["Lines", "get_logger"]


class Lines(str):
    """A text that may have several lines, such as a traceback's. All but the first are indented."""

    __slots__ = ()


def get_logger(name: str) -> logging.Logger:
    """The logger of this name, as ``logging.getLogger`` gives it; it escapes what it quotes."""
    logger = logging.getLogger(name)
    logger.addFilter(_ESCAPING)
    return logger


class _Escaping(logging.Filter):
    """Rewrites the arguments of a record, and leaves its message as what it is known by."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, Mapping):
            record.args = {name: _escaped(one) for name, one in record.args.items()}
        elif record.args:
            record.args = tuple(map(_escaped, record.args))
        return True


_ESCAPING: Final = _Escaping()


def _escaped(argument: object) -> object:
    if argument is None or isinstance(argument, int | float):
        return argument
    text = str(argument)
    if isinstance(argument, Lines):
        return "\n  ".join(map(_printable, text.split("\n")))
    return _printable(text)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
