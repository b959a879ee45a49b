"""The main job: a customer writes, an admin answers, both see it, under the strict rules."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any
from unittest.mock import ANY

import pytest

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ConnectionChanged,
    InvalidData,
    MessageAdded,
    MessageChanged,
    NotFound,
    RecordRejected,
    SessionAdded,
    SessionChanged,
    Unavailable,
)
from imbari_chat.emulator import Emulator
from imbari_chat.net.submitting import Submitter
from imbari_chat.schema.paths import SessionId

Make = Callable[[], AsyncCustomerChat]
WAIT = 60.0


async def _start(chat: AsyncCustomerChat, text: str | None = "Hello", name: str = "Amina") -> str:
    session = await chat.start(name=name, email=f"{name.lower()}@example.com", text=text)
    return session.id


async def test_a_conversation_goes_both_ways(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """A customer's message reaches the inbox; the reply reaches the customer."""
    session_id = await _start(customer, None)
    await customer.send("Do you ship to Kampala?")
    (listed,) = await desk.sessions()
    assert (listed.id, listed.last_message) == (session_id, "Do you ship to Kampala?")
    assert listed.unread_count == 1
    async with desk.open(session_id) as conversation:
        await conversation.reply("Every Tuesday.")
    answer = await customer.wait_for(MessageAdded, timeout=WAIT)
    assert (answer.message.text, answer.message.sender) == ("Every Tuesday.", "admin")
    texts = [message.text for message in await customer.history()]
    assert texts == ["Do you ship to Kampala?", "Every Tuesday."]


async def test_opening_marks_read_and_subtracts(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """What the admin has seen no longer counts."""
    session_id = await _start(customer)
    await customer.send("Anybody there?")
    assert (await desk.get_session(session_id)).unread_count == 2
    async with desk.open(session_id) as conversation:
        assert [one.read for one in await conversation.history()] == [True, True]
    assert (await desk.get_session(session_id)).unread_count == 0


async def test_peeking_leaves_messages_unread(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """Looking is not reading."""
    session_id = await _start(customer)
    async with desk.open(session_id, peek=True) as conversation:
        assert [one.is_unread for one in await conversation.history()] == [True]
        assert await conversation.mark_read() == 1
        assert await conversation.mark_read() == 0
    assert (await desk.get_session(session_id)).unread_count == 0


async def test_two_admins_who_read_at_once_do_not_both_subtract(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, flags: dict[str, Any]
) -> None:
    """The rules refuse one of them as a whole, and that one finds nothing left to do."""
    session_id = await _start(customer)
    async with (
        AsyncAdminChat.from_env(**flags) as colleague,
        desk.open(session_id, peek=True) as one,
        colleague.open(session_id, peek=True) as other,
    ):
        marked = await asyncio.gather(*(c.mark_read() for c in (one, other, one, other)))
    assert sum(marked) == 1
    assert (await desk.get_session(session_id)).unread_count == 0


async def test_somebody_who_may_not_mark_read_is_told_so(
    customer: AsyncCustomerChat, flags: dict[str, Any]
) -> None:
    """It is not mistaken for a colleague who is faster."""
    session_id = await _start(customer)
    conversation = AsyncConversation(customer._gateway, SessionId(session_id), peek=True)
    async with conversation:
        with pytest.raises(AccessDenied):
            await conversation.mark_read()


async def test_unread_messages_are_found_behind_a_long_conversation(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, seed: Callable[[str, Any], None]
) -> None:
    """The count says how many to look for."""
    session_id = await _start(customer)
    (first,) = await customer.history()
    later = {
        f"{first.id[:-3]}z{number:02d}": {"text": "later", "from": "admin", "timestamp": 2 + number}
        for number in range(100)
    }
    original = {"text": "Hello", "from": "customer", "timestamp": 1, "read": False}
    seed(f"/messages/{session_id}", {first.id: original, **later})
    async with desk.open(session_id, peek=True) as conversation:
        assert await conversation.mark_read() == 1


async def test_a_count_that_drifted_below_the_truth_is_not_made_negative(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, seed: Callable[[str, Any], None]
) -> None:
    """The website resets the count to nothing; reading still works."""
    session_id = await _start(customer)
    seed(f"/chatSessions/{session_id}/unreadCount", 0)
    async with desk.open(session_id) as conversation:
        assert [one.read for one in await conversation.history()] == [True]
    assert (await desk.get_session(session_id)).unread_count == 0


async def test_resolving_and_writing_again(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """A resolved conversation is marked so, and the customer's next message reopens it."""
    session_id = await _start(customer)
    async with desk.open(session_id) as conversation:
        await conversation.resolve()
    resolved = await desk.get_session(session_id)
    assert resolved.is_resolved
    assert resolved.resolved_at is not None
    assert await desk.sessions(status="active") == []
    await customer.send("One more thing")
    reopened = await desk.get_session(session_id)
    assert (reopened.status, reopened.resolved_at) == ("active", None)


async def test_reopening_by_hand(desk: AsyncAdminChat, customer: AsyncCustomerChat) -> None:
    """An admin takes a conversation up again."""
    session_id = await _start(customer)
    async with desk.open(session_id) as conversation:
        await conversation.resolve()
        await conversation.reopen()
    assert (await desk.get_session(session_id)).status == "active"


async def test_the_inbox_is_sorted_by_the_latest_message(
    desk: AsyncAdminChat, customers: Make
) -> None:
    """Newest first; filters apply before the limit."""
    first, second = customers(), customers()
    one = await _start(first, name="Amina")
    two = await _start(second, name="Brian")
    assert [session.id for session in await desk.sessions()] == [two, one]
    await first.send("Me again")
    assert [session.id for session in await desk.sessions()] == [one, two]
    async with desk.open(one) as conversation:
        await conversation.resolve()
    assert [session.id for session in await desk.sessions(status="active", limit=1)] == [two]
    assert [session.id for session in await desk.sessions(status="resolved", limit=1)] == [one]
    assert [session.id for session in await desk.sessions(unread=True)] == [two]


async def test_a_filter_looks_behind_the_first_window(
    desk: AsyncAdminChat, seed: Callable[[str, Any], None]
) -> None:
    """Two active sessions behind a dozen resolved ones are found."""
    record = {"customerName": "C", "customerEmail": "c@example.com", "lastMessage": "x"}
    seed(
        "/chatSessions",
        {
            f"-S{n:02d}": {
                **record,
                "lastMessageTime": n,
                "unreadCount": 0,
                "status": "active" if n < 2 else "resolved",
            }
            for n in range(14)
        },
    )
    found = await desk.sessions(status="active", limit=2)
    assert [session.id for session in found] == ["-S01", "-S00"]


async def test_an_id_is_found_by_a_unique_prefix(
    desk: AsyncAdminChat, seed: Callable[[str, Any], None]
) -> None:
    """A whole id is found even if it begins another; an ambiguous prefix is named as such."""
    seed("/chatSessions", {key: {"status": "active"} for key in ("-Ab", "-Abc", "-B1", "77")})
    for number in range(3):
        seed(f"/chatSessions/-Ac{number}", {"status": "active"})
    assert await desk.find("-B") == "-B1"
    assert await desk.find("-Ab") == "-Ab"
    with pytest.raises(InvalidData, match="several") as caught:
        await desk.find("-A")
    assert caught.value.hint == "For example -Ab, -Abc, -Ac0"
    assert await desk.find("7") == "77"
    for unknown in ("-C", "12"):
        with pytest.raises(NotFound):
            await desk.find(unknown)


async def test_an_unknown_session_cannot_be_opened(desk: AsyncAdminChat) -> None:
    """And nothing is created by trying."""
    with pytest.raises(NotFound, match="-Nowhere"):
        async with desk.open("-Nowhere"):
            pass


@pytest.mark.parametrize(("text", "match"), [("", "empty"), (" \n", "empty"), ("x" * 2001, "2000")])
async def test_a_text_that_cannot_be_a_message_is_refused(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, text: str, match: str
) -> None:
    """Before anything is sent, from either side."""
    session_id = await _start(customer)
    with pytest.raises(InvalidData, match=match):
        await customer.send(text)
    async with desk.open(session_id) as conversation:
        with pytest.raises(InvalidData, match=match):
            await conversation.reply(text)
        assert len(await conversation.history()) == 1


async def test_a_customer_sees_no_one_elses_conversation(customers: Make) -> None:
    """Not even its existence."""
    owner, stranger = customers(), customers()
    session_id = await _start(owner)
    await _start(stranger)
    with pytest.raises(AccessDenied):
        await stranger.resume(session_id)
    assert [session.id for session in await owner.sessions()] == [session_id]


async def test_messages_sent_at_once_arrive_in_order_and_are_counted_once(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """The rules' interval is kept by the client, not by the caller."""
    session_id = await _start(customer, None)
    await asyncio.gather(*(customer.send(f"message {n}") for n in range(3)))
    async with desk.open(session_id, peek=True) as conversation:
        texts = [message.text for message in await conversation.history()]
    assert texts == ["message 0", "message 1", "message 2"]
    assert (await desk.get_session(session_id)).unread_count == 3


async def test_a_blocked_customer_cannot_write(
    customer: AsyncCustomerChat, seed: Callable[[str, Any], None]
) -> None:
    """And is told so rather than kept waiting."""
    await _start(customer)
    seed(f"/blocks/{customer.uid}", {"since": 1})
    with pytest.raises(AccessDenied):
        await customer.send("Let me in")


async def test_a_customer_who_has_not_started_has_no_conversation_and_no_badge(
    customer: AsyncCustomerChat,
) -> None:
    """Nothing is in front of them, nothing came, nothing is listened to or on its way."""
    async with customer:
        assert (customer.is_open, customer.has_new_message) == (False, False)
        await customer.hide()
        assert (customer.is_open, customer.has_new_message) == (False, False)
        assert (customer.status.state, customer.status.listeners) == ("idle", 0)
        assert customer.outbox == await customer.flush(timeout=0) == ()
        with pytest.raises(RuntimeError, match="start or resume"):
            _ = customer.session
        assert await customer.sessions() == []


async def test_the_badge_shows_an_answer_that_came_while_the_chat_was_minimised(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """Opening clears it."""
    session_id = await _start(customer)
    await customer.hide()
    async with desk.open(session_id) as conversation:
        await conversation.reply("Hello Amina")
    await customer.wait_for(MessageAdded, timeout=WAIT)
    assert customer.has_new_message
    await customer.show()
    assert not customer.has_new_message


async def test_the_badge_shows_an_answer_that_came_while_the_customer_was_away(
    desk: AsyncAdminChat, flags: dict[str, Any]
) -> None:
    """The same customer comes back later, and again after having looked."""
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        session_id = await _start(chat)
    async with desk.open(session_id) as conversation:
        await conversation.reply("Hello Amina")
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        await chat.resume(session_id)
        assert chat.has_new_message
        await chat.show()
        with pytest.raises(Unavailable):
            await chat.wait_for(MessageAdded, timeout=0.3)
    async with AsyncCustomerChat.from_env(remember=True, **flags) as chat:
        await chat.resume(session_id)
        assert not chat.has_new_message


async def test_an_answer_that_comes_while_the_chat_is_open_is_seen(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """The server is told, so that no badge shows on another device."""
    session_id = await _start(customer)
    async with aclosing(desk.events()) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                async with desk.open(session_id) as conversation:
                    await conversation.reply("Hello Amina")
            if isinstance(event, SessionChanged) and event.session.customer_seen_at is not None:
                session = event.session
                break
    assert session.customer_seen_at is not None
    assert session.customer_seen_at >= session.last_message_time
    assert not customer.has_new_message


async def test_two_windows_of_one_customer_do_not_trip_over_the_interval(
    desk: AsyncAdminChat, flags: dict[str, Any]
) -> None:
    """The rules refuse the faster one; it waits and tries again."""
    async with (
        AsyncCustomerChat.from_env(remember=True, **flags) as one,
        AsyncCustomerChat.from_env(remember=True, **flags) as other,
    ):
        session_id = await _start(one, None)
        await other.resume(session_id)
        for number in range(2):
            await one.send(f"one {number}")
            await other.send(f"other {number}")
    async with desk.open(session_id, peek=True) as conversation:
        texts = [message.text for message in await conversation.history()]
    assert texts == ["one 0", "other 0", "one 1", "other 1"]
    assert (await desk.get_session(session_id)).unread_count == 4


async def test_an_answer_faster_than_wait_for_is_not_missed_and_not_given_twice(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """Each event is waited for once; one's own messages do not count."""
    session_id = await _start(customer)
    async with desk.open(session_id) as conversation:
        await conversation.reply("First")
        await conversation.reply("Second")
    assert (await customer.wait_for(MessageAdded, timeout=WAIT)).message.text == "First"
    assert (await customer.wait_for(MessageAdded, timeout=WAIT)).message.text == "Second"
    with pytest.raises(Unavailable, match="MessageAdded"):
        await customer.wait_for(MessageAdded, timeout=0.05)


async def test_an_answer_that_comes_before_start_returns_is_not_missed(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot may be faster than the reader of its answer."""
    attach = customer._attach

    async def answered_first(session_id: SessionId, *, fresh: bool) -> Any:
        async with desk.open(session_id) as conversation:
            await conversation.reply("At once")
        return await attach(session_id, fresh=fresh)

    monkeypatch.setattr(customer, "_attach", answered_first)
    await _start(customer)
    assert (await customer.wait_for(MessageAdded, timeout=WAIT)).message.text == "At once"


async def test_the_inbox_is_followed_live(desk: AsyncAdminChat, customers: Make) -> None:
    """First what is there, then `live`, then what happens, with each message once."""
    early, late = customers(), customers()
    early_id = await _start(early, "Before")
    seen: list[Any] = []
    async with aclosing(desk.events()) as events:
        async for event in events:
            seen.append(event)
            if event == ConnectionChanged("live"):
                late_id = await _start(late, "During", name="Brian")
                async with desk.open(early_id) as conversation:
                    await conversation.reply("After")
            if isinstance(event, SessionChanged) and event.session.last_message == "After":
                break
    live = seen.index(ConnectionChanged("live"))
    assert [e.session.id for e in seen[:live] if isinstance(e, SessionAdded)] == [early_id]
    assert [e.session.id for e in seen[live:] if isinstance(e, SessionAdded)] == [late_id]
    messages = [(e.session_id, e.message.text) for e in seen if isinstance(e, MessageAdded)]
    assert sorted(messages, key=lambda one: one[1]) == [(early_id, "After"), (late_id, "During")]
    assert any(isinstance(e, SessionChanged) and e.session.unread_count == 0 for e in seen)


async def test_a_conversation_is_followed_live(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """Its last messages first, then what happens; a message that is read changes."""
    session_id = await _start(customer, "One")
    seen: list[Any] = []
    async with (
        desk.open(session_id, peek=True) as conversation,
        aclosing(conversation.events(history=1)) as events,
    ):
        async for event in events:
            seen.append(event)
            if event == ConnectionChanged("live"):
                await customer.send("Two")
            if isinstance(event, MessageAdded) and event.message.text == "Two":
                await conversation.mark_read()
            if isinstance(event, MessageChanged) and event.message.text == "Two":
                break
    texts = [event.message.text for event in seen if isinstance(event, MessageAdded)]
    assert texts == ["One", "Two"]


async def test_history_that_was_not_asked_for_is_not_news(
    desk: AsyncAdminChat, customer: AsyncCustomerChat
) -> None:
    """With no history, the first message reported is the first new one."""
    session_id = await _start(customer, "Old")
    async with (
        desk.open(session_id, peek=True) as conversation,
        aclosing(conversation.events(history=0)) as events,
    ):
        async for event in events:
            if event == ConnectionChanged("live"):
                await customer.send("New")
            if isinstance(event, MessageAdded):
                assert event.message.text == "New"
                break


async def test_a_malformed_record_is_reported_and_stops_nothing(
    desk: AsyncAdminChat,
    customer: AsyncCustomerChat,
    seed: Callable[[str, Any], None],
    flags: dict[str, Any],
) -> None:
    """In a list, in a history and in a stream."""
    session_id = await _start(customer, "Fine")
    seed("/chatSessions/-Junk", {"lastMessageTime": "soon", "unreadCount": -1, "status": 7})
    seed("/chatSessions/-Text", "not a session")
    seed(f"/messages/{session_id}/-Junk", {"text": 5})
    rejected: list[RecordRejected] = []
    async with AsyncAdminChat.from_env(on_rejected=rejected.append, **flags) as chat:
        listed = await chat.sessions()
        assert {session.id for session in listed} == {session_id, "-Junk"}
        async with chat.open(session_id, peek=True) as conversation:
            assert [one.text for one in await conversation.history()] == ["Fine"]
    places = {one.path for one in rejected}
    assert places == {"/chatSessions/-Junk", "/chatSessions/-Text", f"/messages/{session_id}/-Junk"}
    streamed = set()
    async with aclosing(desk.events()) as events:
        async for event in events:
            if isinstance(event, RecordRejected):
                streamed.add(event.path)
            if event == ConnectionChanged("live"):
                break
    assert "/chatSessions/-Junk" in streamed


async def test_losing_permission_ends_a_listener_with_an_error(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, emulator: Emulator
) -> None:
    """It is raised to whoever listens, never swallowed."""
    await _start(customer)
    async with aclosing(desk.events()) as events:
        while await anext(events) != ConnectionChanged("live"):
            pass
        emulator.load_rules('{"rules": {".read": false}}')
        assert (await anext(events)) == ConnectionChanged("closed", ANY)
        with pytest.raises(AccessDenied):
            await anext(events)


async def test_a_queue_of_an_admin_made_from_settings_goes_out_in_few_requests(
    desk: AsyncAdminChat, customer: AsyncCustomerChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one by one: that would be a round trip for each."""
    session = await customer.start(name="Amina", email="amina@example.com")
    transport = desk._gateway.transport
    update, updates = transport.update, []

    async def counted(changes: Any) -> None:
        updates.append(changes)
        await update(changes)

    monkeypatch.setattr(transport, "submit", Submitter(counted).submit)
    async with desk.open(session.id, peek=True) as conversation:
        for n in range(20):
            await conversation.reply(f"reply {n}", timeout=0)
        assert await desk.flush(timeout=WAIT) == ()
        said = [message.text for message in await conversation.history()]
    assert said == [f"reply {n}" for n in range(20)]
    assert len(updates) <= 5
