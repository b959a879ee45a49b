"""Scenarios: messages on their way, and what the client says of itself meanwhile."""

import asyncio
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, DeliveryChanged, NotFound, OutgoingMessage, Unavailable
from tests.client.scenarios.faces import WAIT, Face, break_line, eventually
from tests.faults.proxy import Proxy

__all__ = ["SCENARIOS"]


async def a_reply_in_an_outage_waits_and_goes_out(face: Face) -> None:
    """Queued and visible, in order; delivered when the network is back, and told so."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with (
            face.desk(database_emulator=proxy.address) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.listen()
            assert desk.status.state == "live"
            await break_line(proxy, desk)
            first = await conversation.reply("One", timeout=0.2)
            second = await conversation.reply("Two", timeout=0)
            await eventually(
                lambda: [one.delivery for one in (first, second)] == ["queued", "queued"]
            )
            assert desk.outbox == (first, second)
            assert (await desk.flush(timeout=0.05)) == (first, second)
            with pytest.raises(Unavailable) as caught:
                await conversation.reply("Never", timeout=0.5, queue=False)
            assert not caught.value.outcome_unknown
            await proxy.mend()
            desk.reconnect_now()
            assert await desk.flush(timeout=WAIT) == ()
            assert [one.delivery for one in (first, second)] == ["confirmed", "confirmed"]
            told: list[Any] = []
            while [one.delivery for one in told].count("confirmed") < 2:
                told.append(await conversation.wait_for(DeliveryChanged, timeout=WAIT))
            assert [one.message.text for one in told if one.delivery == "confirmed"] == [
                "One",
                "Two",
            ]
            assert [one.text for one in await conversation.history()] == ["Hello", "One", "Two"]


async def a_message_that_waits_is_held_released_or_dropped(face: Face) -> None:
    """Whoever is held keeps those behind it; whoever is dropped is not sent, and the others go."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with (
            face.desk(database_emulator=proxy.address) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.listen()
            await break_line(proxy, desk)
            kept, dropped, last = [
                await conversation.reply(text, timeout=0) for text in ("Kept", "Dropped", "Last")
            ]
            await desk.hold(kept.id)
            await eventually(lambda: kept.delivery == "held")  # a try may be under way
            await desk.drop(dropped.id)
            assert desk.outbox == (kept, last)
            assert await desk.refused() == ()
            await proxy.mend()
            desk.reconnect_now()
            with pytest.raises(NotFound):
                await desk.hold(dropped.id)
            await desk.release(kept.id)
            assert await desk.flush(timeout=WAIT) == ()
            assert [one.text for one in await conversation.history()] == ["Hello", "Kept", "Last"]


async def a_customers_message_in_an_outage_waits_and_goes_out(face: Face) -> None:
    """The same from the other side; the rules' interval is kept."""
    async with (
        Proxy(face.emulator.database_host) as proxy,
        face.customer(database_emulator=proxy.address) as customer,
    ):
        await customer.start(name="Amina", email="amina@example.com")
        await customer.listen()
        await break_line(proxy, customer)
        message = await customer.send("Anybody there?", timeout=0)
        assert customer.outbox == (message,)
        await customer.hold(message.id)
        await eventually(lambda: message.delivery == "held")
        unwanted = await customer.send("Never mind", timeout=0)
        await customer.drop(unwanted.id)
        assert await customer.refused() == ()
        await customer.release(message.id)
        assert customer.outbox == (message,)
        with pytest.raises(Unavailable):
            await customer.send("Never", timeout=0.5, queue=False)
        await proxy.mend()
        customer.reconnect_now()
        assert await customer.flush(timeout=WAIT) == ()
        assert message.delivery == "confirmed"
        assert [one.text for one in await customer.history()] == ["Anybody there?"]


async def a_client_says_how_it_is(face: Face) -> None:
    """Idle, live, away with the reason, live again at once when told, and closed."""
    async with Proxy(face.emulator.database_host) as proxy:
        async with face.desk(database_emulator=proxy.address) as desk:
            assert (desk.status.state, desk.status.alive, desk.status.listeners) == (
                "idle",
                True,
                0,
            )
            await desk.listen()
            live = desk.status
            assert (live.state, live.alive, live.listeners, live.queued) == ("live", True, 1, 0)
            assert live.last_heard is not None
            await proxy.refuse()
            await eventually(lambda: desk.status.retry_in is not None)
            away = desk.status
            assert (away.state, away.alive) == ("reconnecting", False)
            assert away.reason
            await proxy.mend()
            desk.reconnect_now()
            await eventually(lambda: desk.status.alive)
        assert (desk.status.state, desk.status.alive) == ("closed", False)
        async with face.customer() as customer:
            await customer.start(name="Amina", email="amina@example.com")
            await customer.listen()
            assert customer.status.alive
        assert customer.status.state == "closed"


async def closing_twice_is_fine_and_later_calls_are_errors(face: Face) -> None:
    """From whichever state, and nothing hangs."""
    unused = face.desk()
    assert await unused.close() == ()
    assert await unused.close() == ()
    async with face.desk() as desk, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with desk.open(session.id) as conversation:
            for _ in range(2):
                assert await desk.close() == ()
                assert await customer.close() == ()
            async with asyncio.timeout(WAIT):
                for call in (
                    desk.sessions(),
                    conversation.reply("Hello"),
                    conversation.history(),
                    conversation.wait_for(DeliveryChanged, timeout=WAIT),
                    customer.send("Hello"),
                ):
                    with pytest.raises((RuntimeError, Unavailable), match="closed"):
                        await call


async def leaving_with_undelivered_messages_is_an_error(face: Face) -> None:
    """Unless another one is under way; ``close`` gives the messages back instead."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")

        async def write(desk: AsyncAdminChat) -> OutgoingMessage:
            async with desk.open(session.id, peek=True) as conversation:
                await proxy.refuse()
                return await conversation.reply("Lost", timeout=0)

        through = face.desk(database_emulator=proxy.address)
        with pytest.raises(Unavailable, match="1 message undelivered") as caught:
            async with through as desk:
                left = await write(desk)
        assert left.id in str(caught.value)
        assert "Lost" not in str(caught.value)
        assert isinstance(left.error, Unavailable)
        assert left.error.outcome_unknown == (left.delivery == "sent")
        await proxy.mend()
        with pytest.raises(NotFound):  # noqa: PT012  # what leaving does is the point
            async with face.desk(database_emulator=proxy.address) as desk:
                await write(desk)
                raise NotFound("something else")
        await proxy.mend()
        async with face.desk(database_emulator=proxy.address) as desk:
            given_back = await write(desk)
            assert await desk.close() == (given_back,)
        # Each try through a cut connection may have gone out, and only that one may be there.
        lost = [one for one in await customer.history() if one.text == "Lost"]
        assert not {one.id for one in lost} & {
            one.id for one in (left, given_back) if one.delivery == "failed"
        }


SCENARIOS = [
    a_reply_in_an_outage_waits_and_goes_out,
    a_message_that_waits_is_held_released_or_dropped,
    a_customers_message_in_an_outage_waits_and_goes_out,
    a_client_says_how_it_is,
    closing_twice_is_fine_and_later_calls_are_errors,
    leaving_with_undelivered_messages_is_an_error,
]
