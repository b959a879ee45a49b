"""What ``events()`` gives: a generator that goes on only where its client belongs.

A generator that finds itself elsewhere could only end, and would have to take its listener down in
an event loop that cannot do it. So it is asked before it is resumed: whoever tries elsewhere is
told, and the iteration goes on at home.
"""

from collections.abc import AsyncGenerator
from typing import Any

from imbari_chat.net.process import LoopGuard
from imbari_chat.schema.events import ChatEvent

__all__ = ["EventIteration"]


class EventIteration(AsyncGenerator[ChatEvent, None]):
    """The events of a generator, for the process and the event loop of its client.

    Args:
        place: Where the client belongs.
        events: The generator; closed together with this.
    """

    __slots__ = ("_events", "_place")

    def __init__(self, place: LoopGuard, events: AsyncGenerator[ChatEvent, None]) -> None:
        self._place = place
        self._events = events

    async def __anext__(self) -> ChatEvent:
        """Wait for the next event.

        Raises:
            RuntimeError: In a forked child of the client's process.
            WrongEventLoop: In another event loop than the client's.
        """
        self._place.check()
        return await anext(self._events)

    async def asend(self, value: None) -> ChatEvent:
        """The same as ``anext()``."""
        self._place.check()
        return await self._events.asend(value)

    async def athrow(self, *error: Any) -> ChatEvent:
        """Raise an error where the generator waits; see ``anext()`` for what this raises."""
        self._place.check()
        return await self._events.athrow(*error)

    async def aclose(self) -> None:
        """End it; from another event loop the client's own does it, and a forked child has none."""
        if self._place.is_at_home:
            await self._events.aclose()
        else:
            await self._place.carry_home(self._events.aclose)
