"""What a person is told about an error. Its own hint may be for a program: a call to be made."""

import re
from typing import Final

from imbari_chat.errors import ImbariError

__all__ = ["advice", "in_words"]

_CALL: Final = re.compile(r"\w\(\)|\b[a-z_]+=['\"]")


def advice(error: ImbariError) -> str | None:
    """What to do about it; None if nothing is known, or nothing that a person could do."""
    return None if error.hint is None or _CALL.search(error.hint) else error.hint


def in_words(error: ImbariError) -> str:
    """What happened, where, and what to do about it."""
    return str(ImbariError(error.what, where=error.where, hint=advice(error)))
