"""A dashboard whose clock is slow answers where a full window shows only what is later."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, Self, cast

import pytest

from imbari_chat import (
    AsyncAdminChat,
    AsyncCustomerChat,
    ChatEvent,
    ConnectionChanged,
    Message,
    MessageAdded,
)
from imbari_chat.client.events.below import BelowTheWindow
from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.client.events.inbox_sessions import InboxSessions
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.net.transport import Transport
from imbari_chat.schema import decode, paths
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.client.scenarios.faces import WAIT, eventually
from tests.client.test_order import COMPAT, HOUR

Seed = Callable[[str, Any], None]
WINDOW: Final = 50

both_transports = pytest.mark.parametrize("transport_name", ["websocket", "rest"], indirect=True)


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


@both_transports
async def test_who_follows_the_inbox_hears_there_of_each_conversation(
    customers: Callable[[], AsyncCustomerChat], desk: AsyncAdminChat, seed: Seed, emulator: Emulator
) -> None:
    """With one listener for all; one that leaves the inbox's window has its own from then on."""
    emulator.load_rules(COMPAT)
    shops = []
    for name in ("Amina", "Brenda", "Chege"):
        session = await customers().start(name=name, email="one@example.com", text="Hello")
        shops.append(Shop(seed, session.id, WINDOW + 10))
        seed(f"/chatSessions/{session.id}/lastMessageTime", _now())
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def follow(events: AsyncGenerator[ChatEvent, None], live: asyncio.Event) -> None:
        async with aclosing(events):
            async for event in events:
                if event == ConnectionChanged("live"):
                    live.set()
                if isinstance(event, MessageAdded) and live.is_set():
                    heard.put_nowait(event.message.text)

    def listeners() -> list[str]:
        return [each.state for each in desk._gateway.subscriptions]

    async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
        tasks = []
        for events in (
            desk.events(limit=2),
            *(desk.open(one.id, peek=True).events(history=0) for one in shops),
        ):
            live = asyncio.Event()
            tasks.append(group.create_task(follow(events, live)))
            await live.wait()
        tasks.pop(0).cancel()  # of the inbox itself nothing has to be read for it
        # Three windows, what the inbox shows, and the session of the first, which it does not.
        await eventually(lambda: listeners() == ["live"] * 5)
        for place, shop in enumerate(shops):
            shop.answer(f"slow {place}", _now() - HOUR * (place + 1))
            assert await heard.get() == f"slow {place}"
        # The others went below it, one after the other, so that nobody follows what is shown.
        await eventually(lambda: listeners() == ["live"] * 6)
        for shop in shops:
            shop.answer("again", _now() - HOUR * 4)
            assert await heard.get() == "again"
        for task in tasks:
            task.cancel()
    assert heard.empty()
    assert listeners() == []


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


S: Final = SessionId("s")


def _messages(**times: int) -> list[Message]:
    """Messages that say their own ids, stamped so."""
    raw: dict[str, Json] = {
        name: {"text": name, "from": "admin", "timestamp": time} for name, time in times.items()
    }
    return list(decode.messages_by_id(S, raw).records.values())


class Below:
    """What is told of below a window with messages of 1000 and 2000, under which some are found.

    Args:
        previews: What the session says in turn, as text and time; None where it is gone.
        found: What each look finds.
        limit: Of the window.
        shown: Whether the inbox says all that, or else a listener of the window's own.

    Attributes:
        looks: The times that were looked at.
        told: The ids of what was told.
    """

    def __init__(
        self,
        *previews: tuple[str, int] | None,
        found: list[Message] | None = None,
        limit: int = 2,
        shown: bool = False,
    ) -> None:
        self._previews = list(previews)
        self.transport, self.patient = self, None
        self.inbox = InboxSessions(cast("Transport", self))
        self.inbox.window = paths.sessions_in_order() if shown else None
        self.timely, self.lower = found or [], list[Message]()
        self.ahead = self.lower
        self.looks: list[int] = []
        self.told: list[str] = []
        self.diff = diff = MessageDiff(S, limit)
        diff.update(
            {f"m{n}": {"text": "", "from": "customer", "timestamp": n} for n in (1000, 2000)}
        )
        self.below = BelowTheWindow(
            cast("Gateway", self), S, diff, lambda event: self.told.append(event.message.id)
        )

    @asynccontextmanager
    async def listen(
        self, place: Path, window: Query | None = None
    ) -> AsyncIterator[AsyncIterator[Changed | StateChanged]]:
        async def changes() -> AsyncIterator[Changed | StateChanged]:
            for one in self._previews:
                yield StateChanged("live")
                raw: Json = one and {"lastMessage": one[0], "lastMessageTime": one[1]}
                yield Changed(raw if window is None else raw and {S: raw}, None)
            if self._previews:
                del self._previews[:-1]  # that is how it stays
            else:
                await asyncio.Event().wait()

        yield changes()

    async def newest(self, *asked: object, **how: object) -> Self:
        return self

    async def look_at(self, time: int, few: int) -> None:
        self.looks.append(time)

    async def hear(self) -> None:
        """All that the session says."""
        self.below.begin()
        assert self.below._listening is not None
        await self.below._listening


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize(
    ("previews", "looks", "told"),
    [
        ([("m", 2000), ("late", 500)], [500], ["late"]),
        ([("m", 2000), ("late", 500), ("late", 500)], [500], ["late"]),
        ([("m", 2000), ("late", 2000), ("late", 500)], [500], ["late"]),
        ([("m", 2000), ("m", 500), ("late", 500)], [500, 500], ["late"]),
        ([("m", 2000), ("late", 500), ("later", 600)], [500, 600], ["late", "later"]),
        ([("late", 500)], [], []),  # before anybody listened
        ([("late", 500), ("late", 500)], [], []),
        ([("m", 2000), ("late", 3000)], [], []),  # which the window shows
        ([("m", 2000), ("shown", 900)], [900], []),
    ],
)
async def test_what_is_new_and_below_is_told(
    previews: list[tuple[str, int] | None], looks: list[int], told: list[str], shown: bool
) -> None:
    """And only where there may be anything it is looked for."""
    here = Below(*previews, found=_messages(late=500, later=600, shown=1500), shown=shown)
    await here.hear()
    assert (here.looks, here.told) == (looks, told)


@pytest.mark.parametrize(
    ("previews", "found", "told"),
    [
        # Its text, another message of a later time, and then its own time.
        ([("late", 2000), ("other", 3000), ("other", 500)], {"late": 500}, ["late"]),
        # By its time alone it cannot be told.
        ([("late", 2000), ("late", 500)], {"late": 500, "same": 500}, ["late"]),
        # What the window showed reads like something old.
        ([("old", 3000), ("old", 1000)], {"old": 100}, []),
    ],
)
async def test_a_dashboards_two_steps_tell_of_one_message(
    previews: list[tuple[str, int]], found: dict[str, int], told: list[str]
) -> None:
    """What the session said before them is what they are compared with."""
    here = Below(("m", 2000), *previews, found=_messages(**found))
    await here.hear()
    assert here.told == told


@pytest.mark.parametrize(("shown", "told"), [(False, []), (True, ["late"])])
async def test_a_session_that_is_gone_begins_anew_but_not_one_that_left_the_inbox(
    shown: bool, told: list[str]
) -> None:
    """What was said before it left is compared with what it says then."""
    here = Below(("m", 2000), None, ("late", 500), found=_messages(late=500), shown=shown)
    await here.hear()
    assert here.told == told


@pytest.mark.parametrize("by_the_window", [False, True])
async def test_what_both_ways_bring_is_told_once(by_the_window: bool) -> None:
    """After an outage a gap is read, and in it may stand what the session has told of, or tells."""
    late, other = _messages(late=500, other=500)
    here = Below(("m", 2000), ("late", 500), found=[late])
    if by_the_window:
        shown: dict[str, Json] = {
            key: {"text": "", "from": "customer", "timestamp": at}
            for key, at in ((late.id, 1500), ("m2000", 2000), ("m3000", 3000))
        }
        here.diff.update({key: shown[key] for key in (late.id, "m2000")})
        here.diff.update({key: shown[key] for key in ("m2000", "m3000")})
    await here.hear()
    assert here.told == ([] if by_the_window else ["late"])
    assert here.below.has_told(late) == (not by_the_window)
    assert not here.below.has_told(other)


async def test_a_session_is_listened_to_below_a_full_window_until_the_end() -> None:
    """Once, however often the window is looked at."""
    idle = Below(limit=3)
    idle.below.begin()
    assert idle.below._listening is None
    await idle.below.close()
    here = Below()
    here.below.begin()
    listening = here.below._listening
    assert listening is not None
    here.below.begin()
    assert here.below._listening is listening
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT):
        await here.below.close()
    assert listening.cancelled()


async def test_a_mistake_in_a_look_is_said(mistakes: list[str]) -> None:
    """Nobody waits for what listens here, and the window itself goes on without it."""
    here = Below(("m", 2000), ("late", 500))
    here.timely = cast("list[Message]", [None])
    here.below.begin()
    async with asyncio.timeout(WAIT):
        await asyncio.wait({cast("asyncio.Task[None]", here.below._listening)})
    assert "has ended by an error of its own" in mistakes.pop()
