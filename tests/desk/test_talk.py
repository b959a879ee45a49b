"""A conversation that is open at the desk: entered when that can be, and asked through."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from imbari_chat.desk.talk import Talk
from imbari_chat.engine.backoff import Backoff
from imbari_chat.errors import AccessDenied, ImbariError, NotFound, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from tests.view.records import message, session

AMINA = session("amina")
OFFLINE, DENIED = Unavailable("no network"), AccessDenied("not yours")


class Conversation:
    """Entered, or not; says what it is asked for."""

    def __init__(self, *fates: ImbariError | None) -> None:
        self.fates = list(fates)
        self.asked: list[str] = []
        self.events_: asyncio.Queue[ChatEvent | ImbariError] = asyncio.Queue()
        self.pages = [[message(f"m{at}", "x") for at in range(2)], [message("m9", "x")]]
        self.unread: ImbariError | None = None
        self.is_replying = False

    def open(self, session_id: str, *, peek: bool) -> "Conversation":
        self.asked.append(f"open {session_id} {'peek' if peek else ''}".strip())
        return self

    async def __aenter__(self) -> "Conversation":
        fate = self.fates.pop(0) if self.fates else None
        if fate is not None:
            raise fate
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asked.append("left")

    async def show(self) -> None:
        self.asked.append("show")

    async def events(self) -> AsyncGenerator[ChatEvent]:
        try:
            while True:
                event = await self.events_.get()
                if isinstance(event, ImbariError):
                    raise event
                yield event
        finally:
            self.asked.append("events closed")

    async def reply(self, text: str, *, timeout: float, expect_last: Any) -> str:
        assert not self.is_replying
        self.is_replying = True
        await asyncio.sleep(0)
        self.is_replying = False
        self.asked.append(f"reply {text} {timeout} {expect_last and expect_last.id}")
        return text

    def browse(self, *, page_size: int) -> "Conversation":
        self.asked.append(f"browse {page_size}")
        return self

    async def older(self) -> list[Any]:
        return self.pages.pop(0)

    async def typing(self) -> None:
        self.asked.append("typing")

    async def mark_read(self, *, up_to: Any) -> None:
        self.asked.append(f"read {up_to.id}")
        if self.unread is not None:
            raise self.unread


class Open:
    """A talk that is followed while the block lasts."""

    def __init__(self, *fates: ImbariError | None, peek: bool = False) -> None:
        self.there = Conversation(*fates)
        self.told: list[ChatEvent] = []
        chat: Any = self.there
        self.talk = Talk(chat, AMINA.id, self.told.append, peek=peek)

    async def __aenter__(self) -> "Open":
        self.following = asyncio.create_task(self.talk.follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.following.cancel()
        await asyncio.gather(self.following, return_exceptions=True)

    async def until(self, happened: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not happened():  # noqa: ASYNC110  # the double sets no event
                await asyncio.sleep(0)


@pytest.mark.parametrize("peek", [True, False])
async def test_it_is_entered_followed_and_left(peek: bool) -> None:
    """Nothing is marked by entering; colleagues see it unless one only looks."""
    live = ConnectionChanged("live")
    async with Open(peek=peek) as opened:
        opened.there.events_.put_nowait(live)
        await opened.until(lambda: opened.told)
    assert opened.told == [live]
    shown = [] if peek else ["show"]
    assert opened.there.asked == ["open amina peek", *shown, "events closed", "left"]


async def test_replies_go_out_one_after_the_other() -> None:
    """At once, also those written before it is entered; what their writer had seen goes along."""
    last = message("m7", "x")
    async with Open() as opened:
        said = [opened.talk.reply("one", expect_last=last), opened.talk.reply("two")]
        assert await asyncio.gather(*said) == ["one", "two"]
        replies = [one for one in opened.there.asked if one.startswith("reply")]
        assert replies == ["reply one 0 m7", "reply two 0 None"]


async def test_older_pages_end_with_one_that_is_not_full() -> None:
    """They are turned by one pager."""
    async with Open() as opened:
        pages = [await opened.talk.older(2), await opened.talk.older(2)]
        assert [([one.id for one in page], is_all) for page, is_all in pages] == [
            (["m0", "m1"], False),
            (["m9"], True),
        ]
        assert [one for one in opened.there.asked if one.startswith("browse")] == ["browse 2"]


async def test_typing_is_said_once_it_is_entered() -> None:
    """Before, nobody can be told; and of one that cannot be entered nobody is."""
    async with Open() as opened:
        await opened.talk.typing()
        await opened.until(lambda: "show" in opened.there.asked)
        assert "typing" not in opened.there.asked
        await opened.talk.typing()
        assert "typing" in opened.there.asked
    async with Open(DENIED) as opened:
        await asyncio.wait({opened.following})
        await opened.talk.typing()
    assert opened.there.asked == ["open amina peek"]


async def test_what_is_gone_needs_no_mark() -> None:
    """Its stream tells that it was deleted; other trouble is for whoever asked."""
    async with Open() as opened:
        await opened.talk.mark_read(message("m1", "x"))
        opened.there.unread = NotFound("deleted")
        await opened.talk.mark_read(message("m2", "x"))
        opened.there.unread = OFFLINE
        with pytest.raises(Unavailable):
            await opened.talk.mark_read(message("m3", "x"))
        assert opened.there.asked[-3:] == ["read m1", "read m2", "read m3"]


async def test_offline_it_is_entered_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause that is told of, or at once when somebody knows that the network is back."""
    pauses = iter([0.0, 600.0])
    monkeypatch.setattr(Backoff, "next", lambda *_: next(pauses))
    async with Open(OFFLINE, OFFLINE) as opened:
        opened.talk.hurry()  # too early to help
        await opened.until(lambda: len(opened.told) == 2)
        assert opened.told == [
            ConnectionChanged("reconnecting", "no network", 0.0),
            ConnectionChanged("reconnecting", "no network", 600.0),
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        assert opened.there.asked == ["open amina peek"] * 2
        opened.talk.hurry()
        await opened.until(lambda: "show" in opened.there.asked)
        assert opened.there.asked == [*["open amina peek"] * 3, "show"]


async def test_what_cannot_be_entered_is_told_to_all_who_wait_for_it() -> None:
    """And to whoever follows it."""
    async with Open(DENIED) as opened:
        reply = asyncio.create_task(opened.talk.reply("one"))
        with pytest.raises(AccessDenied):
            await opened.following
        with pytest.raises(AccessDenied):
            await reply
        with pytest.raises(AccessDenied):
            await opened.talk.older(2)
    assert opened.told == []


async def test_a_stream_that_ends_for_good_ends_it() -> None:
    """What was entered can still be written to."""
    async with Open() as opened:
        opened.there.events_.put_nowait(DENIED)
        with pytest.raises(AccessDenied):
            await opened.following
        assert opened.there.asked[-2:] == ["events closed", "left"]
        assert await opened.talk.reply("one") == "one"


async def test_a_service_that_asks_to_be_left_alone_is() -> None:
    busy = Unavailable("busy")
    busy.retry_after = 50.0
    async with Open(busy) as opened:
        await opened.until(lambda: opened.told)
        assert opened.told == [ConnectionChanged("reconnecting", "busy", 50.0)]
        opened.talk.hurry()
        await opened.until(lambda: "show" in opened.there.asked)


async def test_what_is_closed_before_it_was_entered_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for it for ever; a reply that gives up first spoils nothing for others."""
    monkeypatch.setattr(Backoff, "next", lambda *_: 600.0)
    async with Open(OFFLINE) as opened:
        impatient = asyncio.create_task(opened.talk.reply("one"))
        patient = asyncio.create_task(opened.talk.older(2))
        await opened.until(lambda: opened.told)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        opened.following.cancel()
        with pytest.raises(Unavailable, match="closed before it could be read"):
            await patient
