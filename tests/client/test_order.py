"""A conversation as people meet it: wrong clocks, junk ids, stamps of tomorrow."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path as FilePath
from typing import Any

import pytest

from imbari_chat import (
    AsyncAdminChat,
    AsyncCustomerChat,
    Conflict,
    ConnectionChanged,
    MessageAdded,
    NotFound,
)
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.rules import Ruleset
from imbari_chat.schema.models import Message
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT
from imbari_chat.wire.pushid import PushIds
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory

COMPAT = (FilePath(__file__).parents[2] / "examples/rules/compat.rules.json").read_text("utf-8")
HOUR = 3_600_000
DAY = 24 * HOUR

Seed = Callable[[str, Any], None]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _id_of(milliseconds: int) -> str:
    return PushIds(lambda: [7] * 12).make(milliseconds)


def _message(text: str, stamp: int, sender: str = "customer") -> dict[str, Json]:
    return {"text": text, "from": sender, "timestamp": stamp}


class _Shop:
    """A database under the compat rules, the customer's session in it, and an admin."""

    def __init__(self) -> None:
        self.namespace = Namespace("t", Ruleset.parse(COMPAT))
        self.gateway = Gateway(InMemory(self.namespace, ADMIN))
        self.desk = AsyncAdminChat._over(self.gateway)
        self.id = ""

    async def begin(self, text: str | None = "Question") -> None:
        chat = AsyncCustomerChat._over(Gateway(InMemory(self.namespace, CUSTOMER)))
        async with chat:
            session = await chat.start(name="Amina", email="amina@example.com", text=text)
        self.id = session.id

    def put(self, *messages: tuple[str, dict[str, Json]]) -> None:
        """Messages as somebody stored them; the session tells of the last."""
        body: dict[str, Json] = {f"messages/{self.id}/{key}": one for key, one in messages}
        text = messages[-1][1]["text"]
        body |= {f"chatSessions/{self.id}/{name}": value for name, value in _preview(text)}
        self.namespace.write(Write.patch(ROOT, body), OWNER, _now())

    def junk(self, *, ahead: int, count: int = 60) -> None:
        """Ids that sort after everything, stamped so far ahead of the server's time, ms."""
        self.put(
            *(
                (f"zzz{n:017d}", _message(f"junk {n}", _now() + ahead - count + n, "admin"))
                for n in range(count)
            )
        )


def _preview(text: Json) -> list[tuple[str, Json]]:
    return [("lastMessage", text), ("lastMessageTime", _now())]


def _texts(messages: list[Message]) -> list[str]:
    return [one.text for one in messages]


@pytest.fixture
async def shop() -> _Shop:
    """With one question."""
    shop = _Shop()
    await shop.begin()
    return shop


@pytest.mark.parametrize("ahead", [0, HOUR, DAY - 60_000])
async def test_a_reply_is_among_the_newest_whatever_junk_there_is(shop: _Shop, ahead: int) -> None:
    """Sixty ids that sort after all others, stamped now or tomorrow."""
    shop.junk(ahead=ahead)
    async with shop.desk.open(shop.id, peek=True) as conversation:
        await asyncio.sleep(0.002)
        await conversation.reply("Answer", timeout=2)
        history = _texts(await conversation.history(limit=50))
        assert "Answer" in history
        assert len(history) == 50
        assert _texts(await conversation.history(limit=1)) == ["Answer"]
        everything = [one.text async for one in conversation.browse(start="oldest")]
        assert len(everything) == 62


@pytest.mark.parametrize("ahead", [HOUR, DAY - 60_000])
async def test_a_customer_is_among_the_newest_whatever_sessions_claim_tomorrow(
    shop: _Shop, ahead: int
) -> None:
    """Under the compat rules anybody may start sixty of these, and no inbox would show another."""
    await shop.desk.reply(shop.id, "Answer")
    claim = _now() + ahead
    shop.namespace.write(
        Write.patch(
            ROOT,
            {
                f"chatSessions/{n:020}": {
                    "customerName": "Evil",
                    "customerEmail": "",
                    "lastMessage": "junk",
                    "lastMessageTime": claim + n,
                    "unreadCount": 1,
                    "status": "active",
                }
                for n in range(60)
            },
        ),
        OWNER,
        _now(),
    )
    for limit, junk in ((1, 0), (2, 1), (50, 49), (61, 60), (100, 60)):
        found = await shop.desk.sessions(limit=limit)
        assert [one.customer_name for one in found] == ["Evil"] * junk + ["Amina"]
        times = [one.last_message_time for one in found]
        assert times == sorted(times, reverse=True)
    assert len(await shop.desk.sessions(limit=20, since=claim)) == 20
    assert len(await shop.desk.sessions(limit=20, status="resolved")) == 0
    assert len([one async for one in shop.desk.browse()]) == 61


async def test_an_answer_stands_after_its_question_on_the_website_too(
    shop: _Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which lists by key: of a thousand answers given at once none sorts before its question."""
    async with shop.desk.open(shop.id, peek=True) as conversation:
        (question,) = await conversation.history()
    stamp = question.timestamp
    monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: stamp))
    ahead = question.model_copy(update={"id": _id_of(stamp + 1)[:8] + "z" * 12})
    for _ in range(1000):
        ids = Ids()
        ids.saw(conversation.id, ahead)
        assert ids.message(conversation.id) > ahead.id


@pytest.mark.parametrize(
    ("key", "stamp"),
    [
        (_id_of(_now() - HOUR), 0),
        (_id_of(_now() + HOUR), 0),
        ("z" * 20, 0),
        (_id_of(_now()), HOUR),
    ],
    ids=["an id of a slow clock", "an id of a fast clock", "a junk id", "ahead of its time"],
)
async def test_a_reply_to_what_is_not_the_last_word_is_refused(
    shop: _Shop, key: str, stamp: int
) -> None:
    """Whoever wrote in between, by whichever clock; and once that has been seen it is answered."""
    async with shop.desk.open(shop.id, peek=True) as conversation:
        (question,) = await conversation.history()
        await asyncio.sleep(0.002)
        shop.put((key, _message("And another thing", _now() + stamp)))
        with pytest.raises(Conflict):
            await conversation.reply("Yes", expect_last=question)
        seen = await conversation.history()
        await conversation.reply("Yes", expect_last=seen[-1])


async def test_a_reply_to_the_last_word_of_a_conversation_that_is_gone_is_refused(
    shop: _Shop,
) -> None:
    """It says that there is no such conversation, and writes nothing."""
    async with shop.desk.open(shop.id, peek=True) as conversation:
        (question,) = await conversation.history()
        gone: dict[str, Json] = {f"chatSessions/{shop.id}": None}
        shop.namespace.write(Write.patch(ROOT, gone), OWNER, _now())
        with pytest.raises(NotFound):
            await conversation.reply("Yes", expect_last=question)
        assert await conversation.history() == [question]


async def test_a_stamp_of_tomorrow_does_not_hide_what_came_since(shop: _Shop) -> None:
    """It stands last all day; whoever answers it must have seen the other last word."""
    shop.put((_id_of(_now()), _message("From tomorrow", _now() + DAY - 60_000)))
    async with shop.desk.open(shop.id, peek=True) as conversation:
        tomorrow = (await conversation.history())[-1]
        assert tomorrow.text == "From tomorrow"
        await asyncio.sleep(0.002)
        shop.put((_id_of(_now()), _message("Still there?", _now())))
        with pytest.raises(Conflict):
            await conversation.reply("Yes", expect_last=tomorrow)
        await conversation.history()
        await conversation.reply("Yes", expect_last=tomorrow)


async def test_reading_up_to_a_message_goes_by_its_place(shop: _Shop) -> None:
    """And not by its id, which may be of any clock."""
    await asyncio.sleep(0.002)
    shop.put((_id_of(_now() - HOUR), _message("Later, by a slow clock", _now())))
    async with shop.desk.open(shop.id, peek=True) as conversation:
        first, second = await conversation.history()
        assert await conversation.mark_read(up_to=first.id) == 1
        assert [one.is_unread for one in await conversation.history()] == [False, True]
        with pytest.raises(NotFound, match="no message"):
            await conversation.mark_read(up_to="-nobody")
        assert await conversation.mark_read(up_to=second) == 1


async def test_messages_of_an_imported_array_are_in_its_order(shop: _Shop) -> None:
    """Their ids look like numbers; pages and history agree."""
    stamp = _now()
    array = [(str(n), _message(f"m{n}", stamp + n // 4, "admin")) for n in range(12)]
    await shop.begin(None)
    shop.put(*array)
    async with shop.desk.open(shop.id, peek=True) as conversation:
        expected = [f"m{n}" for n in range(12)]
        assert _texts(await conversation.history()) == expected
        assert _texts(await conversation.browse().older()) == expected
        assert _texts(await conversation.history(limit=3)) == expected[-3:]


# What follows listens, so it needs a service that streams.


@pytest.fixture
def compat(emulator: Emulator) -> Emulator:
    """Under the compat rules, where times may be a browser's."""
    emulator.load_rules(COMPAT)
    return emulator


class _Dashboard:
    """The website's: a push, then the session, by a browser's clock."""

    def __init__(self, seed: Seed, session_id: str) -> None:
        self._seed = seed
        self._id = session_id

    def says(self, text: str, wrong: int = 0) -> None:
        stamp = _now() + wrong
        self._seed(f"/messages/{self._id}/{_id_of(_now() + 2)}", _message(text, stamp, "admin"))
        self._seed(f"/chatSessions/{self._id}/lastMessage", text)
        self._seed(f"/chatSessions/{self._id}/lastMessageTime", stamp)


@pytest.mark.parametrize("wrong", [0, -HOUR, HOUR])
async def test_an_answer_that_arrives_while_hidden_raises_the_badge(
    compat: Emulator, customer: AsyncCustomerChat, seed: Seed, wrong: int
) -> None:
    """By arriving, whatever its stamp says."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    dashboard = _Dashboard(seed, session.id)
    badges: list[bool] = []

    async def answered() -> None:
        dashboard.says("An answer", wrong)
        await customer.wait_for(MessageAdded, timeout=5)

    for act in (answered, customer.hide, answered, customer.show, customer.hide):
        await act()
        badges.append(customer.has_new_message)
    assert badges == [False, False, True, False, False]


@pytest.mark.parametrize("wrong", [0, -HOUR])
async def test_the_badge_after_coming_back_says_whether_an_answer_came_since(
    compat: Emulator, flags: dict[str, Any], seed: Seed, wrong: int
) -> None:
    """Without an answer, with one that was seen, and with one that was not."""
    badges = []
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="Hello")
    dashboard = _Dashboard(seed, session.id)
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        await chat.resume(session.id)
        badges.append(chat.has_new_message)
        dashboard.says("Seen", wrong)
        await chat.wait_for(MessageAdded, timeout=5)
        await asyncio.sleep(0.005)
        await chat.show()
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        await chat.resume(session.id)
        badges.append(chat.has_new_message)
    dashboard.says("Not seen", wrong)
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        await chat.resume(session.id)
        badges.append(chat.has_new_message)
    assert badges == [False, False, True]


@pytest.mark.parametrize(("later", "badge"), [(-1, False), (0, False), (1, True)])
async def test_an_answer_is_unseen_if_it_came_after_the_customer_looked(
    compat: Emulator, customer: AsyncCustomerChat, seed: Seed, later: int, badge: bool
) -> None:
    """Both times are the server's; looking shows what came in the same millisecond."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    stamp = _now()
    answer = _message("An answer", stamp + later, "admin")
    seed(f"/messages/{session.id}/{_id_of(stamp + 2)}", answer)
    seed(f"/chatSessions/{session.id}/customerSeenAt", stamp)
    await customer.resume(session.id)
    assert customer.has_new_message == badge


async def test_a_listener_is_not_deaf_while_stamps_of_tomorrow_fill_its_window(
    compat: Emulator, desk: AsyncAdminChat, customer: AsyncCustomerChat, seed: Seed
) -> None:
    """What comes at its right time is heard, by who listens already and by who begins."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    tomorrow = _now() + DAY - 60_000

    async def heard(events: Any, text: str) -> None:
        async with asyncio.timeout(60):
            async for event in events:
                if isinstance(event, MessageAdded) and event.message.text == text:
                    return

    async with (
        desk.open(session.id, peek=True) as conversation,
        aclosing(conversation.events()) as listening,
    ):
        await heard(listening, "Hello")
        junk = {f"zzz{n:017d}": _message(f"junk {n}", tomorrow + n) for n in range(60)}
        stored = {one.id: _message(one.text, one.timestamp) for one in await customer.history()}
        seed(f"/messages/{session.id}", {**stored, **junk})
        await heard(listening, "junk 59")
        await customer.send("Are you there?")
        await heard(listening, "Are you there?")
        await conversation.reply("We are")
        await heard(listening, "We are")
        async with aclosing(conversation.events(history=50)) as beginning:
            await heard(beginning, "We are")
            async for event in beginning:
                if event == ConnectionChanged("live"):
                    break
            await asyncio.sleep(0.5)  # the rules' interval
            await customer.send("Good")
            await heard(beginning, "Good")


async def test_the_inbox_hears_what_follows_a_message_stamped_in_the_future(
    compat: Emulator, desk: AsyncAdminChat, customer: AsyncCustomerChat, seed: Seed
) -> None:
    """Several at once, each stamped earlier than the last one known."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    dashboard = _Dashboard(seed, session.id)
    dashboard.says("By a fast clock", HOUR)
    async with aclosing(desk.events()) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                break
        seed(f"/messages/{session.id}/{_id_of(_now() + 3)}", _message("One", _now()))
        await asyncio.sleep(0.002)
        dashboard.says("Two")
        heard: list[str] = []
        async with asyncio.timeout(60):
            async for event in events:
                if isinstance(event, MessageAdded):
                    heard.append(event.message.text)
                if len(heard) == 2:
                    break
    assert heard == ["One", "Two"]


async def test_the_inbox_hears_a_slow_dashboard_in_a_conversation_it_knew_nothing_of(
    compat: Emulator, desk: AsyncAdminChat, customer: AsyncCustomerChat, seed: Seed
) -> None:
    """The session names the message now, and did not name it before."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    async with aclosing(desk.events()) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                break
        _Dashboard(seed, session.id).says("By a slow clock", -HOUR)
        async with asyncio.timeout(60):
            async for event in events:
                if isinstance(event, MessageAdded):
                    assert event.message.text == "By a slow clock"
                    break
