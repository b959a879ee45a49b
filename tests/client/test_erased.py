"""A customer whose conversation is erased while they are in it, and who starts another."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat
from imbari_chat.client.presence import presence
from imbari_chat.client.presence.announcer import Pace
from tests.client.scenarios.faces import eventually

LEAD = {"name": "Amina", "email": "amina@example.com"}


@pytest.mark.parametrize("transport", ["rest", "websocket"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_presence_is_on_in_the_next_conversation(
    flags: dict[str, Any],
    seed: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
    is_known: bool,
) -> None:
    """What the rules refuse of one that is gone says nothing of another."""
    monkeypatch.setattr(presence, "Pace", partial(Pace, retry=0.01))
    on = {**flags, "presence": True, "transport": transport}
    async with AsyncAdminChat.from_env(**on) as desk, AsyncCustomerChat.from_env(**on) as chat:

        async def is_there(session_id: str) -> None:
            while (await desk.read_presence(session_id)).of(session_id) != "online":  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.05)

        async with asyncio.timeout(60):
            first = await chat.start(**LEAD)
            await is_there(first.id)
            seed(f"/messages/{first.id}", None)
            seed(f"/chatSessions/{first.id}", None)
            if is_known:
                await chat.hide()  # which is to be said, and cannot
                await eventually(lambda: chat.status.presence == "refused")
            second = await chat.start(**LEAD)
            await chat.show()
            await is_there(second.id)
        assert chat.status.presence == "on"
