"""Many conversations on one connection, and many clients before one service."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from bench.crowd import crowd
from imbari_chat import AsyncAdminChat, ConnectionChanged, MessageAdded
from imbari_chat.emulator import Emulator
from tests.client.scenarios.faces import WAIT, eventually
from tests.faults.gate import Gate

CONVERSATIONS = 50
MESSAGES = 400


class Ear:
    """What one listener hears."""

    def __init__(self, events: Any) -> None:
        self.live = False
        self.texts: list[str] = []
        self.task = asyncio.create_task(self._follow(events))

    async def _follow(self, events: Any) -> None:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, ConnectionChanged):
                    self.live = event.state == "live"
                elif isinstance(event, MessageAdded):
                    self.texts.append(event.message.text)


@pytest.mark.parametrize("transport_name", ["auto"], indirect=True)
async def test_fifty_conversations_and_the_inbox_are_followed_on_one_connection(
    emulator: Emulator, flags: dict[str, Any], seed: Any
) -> None:
    """Presence too; each listener hears its own, the inbox of everything, and what is written goes
    the same way."""
    sessions = [f"-O{number:018}" for number in range(CONVERSATIONS)]
    seed("/chatSessions", {one: _session(number) for number, one in enumerate(sessions)})
    async with Gate(emulator.database_host).running() as gate:
        here = flags | {"database_emulator": gate.address, "presence": True}
        async with (
            AsyncAdminChat.from_env(**here) as desk,
            AsyncAdminChat.from_env(**flags) as colleague,
        ):
            conversations = [desk.open(one, peek=True) for one in sessions]
            inbox = Ear(desk.events(limit=CONVERSATIONS))
            ears = [Ear(one.events(history=0)) for one in conversations]
            await eventually(lambda: all(ear.live for ear in (inbox, *ears)))
            opened = set(gate.all)
            assert len(opened) == 1
            await asyncio.gather(
                *(colleague.reply(one, f"to {one}") for one in sessions),
                *(one.reply(f"in {one.id}") for one in conversations),
            )
            expected = [[f"in {one}", f"to {one}"] for one in sessions]
            await eventually(lambda: len(inbox.texts) == 2 * CONVERSATIONS)
            await eventually(lambda: all(len(ear.texts) == 2 for ear in ears))
            assert [sorted(ear.texts) for ear in ears] == expected
            assert sorted(inbox.texts) == sorted(text for texts in expected for text in texts)
            assert gate.all == opened
            for ear in (inbox, *ears):
                ear.task.cancel()
            async with asyncio.timeout(WAIT):
                await asyncio.gather(*(ear.task for ear in (inbox, *ears)), return_exceptions=True)


async def test_a_hundred_clients_in_fifty_chats_lose_double_and_reorder_nothing(
    flags: dict[str, Any],
) -> None:
    """Heard by the other side and stored; each client has a connection of its own."""
    async with crowd(CONVERSATIONS, **flags) as there:
        account = await there.play(rate=1_000, messages=MESSAGES)
    assert (account.lost, account.doubled, account.disordered) == (0, 0, 0)


def _session(number: int) -> dict[str, Any]:
    return {
        "customerName": f"Customer {number}",
        "customerEmail": "customer@example.com",
        "lastMessage": "",
        "lastMessageTime": number + 1,
        "unreadCount": 0,
        "status": "active",
    }
