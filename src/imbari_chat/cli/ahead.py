"""Asking for the next few while one is worked on, in the order given."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

__all__ = ["in_order"]

_AHEAD: Final = 8
"""How many are asked for at a time; as many requests as the client has workers for."""

A = TypeVar("A")
B = TypeVar("B")


async def in_order(
    work: Callable[[A], Awaitable[B]], items: AsyncIterator[A]
) -> AsyncGenerator[tuple[A, B], None]:
    """Each item and what ``work`` gives for it.

    What is under way when this is closed, or fails, is cancelled.
    """
    waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
    try:
        async for item in items:
            waiting.append((item, asyncio.ensure_future(work(item))))
            if len(waiting) >= _AHEAD:
                first, future = waiting.popleft()
                yield first, await future
        while waiting:
            first, future = waiting.popleft()
            yield first, await future
    finally:
        for _, future in waiting:
            future.cancel()
        await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
