"""What one writes is heard by one's own listeners at once, and settled or taken back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    ImbariError,
    MessageAdded,
    MessageChanged,
    MessageRemoved,
    OutgoingMessage,
)
from imbari_chat.net.submitting import Submitter
from tests.client.scenarios.faces import WAIT, Face, eventually
from tests.faults.proxy import Proxy

LAST = "What the stream tells after all others"
READ_ONLY = """{"rules": {
  ".read": true, ".write": false, "messages": {"$session": {".indexOn": "timestamp"}},
  "chatSessions": {".indexOn": "lastMessageTime"}
}}"""


class Listener:
    """Takes events in the background, and waits for what they come to."""

    def __init__(self, events: Any) -> None:
        self.seen: list[ChatEvent] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._follow(events))

    async def _follow(self, events: Any) -> None:
        async with aclosing(events):
            async for event in events:
                self.seen.append(event)
                self._changed.set()

    async def until(self, condition: Callable[[list[ChatEvent]], object]) -> None:
        """Wait until ``condition`` holds of what has been heard."""
        async with asyncio.timeout(WAIT):
            while not condition(self.seen):
                self._changed.clear()
                await self._changed.wait()

    async def live(self) -> None:
        await self.until(lambda seen: ConnectionChanged("live") in seen)

    def of(self, kind: type[Any], text: str) -> list[Any]:
        """Events of this kind about the message with this text."""
        return [one for one in self.seen if isinstance(one, kind) and one.message.text == text]

    async def until_heard(self, text: str) -> None:
        """Wait until it was added, by whomever."""
        await self.until(lambda _: self.of(MessageAdded, text))

    async def until_became(self, text: str, delivery: str) -> None:
        """Wait until this was the last that was told of its delivery."""
        await self.until(lambda _: self.became(text)[-1:] == [delivery])

    def became(self, text: str) -> list[str]:
        """Each delivery that was told of it."""
        return [one.delivery for one in self.of(DeliveryChanged, text)]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[Any], Listener]]:
    """A maker of listeners."""
    made: list[Listener] = []

    def make(events: Any) -> Listener:
        made.append(Listener(events))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


Listen = Callable[[Any], Listener]


async def test_a_reply_is_heard_while_the_network_is_away_and_settled_when_it_is_back(
    face: Face, listen: Listen
) -> None:
    """Once, in the conversation and in the inbox; the time becomes the server's by itself."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with face.desk(database_emulator=proxy.address) as desk:
            conversation = desk.open(session.id, peek=True)
            listeners = [listen(conversation.events()), listen(desk.events())]
            for one in listeners:
                await one.live()
            await proxy.refuse()
            written = await conversation.reply("Hello", timeout=0)
            for one in listeners:
                await one.until_heard("Hello")
                (added,) = one.of(MessageAdded, "Hello")
                assert isinstance(added.message, OutgoingMessage)
                assert added.message == written
                assert added.message.delivery in ("queued", "sent")
            await proxy.mend()
            desk.reconnect_now()
            for one in listeners:
                await one.until_became("Hello", "confirmed")
            (stored,) = await customer.history()
            await eventually(lambda: written.timestamp == stored.timestamp)
            await customer.send(LAST)
            for one in listeners:
                await one.until_heard(LAST)
                assert len(one.of(MessageAdded, "Hello")) == 1
                assert one.of(MessageChanged, "Hello") == one.of(MessageRemoved, "Hello") == []


async def test_what_the_rules_refuse_is_heard_and_taken_back(face: Face, listen: Listen) -> None:
    """Added, removed, failed; the call raises all the same."""
    async with face.customer() as customer:
        await customer.start(name="Amina", email="amina@example.com")
        listener = listen(customer.events())
        await listener.live()
        face.emulator.load_rules(READ_ONLY)
        with pytest.raises(AccessDenied):
            await customer.send("Hello")
        await listener.until_became("Hello", "failed")
        about = [one for one in listener.seen if isinstance(one, MessageAdded | MessageRemoved)]
        assert [type(one) for one in about] == [MessageAdded, MessageRemoved]
        failed = listener.of(DeliveryChanged, "Hello")[-1]
        assert listener.seen.index(failed) == listener.seen.index(about[-1]) + 1
        assert isinstance(failed.error, AccessDenied)


async def test_whoever_cannot_wait_takes_back_what_was_heard(face: Face, listen: Listen) -> None:
    """With ``queue=False`` nothing goes out later, so nothing is shown either."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with face.desk(database_emulator=proxy.address) as desk:
            conversation = desk.open(session.id, peek=True)
            listener = listen(conversation.events())
            await listener.live()
            await proxy.refuse()
            with pytest.raises(ImbariError):
                await conversation.reply("Hello", queue=False)
            await listener.until_became("Hello", "failed")
            assert len(listener.of(MessageRemoved, "Hello")) == 1


async def test_a_call_that_is_interrupted_takes_back_what_was_heard(
    emulator: Any, flags: dict[str, Any], session: str, listen: Listen
) -> None:
    """Nobody holds the message any more, and it is not sent."""
    async with Proxy(emulator.database_host) as proxy:
        flags = flags | {"database_emulator": proxy.address}
        async with AsyncAdminChat.from_env(**flags) as desk:
            conversation = desk.open(session, peek=True)
            listener = listen(conversation.events())
            await listener.live()
            await proxy.refuse()
            sending = asyncio.create_task(conversation.reply("Hello again", timeout=WAIT))
            await listener.until_became("Hello again", "queued")
            sending.cancel()
            await listener.until_became("Hello again", "failed")
            assert len(listener.of(MessageRemoved, "Hello again")) == 1


async def test_a_message_is_heard_before_anything_is_asked_of_the_network(
    desk: AsyncAdminChat, session: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update is held back for as long as nobody has heard of it."""
    conversation = desk.open(session, peek=True)
    listener = listen(conversation.events())
    await listener.live()
    update = desk._gateway.transport.update

    async def later(changes: Any) -> None:
        await listener.until_heard("Hello again")
        await update(changes)

    monkeypatch.setattr(desk._gateway.transport, "submit", Submitter(later).submit)
    assert (await conversation.reply("Hello again")).delivery == "confirmed"
    assert len(listener.of(MessageAdded, "Hello again")) == 1


async def test_a_listener_that_comes_later_hears_what_is_on_its_way_after_the_history(
    emulator: Any, flags: dict[str, Any], session: str, listen: Listen, monkeypatch: Any
) -> None:
    """What was written before it began, and is not stored yet."""
    async with AsyncAdminChat.from_env(**flags) as desk:
        conversation = desk.open(session, peek=True)
        go, update = asyncio.Event(), desk._gateway.transport.update

        async def later(changes: Any) -> None:
            await go.wait()
            await update(changes)

        monkeypatch.setattr(desk._gateway.transport, "submit", Submitter(later).submit)
        await conversation.reply("On its way", timeout=0)
        listener = listen(conversation.events())
        await listener.live()
        texts = [one.message.text for one in listener.seen if isinstance(one, MessageAdded)]
        assert texts == ["Hello", "On its way"]
        go.set()
        await listener.until_became("On its way", "confirmed")
        await conversation.reply("Stored after it")
        assert len(listener.of(MessageAdded, "On its way")) == 1
