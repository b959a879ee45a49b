"""What happened during an outage reaches the consumer afterwards: all of it, each once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import (
    AsyncAdminChat,
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
    SessionAdded,
    SessionRemoved,
    Settings,
    Unavailable,
)
from imbari_chat.client import transports
from imbari_chat.client.gateway import Gateway
from imbari_chat.emulator import Emulator
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.net.submitting import Submitter
from tests.faults.proxy import Proxy

Seed = Callable[[str, Any], None]


@pytest.fixture
async def proxy(emulator: Emulator) -> AsyncIterator[Proxy]:
    """Between the client and the database."""
    async with Proxy(emulator.database_host) as running:
        yield running


@pytest.fixture
async def desk(flags: dict[str, Any], proxy: Proxy) -> AsyncIterator[AsyncAdminChat]:
    """An admin at the other end of the proxy."""
    through = {**flags, "database_emulator": proxy.address}
    async with AsyncAdminChat.from_env(**through) as chat:
        yield chat


def _session(time: int, text: str = "Hi") -> dict[str, Any]:
    return {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": text,
        "lastMessageTime": time,
        "unreadCount": 0,
        "status": "active",
    }


def _message(number: int, time: int | None = None) -> dict[str, Any]:
    stamp = number if time is None else time
    return {"text": f"message {number}", "from": "customer", "timestamp": stamp}


async def _until_live(events: AsyncGenerator[ChatEvent, None]) -> list[ChatEvent]:
    return await _until(events, lambda event: event == ConnectionChanged("live"))


async def _until(
    events: AsyncGenerator[ChatEvent, None], last: Callable[[ChatEvent], bool]
) -> list[ChatEvent]:
    async with asyncio.timeout(30):
        seen = [await anext(events)]
        while not last(seen[-1]):
            seen.append(await anext(events))
    return seen


def _texts(seen: list[ChatEvent]) -> list[str]:
    return [event.message.text for event in seen if isinstance(event, MessageAdded)]


def _says(text: str) -> Callable[[ChatEvent], bool]:
    return lambda event: isinstance(event, MessageAdded) and event.message.text == text


def _confirmed(text: str) -> Callable[[ChatEvent], bool]:
    return lambda event: (
        isinstance(event, DeliveryChanged)
        and (event.message.text, event.message.delivery) == (text, "confirmed")
    )


async def test_a_conversation_catches_up_with_more_than_its_window_holds(
    desk: AsyncAdminChat, proxy: Proxy, seed: Seed
) -> None:
    """Sixty messages while away, and a window of fifty."""
    seed("/chatSessions/-S", _session(1))
    seed("/messages/-S", {"-m000": _message(0)})
    async with (
        desk.open("-S", peek=True) as conversation,
        aclosing(conversation.events(history=50)) as events,
    ):
        assert _texts(await _until_live(events)) == ["message 0"]
        await proxy.refuse()
        for number in range(1, 61):
            seed(f"/messages/-S/-m{number:03d}", _message(number))
        await proxy.mend()
        seen = await _until(events, _says("message 60"))
        assert _texts(seen) == [f"message {number}" for number in range(1, 61)]
        seed("/messages/-S/-m061", _message(61))
        assert _texts(await _until(events, _says("message 61"))) == ["message 61"]


async def test_a_removal_during_an_outage_is_reported(
    desk: AsyncAdminChat, proxy: Proxy, seed: Seed
) -> None:
    """It is a difference like any other."""
    seed("/chatSessions/-S", _session(1))
    seed("/messages/-S", {f"-m{number}": _message(number) for number in range(3)})
    async with (
        desk.open("-S", peek=True) as conversation,
        aclosing(conversation.events()) as events,
    ):
        await _until_live(events)
        await proxy.refuse()
        seed("/messages/-S/-m1", None)
        await proxy.mend()
        seen = await _until(events, lambda event: isinstance(event, MessageRemoved))
        assert not [event for event in seen if isinstance(event, MessageAdded)]


async def test_the_inbox_hears_of_every_message_however_many_came_in_one_conversation(
    desk: AsyncAdminChat, proxy: Proxy, seed: Seed
) -> None:
    """More than it asks for at first."""
    seed("/chatSessions/-S", _session(100, "message 100"))
    seed("/messages/-S", {"-m100": _message(100)})
    async with aclosing(desk.events()) as events:
        await _until_live(events)
        await proxy.refuse()
        for number in range(101, 131):
            seed(f"/messages/-S/-m{number}", _message(number))
        seed("/chatSessions/-S", _session(130, "message 130"))
        await proxy.mend()
        seen = await _until(events, _says("message 130"))
        assert _texts(seen) == [f"message {number}" for number in range(101, 131)]


async def test_the_inbox_hears_of_conversations_that_its_window_no_longer_shows(
    desk: AsyncAdminChat, proxy: Proxy, seed: Seed
) -> None:
    """Six new ones while away, and a window of two."""
    for number in (1, 2):
        seed(f"/chatSessions/-S{number}", _session(number))
    async with aclosing(desk.events(limit=2)) as events:
        await _until_live(events)
        await proxy.refuse()
        for number in range(3, 9):
            seed(f"/messages/-S{number}/-m", _message(number))
            seed(f"/chatSessions/-S{number}", _session(number))
        await proxy.mend()
        seen = await _until(events, _says("message 8"))
        added = [event.session.id for event in seen if isinstance(event, SessionAdded)]
        assert added == [f"-S{number}" for number in range(3, 9)]
        assert _texts(seen) == [f"message {number}" for number in range(3, 9)]
        removed = [event for event in seen if isinstance(event, SessionRemoved)]
        assert not [event for event in removed if event.deleted]


async def test_a_message_in_the_same_millisecond_as_the_last_one_is_heard_once(
    desk: AsyncAdminChat, seed: Seed
) -> None:
    """The server's clock is no finer than that."""
    seed("/chatSessions/-S", _session(1))
    async with aclosing(desk.events()) as events:
        await _until_live(events)
        seed("/messages/-S/-m1", _message(1, time=7))
        seed("/chatSessions/-S", _session(7, "message 1"))
        assert _texts(await _until(events, _says("message 1"))) == ["message 1"]
        seed("/messages/-S/-m2", _message(2, time=7))
        seed("/messages/-S/-m3", _message(3, time=8))
        seed("/chatSessions/-S", _session(8, "message 3"))
        assert _texts(await _until(events, _says("message 3"))) == ["message 2", "message 3"]


async def test_a_read_during_an_outage_is_made_up_for(
    desk: AsyncAdminChat, proxy: Proxy, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's change arrived, the network went before its messages were read."""
    seed("/chatSessions/-S", _session(1))
    get = desk._gateway.transport.get

    async def cut_once(*args: Any) -> Any:
        monkeypatch.undo()
        await proxy.refuse()
        seed("/messages/-S/-m3", _message(3))
        try:
            return await get(*args)
        finally:
            await proxy.mend()

    async with aclosing(desk.events()) as events:
        await _until_live(events)
        monkeypatch.setattr(desk._gateway.transport, "get", cut_once)
        seed("/messages/-S/-m2", _message(2))
        seed("/chatSessions/-S", _session(2, "message 2"))
        assert _texts(await _until(events, _says("message 3"))) == ["message 2", "message 3"]


async def test_a_conversation_that_comes_back_into_the_window_brings_only_its_news(
    desk: AsyncAdminChat, seed: Seed
) -> None:
    """What it held while nobody looked is not announced."""
    for number in (1, 2, 3):
        seed(f"/messages/-S{number}/-m{number}", _message(number))
        seed(f"/chatSessions/-S{number}", _session(number))
    async with aclosing(desk.events(limit=2)) as events:
        await _until_live(events)
        seed("/messages/-S1/-m4", _message(4))
        seed("/chatSessions/-S1", _session(4))
        assert _texts(await _until(events, _says("message 4"))) == ["message 4"]


async def test_a_reply_written_during_an_outage_goes_out_when_the_stream_is_back(
    flags: dict[str, Any], proxy: Proxy, seed: Seed
) -> None:
    """It does not wait for its own pause, which here is longer than the test."""
    settings = Settings.load(**{**flags, "database_emulator": proxy.address})
    transport = transports.admin_transport(settings)
    update, failed = transport.update, asyncio.Event()

    async def first_fails(changes: Any) -> None:
        try:
            await update(changes)
        except Unavailable:
            failed.set()
            raise

    # to know when to go on
    transport.submit = Submitter(first_fails).submit  # type: ignore[method-assign]
    policy = OutboxPolicy(backoff=BackoffPolicy(first=600, cap=600))
    seed("/chatSessions/-P000000000000000001", _session(1))
    async with (
        AsyncAdminChat._over(Gateway(transport, policy=policy)) as desk,
        desk.open("-P000000000000000001", peek=True) as conversation,
        aclosing(conversation.events()) as events,
    ):
        await _until_live(events)
        await proxy.refuse()
        reply = asyncio.create_task(conversation.reply("Back soon", timeout=60))
        await failed.wait()
        assert [message.text for message in desk.outbox] == ["Back soon"]
        await proxy.mend()
        await _until(events, _confirmed("Back soon"))
        assert (await reply).delivery == "confirmed"
