"""A line on a terminal that says that a command waits, and for how long; then it is gone.

It is drawn by the event loop: whatever prints, asks or opens an editor does so while the loop
stands still, and wipes the line first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from imbari_chat.cli import event_loop
from imbari_chat.cli.stderr import Stderr, is_waiting_shown, show_waiting, wipe_waiting

__all__ = ["telling_of_a_wait", "waited_for"]

T = TypeVar("T")

_TICK: Final = 1.0
"""Seconds. Nobody is told of less."""


@asynccontextmanager
async def telling_of_a_wait(stderr: Stderr, what: str) -> AsyncIterator[None]:
    """Say that ``what`` is waited for while the block takes long, where a person sees it."""
    if stderr.quiet or not stderr.is_terminal:
        yield
        return
    telling = asyncio.create_task(_tell(what), name="telling of a wait")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        wipe_waiting()


def waited_for(work: Callable[[], T], stderr: Stderr, what: str) -> T:
    """Do ``work``, which blocks, in a thread of its own, and tell if it takes long.

    Raises:
        KeyboardInterrupt: Ctrl-C; nobody waits for ``work`` any more.
        Exception: What ``work`` raises.
    """

    async def run() -> T:
        async with telling_of_a_wait(stderr, what):
            return await asyncio.get_running_loop().run_in_executor(None, work)

    return event_loop.run(run())


async def _tell(what: str) -> None:
    seconds = 0
    while True:
        await asyncio.sleep(_TICK)
        seconds = seconds + 1 if is_waiting_shown() else 1
        show_waiting(f"waiting for {what}: {seconds} s; Ctrl-C to stop")
