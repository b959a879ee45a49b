"""What the outbox tells, and whom: waiters, watchers, and whoever flushes while it is closed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imbari_chat import (
    AsyncAdminChat,
    AsyncCustomerChat,
    ClientClosed,
    CustomerChat,
    ImbariError,
    InvalidData,
    Unavailable,
)
from imbari_chat.client import gateway
from imbari_chat.client.customer import SEND_POLICY
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.sending.entry import undelivered
from imbari_chat.client.sending.last_words import WITH_MAIL
from imbari_chat.client.sending.outbox import Outbox
from imbari_chat.client.sync.portal import Portal
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.net import process
from imbari_chat.net.transport import Done, ListenItem, Subscription, Transport, Withdraw
from imbari_chat.schema import plans
from imbari_chat.schema.events import DeliveryChanged
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from tests.client.in_memory import (
    ADMIN,
    CUSTOMER,
    LOST_REQUEST,
    UNREACHABLE,
    InMemory,
    Silence,
    database,
)
from tests.client.scenarios.faces import WAIT, eventually
from tests.view.records import outgoing

S = SessionId("amina")
AT_ONCE = OutboxPolicy(backoff=BackoffPolicy(first=0.0, cap=0.0))


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


class _Gated(InMemory):
    """Holds updates back until it is told to let them through."""

    def __init__(self, namespace: Namespace, auth: Json) -> None:
        super().__init__(namespace, auth)
        self.gate = asyncio.Event()
        self.under_way = asyncio.Event()

    async def update(self, changes: Mapping[Path, Json]) -> None:
        self.under_way.set()
        await self.gate.wait()
        await super().update(changes)


async def test_closing_ends_a_flush_that_would_wait_for_ever(
    namespace: Namespace, session_id: str
) -> None:
    """Nothing is on its way any more, delivered or not."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    await desk.reply(session_id, "Hello", timeout=0)
    flushing = asyncio.create_task(desk.flush())
    await transport.under_way.wait()
    assert not flushing.done()
    (left,) = await desk.close()
    assert left.delivery == "sent"
    assert await asyncio.wait_for(flushing, WAIT) == ()


class _Preparing(InMemory):
    """Meets its fates, and then gets to the point of handing something over only if it is let."""

    def __init__(self, namespace: Namespace, *fates: str) -> None:
        super().__init__(namespace, ADMIN, *fates)
        self.prepares, self.go_on = asyncio.Event(), asyncio.Event()

    @property
    def uid(self) -> str | None:
        return super().uid if self._fates or self.go_on.is_set() else None

    async def open(self) -> None:
        if not self._fates:
            self.prepares.set()
            await self.go_on.wait()


MAY_BE_THERE = [
    ((), False),
    ((UNREACHABLE,), False),
    ((LOST_REQUEST,), True),
    ((LOST_REQUEST, UNREACHABLE), True),
    ((UNREACHABLE, LOST_REQUEST), True),
]


@pytest.mark.parametrize(("fates", "unknown"), MAY_BE_THERE)
async def test_a_message_may_be_there_once_it_was_handed_over_and_not_before(
    namespace: Namespace, session_id: str, fates: tuple[str, ...], unknown: bool
) -> None:
    """Whatever is being done for it at the moment of closing."""
    transport = _Preparing(namespace, *fates)
    desk = AsyncAdminChat._over(Gateway(transport, policy=AT_ONCE))
    sent = await desk.reply(session_id, "Hello", timeout=0)
    await asyncio.wait_for(transport.prepares.wait(), WAIT)
    assert await desk.close() == (sent,)
    assert not [one for one in asyncio.all_tasks() if one.get_name() == "outbox"]
    assert sent.delivery == ("sent" if unknown else "failed")
    assert isinstance(sent.error, Unavailable)
    assert sent.error.outcome_unknown == unknown


@pytest.mark.parametrize(("fates", "unknown"), MAY_BE_THERE)
async def test_a_message_that_is_given_up_may_be_there_if_it_was_handed_over(
    namespace: Namespace, session_id: str, fates: tuple[str, ...], unknown: bool
) -> None:
    """Whoever interrupts the call is told the same by the message, and in the log."""
    transport = _Preparing(namespace, *fates)
    desk = AsyncAdminChat._over(Gateway(transport, policy=AT_ONCE))
    call = asyncio.create_task(desk.reply(session_id, "Hello", timeout=WAIT))
    await asyncio.wait_for(transport.prepares.wait(), WAIT)
    (sent,) = desk.outbox
    call.cancel()
    await asyncio.wait({call})
    assert sent.delivery == ("sent" if unknown else "failed")
    assert await desk.close() == ()


async def test_what_had_no_time_to_be_handed_over_is_not_there(
    namespace: Namespace, session_id: str
) -> None:
    """The error of whoever would not have it queued says so."""
    desk = AsyncAdminChat._over(Gateway(_Preparing(namespace)))
    with pytest.raises(Unavailable) as caught:
        await desk.reply(session_id, "Hello", timeout=0.05, queue=False)
    assert not caught.value.outcome_unknown
    await desk.close()


async def test_what_was_given_up_before_it_was_handed_over_does_not_go_any_more(
    namespace: Namespace, session_id: str
) -> None:
    """It has been said not to be there, also if what it waited for comes to an end afterwards."""
    transport = _Preparing(namespace)
    desk = AsyncAdminChat._over(Gateway(transport))
    with pytest.raises(Unavailable):
        await desk.reply(session_id, "Hello", timeout=0.05, queue=False)
    transport.go_on.set()
    await desk.reply(session_id, "Again", timeout=WAIT)
    async with desk.open(session_id, peek=True) as conversation:
        assert "Hello" not in [one.text for one in await conversation.history()]
    await desk.close()


async def test_closing_tells_watchers_what_became_of_what_is_left(
    namespace: Namespace, session_id: str
) -> None:
    """The one under way may be there; the one behind it has failed."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    first = await desk.reply(session_id, "One", timeout=0)
    second = await desk.reply(session_id, "Two", timeout=0)
    await transport.under_way.wait()
    told: list[DeliveryChanged] = []
    desk._gateway.outbox.watch(told.append)
    assert await desk.close() == (first, second)
    assert [(one.message, one.delivery) for one in told] == [(first, "sent"), (second, "failed")]
    assert all(isinstance(one.error, Unavailable) for one in told)


async def test_watchers_are_told_where_a_message_is_and_not_where_it_was_meanwhile(
    namespace: Namespace, session_id: str
) -> None:
    """A message that goes out as it is written was queued for no moment anybody could see."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport))
    told: list[DeliveryChanged] = []
    desk._gateway.outbox.watch(told.append)
    await desk.reply(session_id, "One", timeout=0)
    second = await desk.reply(session_id, "Two", timeout=0)
    await transport.under_way.wait()
    assert [(one.message.text, one.delivery) for one in told] == [
        ("One", "sent"),
        ("Two", "queued"),
    ]
    transport.gate.set()
    await desk.flush(timeout=WAIT)
    assert [one.delivery for one in told if one.message is second] == [
        "queued",
        "sent",
        "confirmed",
    ]
    await desk.close()


async def test_a_deadline_that_comes_with_the_answer_tells_the_answer(
    namespace: Namespace, session_id: str
) -> None:
    """What was to be sent now or never, and is there, has been sent."""
    deadline = 0.05

    class _Late(InMemory):
        def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
            self._write(changes)
            loop = asyncio.get_running_loop()
            loop.call_later(2 * deadline, done, None)
            loop.call_soon(time.sleep, 4 * deadline)  # both have come when the loop looks again
            return lambda: True

    desk = AsyncAdminChat._over(Gateway(_Late(namespace, ADMIN)))
    sent = await desk.reply(session_id, "Hello", timeout=deadline, queue=False)
    assert sent.delivery == "confirmed"
    await desk.close()


def _reply(number: int, session_id: SessionId = S) -> plans.Plan:
    message_id = MessageId(f"-O01234567890123456{number}")
    return plans.reply(session_id, message_id, "Hello", uid=None, after=None)


class _Waiting(InMemory):
    """Never answers a write, and knows of each whether it was sent."""

    def __init__(self, namespace: Namespace, auth: Json, *, sent: bool) -> None:
        super().__init__(namespace, auth)
        self.sent = sent
        self.taken_back = 0

    def submit(self, changes: Mapping[Path, Json], done: Done) -> Withdraw:
        def withdraw() -> bool:
            self.taken_back += 1
            return self.sent

        return withdraw


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("how", ["closing", "deadline", "interrupted", "dropped"])
async def test_what_is_given_up_is_taken_back_and_may_be_there_only_if_it_was_sent(
    namespace: Namespace, session_id: str, how: str, sent: bool
) -> None:
    """Whoever gives it back to a person may say that it was not sent, if it was not."""
    transport = _Waiting(namespace, ADMIN, sent=sent)
    desk = AsyncAdminChat._over(Gateway(transport))
    replying = asyncio.create_task(
        desk.reply(session_id, "Hello", timeout=0.5 if how == "deadline" else WAIT, queue=False)
    )
    await eventually(lambda: bool(desk.outbox))
    (message,) = desk.outbox
    match how:
        case "closing":
            await desk.close()
        case "interrupted":
            replying.cancel()
        case "dropped":
            await desk.drop(message.id)
    (end,) = await asyncio.gather(replying, return_exceptions=True)
    assert transport.taken_back == 1
    assert message.delivery == ("sent" if sent else "failed")
    if how in ("closing", "deadline"):
        assert isinstance(end, Unavailable)
        assert end.outcome_unknown is sent
    await desk.close()
    assert transport.taken_back == 1


@pytest.mark.parametrize(
    ("end", "became"),
    [
        (None, "confirmed"),
        (Unavailable("cannot connect"), "failed"),
        (Unavailable("no answer", outcome_unknown=True), "sent"),
    ],
)
async def test_whoever_closes_waits_for_tries_under_way(
    end: Unavailable | None, became: str
) -> None:
    """What becomes of one is known then; no other is begun."""
    tries: list[Done] = []

    def submit(_changes: object, done: Done) -> Withdraw:
        tries.append(done)
        return lambda: True

    outbox = Outbox(cast("Transport", SimpleNamespace(submit=submit, uid="desk")))
    sent = [await outbox.deliver(_reply(n), S, timeout=0, keep=True) for n in range(2)]
    closing = asyncio.create_task(outbox.close(WAIT))
    await asyncio.sleep(0)
    tries.pop()(end)
    await asyncio.wait_for(closing, WAIT)
    assert (tries, [one.delivery for one in sent]) == ([], [became, "failed"])


async def test_an_update_of_several_messages_is_taken_back_with_the_last_of_them() -> None:
    """Before that the others are still wanted, so one that is dropped may arrive."""
    updates: list[Done] = []
    taken_back: list[Done] = []

    def submit(_changes: object, done: Done) -> Withdraw:
        def withdraw() -> bool:
            taken_back.append(done)
            return False

        updates.append(done)
        return withdraw

    policy = OutboxPolicy(batch=2, most_under_way=1)
    outbox = Outbox(cast("Transport", SimpleNamespace(submit=submit, uid="desk")), policy)
    lanes = [SessionId(f"s{number}") for number in range(3)]
    sent = [
        await outbox.deliver(_reply(number, lane), lane, timeout=0, keep=True)
        for number, lane in enumerate(lanes)
    ]
    updates.pop()(None)
    assert (len(updates), [one.delivery for one in sent]) == (1, ["confirmed", "sent", "sent"])
    await outbox.drop(sent[1].id)
    assert (taken_back, sent[1].delivery) == ([], "sent")
    await outbox.drop(sent[2].id)
    assert (taken_back, sent[2].delivery) == (updates, "failed")


@pytest.mark.parametrize("text", [None, "Hello"])
async def test_a_blocking_customer_keeps_the_rules_interval(
    namespace: Namespace, text: str | None
) -> None:
    """Also after the message that went out with the start; nothing is sent to be refused."""
    transport = InMemory(namespace, CUSTOMER)

    def talk() -> None:
        client = AsyncCustomerChat._over(Gateway(transport, policy=SEND_POLICY))
        with CustomerChat._over(Portal("test"), client) as chat:
            chat.start(name="Amina", email="amina@example.com", text=text)
            for number in range(2):
                assert chat.send(f"message {number}").delivery == "confirmed"

    await asyncio.to_thread(talk)
    assert transport.updates == 3


async def test_a_conversation_that_is_left_is_not_listened_to(
    namespace: Namespace, session_id: str
) -> None:
    """Its own listener ends with it."""
    begun, told = asyncio.Event(), list[str]()

    class _Listener(Silence):
        async def __anext__(self) -> ListenItem:
            begun.set()
            await asyncio.Event().wait()
            return await super().__anext__()

        async def __aexit__(self, *how: Any) -> None:
            told.append("closed")

    class _Listened(InMemory):
        def listen(self, path: Path, *args: Any, **options: Any) -> Subscription:
            told.append(str(path))
            return _Listener()

    desk = AsyncAdminChat._over(Gateway(_Listened(namespace, ADMIN)))
    async with desk.open(session_id, peek=True) as conversation:
        listening = asyncio.create_task(conversation.listen())
        await begun.wait()
    with pytest.raises(Unavailable, match="closed"):
        await asyncio.wait_for(listening, WAIT)
    assert told == [f"/messages/{session_id}", "closed"]
    await desk.close()


@pytest.mark.parametrize(
    ("count", "begin", "end"),
    [
        (1, "1 message undelivered: m0 ", "m0 (not sent)"),
        (10, "10 messages undelivered: m0 ", "m9 (not sent)"),
        (11, "11 messages undelivered: m0 ", "m9 (not sent) and 1 more"),
    ],
)
def test_a_list_of_what_is_undelivered_has_an_end(count: int, begin: str, end: str) -> None:
    """Ten are named, and the others counted."""
    told = undelivered([outgoing(f"m{number}", "Hello") for number in range(count)])
    assert told.startswith(begin)
    assert told.endswith(end)


async def test_what_does_not_fit_is_not_accepted(namespace: Namespace, session_id: str) -> None:
    """It is said so at once, and what is on its way is not touched."""
    transport = _Gated(namespace, ADMIN)
    desk = AsyncAdminChat._over(Gateway(transport, policy=replace(AT_ONCE, most=2)))
    for text in ("one", "two"):
        await desk.reply(session_id, text, timeout=0)
    with pytest.raises(Unavailable, match="the outbox is full") as caught:
        await desk.reply(session_id, "three", timeout=0)
    assert not caught.value.outcome_unknown
    transport.gate.set()
    assert await asyncio.wait_for(desk.flush(), WAIT) == ()
    await desk.reply(session_id, "three")
    await desk.close()


class _Service:
    """Keeps what is submitted until somebody answers it, all at once or by itself."""

    uid = "desk"

    def __init__(self) -> None:
        self.tries: list[Done] = []
        self.answers_at_once = False

    def submit(self, _changes: object, done: Done) -> Withdraw:
        if self.answers_at_once:
            done(None)
        else:
            self.tries.append(done)
        return lambda: True


def _outbox(service: _Service) -> Outbox:
    return Outbox(cast("Transport", service))


async def test_a_call_interrupted_as_its_message_is_settled_changes_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is there, and it is not said that it may have arrived."""
    service = _Service()
    outbox = _outbox(service)
    call = asyncio.create_task(outbox.deliver(_reply(0), S, timeout=WAIT, keep=True))
    await asyncio.sleep(0)
    (message,) = outbox.pending
    assert outbox.is_pending(message.id) is True
    service.tries.pop()(None)
    call.cancel()
    await asyncio.wait({call})
    assert call.cancelled()
    assert outbox.is_pending(message.id) is False
    assert message.delivery == "confirmed"
    assert caplog.text == ""


async def test_however_many_are_answered_at_once_go_out_one_after_the_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A transport that tells the end of a write before it returns makes no depth of calls."""
    service, lane = _Service(), SessionId("s")
    outbox = _outbox(service)
    plan = [
        plans.reply(lane, MessageId(f"-{n:019}"), "x", uid=None, after=None) for n in range(400)
    ]
    sent = [await outbox.deliver(one, lane, timeout=0, keep=True) for one in plan]
    service.answers_at_once = True
    service.tries.pop()(None)
    assert {one.delivery for one in sent} == {"confirmed"}
    assert caplog.text == ""


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_failure_is_raised_to_whoever_waits_and_logged_if_nobody_does(
    awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, either way."""
    service, error = _Service(), InvalidData("too long")
    outbox = _outbox(service)
    call = asyncio.create_task(
        outbox.deliver(_reply(0), S, timeout=WAIT if awaited else 0, keep=True)
    )
    await (asyncio.sleep(0) if awaited else call)
    service.tries.pop()(error)
    (raised,) = await asyncio.gather(call, return_exceptions=True)
    assert (raised is error) == awaited
    assert ("too long" in caplog.text) != awaited


async def test_a_message_that_waits_says_why_until_it_goes() -> None:
    """What came to nothing is no error of the try under way."""
    service, error = _Service(), Unavailable("cannot connect")
    outbox = _outbox(service)
    message = await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    told = [(message.delivery, message.error)]
    for act in (
        partial(service.tries.pop(), error),
        outbox.online,
        lambda: service.tries.pop()(None),
    ):
        act()
        told.append((message.delivery, message.error))
    assert told == [("sent", None), ("queued", error), ("sent", None), ("confirmed", None)]


async def test_a_forked_child_neither_sends_nor_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in its copy of the outbox is its parent's to send."""
    service = _Service()
    outbox = _outbox(service)
    message = await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: outbox.deliver(_reply(1), S, timeout=0, keep=True),
        *(partial(act, message.id) for act in (outbox.drop, outbox.hold, outbox.release)),
    ]
    with monkeypatch.context() as child:
        child.setattr(process._this, "pid", -1)
        for act in acts:
            with pytest.raises(RuntimeError, match="after forking"):
                await act()
    assert (outbox.pending, len(service.tries)) == ((message,), 1)
    service.tries.pop()(None)
    assert message.delivery == "confirmed"


async def test_what_is_left_behind_is_this_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has a copy of it, and nothing to say of it; what is delivered is left by nobody."""
    service = _Service()
    outbox = _outbox(service)
    message = await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    assert (outbox.left_behind, outbox in WITH_MAIL) == ((message,), True)
    with monkeypatch.context() as child:
        child.setattr(process._this, "pid", -1)
        assert outbox.left_behind == ()
    service.tries.pop()(None)
    assert (outbox.left_behind, outbox in WITH_MAIL) == ((), False)
    assert await outbox.refused() == ()


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_an_outbox_whose_loop_is_over_says_what_it_leaves(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The one under way may be there, the one behind it is not; and it takes nothing any more."""
    outbox = _outbox(_Service())
    sent = [await outbox.deliver(_reply(n), S, timeout=0, keep=True) for n in range(count)]
    assert await outbox.abandon() == tuple(sent)
    told = [
        (one.delivery, one.error.outcome_unknown, one.error.what)
        for one in sent
        if isinstance(one.error, Unavailable)
    ]
    what = "the client was closed before this message was confirmed"
    assert told == [("sent", True, what), ("failed", False, what)][:count]
    assert (outbox.pending, outbox.left_behind, outbox in WITH_MAIL) == ((), (), False)
    assert caplog.messages == ([f"closed with {undelivered(sent)}"] if sent else [])
    with pytest.raises(ClientClosed):
        await outbox.deliver(_reply(9), S, timeout=0, keep=True)


async def test_what_a_person_says_of_a_message_is_done_at_once() -> None:
    """Whoever watches hears that it waits; and it goes when it may, though nothing else happens."""
    service, told = _Service(), list[tuple[str, str]]()
    outbox = _outbox(service)
    first, second = [await outbox.deliver(_reply(n), S, timeout=0, keep=True) for n in range(2)]
    outbox.watch(lambda event: told.append((event.message.id, event.delivery)))
    await outbox.hold(second.id)
    service.tries.pop()(None)
    assert told == [(second.id, "held"), (first.id, "confirmed")]
    assert (outbox.left_behind, outbox in WITH_MAIL) == ((second,), True)
    assert await outbox.flush(0) == (second,)
    await outbox.release(second.id)
    await asyncio.sleep(0)
    assert (told[2:], len(service.tries)) == ([(second.id, "sent")], 1)
    await outbox.drop(second.id)
    assert told[3:] == [(second.id, "sent")]
    assert (outbox.pending, await outbox.close()) == ((), ())


async def test_whoever_flushes_does_not_wait_for_what_a_person_holds_meanwhile() -> None:
    """Nothing moves any more."""
    service = _Service()
    outbox = _outbox(service)
    message = await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    flushing = asyncio.create_task(outbox.flush(None))
    await asyncio.sleep(0)
    service.tries.pop()(Unavailable("cannot connect"))
    await asyncio.sleep(0)
    assert not flushing.done()
    await outbox.hold(message.id)
    assert await asyncio.wait_for(flushing, WAIT) == (message,)
    await outbox.close()


async def test_an_outbox_that_is_closed_takes_nothing_and_waits_for_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It says what it was closed with, if that is anything."""
    empty, service = _outbox(_Service()), _Service()
    assert await empty.close() == ()
    assert caplog.text == ""
    with pytest.raises(ClientClosed):
        await empty.deliver(_reply(0), S, timeout=0, keep=True)
    outbox, error = _outbox(service), Unavailable("cannot connect")
    call = asyncio.create_task(outbox.deliver(_reply(0), S, timeout=0.05, keep=True))
    await asyncio.sleep(0)
    service.tries.pop()(error)
    message = await call
    assert (message.delivery, message.error) == ("queued", error)
    assert await outbox.close() == (message,)
    assert outbox._alarm._timer is None
    assert "closed with 1 message undelivered" in caplog.text


@pytest.mark.parametrize("keep", [True, False])
async def test_whoever_waits_as_it_is_closed_is_told_that_it_may_be_there(keep: bool) -> None:
    """Also one who would have left it here: nobody sees to it any more."""
    outbox = _outbox(_Service())
    call = asyncio.create_task(outbox.deliver(_reply(0), S, timeout=WAIT, keep=keep))
    await asyncio.sleep(0)
    (message,) = await outbox.close()
    with pytest.raises(Unavailable, match="the client was closed") as caught:
        await call
    assert (message.delivery, caught.value.outcome_unknown) == ("sent", True)


async def test_what_is_dropped_as_it_was_to_go_leaves_nothing_to_write() -> None:
    """Whoever watches has heard of it, and says so before the transport has it."""
    service = _Service()
    outbox = _outbox(service)
    outbox.watch(lambda _: None)
    message = await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    await outbox.drop(message.id)
    await asyncio.sleep(0)
    assert (service.tries, message.delivery) == ([], "failed")


@pytest.mark.parametrize("error", [None, Unavailable("cannot connect"), ImbariError("refused")])
async def test_an_answer_to_what_was_given_up_changes_nothing(error: ImbariError | None) -> None:
    """It was told by then; what is sent next is no other's business."""
    service = _Service()
    outbox = _outbox(service)
    with pytest.raises(Unavailable) as caught:
        await outbox.deliver(_reply(0), S, timeout=0, keep=False)
    (late,) = service.tries
    message = await outbox.deliver(_reply(1), S, timeout=0, keep=True)
    before = (outbox.pending, message.delivery, message.error, len(service.tries))
    assert caught.value.outcome_unknown
    late(error)
    assert (outbox.pending, message.delivery, message.error, len(service.tries)) == before
    service.tries.pop()(None)
    assert message.delivery == "confirmed"


async def test_a_watcher_hears_no_more_once_it_stops() -> None:
    """Stopping twice is fine."""
    service, told = _Service(), list[DeliveryChanged]()
    outbox = _outbox(service)
    outbox.watch(told.append)
    outbox.unwatch(told.append)
    outbox.unwatch(told.append)
    await outbox.deliver(_reply(0), S, timeout=0, keep=True)
    assert told == []
    await outbox.close()
