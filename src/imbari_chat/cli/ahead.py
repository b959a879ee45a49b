"""Reading conversations whole: the next few while one is worked on, in the order given."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.schema.models import Message

__all__ = ["PAGE", "in_order", "whole"]

PAGE: Final = 500
"""Records asked for at a time."""

_AHEAD: Final = 8
"""How many are asked for at a time; as many requests as the client has workers for."""

A = TypeVar("A")
B = TypeVar("B")


async def whole(chat: "AsyncAdminChat", session_id: str) -> "list[Message]":
    """All messages of a conversation, oldest first; none is marked read."""
    pager = chat.open(session_id, peek=True).browse(page_size=PAGE, start="oldest")
    return [one async for one in pager]


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
