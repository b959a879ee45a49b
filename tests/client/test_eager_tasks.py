"""A loop whose tasks run as soon as they are made, as Python's own factory has it from 3.12 on."""

import asyncio
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, MessageAdded
from tests.client.scenarios.faces import WAIT, eventually

pytestmark = pytest.mark.skipif(
    not hasattr(asyncio, "eager_task_factory"), reason="this Python makes no eager tasks"
)


@pytest.fixture
async def _eager() -> Any:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # from 3.12 on
    yield
    asyncio.get_running_loop().set_task_factory(None)


@pytest.mark.usefixtures("_eager")
@pytest.mark.parametrize("outbox", ["memory", "durable"])
@pytest.mark.parametrize("transport_name", ["rest", "websocket", "auto"], indirect=True)
async def test_handlers_hear_everything_once_and_messages_arrive_in_order(
    flags: dict[str, Any], outbox: str
) -> None:
    """A task may have run before whoever made it has it."""
    answers = [f"answer {n}" for n in range(20)]
    async with (
        asyncio.timeout(WAIT),
        AsyncCustomerChat.from_env(**flags) as chat,
        AsyncAdminChat.from_env(**flags | {"outbox": outbox}) as desk,
    ):
        heard: list[tuple[str, str]] = []
        session = await chat.start(name="Amina", email="amina@example.com", text="Hello")
        for name, one in (("customer", chat), ("desk", desk)):

            @one.on(MessageAdded, sender="admin")
            async def hear(event: MessageAdded, name: str = name) -> None:
                heard.append((name, event.message.text))

        await asyncio.gather(chat.listen(), desk.listen())
        await asyncio.gather(*(desk.reply(session.id, text) for text in answers))
        assert await desk.flush(timeout=WAIT) == ()
        await eventually(lambda: len(heard) >= 2 * len(answers))
        for name in ("customer", "desk"):
            assert [text for who, text in heard if who == name] == answers
        assert [one.text for one in await chat.history()] == ["Hello", *answers]
