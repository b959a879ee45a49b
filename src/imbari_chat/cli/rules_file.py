"""Files of rules and of what they are tried with, and mistakes in them shown where they are."""

import sys
from pathlib import Path
from typing import Final

from imbari_chat.errors import ConfigError, RulesError

__all__ = ["DEFAULT_FILE", "placed", "read_text"]

DEFAULT_FILE: Final = Path("database.rules.json")
_STANDARD_INPUT: Final = Path("-")


def read_text(file: Path) -> str:
    """What stands in a file, or on standard input for ``-``.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    name = "standard input" if file == _STANDARD_INPUT else str(file)
    try:
        data = sys.stdin.buffer.read() if file == _STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the file cannot be read: {error.strerror}",
            where=name,
            hint="Name a file that you may read, or - for standard input",
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(
            "this is not UTF-8 text", where=name, hint="Save the file as UTF-8"
        ) from None


def placed(error: RulesError, file: Path, text: str) -> RulesError:
    """The same error with the file's name, and with the line it is in."""
    from imbari_chat.rules import excerpt

    return RulesError(
        error.what,
        line=error.line,
        column=error.column,
        where=str(file),
        hint=excerpt(text, error.line, error.column),
    )
