"""An iteration of events belongs where its client does, and nobody else can take it down."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import ConnectionChanged, WrongEventLoop
from imbari_chat.client.events.iteration import EventIteration
from imbari_chat.net.process import LoopGuard
from imbari_chat.schema.events import ChatEvent

LIVE, AWAY = ConnectionChanged("live"), ConnectionChanged("reconnecting")


class Listener:
    """A generator of events that notes in which event loop it ran, and was closed."""

    def __init__(self) -> None:
        self.place = LoopGuard()
        self.ran: list[asyncio.AbstractEventLoop] = []
        self.closed: list[asyncio.AbstractEventLoop] = []
        self.events = EventIteration(self.place, self._events())

    async def _events(self) -> AsyncGenerator[ChatEvent, None]:
        try:
            for event in (LIVE, AWAY, LIVE):
                self.ran.append(asyncio.get_running_loop())
                try:
                    yield event
                except ZeroDivisionError:
                    yield ConnectionChanged("stale")
        finally:
            await asyncio.sleep(0)
            self.closed.append(asyncio.get_running_loop())


Step = Callable[[EventIteration], Coroutine[Any, Any, ChatEvent]]

STEPS: dict[str, tuple[Step, ChatEvent]] = {
    "anext": (lambda events: events.__anext__(), AWAY),
    "asend": (lambda events: events.asend(None), AWAY),
    "athrow": (lambda events: events.athrow(ZeroDivisionError()), ConnectionChanged("stale")),
}


async def elsewhere(work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine in an event loop on another thread."""
    await asyncio.to_thread(asyncio.run, work)


@pytest.mark.parametrize(("step", "event"), STEPS.values(), ids=STEPS)
async def test_whoever_goes_on_elsewhere_is_told_and_takes_nothing_down(
    step: Step, event: ChatEvent
) -> None:
    listener = Listener()
    async with aclosing(listener.events) as events:
        assert await anext(events) == LIVE
        with pytest.raises(WrongEventLoop):
            await elsewhere(step(events))
        assert listener.closed == []
        assert await step(events) == event
    assert set(listener.ran) == set(listener.closed) == {asyncio.get_running_loop()}


async def test_one_that_is_closed_elsewhere_ends_at_home() -> None:
    listener = Listener()
    await anext(listener.events)
    await elsewhere(listener.events.aclose())
    assert listener.closed == [asyncio.get_running_loop()]
    assert [one async for one in listener.events] == []


@pytest.mark.parametrize("step", [step for step, _ in STEPS.values()], ids=STEPS)
async def test_a_forked_child_can_neither_go_on_nor_end_it(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has is a copy of the parent's."""
    listener = Listener()
    await anext(listener.events)
    with monkeypatch.context() as child:
        child.setattr(listener.place, "_pid", 0)
        with pytest.raises(RuntimeError, match="forking"):
            await step(listener.events)
        await listener.events.aclose()
    assert listener.closed == []
    await listener.events.aclose()
    assert len(listener.closed) == 1


def test_one_whose_event_loop_is_over_has_ended_with_it() -> None:
    listener = Listener()

    async def begin() -> None:
        await anext(listener.events)

    asyncio.run(begin())
    assert len(listener.closed) == 1
    asyncio.run(listener.events.aclose())
    assert len(listener.closed) == 1
