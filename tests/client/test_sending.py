"""Sending when answers get lost: each message once, and never a lie about it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from imbari_chat import AccessDenied, AsyncAdminChat, AsyncCustomerChat, Unavailable
from imbari_chat.client import gateway
from imbari_chat.client.admin import SEND_POLICY as ADMINS
from imbari_chat.client.customer import SEND_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.ids import Ids
from imbari_chat.client.sending.server_clock import ServerClock
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.errors import AuthError, ImbariError, QuotaExceeded, SessionNotFound
from imbari_chat.schema import plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.client.in_memory import (
    ADMIN,
    CUSTOMER,
    LATE,
    LOST_ANSWER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    database,
)

SIGNED_OUT = [AuthError("your sign-in has ended"), QuotaExceeded("too many sign-ins for now")]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are not what is tested here."""
    monkeypatch.setattr(gateway, "_PAUSE", 0.0)


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


@pytest.fixture
def customer(namespace: Namespace) -> Callable[..., AsyncCustomerChat]:
    """A maker of the customer, whose updates meet these fates."""
    return lambda *fates: AsyncCustomerChat._over(
        Gateway(InMemory(namespace, CUSTOMER, *fates), policy=SEND_POLICY)
    )


def _stored(namespace: Namespace, path: str) -> Json:
    return namespace.root.at(Path.parse(path)).to_json(export=True)


def _texts(namespace: Namespace, session_id: str) -> list[Json]:
    messages = _stored(namespace, f"/messages/{session_id}") or {}
    assert isinstance(messages, dict)
    return [message["text"] for _, message in sorted(messages.items()) if isinstance(message, dict)]


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST, LATE])
async def test_a_customers_message_whose_answer_is_lost_is_there_once_and_counted_once(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat], fate: str
) -> None:
    """Whether or not the first try had been committed, or is committed between look and retry."""
    async with customer("", fate) as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
        sent = await chat.send("Hello")
    assert sent.text == "Hello"
    assert _texts(namespace, session.id) == ["Hello"]
    assert _stored(namespace, f"/chatSessions/{session.id}/unreadCount") == 1


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST, LATE])
async def test_a_reply_whose_answer_is_lost_is_there_once(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat], fate: str
) -> None:
    """The same from the admin's end."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
    desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN, fate)))
    async with desk.open(session.id, peek=True) as conversation:
        await conversation.reply("Hello")
    assert _texts(namespace, session.id) == ["Hello"]


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST, LATE])
async def test_a_reply_to_the_last_word_is_not_overtaken_by_itself(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat], fate: str
) -> None:
    """Its own first try may have become the last word, even between two looks."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="Hello?")
    desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN, fate)))
    async with desk.open(session.id, peek=True) as conversation:
        (question,) = await conversation.history()
        sent = await conversation.reply("Hello", expect_last=question)
    assert sent.delivery == "confirmed"
    assert _texts(namespace, session.id) == ["Hello?", "Hello"]


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST, LATE])
async def test_a_start_whose_answer_is_lost_starts_one_conversation(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat], fate: str
) -> None:
    """With its first message, counted once."""
    async with customer(fate) as chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="Hello")
    assert list(namespace.root.at(Path.parse("/chatSessions"))) == [session.id]  # type: ignore[arg-type]  # a branch
    assert _texts(namespace, session.id) == ["Hello"]
    assert session.unread_count == 1


async def test_a_message_that_certainly_was_not_sent_is_not_called_unknown(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """The caller may send it again with an easy mind, and nothing was tried behind its back."""
    async with customer("", UNREACHABLE) as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
        with pytest.raises(Unavailable) as caught:
            await chat.send("Hello", queue=False)
        assert chat.outbox == ()
    assert not caught.value.outcome_unknown
    assert _texts(namespace, session.id) == []


async def test_a_message_nobody_can_tell_about_is_called_unknown(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """At the deadline the caller is told the truth."""
    async with customer("", *[LOST_REQUEST] * 1000) as chat:
        await chat.start(name="Amina", email="amina@example.com")
        with pytest.raises(Unavailable) as caught:
            await chat.send("Hello", timeout=1.0, queue=False)
    assert caught.value.outcome_unknown


async def test_an_outage_shorter_than_the_deadline_is_not_noticed(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Messages wait in the outbox, visible there, and go out in the order they were written."""
    async with customer("", *[UNREACHABLE] * 3) as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
        sends = [asyncio.create_task(chat.send(f"message {n}")) for n in range(3)]
        await asyncio.sleep(0)
        assert [message.text for message in chat.outbox] == ["message 0", "message 1", "message 2"]
        await asyncio.gather(*sends)
        assert chat.outbox == ()
    assert _texts(namespace, session.id) == ["message 0", "message 1", "message 2"]


async def test_closing_tells_whoever_waits_for_a_message(namespace: Namespace) -> None:
    """Nobody waits for ever, and nothing goes out afterwards. No try is under way then, of which it
    could not be told what becomes of it."""
    later = replace(SEND_POLICY, backoff=BackoffPolicy(first=600, cap=600))
    transport = InMemory(namespace, CUSTOMER, "", *[UNREACHABLE] * 100)
    chat = AsyncCustomerChat._over(Gateway(transport, policy=later))
    session = await chat.start(name="Amina", email="amina@example.com")
    send = asyncio.create_task(chat.send("Hello", timeout=60))
    await asyncio.sleep(0)
    (left,) = await chat.close()
    with pytest.raises(Unavailable):
        await send
    assert (left.text, left.delivery) == ("Hello", "failed")
    assert _texts(namespace, session.id) == []


async def test_a_refusal_that_is_no_echo_is_raised(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Nothing was lost before it."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
    stranger = AsyncAdminChat._over(Gateway(InMemory(namespace, CUSTOMER)))
    async with stranger.open(session.id, peek=True) as conversation:
        with pytest.raises(AccessDenied):
            await conversation.reply("I am the desk")
    assert _texts(namespace, session.id) == []


async def test_ids_follow_what_the_server_stamped_even_if_this_clock_is_behind(
    namespace: Namespace,
    customer: Callable[..., AsyncCustomerChat],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reply written on a slow machine still comes after the question."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="Question")
    monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: 1_000_000_000_000))
    desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN)))
    async with desk.open(session.id, peek=True) as conversation:
        await conversation.reply("Answer")
        await conversation.reply("And more")
    assert _texts(namespace, session.id) == ["Question", "Answer", "And more"]


@pytest.mark.parametrize("fate", [LOST_ANSWER, LOST_REQUEST, LATE])
async def test_reading_whose_answer_is_lost_is_counted_once(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat], fate: str
) -> None:
    """The count says what is unread, and the caller how many were marked."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com", text="One")
        await chat.send("Two")
    desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN, fate)))
    async with desk.open(session.id, peek=True) as conversation:
        assert await conversation.mark_read() == 2
        assert await conversation.mark_read() == 0
    assert _stored(namespace, f"/chatSessions/{session.id}/unreadCount") == 0


class _NeverAnswers(InMemory):
    async def update(self, changes: Mapping[Path, Json]) -> None:
        await asyncio.Event().wait()


async def test_an_action_ends_at_its_deadline_and_does_not_pretend_to_know(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Whatever the transport does."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
    desk = AsyncAdminChat._over(Gateway(_NeverAnswers(namespace, ADMIN), timeout=0.05))
    async with desk.open(session.id, peek=True) as conversation:
        with pytest.raises(Unavailable) as caught:
            await conversation.resolve()
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("fate", [UNREACHABLE, *SIGNED_OUT])
async def test_an_action_that_certainly_was_not_made_is_an_error_at_once(
    namespace: Namespace, fate: str | ImbariError
) -> None:
    """Whoever asked decides whether to ask again."""
    transport = InMemory(namespace, CUSTOMER, fate)
    with pytest.raises(ImbariError) as caught:
        await Gateway(transport).commit(_a_start())
    if isinstance(fate, ImbariError):
        assert caught.value is fate
    else:
        assert isinstance(caught.value, Unavailable)
        assert not caught.value.outcome_unknown
    assert transport.updates == 1


@pytest.mark.parametrize("fate", SIGNED_OUT)
async def test_an_action_that_may_have_been_made_is_unknown_to_whoever_is_signed_out(
    namespace: Namespace, fate: ImbariError
) -> None:
    """What ended the sign-in is told as the reason."""
    with pytest.raises(Unavailable, match=fate.what) as caught:
        await Gateway(InMemory(namespace, CUSTOMER, LOST_REQUEST, fate)).commit(_a_start())
    assert caught.value.outcome_unknown
    assert caught.value.__cause__ is fate


@pytest.mark.parametrize("fates", [[LOST_REQUEST, UNREACHABLE], [LOST_REQUEST] * 2])
async def test_an_action_that_may_have_been_made_is_looked_into_whatever_comes_next(
    namespace: Namespace, fates: list[str]
) -> None:
    """A try that certainly failed says nothing of the one before it."""
    await Gateway(InMemory(namespace, CUSTOMER, *fates)).commit(_a_start())
    for _ in range(2):
        fates = [*fates, UNREACHABLE]
    with pytest.raises(Unavailable) as caught:
        await Gateway(InMemory(database(), CUSTOMER, *fates)).commit(_a_start())
    assert caught.value.outcome_unknown


def _a_start() -> plans.Plan:
    lead = LeadForm.checked(name="Amina", email="amina@example.com")
    return plans.start_chat(Ids().session(), lead, uid="amina")


async def test_an_action_that_is_not_answered_is_repeated_after_growing_pauses(
    customer: Callable[..., AsyncCustomerChat], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody whose answers get lost is not asked over and over at once."""
    monkeypatch.setattr(gateway, "_PAUSE", 0.05)
    begin = time.monotonic()
    async with customer(LOST_REQUEST, LOST_REQUEST) as chat:
        await chat.start(name="Amina", email="amina@example.com")
        assert time.monotonic() - begin >= 0.1 + 0.2


async def test_a_queue_of_replies_goes_out_in_few_updates_and_in_order(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Under the strict rules, with the last of each conversation as its preview."""
    sessions = []
    for _ in range(2):
        async with customer() as chat:
            sessions.append((await chat.start(name="Amina", email="amina@example.com")).id)
    transport = InMemory(namespace, ADMIN)
    async with AsyncAdminChat._over(Gateway(transport, policy=ADMINS)) as desk:
        conversations = [await desk.open(one, peek=True).__aenter__() for one in sessions]
        for n in range(20):
            await conversations[n % 2].reply(f"reply {n}", timeout=0)
        assert await desk.flush(timeout=10) == ()
    assert transport.updates <= 4
    for which, session_id in enumerate(sessions):
        assert _texts(namespace, session_id) == [f"reply {n}" for n in range(which, 20, 2)]
        preview = _stored(namespace, f"/chatSessions/{session_id}/lastMessage")
        assert preview == f"reply {18 + which}"


async def test_a_reply_that_is_refused_takes_no_other_with_it(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """One conversation was deleted while its reply waited."""
    sessions = []
    for _ in range(3):
        async with customer() as chat:
            sessions.append((await chat.start(name="Amina", email="amina@example.com")).id)
    async with AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN), policy=ADMINS)) as desk:
        conversations = [await desk.open(one, peek=True).__aenter__() for one in sessions]
        namespace.write(Write.put(Path.parse(f"/chatSessions/{sessions[1]}"), None), OWNER, 0)
        sent = [await one.reply("Hello", timeout=0) for one in (*conversations, *conversations)]
        assert await desk.flush(timeout=10) == ()
        assert [one.delivery for one in sent] == ["confirmed", "failed", "confirmed"] * 2
    assert [_texts(namespace, one) for one in sessions] == [["Hello"] * 2, [], ["Hello"] * 2]


async def test_ids_follow_what_was_read_since(
    namespace: Namespace,
    customer: Callable[..., AsyncCustomerChat],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A conversation may be open for long, on a machine whose clock is behind."""
    async with customer() as chat:
        session = await chat.start(name="Amina", email="amina@example.com")
        desk = AsyncAdminChat._over(Gateway(InMemory(namespace, ADMIN)))
        async with desk.open(session.id, peek=True) as conversation:
            await chat.send("Question")
            monkeypatch.setattr(ServerClock, "local", staticmethod(lambda: 1_000_000_000_000))
            await conversation.history()
            await conversation.reply("Answer")
    assert _texts(namespace, session.id) == ["Question", "Answer"]


class _Watched(InMemory):
    """Looks at the whole database after every write."""

    def _write(self, changes: Mapping[Path, Json]) -> None:
        super()._write(changes)
        for session_id in _keys(self._namespace, "/chatSessions"):
            session = _stored(self._namespace, f"/chatSessions/{session_id}")
            messages = _stored(self._namespace, f"/messages/{session_id}") or {}
            assert isinstance(session, dict)
            assert isinstance(messages, dict)
            records = [one for _, one in sorted(messages.items()) if isinstance(one, dict)]
            if records:
                assert session["lastMessage"] == records[-1]["text"]
                assert session["lastMessageTime"] == records[-1]["timestamp"]
            unread = [one for one in records if one["from"] == "customer" and not one.get("read")]
            assert session["unreadCount"] == len(unread)


def _keys(namespace: Namespace, path: str) -> list[str]:
    stored = _stored(namespace, path)
    return sorted(stored) if isinstance(stored, dict) else []


async def test_no_instant_shows_a_message_without_its_session(namespace: Namespace) -> None:
    """Preview, time and count are those of what is stored, after every single write."""
    customers = Gateway(_Watched(namespace, CUSTOMER, "", LOST_ANSWER), policy=SEND_POLICY)
    desks = Gateway(_Watched(namespace, ADMIN, LOST_ANSWER, LATE), policy=ADMINS)
    async with AsyncCustomerChat._over(customers) as chat, AsyncAdminChat._over(desks) as desk:
        session = await chat.start(name="Amina", email="amina@example.com", text="One")
        await chat.send("Two")
        async with desk.open(session.id, peek=True) as conversation:
            for n in range(5):
                await conversation.reply(f"reply {n}", timeout=0)
            assert await desk.flush(timeout=10) == ()
            assert await conversation.mark_read() == 2
            await conversation.resolve()
        await chat.send("Three")
    assert len(_texts(namespace, session.id)) == 8


class _Nobody(InMemory):
    """Whoever asks is above the rules, and nobody in particular."""

    uid = None


async def test_a_customer_is_somebody(namespace: Namespace) -> None:
    """A conversation is somebody's, and so nobody starts one, nor has any."""
    chat = AsyncCustomerChat._over(Gateway(_Nobody(namespace, CUSTOMER)))
    with pytest.raises(AuthError, match="signed in"):
        await chat.start(name="Amina", email="amina@example.com")
    assert await chat.sessions() == []
    assert namespace.root.to_json() is None


class _Later(InMemory):
    """Nobody knows who asks before that has been found out."""

    is_open = False

    @property
    def uid(self) -> str | None:
        return super().uid if self.is_open else None

    async def open(self) -> None:
        self.is_open = True


async def test_who_asks_is_found_out_where_it_matters(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Though it is the first thing that is asked."""
    begun = await customer().start(name="Amina", email="amina@example.com")
    chat = AsyncCustomerChat._over(Gateway(_Later(namespace, CUSTOMER)))
    assert [one.id for one in await chat.sessions()] == [begun.id]
    desk = AsyncAdminChat._over(Gateway(_Later(namespace, ADMIN)))
    assert (await desk.team.save_canned_reply("hi", "Hello")).by == "desk"


async def test_what_is_not_there_is_not_come_back_to(
    customer: Callable[..., AsyncCustomerChat],
) -> None:
    """The rules show a customer no place that is not theirs; where they do, it is not found."""
    with pytest.raises(AccessDenied):
        await customer().resume("-Nowhere")
    desk = AsyncCustomerChat._over(Gateway(InMemory(database(), ADMIN)))
    with pytest.raises(SessionNotFound, match="-Nowhere"):
        await desk.resume("-Nowhere")


class _Confirms(InMemory):
    """Refuses every update, though what was read stays as it is."""

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.updates += 1
        raise AccessDenied("not yours")


async def test_whoever_may_not_mark_read_is_told_so_after_a_second_look(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """Nobody got in between, so it is not asked for again and again."""
    session = await customer().start(name="A", email="a@example.com", text="Hello")
    transport = _Confirms(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    with pytest.raises(AccessDenied, match="not yours"):
        await desk.open(session.id, peek=True).mark_read()
    assert transport.updates == 1


async def test_reading_that_is_not_answered_twice_is_not_known(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """The first time it is looked at what became of it."""
    session = await customer().start(name="A", email="a@example.com", text="Hello")
    for fates, unknown, updates in (
        ((UNREACHABLE,), False, 1),
        ((LOST_REQUEST, LOST_REQUEST), True, 2),
        ((LOST_REQUEST, UNREACHABLE), False, 2),
    ):
        transport = InMemory(namespace, ADMIN, *fates)
        with pytest.raises(Unavailable) as caught:
            await AsyncAdminChat._over(Gateway(transport)).open(session.id).mark_read()
        assert (caught.value.outcome_unknown, transport.updates) == (unknown, updates)


async def test_a_refusal_after_a_request_that_was_lost_is_no_echo(
    namespace: Namespace, customer: Callable[..., AsyncCustomerChat]
) -> None:
    """It may have been the echo of the first try, and is looked into."""
    with pytest.raises(AccessDenied, match="blocked"):
        await customer(LOST_REQUEST, AccessDenied("blocked")).start(name="A", email="a@example.com")
    assert _stored(namespace, "/chatSessions") is None


@pytest.mark.parametrize("doubtful", [True, False])
async def test_only_a_doubtful_action_takes_a_refusal_for_its_echo(
    namespace: Namespace, *, doubtful: bool
) -> None:
    """Of one that is tried for the first time somebody else's marker says nothing."""
    plan = plans.start_chat(
        SessionId("-Ochat--------------"),
        LeadForm.checked(name="A", email="a@example.com"), uid="amina",
    )  # fmt: skip
    await InMemory(namespace, CUSTOMER).update(plan.changes)
    again = Gateway(InMemory(namespace, CUSTOMER, AccessDenied("it is there")))
    if doubtful:
        await again.commit(plan, doubtful=True)
    else:
        with pytest.raises(AccessDenied, match="it is there"):
            await again.commit(plan)
