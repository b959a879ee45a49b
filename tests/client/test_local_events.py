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
    SessionChanged,
    Unavailable,
)
from imbari_chat.client.events import event_stream, own_changes, own_messages
from imbari_chat.net.submitting import Submitter
from imbari_chat.net.transport import Withdraw
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

    async def away(self) -> None:
        """Wait until the outage is noticed: nothing goes into a dead connection any more."""
        await self.until(
            lambda seen: any(getattr(one, "state", None) == "reconnecting" for one in seen)
        )

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
            await listener.away()
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
            await listener.away()
            sending = asyncio.create_task(conversation.reply("Hello again", timeout=WAIT))
            await listener.until_became("Hello again", "queued")
            sending.cancel()
            await listener.until_became("Hello again", "failed")
            assert len(listener.of(MessageRemoved, "Hello again")) == 1


async def test_a_message_is_heard_before_it_is_handed_to_the_network(
    desk: AsyncAdminChat, session: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for that; who listens has its turn, then it leaves."""
    conversation = desk.open(session, peek=True)
    listener = listen(conversation.events())
    await listener.live()
    submit, heard = desk._gateway.transport.submit, []

    def noting(changes: Any, done: Any) -> Withdraw:
        heard.append(len(listener.of(MessageAdded, "Hello again")))
        return submit(changes, done)

    monkeypatch.setattr(desk._gateway.transport, "submit", noting)
    assert (await conversation.reply("Hello again")).delivery == "confirmed"
    assert heard == [1]


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


def status_and_marks(listener: Listener) -> list[tuple[str, int, bool]]:
    """What was told of the session's status and count, and whether it was pending."""
    return [
        (one.session.status, one.session.unread_count, one.pending)
        for one in listener.seen
        if isinstance(one, SessionChanged)
    ]


@pytest.fixture(params=["rest", "websocket"])
def transport_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_resolution_and_a_reading_are_seen_before_the_service_hears_of_them(
    desk: AsyncAdminChat, session: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the inbox and in the conversation; then settled by what is stored."""
    conversation = desk.open(session, peek=True)
    inbox, talk = listen(desk.events()), listen(conversation.events())
    await inbox.live()
    await talk.live()
    update = desk._gateway.transport.update

    async def later(changes: Any) -> None:
        await inbox.until(lambda _: any(one[2] for one in status_and_marks(inbox)[told:]))
        await update(changes)

    monkeypatch.setattr(desk._gateway.transport, "update", later)
    told = 0
    assert await conversation.mark_read() == 1
    await inbox.until(lambda _: status_and_marks(inbox)[-1:] == [("active", 0, False)])
    assert status_and_marks(inbox)[0] == ("active", 0, True)
    await talk.until(
        lambda _: [one.pending for one in talk.of(MessageChanged, "Hello")][-1:] == [False]
    )
    assert [one.message.read for one in talk.of(MessageChanged, "Hello")] == [True, True]
    told = len(status_and_marks(inbox))
    await desk.resolve(session)
    await inbox.until(lambda _: status_and_marks(inbox)[-1] == ("resolved", 0, False))
    assert status_and_marks(inbox)[told] == ("resolved", 0, True)


async def test_a_resolution_that_is_refused_is_seen_and_taken_back(
    emulator: Any, desk: AsyncAdminChat, session: str, listen: Listen
) -> None:
    listener = listen(desk.events())
    await listener.live()
    emulator.load_rules(READ_ONLY)
    with pytest.raises(AccessDenied):
        await desk.resolve(session)
    await listener.until(lambda _: len(status_and_marks(listener)) == 2)
    assert status_and_marks(listener) == [("resolved", 1, True), ("active", 1, False)]


async def test_what_may_have_been_done_and_never_shows_is_taken_back(
    desk: AsyncAdminChat, session: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it was, until a live stream has been silent about it."""
    monkeypatch.setattr(own_changes, "PATIENCE", 0.05)
    listener = listen(desk.events())
    await listener.live()

    async def lost(changes: Any) -> None:
        raise Unavailable("no answer", outcome_unknown=True)

    monkeypatch.setattr(desk._gateway.transport, "update", lost)
    with pytest.raises(Unavailable):
        await desk.resolve(session)
    await listener.until(lambda _: len(status_and_marks(listener)) == 2)
    assert status_and_marks(listener) == [("resolved", 1, True), ("active", 1, False)]


async def test_what_may_be_there_and_is_not_is_taken_back_from_a_busy_listener(
    flags: dict[str, Any], session: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is heard meanwhile, and however often."""
    monkeypatch.setattr(own_messages, "PATIENCE", 0.5)
    monkeypatch.setattr(event_stream, "PATIENCE", 0.5)
    async with AsyncAdminChat.from_env(**flags) as desk, AsyncAdminChat.from_env(**flags) as other:
        conversation = desk.open(session, peek=True)
        listener = listen(conversation.events())
        await listener.live()

        async def lost(changes: Any) -> None:
            raise Unavailable("no answer", outcome_unknown=True)

        async def chatter() -> None:
            while not listener.of(MessageRemoved, "Lost"):
                await other.reply(session, LAST)
                await asyncio.sleep(0.2)

        monkeypatch.setattr(desk._gateway.transport, "submit", Submitter(lost).submit)
        with pytest.raises(Unavailable):
            await conversation.reply("Lost", queue=False, timeout=0.1)
        async with asyncio.timeout(WAIT):
            await chatter()
        assert len(listener.of(MessageAdded, "Lost")) == 1
