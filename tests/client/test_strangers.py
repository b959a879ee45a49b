"""Somebody else answers for a moment; afterwards everything is as if nobody had."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, ConnectionChanged, CustomerChat
from imbari_chat.emulator import Emulator
from imbari_chat.errors import Unavailable
from tests.client.scenarios.faces import WAIT
from tests.strangers import STRANGERS, Relay, Stranger

LEAD = {"name": "Amina", "email": "amina@example.com"}

pytestmark = [
    pytest.mark.drawn,
    pytest.mark.parametrize("who", STRANGERS, ids=lambda one: f"{one.status}-{one.name}"),
]


@pytest.fixture
def database(emulator: Emulator) -> Iterator[Relay]:
    with Relay(emulator.database_host) as running:
        yield running


@pytest.fixture
def sign_in_service(emulator: Emulator) -> Iterator[Relay]:
    with Relay(emulator.auth_host) as running:
        yield running


@pytest.fixture
def through(flags: dict[str, Any], database: Relay, sign_in_service: Relay) -> dict[str, Any]:
    return {
        **flags,
        "database_emulator": database.address,
        "auth_emulator": sign_in_service.address,
    }


async def live(events: AsyncIterator[Any]) -> None:
    async with asyncio.timeout(WAIT):
        async for event in events:
            if event == ConnectionChanged("live"):
                return


async def test_a_listener_goes_on_and_a_message_arrives_once(
    who: Stranger, through: dict[str, Any], database: Relay, session: str
) -> None:
    """The stranger answers the stream, the message and every look for it."""
    async with (
        AsyncAdminChat.from_env(**through) as desk,
        desk.open(session, peek=True) as conversation,
        aclosing(conversation.events(history=0)) as events,
    ):
        await live(events)
        database.answer = who.raw
        database.cut()
        sending = asyncio.create_task(conversation.reply("Hello Amina", timeout=WAIT))
        while not sending.done() and database.answered < 4:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)
        database.answer = None
        desk.reconnect_now()
        assert (await sending).delivery == "confirmed"
        await live(events)
        texts = [one.text for one in await conversation.history()]
    # What says to a silent write what the service says is believed, if it is asked over REST.
    assert texts.count("Hello Amina") in ({0, 1} if who.silent else {1})


async def test_a_remembered_customer_is_remembered_afterwards(
    who: Stranger, through: dict[str, Any], sign_in_service: Relay
) -> None:
    """The stranger answers for the sign-in service: nobody new is made of it."""
    async with AsyncCustomerChat.from_env(remember=True, **through) as chat:
        await chat.start(**LEAD, text="Hello")
        uid = chat.uid
    sign_in_service.answer = who.raw
    with pytest.raises(Unavailable):
        await AsyncCustomerChat.from_env(remember=True, **through).__aenter__()
    sign_in_service.answer = None
    async with AsyncCustomerChat.from_env(remember=True, **through) as chat:
        await chat.start(**LEAD, text="Hello again")
        assert chat.uid == uid


def test_a_blocking_customer_waits_for_the_service(
    who: Stranger, through: dict[str, Any], database: Relay
) -> None:
    """The other face: the message is kept, and confirmed when the service is back."""
    if who.silent:
        pytest.skip("it says what the service says to a silent write")
    with CustomerChat.from_env(**through) as chat:
        chat.start(**LEAD, text="Hello")
        database.answer = who.raw
        database.cut()
        sent = chat.send("Are you there?", timeout=0.3)
        assert sent in chat.outbox
        database.answer = None
        assert chat.flush(timeout=WAIT) == ()
        assert sent.delivery == "confirmed"
        assert [one.text for one in chat.history()].count("Are you there?") == 1
