"""Credentials that end, and streams that are sent elsewhere first, as the live service does."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from imbari_chat import (
    AsyncAdminChat,
    AsyncCustomerChat,
    ConnectionChanged,
    MessageAdded,
    strict_rules,
)
from imbari_chat.emulator import Emulator


class Clock:
    """The service's clock, which a test can move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Iterator[Emulator]:
    """An emulator that is as strict as the live service about time and place."""
    with Emulator(
        rules=strict_rules(),
        clock=clock,
        enforce_expiry=True,
        keep_alive=0.05,
        redirect_streams=True,
    ) as running:
        yield running


@pytest.fixture
def settings(service: Emulator, tmp_path: Path) -> dict[str, Any]:
    return {
        "project": service.project,
        "database_emulator": service.database_host,
        "auth_emulator": service.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
    }


@pytest.fixture
async def customer(settings: dict[str, Any]) -> AsyncIterator[AsyncCustomerChat]:
    async with AsyncCustomerChat.from_env(**settings) as chat:
        yield chat


@pytest.fixture
async def desk(settings: dict[str, Any]) -> AsyncIterator[AsyncAdminChat]:
    async with AsyncAdminChat.from_env(**settings) as chat:
        yield chat


async def test_streams_follow_the_services_redirect(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """With the credential, from either end."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    async with aclosing(desk.events()) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                break
    async with desk.open(session.id) as conversation:
        await conversation.reply("Hello Amina")
    assert (await customer.wait_for(MessageAdded, timeout=10)).message.text == "Hello Amina"


async def test_a_token_that_ends_costs_no_event_and_repeats_none(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, clock: Clock
) -> None:
    """An hour passes; the stream is revoked, and goes on with a new token."""
    session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    heard: list[str] = []
    async with aclosing(customer.events(history=50)) as events:
        async for event in events:
            if isinstance(event, MessageAdded):
                heard.append(event.message.text)
            if event == ConnectionChanged("live") and clock.ahead == 0:
                clock.ahead = 3700.0
            if isinstance(event, ConnectionChanged) and event.state == "reconnecting":
                async with desk.open(session.id) as conversation:
                    await conversation.reply("While away")
                await customer.send("And I am back")
            if {"While away", "And I am back"} <= set(heard):
                break
    # One's own is heard at once, what was missed when the stream is back.
    assert heard == ["Hello", "And I am back", "While away"]
