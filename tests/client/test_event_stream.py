"""Events of a stream, and in between what becomes of the messages written here."""

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from imbari_chat.client.events.event_stream import with_deliveries
from imbari_chat.client.gateway import Gateway
from imbari_chat.schema.events import ChatEvent, DeliveryChanged
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from tests.client.in_memory import ADMIN, InMemory, database
from tests.client.scenarios.faces import WAIT

HERE, ELSEWHERE = SessionId("-Here"), SessionId("-Elsewhere")


async def _silence() -> AsyncGenerator[list[ChatEvent], None]:
    await asyncio.Event().wait()
    yield []


def _sent(session_id: SessionId) -> DeliveryChanged:
    return DeliveryChanged(session_id, cast("OutgoingMessage", None), "sent")


@pytest.mark.parametrize(
    ("session_id", "told"), [(HERE, [HERE]), (ELSEWHERE, [ELSEWHERE]), (None, [ELSEWHERE, HERE])]
)
async def test_a_conversation_is_told_of_its_own_messages_and_the_inbox_of_all(
    session_id: SessionId | None, told: list[SessionId]
) -> None:
    """Whoever stops iterating is told no more, and is not held by the client."""
    gateway = Gateway(InMemory(database(), ADMIN))
    events = with_deliveries(gateway, _silence(), session_id)
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for watcher in list(gateway.outbox._watchers):
        watcher(_sent(ELSEWHERE))
        watcher(_sent(HERE))
    given = [await asyncio.wait_for(first, WAIT)]
    given += [await asyncio.wait_for(anext(events), WAIT) for _ in told[1:]]
    assert given == [_sent(one) for one in told]
    await events.aclose()
    assert gateway.outbox._watchers == []
    assert gateway.patient._watchers == []
    await gateway.close()
