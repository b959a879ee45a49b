"""Clients that are moved from one transport to the other and back, while everybody writes.

What a client's listeners are told is compared with what the service stores.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from imbari_chat import (
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ChatEvent,
    ConnectionChanged,
    ImbariError,
    MessageAdded,
    MessageRemoved,
    SessionChanged,
    Settings,
)
from imbari_chat.client.admin import SEND_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.identity import factory
from imbari_chat.net.auto import AutoTransport
from tests.client.scenarios.faces import WAIT, eventually
from tests.faults.gate import Gate

QUICK = BackoffPolicy(first=0.02, cap=0.05)
LINK = LinkPolicy(connect_timeout=20.0, backoff=QUICK, hurry=0.05)
STREAM = StreamPolicy(connect_timeout=20.0, backoff=QUICK)
MOST_STEPS = 24


@asynccontextmanager
async def moving(settings: Settings) -> AsyncIterator[tuple[AsyncAdminChat, AutoTransport]]:
    """An admin who is quick to try again."""
    transport = AutoTransport(
        partial(factory.admin_access, settings),
        timeout=20.0,
        link=LINK,
        stream=STREAM,
        environment=factory.project(settings).http,
    )
    policy = replace(SEND_POLICY, backoff=QUICK)
    async with AsyncAdminChat._over(Gateway(transport, policy=policy, timeout=20.0)) as desk:
        yield desk, transport


class Listener:
    """Somebody who is told everything of one conversation."""

    def __init__(self, source: Any, session: str) -> None:
        self.session = session
        self.seen: list[ChatEvent] = []
        self._task = asyncio.create_task(self._follow(source))

    async def _follow(self, source: Any) -> None:
        async for event in source:
            self.seen.append(event)

    def texts(self) -> list[str]:
        """The messages that were added, each time that they were; and none may be taken back."""
        mine = [one for one in self.seen if getattr(one, "session_id", None) == self.session]
        assert not [one for one in mine if isinstance(one, MessageRemoved)]
        return [one.message.text for one in mine if isinstance(one, MessageAdded)]

    @property
    def status(self) -> tuple[str, bool]:
        """The last that was told of the conversation, and whether it was on its way."""
        told = [
            (one.session.status, one.pending)
            for one in self.seen
            if isinstance(one, SessionChanged) and one.session.id == self.session
        ]
        return told[-1] if told else ("active", False)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Play:
    """What is done in one run, drawn by its seed."""

    def __init__(self, seed: int, gate: Gate, desk: AsyncAdminChat, way: AutoTransport) -> None:
        self.draw = random.Random(seed)
        self.gate, self.desk, self.way = gate, desk, way
        self.own: dict[str, list[str]] = {}
        self.theirs: dict[str, list[str]] = {}
        self.names: set[str | None] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0

    async def step(self, mine: AsyncConversation, other: AsyncConversation) -> None:
        """One thing happens."""
        match self.draw.choice(["own", "own", "theirs", "theirs", "status", "cut", "away", "open"]):
            case "own":
                self._count += 1
                self.own.setdefault(mine.id, []).append(text := f"own {self._count}")
                await mine.reply(text, timeout=0)
            case "theirs":
                self._count += 1
                self.theirs.setdefault(mine.id, []).append(text := f"theirs {self._count}")
                await other.reply(text)
            case "status":
                change = self.draw.choice([mine.resolve, mine.reopen])
                self._tasks.append(asyncio.create_task(_maybe(change())))
            case "cut":
                self.gate.away = False
                self.gate.block("403 Forbidden")
                if self.draw.random() < 0.7:
                    await eventually(lambda: self.way.way.name == "rest")
            case "away":
                self.gate.leave()
            case "open":
                self.gate.away, self.gate.answer = False, None
                self.desk.reconnect_now()
                if self.draw.random() < 0.7:
                    await eventually(lambda: self.way.way.name == "websocket")
        self.names.add(self.way.way.name)
        for _ in range(self.draw.choice([0, 0, 1, 20])):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """The network is well, and what was begun is over."""
        self.gate.away = False
        self.desk.reconnect_now()
        await asyncio.gather(*self._tasks)
        assert await self.desk.flush(timeout=WAIT) == ()


async def _maybe(change: Coroutine[Any, Any, object]) -> None:
    with suppress(ImbariError):
        await change


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_repeated_or_out_of_order(seed: int, flags: dict[str, Any]) -> None:
    """For any listener, of the messages of either side; and each is stored once."""
    async with (
        Gate(flags["database_emulator"]).running() as gate,
        AsyncAdminChat.from_env(**flags) as other,
        moving(Settings.load(**{**flags, "database_emulator": gate.address})) as (desk, way),
    ):
        ids = []
        for _ in range(3):
            async with AsyncCustomerChat.from_env(**flags) as customer:
                started = await customer.start(name="A", email="a@example.com")
                ids.append(started.id)
        mine = [desk.open(one, peek=True) for one in ids]
        others = [other.open(one, peek=True) for one in ids]
        listeners = [
            Listener(source.events(), one.id) for one in mine for source in (one, one, desk)
        ]
        live = ConnectionChanged("live")
        await eventually(lambda: all(live in one.seen for one in listeners))
        play = Play(seed, gate, desk, way)
        for _ in range(MOST_STEPS):
            number = play.draw.randrange(3)
            await play.step(mine[number], others[number])
        await play.end()
        for one in others:
            play.theirs.setdefault(one.id, []).append("the last")
            await one.reply("the last")
        await eventually(lambda: all("the last" in one.texts() for one in listeners))
        for one in others:
            stored = [each.text for each in await one.history()]
            own, theirs = play.own.get(one.id, []), play.theirs[one.id]
            assert [text for text in stored if text in own] == own
            assert [text for text in stored if text in theirs] == theirs
            assert len(stored) == len(own) + len(theirs)
            for listener in listeners:
                if listener.session == one.id:
                    told = listener.texts()
                    assert [text for text in told if text in own] == own
                    assert [text for text in told if text in theirs] == theirs
                    assert len(told) == len(stored)
        statuses = {one.id: (one.status, False) for one in await other.sessions()}
        inbox = listeners[2::3]
        await eventually(lambda: {one.session: one.status for one in inbox} == statuses)
        assert "rest" in play.names
        for listener in listeners:
            await listener.stop()
