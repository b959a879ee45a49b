"""What a followed window gives, for tests whose subscriptions wait by themselves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from imbari_chat.client.events.diff import WindowDiff
from imbari_chat.client.events.event_stream import follow
from imbari_chat.client.events.pause import Batch, Pause
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.net.notifier import Notifier
from imbari_chat.schema.events import ChatEvent
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["following", "without_pauses"]


def following(
    gateway: Gateway,
    path: Path,
    order: Query,
    diff: WindowDiff,
    *,
    buffer: int = DEFAULT_LIMIT,
    overflow: Overflow = "coalesce",
) -> AsyncGenerator[list[ChatEvent], None]:
    """The batches of events of a window."""
    return without_pauses(
        follow(gateway, path, order, diff, Notifier(), buffer=buffer, overflow=overflow)
    )


async def without_pauses(
    batches: AsyncGenerator[Batch, None],
) -> AsyncGenerator[list[ChatEvent], None]:
    """What happened; whatever is read for it is waited for."""
    async with aclosing(batches) as given:
        async for batch in given:
            if isinstance(batch, Pause):
                assert batch is Pause.READING
                await asyncio.sleep(0)
            else:
                yield batch
