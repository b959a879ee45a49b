"""Scenarios: colleagues share conversations, and customers notice nothing of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    Conflict,
    InvalidData,
    NotFound,
    SessionNotFound,
    TeamSnapshot,
)
from tests.client.scenarios.faces import WAIT, Face

__all__ = ["SCENARIOS"]

AMINA = {"name": "Amina Nakato", "email": "amina@example.com"}


def colleagues(face: Face) -> tuple[AsyncAdminChat, AsyncAdminChat]:
    """Two admins whom the rules tell apart."""
    one = face.signed_in_desk(admin=True)
    return one, face.desk(name="Noor")


async def a_conversation_is_claimed_handed_over_and_put_down(face: Face) -> None:
    """And never taken from a colleague who is not named."""
    brian, noor = colleagues(face)
    async with face.customer() as customer, brian, noor:
        session = await customer.start(**AMINA)
        taken = await noor.team.claim(session.id)
        assert (taken.to, taken.by, taken.label) == (noor.uid, noor.uid, "Noor")
        assert await noor.team.claim(session.id) == (await brian.team.read()).assignment_of(
            session.id
        )
        for refused in (
            brian.team.claim(session.id),
            brian.team.assign(session.id, "somebody"),
            brian.team.assign(session.id, "somebody", instead_of="else"),
            brian.team.unassign(session.id),
        ):
            with pytest.raises(Conflict, match="Noor has this conversation"):
                await refused
        mine = await brian.team.claim(session.id, instead_of=noor.uid)
        assert (mine.to, mine.taken_from) == (brian.uid, noor.uid)
        assert noor.uid is not None
        handed = await brian.team.assign(session.id, noor.uid, name="Noor")
        assert (handed.to, handed.by, handed.label) == (noor.uid, brian.uid, "Noor")
        await noor.team.unassign(session.id)
        await noor.team.unassign(session.id)
        assert (await noor.team.read(session.id)).assignment_of(session.id) is None
        assert (await brian.team.claim(session.id)).taken_from is None


async def of_two_who_claim_at_once_one_has_it(face: Face) -> None:
    """The look before the write found nobody; the rules find the colleague."""
    brian, noor = colleagues(face)
    async with face.customer() as customer, brian, noor:
        session = await customer.start(**AMINA)
        transport = face.gateway(brian)._transport
        update = transport.update
        tests_loop = asyncio.get_running_loop()

        async def overtaken(changes: Any) -> None:
            claim = asyncio.run_coroutine_threadsafe(noor.team.claim(session.id), tests_loop)
            await asyncio.wrap_future(claim)
            await update(changes)

        transport.update = overtaken  # type: ignore[method-assign]  # to be late on purpose
        with pytest.raises(Conflict, match="Noor has this conversation"):
            await brian.team.claim(session.id)
        held = (await noor.team.read()).assignment_of(session.id)
        assert held is not None
        assert held.to == noor.uid


async def what_is_noted_no_customer_reads(face: Face) -> None:
    """Colleagues do, in order and by name, and may take it away."""
    brian, noor = colleagues(face)
    async with face.customer() as customer, brian, noor:
        session = await customer.start(**AMINA, text="Hello")
        first = await noor.team.add_note(session.id, "Calls on Mondays")
        second = await brian.team.add_note(session.id, "Pays late")
        read = await brian.team.notes(session.id)
        assert [(one.text, one.author) for one in read] == [
            ("Calls on Mondays", "Noor"),
            ("Pays late", brian.uid),
        ]
        assert [one.id for one in read] == [first.id, second.id]
        await brian.team.delete_note(session.id, first.id)
        assert [one.id for one in await noor.team.notes(session.id)] == [second.id]
        with pytest.raises(NotFound, match="no note"):
            await brian.team.delete_note(session.id, first.id)
        with pytest.raises(InvalidData, match="a note"):
            await noor.team.add_note(session.id, "x" * 2001)
        assert [one.text for one in await customer.history()] == ["Hello"]
        stranger = face.gateway(customer)._transport
        for root in ("adminNotes", "assignments", "labels", "snoozes", "blocks", "cannedReplies"):
            path = _path(f"/{root}/{session.id}")
            with pytest.raises(AccessDenied):
                await _on_loop_of(face, customer, stranger.get(path))


async def labels_are_added_and_taken_away(face: Face) -> None:
    """Several at once, beside a colleague's, and in one spelling."""
    brian, noor = colleagues(face)
    async with face.customer() as customer, brian, noor:
        session = await customer.start(**AMINA)
        await brian.team.label(session.id, ["Wholesale", "  very   urgent "])
        await noor.team.label(session.id, "vip")
        labels = (await noor.team.read(session.id)).labels_of(session.id)
        assert labels == ("very urgent", "vip", "wholesale")
        await noor.team.unlabel(session.id, ["WHOLESALE", "never had"])
        labels = (await brian.team.read()).labels_of(session.id)
        assert labels == ("very urgent", "vip")
        await noor.team.label(session.id, [])
        assert (await noor.team.read(session.id)).labels[session.id].by == noor.uid
        for wrong in ("", "a/b", "x" * 41):
            with pytest.raises(InvalidData, match="cannot be a label"):
                await noor.team.label(session.id, wrong)


async def a_snoozed_conversation_comes_back_when_its_customer_writes(face: Face) -> None:
    """Not when a colleague answers; and at its time, or when it is woken."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(**AMINA, text="Hello")
        later = datetime.now(UTC) + timedelta(hours=1)
        snooze = await desk.team.snooze(session.id, later)
        assert snooze.until == int(later.timestamp() * 1000)
        await desk.reply(session.id, "We are looking into it.")
        assert await _snoozed(desk, session.id)
        await customer.send("Thank you")
        assert not await _snoozed(desk, session.id)
        await desk.team.snooze(session.id, later)
        assert await _snoozed(desk, session.id)
        await desk.team.unsnooze(session.id)
        assert not await _snoozed(desk, session.id)
        with pytest.raises(InvalidData, match="passed"):
            await desk.team.snooze(session.id, 1)


async def who_is_blocked_cannot_write_until_the_block_ends(face: Face) -> None:
    """By the server's clock, or because it is lifted; with a reason for colleagues."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(**AMINA)
        block = await desk.team.block(session.id, "Shouts")
        assert (block.uid, block.reason, block.until) == (session.customer_uid, "Shouts", None)
        assert (await desk.team.read(session.id)).block_of(session) is not None
        with pytest.raises(AccessDenied):
            await customer.send("Hello?")
        await desk.team.unblock(session.id)
        assert (await customer.send("Hello")).delivery == "confirmed"
        with pytest.raises(InvalidData, match="a reason"):
            await desk.team.block(session.id, " ")
        later = datetime.now(UTC) + timedelta(hours=1)
        await desk.team.block(session.id, "For a while", until=later)
        with pytest.raises(AccessDenied):
            await customer.send("Too early")
        face.seed(f"/blocks/{session.customer_uid}/until", 1)
        assert (await customer.send("At last")).delivery == "confirmed"
        assert (await desk.team.read()).block_of(session) is None
        with pytest.raises(InvalidData, match="passed"):
            await desk.team.block(session.id, "Too late", until=1)
        walk_in = {"customerName": "W", "customerEmail": "w@example.com", "lastMessage": ""}
        face.seed("/chatSessions/-Wwwwwwwwwwwwwwwwwww", walk_in)
        with pytest.raises(InvalidData, match="not signed in"):
            await desk.team.block("-Wwwwwwwwwwwwwwwwwww", "Shouts")


async def replies_are_kept_ready_and_filled(face: Face) -> None:
    """With the customer's name and the admin's; a placeholder of nothing is told early."""
    async with face.customer() as customer, face.desk(name="Noor") as desk:
        session = await customer.start(**AMINA)
        kept = await desk.team.save_canned_reply("hi", "Hello {first_name}, {admin} here.")
        assert (kept.name, kept.by) == ("hi", desk.uid)
        await desk.team.save_canned_reply("shipped", "On its way")
        assert [one.name for one in await desk.team.canned_replies()] == ["hi", "shipped"]
        assert await desk.team.fill("/hi", session.id) == "Hello Amina, Noor here."
        await desk.team.delete_canned_reply("hi")
        for gone in (desk.team.fill("hi", session.id), desk.team.delete_canned_reply("hi")):
            with pytest.raises(NotFound, match="no canned reply 'hi'"):
                await gone
        with pytest.raises(InvalidData, match=r"\{nmae\} stands for nothing"):
            await desk.team.save_canned_reply("oops", "Hello {nmae}")
        await desk.team.save_canned_reply("topic", "About {topic}:")
        with pytest.raises(InvalidData, match=r"nothing for \{topic\}"):
            await desk.team.fill("topic", session.id)


async def a_conversation_that_was_read_is_marked_unread(face: Face) -> None:
    """By one message, which counts; not twice, nor where the customer said nothing."""
    async with face.customer() as customer, face.desk() as desk:
        session = await customer.start(**AMINA)
        assert not await desk.mark_unread(session.id)
        await customer.send("Hello")
        assert not await desk.mark_unread(session.id)
        async with desk.open(session.id) as conversation:
            assert await desk.mark_unread(session.id)
            assert not await desk.mark_unread(session.id)
            assert (await desk.get_session(session.id)).unread_count == 1
            assert [one.is_unread for one in await conversation.history()] == [True]
            assert await conversation.mark_read() == 1
        assert await desk.recount(session.id) is None
        with pytest.raises(SessionNotFound):
            await desk.mark_unread("-Nowhere")


async def what_the_team_keeps_is_followed(face: Face) -> None:
    """As it is, and whenever it changes, whoever changes it."""
    async with face.customer() as customer, face.desk() as desk, face.desk() as colleague:
        session = await customer.start(**AMINA)
        await colleague.team.claim(session.id)
        async with (
            aclosing(desk.team.follow()) as snapshots,
            aclosing(desk.team.follow_notes(session.id)) as notes,
        ):
            first = await _next(snapshots)
            assert first.assignment_of(session.id) is not None
            assert first.labels_of(session.id) == ()
            assert await _next(notes) == ()
            await colleague.team.label(session.id, "vip")
            await _until(snapshots, lambda one: one.labels_of(session.id) == ("vip",))
            await colleague.team.save_canned_reply("hi", "Hello")
            await _until(snapshots, lambda one: "hi" in one.canned_replies)
            await colleague.team.add_note(session.id, "Pays late")
            assert [one.text for one in await _next(notes)] == ["Pays late"]
            await colleague.team.block(session.id, "Shouts")
            await _until(snapshots, lambda one: one.block_of(session) is not None)
            await colleague.team.unblock(session.id)
            await _until(snapshots, lambda one: one.block_of(session) is None)
            await colleague.team.unassign(session.id)
            await _until(snapshots, lambda one: one.assignment_of(session.id) is None)


def _path(text: str) -> Any:
    from imbari_chat.wire.paths import Path

    return Path.parse(text)


async def _on_loop_of(face: Face, chat: Any, asked: Any) -> Any:
    """Await something of the client inside, on the loop it belongs to."""
    if not face.blocking:
        return await asked
    return await asyncio.to_thread(chat.inner._call, asked)


async def _snoozed(desk: AsyncAdminChat, session_id: str) -> bool:
    snapshot = await desk.team.read()
    return snapshot.snooze_of(await desk.get_session(session_id)) is not None


async def _next(source: AsyncGenerator[Any, None]) -> Any:
    async with asyncio.timeout(WAIT):
        return await anext(source)


async def _until(source: AsyncGenerator[TeamSnapshot, None], wanted: Any) -> TeamSnapshot:
    """The next snapshot of which that is true."""
    while True:
        snapshot = await _next(source)
        assert isinstance(snapshot, TeamSnapshot)
        if wanted(snapshot):
            return snapshot


SCENARIOS = [
    a_conversation_is_claimed_handed_over_and_put_down,
    of_two_who_claim_at_once_one_has_it,
    what_is_noted_no_customer_reads,
    labels_are_added_and_taken_away,
    a_snoozed_conversation_comes_back_when_its_customer_writes,
    who_is_blocked_cannot_write_until_the_block_ends,
    replies_are_kept_ready_and_filled,
    a_conversation_that_was_read_is_marked_unread,
    what_the_team_keeps_is_followed,
]
