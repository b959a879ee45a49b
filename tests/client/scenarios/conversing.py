"""Scenarios: a customer and an admin talk."""

import asyncio
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    Conflict,
    InvalidData,
    MessageAdded,
    NotFound,
    SessionNotFound,
)
from imbari_chat.net.submitting import Submitter
from tests.client.scenarios.faces import WAIT, Face

__all__ = ["SCENARIOS"]


async def a_conversation_goes_both_ways(face: Face) -> None:
    """From the lead form to the answer, as each side sees it."""
    async with face.customer() as customer, face.desk() as desk:
        started = await customer.start(
            name="Amina", email="amina@example.com", phone="+256 700 123456", topic="Wholesale"
        )
        assert (started.customer_name, started.topic, started.unread_count) == (
            "Amina",
            "Wholesale",
            0,
        )
        sent = await customer.send("Do you ship to Kampala?")
        assert (sent.delivery, sent.error) == ("confirmed", None)
        (listed,) = await desk.sessions()
        assert (listed.id, listed.last_message) == (started.id, "Do you ship to Kampala?")
        async with desk.open(started.id) as conversation:
            assert (conversation.id, conversation.session.unread_count) == (started.id, 1)
            reply = await conversation.reply("Every Tuesday.")
            assert (reply.delivery, reply.sender, reply.sender_uid) == (
                "confirmed",
                "admin",
                desk.uid,
            )
            told = [(one.sender, one.text) for one in await conversation.history()]
        assert told == [("customer", "Do you ship to Kampala?"), ("admin", "Every Tuesday.")]
        answer = await customer.wait_for(MessageAdded, timeout=WAIT)
        assert (answer.session_id, answer.message.id) == (started.id, reply.id)
        assert [(one.sender, one.text) for one in await customer.history()] == told
        assert [one.text for one in await customer.history(limit=1)] == ["Every Tuesday."]
        # Neither has an address: an emulator's owner, and somebody who did not sign in.
        assert (desk.account, customer.account) == (None, None)


async def a_matter_is_closed_and_taken_up_again(face: Face) -> None:
    """By the admin, and by the customer who writes again."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with desk.open(session.id, peek=True) as conversation:
            await conversation.resolve()
            assert (await desk.get_session(session.id)).is_resolved
            assert [one.id for one in await desk.sessions(status="resolved")] == [session.id]
            assert await desk.sessions(status="active") == []
            await conversation.reopen()
            assert not (await desk.get_session(session.id)).is_resolved
            await conversation.resolve()
        await customer.send("One more thing")
        assert not (await desk.get_session(session.id)).is_resolved


async def a_conversation_is_answered_without_opening_it(face: Face) -> None:
    """Nothing is marked read, and the matter is closed and taken up likewise."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        reply = await desk.reply(session.id, "Every Tuesday.")
        assert reply.delivery == "confirmed"
        assert (await desk.get_session(session.id)).unread_count == 1
        await desk.resolve(session.id)
        assert (await desk.get_session(session.id)).is_resolved
        await desk.reopen(session.id)
        assert not (await desk.get_session(session.id)).is_resolved
        assert (await customer.history())[-1] == reply
        for nowhere in (
            desk.reply("-Nowhere", "Hello"),
            desk.resolve("-Nowhere"),
            desk.reopen("-Nowhere"),
        ):
            with pytest.raises(SessionNotFound, match="-Nowhere"):
                await nowhere


async def the_inbox_is_listed_and_searched(face: Face) -> None:
    """Newest first, filtered, and by the beginning of an id."""
    async with face.customer() as amina, face.customer() as brian, face.desk() as desk:
        first = await amina.start(name="Amina", email="amina@example.com", text="Hello")
        second = await brian.start(name="Brian", email="brian@example.com")
        assert [one.id for one in await desk.sessions()] == [second.id, first.id]
        assert await desk.session_ids() == {first.id, second.id}
        assert [one.id for one in await desk.sessions(unread=True)] == [first.id]
        assert [one.id for one in await desk.sessions(limit=1)] == [second.id]
        assert await desk.find(first.id) == first.id
        assert await desk.find(_own_beginning(second.id, first.id)) == second.id
        assert (await desk.get_session(second.id)).customer_name == "Brian"


async def what_was_seen_is_marked_and_counted(face: Face) -> None:
    """All of it, up to a message, or nothing while peeking."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="One")
        second = await customer.send("Two")
        await customer.send("Three")
        async with desk.open(session.id, peek=True) as conversation:
            first, *_ = await conversation.history()
            assert [one.is_unread for one in await conversation.history()] == [True] * 3
            assert await conversation.mark_read(up_to=first) == 1
            assert (await desk.get_session(session.id)).unread_count == 2
            assert await conversation.mark_read(up_to=second.id) == 1
            assert await conversation.mark_read(up_to=second) == 0
            assert [one.is_unread for one in await conversation.history()] == [False, False, True]
        async with desk.open(session.id) as conversation:
            assert await conversation.mark_read() == 0
        assert (await desk.get_session(session.id)).unread_count == 0


async def a_reply_that_names_what_it_answers_is_taken(face: Face) -> None:
    """The message itself or its id, and each reply is the next one's last message."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with desk.open(session.id) as conversation:
            (question,) = await conversation.history()
            answer = await conversation.reply("Hello Amina", expect_last=question)
            more = await conversation.reply("How can we help?", expect_last=answer.id)
            assert (answer.delivery, more.delivery) == ("confirmed", "confirmed")


async def a_reply_to_what_is_no_longer_the_last_word_is_refused(face: Face) -> None:
    """A colleague answered first; nothing is written, nothing is left behind."""
    async with face.customer() as customer, face.desk() as desk, face.desk() as colleague:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with desk.open(session.id) as mine, colleague.open(session.id) as theirs:
            (question,) = await mine.history()
            await theirs.reply("Hello Amina")
            for seen in (question, question.id):
                with pytest.raises(Conflict, match="another message came first"):
                    await mine.reply("Hello", expect_last=seen)
            assert [one.text for one in await mine.history()] == ["Hello", "Hello Amina"]
        assert desk.outbox == ()


async def a_colleague_who_gets_in_between_is_noticed_by_the_rules(face: Face) -> None:
    """The look before the write found nothing new; the write is refused as a whole."""
    async with face.customer() as customer, face.desk() as desk, face.desk() as colleague:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with desk.open(session.id) as mine, colleague.open(session.id) as theirs:
            (question,) = await mine.history()
            transport = face.gateway(desk)._transport
            update = transport.update
            tests_loop = asyncio.get_running_loop()

            async def overtaken(changes: Any) -> None:
                answer = asyncio.run_coroutine_threadsafe(theirs.reply("I was faster"), tests_loop)
                await asyncio.wrap_future(answer)
                await update(changes)

            # to be late on purpose
            transport.submit = Submitter(overtaken).submit  # type: ignore[method-assign]
            with pytest.raises(Conflict, match="another message came first"):
                await mine.reply("Too late", expect_last=question)
            texts = [one.text for one in await mine.history()]
            assert texts == ["Hello", "I was faster"]
            assert (await desk.get_session(session.id)).last_message == "I was faster"
        assert desk.outbox == ()


async def a_customer_comes_back(face: Face) -> None:
    """The badge shows what came meanwhile, until the chat is opened."""
    async with face.desk() as desk:
        async with face.customer(remember=True) as customer:
            session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
            assert (customer.is_open, customer.session.id) == (True, session.id)
            await customer.hide()
            async with desk.open(session.id) as conversation:
                await conversation.reply("Hello Amina")
            await customer.wait_for(MessageAdded, timeout=WAIT)
            assert (customer.is_open, customer.has_new_message) == (False, True)
            uid = customer.uid
        async with face.customer(remember=True) as customer:
            (mine,) = await customer.sessions()
            await customer.resume(mine.id)
            assert customer.uid == uid
            assert customer.has_new_message
            await customer.show()
            assert (customer.is_open, customer.has_new_message) == (True, False)


async def what_cannot_be_is_refused_with_a_reason(face: Face) -> None:
    """Each kind of error, from whichever side; none of it is sent."""
    async with face.customer() as customer, face.customer() as stranger, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        for nowhere in (desk.get_session, desk.find):
            with pytest.raises(NotFound):
                await nowhere("-Nowhere")
        with pytest.raises(NotFound, match="-Nowhere"):
            async with desk.open("-Nowhere"):
                pass
        with pytest.raises(InvalidData):
            desk.open("not/an/id")
        with pytest.raises(InvalidData, match="limit"):
            await desk.sessions(limit=0)
        with pytest.raises(InvalidData, match="empty"):
            await customer.send(" ")
        with pytest.raises(InvalidData):
            await stranger.start(name="", email="amina@example.com")
        with pytest.raises(RuntimeError, match="start or resume"):
            await stranger.send("Hello")
        with pytest.raises(AccessDenied):
            await stranger.resume(session.id)
        async with desk.open(session.id) as conversation:
            with pytest.raises(InvalidData, match="2000"):
                await conversation.reply("x" * 2001)
            assert [one.text for one in await conversation.history()] == ["Hello"]


async def who_is_no_admin_is_told_so(face: Face) -> None:
    """The rules decide who is, not the class that is used."""
    async with face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
    async with face.signed_in_desk(admin=False) as nobody:
        with pytest.raises(AccessDenied):
            await nobody.sessions()
        with pytest.raises(AccessDenied):
            async with nobody.open(session.id):
                pass
    async with face.signed_in_desk(admin=True) as somebody:
        assert [one.id for one in await somebody.sessions()] == [session.id]


async def lists_are_paged_through(face: Face) -> None:
    """Down and up again, or one record at a time; all three lists."""
    async with face.customer() as amina, face.customer() as brian, face.desk() as desk:
        first = await amina.start(name="Amina", email="amina@example.com", text="One")
        second = await brian.start(name="Brian", email="brian@example.com")
        answered = await desk.sessions(since=second.last_message_time)
        assert [one.id for one in answered] == [second.id]
        inbox = desk.browse(page_size=1)
        assert [one.id for one in await inbox.older()] == [second.id]
        assert [one.id for one in await inbox.older()] == [first.id]
        assert await inbox.older() == []
        assert [one.id for one in await inbox.newer()] == [second.id]
        assert [one.id async for one in desk.browse(unread=True)] == [first.id]
        async with desk.open(first.id) as conversation:
            await conversation.reply("Two")
            texts = [one.text async for one in conversation.browse(page_size=1, start="oldest")]
            assert texts == ["One", "Two"]
        assert [one.text for one in await amina.browse(page_size=1).older()] == ["Two"]


async def a_count_that_has_drifted_is_put_right(face: Face) -> None:
    """And what was wrong is told."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        assert await desk.recount(session.id) is None
        face.seed(f"/chatSessions/{session.id}/unreadCount", 7)
        drift = await desk.recount(session.id)
        assert drift is not None
        assert (drift.counted, drift.unread) == (7, 1)
        assert (await desk.get_session(session.id)).unread_count == 1


def _own_beginning(one: str, other: str) -> str:
    """The shortest beginning of ``one`` that ``other`` does not share."""
    return next(one[:n] for n in range(1, len(one) + 1) if one[:n] != other[:n])


SCENARIOS = [
    a_conversation_goes_both_ways,
    a_matter_is_closed_and_taken_up_again,
    a_conversation_is_answered_without_opening_it,
    the_inbox_is_listed_and_searched,
    what_was_seen_is_marked_and_counted,
    a_reply_that_names_what_it_answers_is_taken,
    a_reply_to_what_is_no_longer_the_last_word_is_refused,
    a_colleague_who_gets_in_between_is_noticed_by_the_rules,
    lists_are_paged_through,
    a_count_that_has_drifted_is_put_right,
    a_customer_comes_back,
    what_cannot_be_is_refused_with_a_reason,
    who_is_no_admin_is_told_so,
]
