"""Scenarios: following what happens, by iterating, by handlers and by waiting."""

import asyncio
from contextlib import aclosing

import pytest

from imbari_chat import (
    AsyncAdminChat,
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageChanged,
    SessionAdded,
    SessionChanged,
    Unavailable,
)
from tests.client.scenarios.faces import WAIT, Face, Heard

__all__ = ["SCENARIOS"]

LIVE = ConnectionChanged("live")


def _said(events: list[ChatEvent]) -> list[str]:
    return [event.message.text for event in events if isinstance(event, MessageAdded)]


async def the_inbox_is_iterated(face: Face) -> None:
    """First what is there, then ``live``, then what happens, each message once, one's own first."""
    async with face.customer() as amina, face.customer() as brian, face.desk() as desk:
        first = await amina.start(name="Amina", email="amina@example.com", text="Before")
        seen: list[ChatEvent] = []
        async with asyncio.timeout(WAIT), aclosing(desk.events(limit=10)) as events:
            async for event in events:
                seen.append(event)
                if event == LIVE:
                    second = await brian.start(name="Brian", email="b@example.com", text="During")
                    async with desk.open(first.id) as conversation:
                        await conversation.reply("After")
                if isinstance(event, SessionChanged) and event.session.last_message == "After":
                    break
        live = seen.index(LIVE)
        assert [e.session.id for e in seen[:live] if isinstance(e, SessionAdded)] == [first.id]
        assert [e.session.id for e in seen[live:] if isinstance(e, SessionAdded)] == [second.id]
        assert _said(seen) == ["After", "During"]


async def resolving_is_told_wherever_it_happens(face: Face) -> None:
    """What was resolved before is no news; it is when it is reopened, and resolved again."""
    async with face.customer() as amina, face.customer() as brian, face.desk() as desk:
        first = await amina.start(name="Amina", email="amina@example.com", text="Hello")
        second = await brian.start(name="Brian", email="brian@example.com", text="Hello")
        await desk.resolve(first.id)
        steps = iter(
            (
                lambda: desk.resolve(second.id),
                lambda: desk.reopen(first.id),
                lambda: desk.resolve(first.id),
            )
        )
        told: list[tuple[str, str, str]] = []
        async with asyncio.timeout(WAIT), aclosing(desk.resolutions()) as changes:
            async for event in changes:
                if isinstance(event, SessionChanged):
                    one, before = event.session, event.before
                    told.append((one.id, before.status, one.status))
                elif event != LIVE:
                    continue
                step = next(steps, None)
                if step is None:
                    break
                await step()
        assert told == [
            (second.id, "active", "resolved"),
            (first.id, "resolved", "active"),
            (first.id, "active", "resolved"),
        ]


async def a_conversation_is_iterated(face: Face) -> None:
    """Its history as far as it was asked for; then what comes, is read, and becomes of replies."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Old")
        await customer.send("Question")
        seen: list[ChatEvent] = []
        async with (
            asyncio.timeout(WAIT),
            desk.open(session.id, peek=True) as conversation,
            aclosing(conversation.events(history=1)) as events,
        ):
            async for event in events:
                seen.append(event)
                if event == LIVE:
                    await conversation.reply("Answer")
                    await conversation.mark_read()
                read = [one.message.text for one in seen if isinstance(one, MessageChanged)]
                if "Question" in read:
                    break
        assert _said(seen) == ["Question", "Answer"]
        became = [one.delivery for one in seen if isinstance(one, DeliveryChanged)]
        assert became[-1:] == ["confirmed"]


async def the_customers_end_is_iterated(face: Face) -> None:
    """Both sides' messages."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Old")
        seen: list[ChatEvent] = []
        async with asyncio.timeout(WAIT), aclosing(customer.events(history=1)) as events:
            async for event in events:
                seen.append(event)
                if event == LIVE:
                    async with desk.open(session.id) as conversation:
                        await conversation.reply("Answer")
                if _said(seen)[-1:] == ["Answer"]:
                    break
        assert _said(seen) == ["Old", "Answer"]


async def handlers_get_the_events_they_asked_for(face: Face) -> None:
    """By kind, by side and by any other condition; at all three places that can be listened to."""
    async with face.customer() as customer, face.desk() as desk:
        heard = {name: Heard() for name in ("all", "customer's", "urgent", "here", "answers")}
        desk.on(MessageAdded)(heard["all"])
        desk.on(MessageAdded, sender="customer")(heard["customer's"])
        desk.on(MessageAdded, where=lambda event: "urgent" in event.message.text)(heard["urgent"])
        await desk.listen()
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        customer.on(MessageAdded, sender="admin")(heard["answers"])
        async with desk.open(session.id) as conversation:
            conversation.on(MessageAdded, sender="customer")(heard["here"])
            await conversation.listen()
            await customer.send("This is urgent")
            await conversation.reply("At once")
            await heard["all"].until(3)
            await heard["customer's"].until(2)  # handlers are called one after the other
            await heard["urgent"].until(1)
            await heard["here"].until(1)
            await heard["answers"].until(1)
        # One's own reply does not wait for what the others' are read from.
        assert {name: sorted(one.texts) for name, one in heard.items()} == {
            "all": ["At once", "Hello", "This is urgent"],
            "customer's": ["Hello", "This is urgent"],
            "urgent": ["This is urgent"],
            "here": ["This is urgent"],
            "answers": ["At once"],
        }


async def a_handler_registered_before_entering_hears_from_the_beginning(face: Face) -> None:
    """Entering begins to listen; registering gives the function back as it was."""
    async with face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        desk, heard = face.desk(), Heard()
        assert desk.on(SessionAdded)(heard) is heard
        async with desk:
            (added,) = await heard.until(1)
            assert added.session.id == session.id


async def a_handler_may_call_back(face: Face) -> None:
    """A bot: each question is answered from within the handler."""
    async with face.customer() as customer, face.desk() as desk:

        async def answer(event: MessageAdded) -> None:
            async with desk.open(event.session_id) as conversation:
                await conversation.reply(f"You said: {event.message.text}")

        desk.on(MessageAdded, sender="customer")(face.handler(answer))
        await desk.listen()
        await customer.start(name="Amina", email="amina@example.com", text="One")
        await customer.send("Two")
        for expected in ("You said: One", "You said: Two"):
            event = await customer.wait_for(MessageAdded, timeout=WAIT, sender="admin")
            assert event.message.text == expected


async def waiting_finds_what_is_waited_for(face: Face) -> None:
    """Each event once, those passed over are gone, and what does not come is an error."""
    async with face.customer() as customer, face.desk() as desk:
        await desk.listen()
        session = await customer.start(name="Amina", email="amina@example.com", text="One")
        await customer.send("Two")
        await customer.send("Three")
        two = await desk.wait_for(
            MessageAdded, timeout=WAIT, where=lambda event: event.message.text == "Two"
        )
        three = await desk.wait_for(MessageAdded, timeout=WAIT, sender="customer")
        assert [two.message.text, three.message.text] == ["Two", "Three"]
        async with desk.open(session.id) as conversation:
            await conversation.listen()
            await conversation.reply("Answer")
            said = await conversation.wait_for(MessageAdded, timeout=WAIT)
            assert said.message.text == "Answer"
            with pytest.raises(Unavailable, match="MessageAdded"):
                await conversation.wait_for(MessageAdded, timeout=0.05, sender="customer")
        with pytest.raises(Unavailable, match="SessionAdded"):
            await customer.wait_for(SessionAdded, timeout=0.05)
        await desk.wait_for(
            SessionChanged,
            timeout=WAIT,
            where=lambda event: event.session.last_message == "Answer",
        )


async def waiting_for_the_end_ends_with_it(face: Face) -> None:
    """Of all three, without an error, when the client is closed elsewhere."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        await desk.listen()
        async with desk.open(session.id) as conversation:
            await conversation.listen()
            ends = [
                asyncio.create_task(one.wait_closed()) for one in (conversation, desk, customer)
            ]
            await asyncio.sleep(0.05)  # most likely they wait; if not, they are not kept waiting
            await desk.close()
            await customer.close()
            async with asyncio.timeout(WAIT):
                await asyncio.gather(*ends)


async def what_iterates_ends_when_the_client_is_closed(face: Face) -> None:
    """Quietly, as a closed file has no more lines; leaving the block afterwards is fine."""
    async with face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        for place in ("inbox", "conversation"):
            desk: AsyncAdminChat = face.desk()
            async with desk, asyncio.timeout(WAIT), desk.open(session.id) as conversation:
                events = desk.events() if place == "inbox" else conversation.events()
                async with aclosing(events):
                    async for event in events:
                        if event == LIVE:
                            await desk.close()


SCENARIOS = [
    the_inbox_is_iterated,
    resolving_is_told_wherever_it_happens,
    a_conversation_is_iterated,
    the_customers_end_is_iterated,
    handlers_get_the_events_they_asked_for,
    a_handler_registered_before_entering_hears_from_the_beginning,
    a_handler_may_call_back,
    waiting_finds_what_is_waited_for,
    waiting_for_the_end_ends_with_it,
    what_iterates_ends_when_the_client_is_closed,
]
