"""A dashboard whose clock is slow answers where a full window shows only what is later."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Self, cast

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, ConnectionChanged, Message, MessageAdded
from imbari_chat.client.events.below import BelowTheWindow
from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed
from imbari_chat.schema import decode
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.client.scenarios.faces import WAIT, eventually
from tests.client.test_order import COMPAT, HOUR

Seed = Callable[[str, Any], None]
WINDOW: Final = 50


def _now() -> int:
    return time.time_ns() // 1_000_000


class Shop:
    """A conversation with so many messages of the last minute, and a dashboard."""

    def __init__(self, seed: Seed, session_id: str, count: int) -> None:
        self._seed, self.id, self._answers = seed, session_id, 0
        begin = _now() - 60_000
        messages = {
            f"-M{n:018}": {"text": f"q{n}", "from": "customer", "timestamp": begin + n}
            for n in range(count)
        }
        seed(f"/messages/{session_id}", messages)

    def answer(
        self, text: str, stamp: int, *, time_first: bool = False, between: Sequence[str] = ()
    ) -> None:
        """A push, then the session in two steps, by the browser's clock; others come in between."""
        self._answers += 1
        new = {"text": text, "from": "admin", "timestamp": stamp}
        self._seed(f"/messages/{self.id}/-N{self._answers:018}", new)
        preview = [("lastMessage", text), ("lastMessageTime", stamp)]
        first, second = reversed(preview) if time_first else preview
        self._seed(f"/chatSessions/{self.id}/{first[0]}", first[1])
        for other in between:
            self.answer(other, _now())
        self._seed(f"/chatSessions/{self.id}/{second[0]}", second[1])


@pytest.fixture
async def customer(
    emulator: Emulator, customers: Callable[[], AsyncCustomerChat]
) -> AsyncCustomerChat:
    """In a conversation, minimised."""
    emulator.load_rules(COMPAT)
    chat = customers()
    await chat.start(name="Amina", email="amina@example.com", text="Hello")
    await chat.hide()
    return chat


@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("count", [WINDOW - 10, WINDOW + 10])
async def test_an_answer_by_a_slow_clock_is_heard_in_a_full_window(
    customer: AsyncCustomerChat, desk: AsyncAdminChat, seed: Seed, count: int, time_first: bool
) -> None:
    """By the customer, whose badge is raised, and in the admin's open conversation; each once."""
    shop = Shop(seed, customer.session.id, count)
    heard: list[str] = []
    is_live = asyncio.Event()

    async def follow() -> None:
        async with aclosing(desk.open(shop.id, peek=True).events(history=0)) as events:
            async for event in events:
                if event == ConnectionChanged("live"):
                    is_live.set()
                if isinstance(event, MessageAdded):
                    heard.append(event.message.text)
                    if event.message.text == "by a right clock":
                        return

    async with asyncio.timeout(WAIT):
        following = asyncio.create_task(follow())
        await customer.listen()
        await is_live.wait()
        # What is below is listened for once the window is full.
        listeners = 2 if count > WINDOW else 1
        for chat in (desk, customer):
            await eventually(
                lambda one=chat: (
                    [each.state for each in one._gateway.subscriptions]  # type: ignore[misc]  # bound at once
                    == ["live"] * listeners
                )
            )
        shop.answer("by a slow clock", _now() - HOUR, time_first=time_first)
        event = await customer.wait_for(MessageAdded, timeout=WAIT)
        assert event.message.text == "by a slow clock"
        assert customer.has_new_message
        while "by a slow clock" not in heard:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)
        shop.answer("by a right clock", _now())
        await following
    assert heard == ["by a slow clock", "by a right clock"]


@pytest.mark.parametrize("time_first", [False, True])
async def test_what_others_write_between_a_dashboards_two_steps_hides_nothing(
    customer: AsyncCustomerChat, desk: AsyncAdminChat, seed: Seed, time_first: bool
) -> None:
    """Its text and its time are never in the session together."""
    shop = Shop(seed, customer.session.id, WINDOW + 10)
    others = [f"other {n}" for n in range(3)]
    heard: list[str] = []
    async with (
        asyncio.timeout(WAIT),
        aclosing(desk.open(shop.id, peek=True).events(history=0)) as events,
    ):
        async for event in events:
            if event == ConnectionChanged("live"):
                await eventually(
                    lambda: [each.state for each in desk._gateway.subscriptions] == ["live", "live"]
                )
                shop.answer("slow", _now() - HOUR, time_first=time_first, between=others)
            if isinstance(event, MessageAdded):
                heard.append(event.message.text)
            if sorted(heard) == [*others, "slow"]:
                break
    assert len(heard) == len(others) + 1


async def test_a_preview_that_reads_like_something_old_brings_nothing_back(
    customer: AsyncCustomerChat, desk: AsyncAdminChat, seed: Seed
) -> None:
    """What was below the window before is no news when the same is said again."""
    shop = Shop(seed, customer.session.id, WINDOW + 10)
    heard: list[str] = []
    async with (
        asyncio.timeout(WAIT),
        aclosing(desk.open(shop.id, peek=True).events(history=0)) as events,
    ):
        async for event in events:
            if event == ConnectionChanged("live"):
                shop.answer("q1", _now())
                await asyncio.sleep(0.002)
                shop.answer("the end", _now())
            if isinstance(event, MessageAdded):
                heard.append(event.message.text)
                if heard[-1] == "the end":
                    break
    assert heard == ["q1", "the end"]


async def test_nothing_is_looked_for_where_the_window_shows_it(
    customer: AsyncCustomerChat, desk: AsyncAdminChat, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message by a right clock costs no request."""
    shop = Shop(seed, customer.session.id, WINDOW + 10)
    looks: list[object] = []
    chat = desk.open(shop.id, peek=True)
    monkeypatch.setattr(chat._gateway, "newest", lambda *asked, **_: looks.append(asked))
    async with asyncio.timeout(WAIT), aclosing(chat.events(history=0)) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                shop.answer("by a right clock", _now())
            if isinstance(event, MessageAdded):
                break
        for text in ("one more", "the last"):
            shop.answer(text, _now())
            while True:
                event = await anext(events)
                if isinstance(event, MessageAdded) and event.message.text == text:
                    break
    assert looks == []


class FakeGateway:
    """Where a session changes, and each look finds the same messages."""

    def __init__(self, sessions: list[Json], found: list[Message]) -> None:
        self.transport, self.patient = self, None
        self._sessions, self.timely = sessions, found
        self.lower = self.ahead = list[Message]()

    @asynccontextmanager
    async def listen(self, place: Path) -> AsyncIterator[AsyncIterator[Changed]]:
        async def changes() -> AsyncIterator[Changed]:
            for session in self._sessions:
                yield Changed(session, None)

        yield changes()

    async def newest(self, *asked: object, **how: object) -> Self:
        return self

    async def look_at(self, time: int, few: int) -> None: ...


@pytest.mark.parametrize("by_the_window", [False, True])
async def test_what_both_ways_bring_is_told_once(by_the_window: bool) -> None:
    """After an outage a gap is read, and in it may stand what the session has told of, or tells."""
    session_id = SessionId("s")
    diff = MessageDiff(session_id, 2)
    diff.update({f"m{n}": {"text": "", "from": "customer", "timestamp": n} for n in (1000, 2000)})
    written: dict[str, Json] = {
        name: {"text": name, "from": "admin", "timestamp": 500} for name in ("late", "other")
    }
    late, other = decode.messages_by_id(session_id, written).records.values()
    sessions: list[Json] = [
        {"lastMessage": text, "lastMessageTime": time, "createdAt": 1}
        for text, time in (("m", 2000), ("late", 500))
    ]
    told: list[MessageAdded] = []
    gateway = cast("Gateway", FakeGateway(sessions, [late]))
    below = BelowTheWindow(gateway, session_id, diff, told.append)
    if by_the_window:
        assert not below.has_told(late)
    below.begin()
    assert below._listening is not None
    await below._listening
    assert told == ([] if by_the_window else [MessageAdded(session_id, late)])
    assert below.has_told(late) is not by_the_window
    assert not below.has_told(other)
