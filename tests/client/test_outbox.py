"""What the outbox tells, and whom: waiters, watchers, and whoever flushes while it is closed."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, CustomerChat, Unavailable
from imbari_chat.client import gateway
from imbari_chat.client.customer import SEND_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sync.portal import Portal
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.net.transport import ListenItem, Subscription
from imbari_chat.schema.events import DeliveryChanged
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.client.in_memory import ADMIN, CUSTOMER, InMemory, Silence, database
from tests.client.scenarios.faces import WAIT


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


@pytest.fixture
async def session_id(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> str:
    """A conversation somebody has started."""
    monkeypatch.setattr(gateway, "_PAUSE", 0.0)
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        return (await chat.start(name="Amina", email="amina@example.com")).id


class _Gated(InMemory):
    """Holds updates back until it is told to let them through."""

    def __init__(self, namespace: Namespace, auth: Json) -> None:
        super().__init__(namespace, auth)
        self.gate = asyncio.Event()
        self.under_way = asyncio.Event()

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.under_way.set()
        await self.gate.wait()
        await super().update(changes)


async def test_closing_ends_a_flush_that_would_wait_for_ever(
    namespace: Namespace, session_id: str
) -> None:
    """Nothing is on its way any more, delivered or not."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    await desk.reply(session_id, "Hello", timeout=0)
    flushing = asyncio.create_task(desk.flush())
    await transport.under_way.wait()
    assert not flushing.done()
    (left,) = await desk.close()
    assert left.delivery == "sent"
    assert await asyncio.wait_for(flushing, WAIT) == ()


async def test_closing_tells_watchers_what_became_of_what_is_left(
    namespace: Namespace, session_id: str
) -> None:
    """The one under way may be there; the one behind it has failed."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    first = await desk.reply(session_id, "One", timeout=0)
    second = await desk.reply(session_id, "Two", timeout=0)
    await transport.under_way.wait()
    told: list[DeliveryChanged] = []
    desk._gateway.outbox.watch(told.append)
    assert await desk.close() == (first, second)
    assert [(one.message, one.delivery) for one in told] == [(first, "sent"), (second, "failed")]
    assert all(isinstance(one.error, Unavailable) for one in told)


async def test_watchers_are_told_where_a_message_is_and_not_where_it_was_meanwhile(
    namespace: Namespace, session_id: str
) -> None:
    """A message that goes out as it is written was queued for no moment anybody could see."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    told: list[DeliveryChanged] = []
    desk._gateway.outbox.watch(told.append)
    await desk.reply(session_id, "One", timeout=0)
    second = await desk.reply(session_id, "Two", timeout=0)
    await transport.under_way.wait()
    assert [(one.message.text, one.delivery) for one in told] == [
        ("One", "sent"),
        ("Two", "queued"),
    ]
    transport.gate.set()
    await desk.flush(timeout=WAIT)
    assert [one.delivery for one in told if one.message is second] == [
        "queued",
        "sent",
        "confirmed",
    ]
    await desk.close()


async def test_a_deadline_that_comes_with_the_answer_tells_the_answer(
    namespace: Namespace, session_id: str
) -> None:
    """What was to be sent now or never, and is there, has been sent."""

    class _Late(InMemory):
        async def update(self, changes: Mapping[Path, Json]) -> None:
            await super().update(changes)
            desk._gateway.outbox._core.committed(next(iter(changes)).key or "", 0.0)
            await asyncio.Event().wait()

    desk = AsyncAdminChat._over(Gateway(_Late(namespace, ADMIN)))
    sent = await desk.reply(session_id, "Hello", timeout=0.05, queue=False)
    assert sent.delivery == "confirmed"
    await desk.close()


@pytest.mark.parametrize("text", [None, "Hello"])
async def test_a_blocking_customer_keeps_the_rules_interval(
    namespace: Namespace, text: str | None
) -> None:
    """Also after the message that went out with the start; nothing is sent to be refused."""
    transport = InMemory(namespace, CUSTOMER)

    def talk() -> None:
        client = AsyncCustomerChat._over(Gateway(transport, policy=SEND_POLICY))
        with CustomerChat._over(Portal("test"), client) as chat:
            chat.start(name="Amina", email="amina@example.com", text=text)
            for number in range(2):
                assert chat.send(f"message {number}").delivery == "confirmed"

    await asyncio.to_thread(talk)
    assert transport.updates == 3


async def test_a_conversation_that_is_left_is_not_listened_to(
    namespace: Namespace, session_id: str
) -> None:
    """Its own listener ends with it."""
    begun, told = asyncio.Event(), list[str]()

    class _Listener(Silence):
        async def __anext__(self) -> ListenItem:
            begun.set()
            await asyncio.Event().wait()
            return await super().__anext__()

        async def __aexit__(self, *how: Any) -> None:
            told.append("closed")

    class _Listened(InMemory):
        def listen(self, path: Path, *args: Any, **options: Any) -> Subscription:
            told.append(str(path))
            return _Listener()

    desk = AsyncAdminChat._over(Gateway(_Listened(namespace, ADMIN)))
    async with desk.open(session_id, peek=True) as conversation:
        listening = asyncio.create_task(conversation.listen())
        await begun.wait()
    with pytest.raises(Unavailable, match="closed"):
        await asyncio.wait_for(listening, WAIT)
    assert told == [f"/messages/{session_id}", "closed"]
    await desk.close()
