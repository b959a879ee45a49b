"""What becomes of messages: every state they can be in, in outages, black holes and interrupts."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from imbari_chat import (
    AccessDenied,
    AdminChat,
    AsyncAdminChat,
    AsyncCustomerChat,
    CustomerChat,
    DeliveryChanged,
    ImbariError,
    Unavailable,
)
from imbari_chat.client import gateway
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sync.portal import Portal
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxPolicy
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
from tests.client.scenarios.faces import WAIT, Face, break_line, eventually
from tests.faults.proxy import Proxy

SOON = OutboxPolicy(backoff=BackoffPolicy(first=0.01, cap=0.02))
REFUSED = "the rules refuse"
INDEXED_READ_ONLY = """{"rules": {
  ".read": true, ".write": false, "messages": {"$session": {".indexOn": "timestamp"}}
}}"""
DEADLINE = 1.0


@pytest.fixture
def namespace() -> Namespace:
    """An empty database under the strict rules."""
    return database()


@pytest.fixture
async def session_id(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> str:
    """A conversation somebody has started."""
    monkeypatch.setattr(gateway, "_PAUSE", 0.0)
    async with AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER))) as chat:
        return (await chat.start(name="Amina", email="amina@example.com")).id


def _texts(namespace: Namespace, session_id: str) -> list[Json]:
    messages = namespace.root.at(Path.parse(f"/messages/{session_id}")).to_json() or {}
    assert isinstance(messages, dict)
    return [one["text"] for _, one in sorted(messages.items()) if isinstance(one, dict)]


class Outcome(NamedTuple):
    """What a call gave its caller, and what there is in the end."""

    given: str
    unknown: bool
    stored: Sequence[Json]


def _told(error: ImbariError) -> tuple[str, bool]:
    return type(error).__name__, isinstance(error, Unavailable) and error.outcome_unknown


def _meets(transport: InMemory, fates: list[str]) -> None:
    """From now on."""
    if fates == [REFUSED]:
        transport._caller = Caller(admin=False, auth=CUSTOMER)
    else:
        transport._fates = list(fates)


async def _on_the_loop(
    namespace: Namespace, session_id: str, fates: list[str], queue: bool
) -> Outcome:
    """What an async client makes of it."""
    transport = InMemory(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport, policy=SOON, timeout=DEADLINE))
    async with desk.open(session_id, peek=True) as conversation:
        await conversation.reply("first")
        _meets(transport, fates)
        try:
            message = await conversation.reply("Hello", queue=queue)
            told = str(message.delivery), False
        except ImbariError as error:
            told = _told(error)
    await desk.close()
    return Outcome(*told, _texts(namespace, session_id))


def _on_a_thread(namespace: Namespace, session_id: str, fates: list[str], queue: bool) -> Outcome:
    """What a blocking client makes of it."""
    transport = InMemory(namespace, ADMIN)
    desk = AdminChat._over(
        Portal("test"), AsyncAdminChat._over(Gateway(transport, policy=SOON, timeout=DEADLINE))
    )
    with desk.open(session_id, peek=True) as conversation:
        conversation.reply("first")
        _meets(transport, fates)
        try:
            message = conversation.reply("Hello", queue=queue)
            told = str(message.delivery), False
        except ImbariError as error:
            told = _told(error)
    desk.close()
    return Outcome(*told, _texts(namespace, session_id))


THERE, NOT_THERE = ["first", "Hello"], ["first"]
FATES: dict[str, tuple[list[str], bool, Outcome]] = {
    "arrives": ([], True, Outcome("confirmed", False, THERE)),
    "answer lost": ([LOST_ANSWER], True, Outcome("confirmed", False, THERE)),
    "request lost": ([LOST_REQUEST], True, Outcome("confirmed", False, THERE)),
    "late": ([LATE], True, Outcome("confirmed", False, THERE)),
    "unreachable for a while": ([UNREACHABLE] * 3, True, Outcome("confirmed", False, THERE)),
    "lost again and again": ([LOST_REQUEST] * 3, True, Outcome("confirmed", False, THERE)),
    "unreachable": ([UNREACHABLE] * 999, True, Outcome("queued", False, NOT_THERE)),
    "nobody can tell": ([LOST_REQUEST] * 999, True, Outcome("sent", False, NOT_THERE)),
    "refused": ([REFUSED], True, Outcome("AccessDenied", False, NOT_THERE)),
    "at once or never": ([UNREACHABLE], False, Outcome("Unavailable", False, NOT_THERE)),
    "never, perhaps": ([LOST_REQUEST] * 999, False, Outcome("Unavailable", True, NOT_THERE)),
    "at once, answer lost": ([LOST_ANSWER], False, Outcome("confirmed", False, THERE)),
}


@pytest.mark.parametrize("way", [_on_the_loop, _on_a_thread])
@pytest.mark.parametrize("fate", FATES)
async def test_blocking_and_async_clients_tell_the_same_of_a_reply(
    namespace: Namespace, session_id: str, fate: str, way: Callable[..., Any]
) -> None:
    """And leave the same behind, whatever happens."""
    fates, queue, expected = FATES[fate]
    if way is _on_a_thread:
        found = await asyncio.to_thread(way, namespace, session_id, fates, queue)
    else:
        found = await way(namespace, session_id, fates, queue)
    if expected.given in ("queued", "sent") and found.given in ("queued", "sent"):
        # A try may be under way at the deadline; what was never lost is queued again after it.
        expected = expected._replace(given=found.given) if fate == "unreachable" else expected
    assert found == expected


class _CtrlC(InMemory):
    """While the update with secret words is under way, somebody presses Ctrl-C.

    Attributes:
        made: Whether that write is made.
    """

    made = False

    async def update(self, changes: Mapping[Path, Json]) -> None:
        if "secret words" not in str(changes):
            return await super().update(changes)
        if self.made:
            await super().update(changes)
        os.kill(os.getpid(), signal.SIGINT)
        return await asyncio.Event().wait()  # type: ignore[return-value]  # never


@pytest.mark.parametrize("made", [False, True])
def test_ctrl_c_during_a_reply_goes_on_and_never_doubles_a_message(
    namespace: Namespace, made: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The message is withdrawn, which is said since it may be there; the next one goes out."""
    transport = _CtrlC(namespace, ADMIN)
    transport.made = made
    customers = AsyncCustomerChat._over(Gateway(InMemory(namespace, CUSTOMER)))
    with CustomerChat._over(Portal("test"), customers) as chat:
        session = chat.start(name="Amina", email="amina@example.com")
    desk = AdminChat._over(Portal("test"), AsyncAdminChat._over(Gateway(transport, policy=SOON)))
    with desk, desk.open(session.id, peek=True) as conversation:
        conversation.reply("first")
        with pytest.raises(KeyboardInterrupt):
            conversation.reply("secret words")
        assert conversation.reply("next").delivery == "confirmed"
        assert desk.outbox == ()
    between = ["secret words"] if made else []
    assert _texts(namespace, session.id) == ["first", *between, "next"]
    (record,) = caplog.records
    assert "may have arrived" in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_a_reply_that_is_cancelled_under_way_is_withdrawn_and_mentioned(
    namespace: Namespace, session_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing goes out behind the caller's back; that it may be there already is said."""
    transport = InMemory(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport, policy=SOON))
    under_way = asyncio.Event()

    async def hang(changes: object) -> None:
        under_way.set()
        await asyncio.Event().wait()

    async with desk.open(session_id, peek=True) as conversation:
        transport.update = hang  # type: ignore[method-assign]  # a black hole
        reply = asyncio.create_task(conversation.reply("Hello"))
        await under_way.wait()
        reply.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reply
        assert desk.outbox == ()
    await desk.close()
    assert ["may have arrived" in one.getMessage() for one in caplog.records] == [True]


async def test_twenty_replies_in_an_outage_are_visible_and_arrive_in_order_once(
    face: Face,
) -> None:
    """Queued while it lasts, in the order written; confirmed after it, each once."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with (
            face.desk(database_emulator=proxy.address) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.listen()
            await break_line(proxy, desk)
            texts = [f"message {number}" for number in range(20)]
            written = [await conversation.reply(text, timeout=0) for text in texts]
            assert [one.text for one in desk.outbox] == texts
            await eventually(lambda: {one.delivery for one in written} == {"queued"})
            assert desk.status.queued == 20
            await proxy.mend()
            assert await desk.flush(timeout=WAIT) == ()
            assert {one.delivery for one in written} == {"confirmed"}
            told: list[str] = []
            while len(told) < 20:
                event = await conversation.wait_for(
                    DeliveryChanged,
                    timeout=WAIT,
                    where=lambda event: event.delivery == "confirmed",
                )
                told.append(event.message.text)
            assert told == texts
            assert [one.text for one in await conversation.history()] == texts
            assert [one.id for one in await conversation.history()] == [one.id for one in written]


@pytest.mark.parametrize("end", ["it arrives after all", "it never arrives"])
async def test_a_black_hole_ends_at_the_deadline_and_is_found_out_later(
    face: Face, end: str
) -> None:
    """``sent`` is all that can be said; the truth follows, and the message is there once."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with (
            face.desk(database_emulator=proxy.address, timeout=2.0) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.reply("first")
            proxy.stall()
            began = time.monotonic()
            message = await conversation.reply("Hello")
            assert 1.9 < time.monotonic() - began < 10
            assert [one.delivery for one in desk.outbox] == ["sent"]
            assert desk.status.sent == 1
            if end == "it never arrives":
                proxy.cut()
            await proxy.mend()
            assert await desk.flush(timeout=WAIT) == ()
            assert message.delivery == "confirmed"
            assert [one.text for one in await conversation.history()] == ["first", "Hello"]


async def test_a_black_hole_is_an_error_for_whoever_will_not_queue(face: Face) -> None:
    """At the deadline, saying that nobody knows."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with (
            face.desk(database_emulator=proxy.address, timeout=2.0) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.reply("first")
            proxy.stall()
            began = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                await conversation.reply("Hello", queue=False)
            assert time.monotonic() - began < 10
            assert caught.value.outcome_unknown
            assert desk.outbox == ()
            proxy.cut()


async def test_a_refusal_after_the_call_returned_is_told_in_three_places(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    """On the message, as an event and as a warning; nobody can be raised at any more."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with (
            face.desk(database_emulator=proxy.address) as desk,
            desk.open(session.id) as conversation,
        ):
            await conversation.listen()
            await proxy.refuse()
            message = await conversation.reply("secret words", timeout=0)
            face.emulator.load_rules(INDEXED_READ_ONLY)
            await proxy.mend()
            assert await desk.flush(timeout=WAIT) == ()
            assert message.delivery == "failed"
            assert isinstance(message.error, AccessDenied)
            event = await conversation.wait_for(
                DeliveryChanged, timeout=WAIT, where=lambda event: event.delivery == "failed"
            )
            assert (event.message, event.error) == (message, message.error)
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert record.name == "imbari_chat.client.sending.outbox"
    assert message.id in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_closing_names_what_is_undelivered_and_never_its_text(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    """By id, and whether it may be there; the first ten of many.

    All may share one update on a connection that is not yet known to be broken, so which of them
    may be there is not for the test to say; that all three places say the same of it, is.
    """
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        async with face.desk(database_emulator=proxy.address) as desk:
            async with desk.open(session.id, peek=True) as conversation:
                await proxy.refuse()
                written = [await conversation.reply("secret words", timeout=0) for _ in range(12)]
            began = time.monotonic()
            left = await desk.close()
            assert time.monotonic() - began < 10  # a call may take fifteen
    assert left == tuple(written)
    (record,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    said = record.getMessage()
    for message in left:
        assert message.delivery in ("sent", "failed")
        assert isinstance(message.error, Unavailable)
        assert message.error.outcome_unknown == (message.delivery == "sent")
    for message in left[:10]:
        truth = "may have arrived" if message.delivery == "sent" else "not sent"
        assert f"{message.id} ({truth})" in said
    assert not any(one.id in said for one in left[10:])
    assert "12 messages undelivered" in said
    assert "and 2 more" in said
    assert "secret" not in said


async def test_a_call_that_is_under_way_when_the_client_is_closed_is_told_the_truth(
    face: Face,
) -> None:
    """Wherever it hangs: that the message may be there."""
    async with Proxy(face.emulator.database_host) as proxy, face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com")
        desk = face.desk(database_emulator=proxy.address, timeout=1.0)
        async with desk.open(session.id) as conversation:
            await conversation.reply("first")
            proxy.stall()
            reply = asyncio.create_task(conversation.reply("Hello"))
            await eventually(lambda: desk.status.sent == 1)
            (left,) = await desk.close()
            assert left.delivery == "sent"
            with pytest.raises(Unavailable) as caught:
                await reply
            assert caught.value.outcome_unknown
            proxy.cut()
