"""Reading large JSON on the event loop while others have their turn."""

import asyncio
from typing import Final

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, parse_in_steps

__all__ = ["read_large"]

_LARGE: Final = 128 * 1024
"""Characters, from which on a text holds up the loop for a millisecond when it is read at once."""


async def read_large(text: str) -> Json:
    """The value of a large text; None of one that is small, or no JSON: read that at once.

    The standard library reads two megabytes in some 20 ms, on any thread, and lets nobody else run.
    """
    if len(text) < _LARGE:
        return None
    steps = parse_in_steps(text)
    try:
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        value: Json = end.value
        return value
    except InvalidData:
        return None
