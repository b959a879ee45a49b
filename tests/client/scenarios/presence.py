"""Scenarios: who is there, who types, and who has a conversation open."""

import asyncio
from collections.abc import Callable
from typing import Any

from imbari_chat import (
    ColleaguesChanged,
    PresenceChanged,
    PresenceSnapshot,
    TypingChanged,
)
from tests.client.scenarios.faces import WAIT, Face

__all__ = ["SCENARIOS"]


async def _until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(WAIT):
        while not wanted(found := look()):  # noqa: ASYNC110  # it may be about another thread
            await asyncio.sleep(0.01)
    return found


async def a_customer_is_online_away_and_gone(face: Face) -> None:
    """As they show, minimise and leave the chat; the team sees it, and keeps nothing but when."""
    async with face.desk(presence=True) as desk:
        customer = face.customer(presence=True)
        async with customer:
            session = await customer.start(name="Amina", email="amina@example.com")
            await desk.listen()
            await _until(lambda: desk.presence.of(session.id), "online".__eq__)
            await customer.hide()
            away = await desk.wait_for(
                PresenceChanged, timeout=WAIT, where=lambda event: event.presence == "away"
            )
            assert away == PresenceChanged(session.id, "customer", "away")
            await customer.show()
            await _until(lambda: desk.presence.of(session.id), "online".__eq__)
        gone = await desk.wait_for(
            PresenceChanged, timeout=WAIT, where=lambda event: event.presence == "gone"
        )
        assert gone == PresenceChanged(session.id, "customer", "gone")
        left = face.stored("/presence/customers")[session.id]
        assert list(left) == ["at"]


async def a_customer_sees_of_the_team_whether_it_is_there(face: Face) -> None:
    """And not who; it goes without saying when one has left the desk a while ago."""
    async with face.desk(presence=True, name="Brian") as desk:
        await desk.show()
        await _until(lambda: face.stored("/presence/team"), lambda at: at is not None)
        async with face.customer(presence=True) as customer:
            session = await customer.start(name="Amina", email="amina@example.com")
            there = await customer.wait_for(PresenceChanged, timeout=WAIT)
            assert there == PresenceChanged(session.id, "admin", "online")
            assert customer.presence == PresenceSnapshot({(session.id, "admin"): "online"})
        await desk.hide()
        await _until(lambda: face.stored("/presence/admins"), lambda left: left is None)


async def each_side_sees_the_other_type(face: Face) -> None:
    """Told once for many keys, and over with the message; nobody is told of oneself."""
    async with face.desk(presence=True) as desk, face.customer(presence=True) as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        await desk.listen()
        await customer.listen()
        for _ in range(5):
            await customer.typing()
        began = await desk.wait_for(TypingChanged, timeout=WAIT)
        assert began == TypingChanged(session.id, "customer", typing=True)
        assert desk.presence.is_typing(session.id)
        await customer.send("Do you ship?")
        ended = await desk.wait_for(TypingChanged, timeout=WAIT)
        assert ended == TypingChanged(session.id, "customer", typing=False)
        async with desk.open(session.id, peek=True) as conversation:
            await conversation.typing()
            await conversation.typing()
            told = await customer.wait_for(TypingChanged, timeout=WAIT)
            assert told == TypingChanged(session.id, "admin", typing=True)
            await conversation.reply("Yes.")
            ended = await customer.wait_for(TypingChanged, timeout=WAIT)
            assert ended == TypingChanged(session.id, "admin", typing=False)


async def colleagues_see_who_has_a_conversation_open(face: Face) -> None:
    """Both ways, by name; not who only looks, nor oneself; until it is closed."""
    async with face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
    async with (
        face.desk(presence=True, name="Brian") as brian,
        face.desk(presence=True, name="Carol") as carol,
    ):
        await brian.listen()
        await carol.listen()
        async with brian.open(session.id):
            opened = await carol.wait_for(ColleaguesChanged, timeout=WAIT)
            assert [one.name for one in opened.colleagues] == ["Brian"]
            async with carol.open(session.id, peek=True) as conversation:
                await conversation.show()
                seen = await brian.wait_for(ColleaguesChanged, timeout=WAIT)
                assert [one.label for one in seen.colleagues] == ["Carol"]
                read = await brian.read_presence(session.id)
                everywhere = await brian.read_presence()
                assert read.opened == everywhere.opened
                names = {one.name for one in read.colleagues(session.id)}
                assert names == {"Carol"}
                await conversation.hide()
                seen = await brian.wait_for(ColleaguesChanged, timeout=WAIT)
                assert seen.colleagues == ()
        closed = await carol.wait_for(ColleaguesChanged, timeout=WAIT)
        assert closed == ColleaguesChanged(session.id, ())


async def presence_that_is_switched_off_says_and_hears_nothing(face: Face) -> None:
    """Nothing is written, nothing listened to, and nothing said to be wrong."""
    async with face.desk(presence=False) as desk, face.customer(presence=False) as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        await desk.listen()
        await desk.show()
        async with desk.open(session.id) as conversation:
            await conversation.typing()
            await customer.typing()
            await customer.send("Hello")
            await conversation.reply("Hi")
        await customer.hide()
        assert await desk.read_presence() == PresenceSnapshot()
        assert desk.presence == customer.presence == PresenceSnapshot()
        for chat in (desk, customer):
            assert chat.status.presence == "off"
            transport = face.gateway(chat)._transport
            assert len(transport.subscriptions) == 1
    assert face.stored("/presence") is None
    assert face.stored("/typing") is None


SCENARIOS = [
    a_customer_is_online_away_and_gone,
    a_customer_sees_of_the_team_whether_it_is_there,
    each_side_sees_the_other_type,
    colleagues_see_who_has_a_conversation_open,
    presence_that_is_switched_off_says_and_hears_nothing,
]
