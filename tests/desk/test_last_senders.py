"""Who wrote last, looked up in the background."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from imbari_chat.desk.last_senders import LastSenders
from imbari_chat.desk.store import Store
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.schema.models import Message, Session
from imbari_chat.view.listing import Listing
from tests.view.records import message, session

HELLO = message("m1", "Hello")


class Desk:
    """Conversations ``s0`` and so on, the newest first; each was last written to by its customer,
    but for the odd ones, which are empty."""

    def __init__(self, *sessions: Session, **chosen: Any) -> None:
        self.opened: list[str] = []
        self.spawned: list[Coroutine[Any, Any, None]] = []
        self.error: ImbariError | None = None
        self.now = self.most = 0
        self.store = Store(Listing(**chosen), lambda: None, lambda: 0.0)
        known: Any = {one.id: one for one in sessions}
        self.store.change(lambda state: replace(state, sessions=known))
        chat: Any = self
        self.senders = LastSenders(chat, self.store, self.spawn)

    def spawn(self, work: Coroutine[Any, Any, None]) -> Any:
        self.spawned.append(work)

    def open(self, name: str, *, peek: bool) -> "Desk":
        assert peek
        self.opened.append(name)
        return self

    async def history(self, *, limit: int) -> list[Message]:
        assert limit == 1
        opened = self.opened[-1]
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.error is not None:
            raise self.error
        return [HELLO] if int(opened[1:]) % 2 == 0 else []

    async def done(self) -> list[str]:
        """Let it read; returns what was looked at."""
        for work in self.spawned:
            await work
        looked, self.opened, self.spawned = self.opened, [], []
        return looked


def _many(count: int) -> list[Session]:
    return [session(f"s{at}", at=-at) for at in range(count)]


def _names(*numbers: int) -> list[str]:
    return [f"s{at}" for at in numbers]


async def test_it_is_looked_up_around_the_selection() -> None:
    """Some at a time, and none of which it is known; once more when the selection has moved."""
    desk = Desk(*_many(90))
    desk.senders.look()
    assert await desk.done() == []  # no connection yet
    desk.senders.begin()
    assert len(desk.spawned) == 1
    desk.senders.look()
    assert len(desk.spawned) == 1  # one reads already
    assert await desk.done() == _names(*range(25))
    found = [desk.store.listing.last_senders[one.id] for one in _many(25)]
    assert found == ["customer", *[None, "customer"] * 12]
    desk.senders.look()
    assert desk.spawned == []
    desk.store.choose(replace(desk.store.listing, selected=_many(61)[-1].id))
    desk.senders.look()
    assert await desk.done() == _names(*range(35, 85))


@pytest.mark.parametrize("chosen", [{"shown": "waiting"}, {"order": "longest waiting"}, {}])
async def test_for_who_waits_it_is_looked_up_everywhere(chosen: dict[str, Any]) -> None:
    """Where the list depends on it, or else once somebody goes to the next one."""
    desk = Desk(*_many(60), session("s99", at=-99, status="resolved"), **chosen)
    desk.senders.begin()
    looked = await desk.done()
    if not chosen:
        assert looked == _names(*range(25))
        desk.senders.look_at_all()
        looked += await desk.done()
    assert looked == _names(*range(60))
    assert desk.most == 20


async def test_without_a_network_nothing_is_looked_up_until_it_is_back() -> None:
    """What fails is tried again with the next connection, and not before."""
    desk = Desk(*_many(2))
    desk.error = Unavailable("no network")
    desk.senders.begin()
    assert await desk.done() == _names(0, 1)
    assert desk.store.listing.last_senders == {}
    desk.senders.look()
    assert await desk.done() == []
    desk.error = None
    desk.senders.begin()
    assert await desk.done() == _names(0, 1)
    assert len(desk.store.listing.last_senders) == 2
