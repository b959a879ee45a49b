"""Event handlers: what goes wrong in one costs no event, and each may do what it likes."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest

from imbari_chat import (
    AccessDenied,
    AdminChat,
    AsyncAdminChat,
    ChatEvent,
    ClientClosed,
    ConnectionChanged,
    ImbariError,
    Message,
    MessageAdded,
    Unavailable,
    WaitTimeout,
)
from imbari_chat.client.dispatcher import EventDispatcher, EventFilter, log_error
from imbari_chat.schema.paths import MessageId, SessionId
from tests import plain_http
from tests.client.scenarios.faces import WAIT, Face, Heard, eventually

Source = Callable[[], AsyncGenerator[ChatEvent, None]]


def _added(number: int) -> MessageAdded:
    message = Message.model_validate(
        {"$id": f"-m{number:06d}", "text": str(number), "from": "customer", "timestamp": number}
    )
    assert message.id == MessageId(f"-m{number:06d}")
    return MessageAdded(SessionId("-S"), message)


def _source(count: int, taken: list[int] | None = None) -> Source:
    """So many messages, one after the other, and then silence."""

    async def events() -> AsyncGenerator[ChatEvent, None]:
        for number in range(count):
            if taken is not None:
                taken.append(number)
            yield _added(number)
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    return events


async def test_an_exception_in_a_handler_costs_no_event(face: Face) -> None:
    """It goes to ``on_error`` with its event; the others and the next one are called, in order."""
    troubles, calls, heard = Heard(), [], Heard()

    def fragile(event: MessageAdded) -> None:
        calls.append(f"first {event.message.text}")
        raise ZeroDivisionError(event.message.text)

    def sturdy(event: MessageAdded) -> None:
        calls.append(f"second {event.message.text}")
        heard(event)

    async with face.customer() as customer, face.desk(on_error=troubles) as desk:
        desk.on(MessageAdded)(fragile)
        desk.on(MessageAdded)(sturdy)
        await desk.listen()
        await customer.start(name="Amina", email="amina@example.com", text="One")
        await customer.send("Two")
        events = await heard.until(2)
        assert calls == ["first One", "second One", "first Two", "second Two"]
        reported = await troubles.until(2)
    assert [(type(error), event) for error, event in reported] == [
        (ZeroDivisionError, event) for event in events
    ]


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
@pytest.mark.parametrize("raised", [StopIteration, SystemExit, KeyboardInterrupt])
async def test_whatever_a_blocking_clients_handler_raises_is_only_a_report(
    face: Face, raised: type[BaseException]
) -> None:
    """It runs on a thread of the client's, which no exit and no end of an iteration may stop."""
    troubles, heard = Heard(), Heard()

    def fragile(event: MessageAdded) -> None:
        raise raised

    async with face.customer() as customer, face.desk(on_error=troubles) as desk:
        desk.on(MessageAdded)(fragile)
        desk.on(MessageAdded)(heard)
        await desk.listen()
        await customer.start(name="Amina", email="amina@example.com", text="One")
        await heard.until(1)
        ((error, event),) = await troubles.until(1)
        assert (type(error.__cause__), event) == (raised, heard.all[0])
        assert len(await desk.sessions()) == 1


async def test_a_condition_that_raises_is_a_handlers_mistake(face: Face) -> None:
    """Not the end of listening, and not the others' business."""
    troubles, heard = Heard(), Heard()
    async with face.customer() as customer, face.desk(on_error=troubles) as desk:
        desk.on(MessageAdded, where=lambda event: event.message.missing > 1)(  # type: ignore[attr-defined]  # that is the mistake
            lambda event: None
        )
        desk.on(MessageAdded)(heard)
        await desk.listen()
        await customer.start(name="Amina", email="amina@example.com", text="One")
        await customer.send("Two")
        assert [one.message.text for one in await heard.until(2)] == ["One", "Two"]
        assert [type(error) for error, _ in await troubles.until(2)] == [AttributeError] * 2
        assert desk.status.alive


async def test_something_cancelled_inside_a_handler_is_a_handlers_mistake() -> None:
    """A cancelled piece of work that a handler waits for does not cancel the listening."""
    reported: list[Any] = []

    async def fragile(event: MessageAdded) -> None:
        work = asyncio.create_task(asyncio.sleep(60))
        work.cancel()
        await work

    dispatcher = EventDispatcher(_source(3), on_error=lambda *what: reported.append(what))
    heard = Heard()
    dispatcher.add(EventFilter(MessageAdded), fragile)
    dispatcher.add(EventFilter(MessageAdded), heard)
    dispatcher.begin()
    assert len(await heard.until(3)) == 3
    assert [type(error) for error, _ in reported] == [RuntimeError] * 3
    assert [type(error.__cause__) for error, _ in reported] == [asyncio.CancelledError] * 3
    await dispatcher.close()


async def test_a_mistake_in_reporting_one_is_logged_and_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The reporter has no reporter."""

    def fragile(*what: Any) -> None:
        raise ZeroDivisionError

    dispatcher, heard = EventDispatcher(_source(2), on_error=fragile), Heard()
    dispatcher.add(EventFilter(MessageAdded), fragile)
    dispatcher.add(EventFilter(MessageAdded), heard)
    dispatcher.begin()
    await heard.until(2)
    await dispatcher.close()
    assert [record.name for record in caplog.records] == ["imbari_chat.client.dispatcher"] * 2


async def test_an_asynchronous_handler_of_a_blocking_client_is_refused(
    flags: dict[str, Any],
) -> None:
    """It would never run."""

    async def answer(event: MessageAdded) -> None: ...

    class Answers:
        """An object that is called as a function is."""

        async def __call__(self, event: MessageAdded) -> None: ...

    handlers: list[Any] = [answer, Answers(), partial(answer)]
    with AdminChat.from_env(**flags) as desk:
        for handler in handlers:
            with pytest.raises(TypeError, match="ordinary function"):
                desk.on(MessageAdded)(handler)


async def test_a_slow_handler_loses_nothing_and_keeps_memory_bounded() -> None:
    """The source is asked for no more than fits the queue; then everything comes, in order."""
    taken: list[int] = []
    dispatcher, heard, go_on = EventDispatcher(_source(5000, taken)), Heard(), asyncio.Event()

    async def slow(event: MessageAdded) -> None:
        await go_on.wait()
        heard(event)

    dispatcher.add(EventFilter(MessageAdded), slow)
    dispatcher.begin()
    before = -1
    while before != len(taken):  # until it asks for no more
        before = len(taken)
        for _ in range(100):
            await asyncio.sleep(0)
    assert 1000 < len(taken) < 1100
    go_on.set()
    assert [one.message.timestamp for one in await heard.until(5000)] == list(range(5000))
    await dispatcher.close()


async def test_a_slow_handler_hears_every_message_of_a_flood(face: Face) -> None:
    """More messages than the window and the stream's buffer hold, while it sleeps."""
    go_on, texts, heard = threading.Event(), [], Heard()
    session_id = "-P000000000000000001"
    record = {"customerName": "A", "customerEmail": "a@example.com", "lastMessageTime": 1}
    face.seed(f"/chatSessions/{session_id}", {**record, "status": "active", "unreadCount": 0})

    async def slow(event: MessageAdded) -> None:
        if face.blocking:
            go_on.wait(WAIT)
        else:
            await eventually(go_on.is_set)
        texts.append(event.message.text)
        heard(event)

    async with face.desk() as desk, desk.open(session_id, peek=True) as conversation:
        conversation.on(MessageAdded)(face.handler(slow))
        await conversation.listen()
        async with plain_http.AsyncClient(
            base_url=f"http://{face.emulator.database_host}",
            params={"ns": face.emulator.namespace},
            headers={"Authorization": "Bearer owner"},
        ) as owner:
            for number in range(120):
                message = {"text": str(number), "from": "customer", "timestamp": number}
                place = f"/messages/{session_id}/-m{number:04d}.json"
                (await owner.put(place, json=message)).raise_for_status()
        go_on.set()
        await heard.until(120)
    assert texts == [str(number) for number in range(120)]


def test_a_handler_may_be_registered_before_there_is_an_event_loop(flags: dict[str, Any]) -> None:
    """Listening begins where the client is entered, and not before."""
    desk, heard = AsyncAdminChat.from_env(**flags), threading.Event()
    desk.on(ConnectionChanged)(lambda _: heard.set())

    async def enter() -> bool:
        async with desk:
            return await asyncio.to_thread(heard.wait, WAIT)

    assert asyncio.run(enter())


@pytest.mark.parametrize("place", ["desk", "conversation"])
async def test_closing_the_client_ends_a_handler_that_hangs(
    desk: AsyncAdminChat, session: str, place: str
) -> None:
    """Also one of a conversation that nobody has left."""
    begun, ended = asyncio.Event(), asyncio.Event()
    async with desk.open(session, peek=True) as conversation:
        where = desk if place == "desk" else conversation

        @where.on(ConnectionChanged)
        async def hang(event: ConnectionChanged) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        await asyncio.wait_for(begun.wait(), WAIT)
        await desk.close()
        assert ended.is_set()


async def test_whoever_waits_for_the_end_of_a_listening_has_it_listen() -> None:
    """Or nobody would ever hear what ends it."""

    async def denied() -> AsyncGenerator[ChatEvent, None]:
        yield _added(0)
        raise AccessDenied("no")

    dispatcher = EventDispatcher(denied, on_error=lambda *_: None)
    with pytest.raises(AccessDenied):
        await asyncio.wait_for(dispatcher.until_over(), WAIT)
    await dispatcher.close()


@pytest.mark.parametrize("count", range(4))
async def test_what_came_before_the_end_can_still_be_waited_for(count: int) -> None:
    """Each event once and in order; only then the end is what is told."""

    async def denied() -> AsyncGenerator[ChatEvent, None]:
        for number in range(count):
            yield _added(number)
        raise AccessDenied("not any more")

    dispatcher = EventDispatcher(denied, on_error=lambda *_: None, is_news=lambda _: True)
    with pytest.raises(AccessDenied):
        await dispatcher.until_over()
    wanted = EventFilter(MessageAdded)
    given = [await dispatcher.next(wanted, timeout=WAIT) for _ in range(count)]
    assert given == [_added(number) for number in range(count)]
    with pytest.raises(AccessDenied):
        await dispatcher.next(wanted, timeout=WAIT)
    await dispatcher.close()


async def test_what_was_stopped_begins_anew() -> None:
    """What came before, and how that ended, is forgotten; handlers hear what comes now."""
    lives = iter(range(2))

    async def source() -> AsyncGenerator[ChatEvent, None]:
        life = next(lives)
        yield _added(life)
        if life == 0:
            raise AccessDenied("not any more")
        await asyncio.Event().wait()

    dispatcher = EventDispatcher(source, on_error=lambda *_: None, is_news=lambda _: True)
    heard = Heard()
    with pytest.raises(AccessDenied):
        await dispatcher.until_over()
    await dispatcher.stop()
    dispatcher.add(EventFilter(MessageAdded), heard)
    assert await dispatcher.next(EventFilter(MessageAdded), timeout=WAIT) == _added(1)
    assert dispatcher.failure is None
    assert await heard.until(1) == [_added(1)]
    await dispatcher.close()


async def test_what_waits_for_a_handler_is_forgotten_by_whoever_stops() -> None:
    """What it was busy with is interrupted; the rest is not handed to it afterwards."""
    lives, begun, heard = iter(range(2)), asyncio.Event(), Heard()

    async def source() -> AsyncGenerator[ChatEvent, None]:
        life = next(lives)
        for number in range(3):
            yield _added(10 * life + number)
        await asyncio.Event().wait()

    async def slow(event: MessageAdded) -> None:
        heard(event)
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()

    dispatcher = EventDispatcher(source)
    dispatcher.add(EventFilter(MessageAdded), slow)
    dispatcher.begin()
    waiting = asyncio.create_task(dispatcher.next(EventFilter(ConnectionChanged), timeout=WAIT))
    await begun.wait()
    await dispatcher.stop()
    with pytest.raises(ClientClosed):
        await waiting
    dispatcher.begin()
    assert await heard.until(4) == [_added(0), _added(10), _added(11), _added(12)]
    await dispatcher.close()


async def test_a_handler_that_begins_the_listening_anew_hears_nothing_twice_nor_two_at_a_time() -> (
    None
):
    """It is let finish, and what comes then is another task's alone."""
    said: list[str] = []
    dispatcher, heard = EventDispatcher(_source(3)), Heard()

    async def restart(event: MessageAdded) -> None:
        if not heard.all:
            heard(event)
            await dispatcher.stop()
            dispatcher.begin()
            return
        said.append(f"begin {event.message.text}")
        for _ in range(20):
            await asyncio.sleep(0)
        said.append(f"end {event.message.text}")
        heard(event)

    dispatcher.add(EventFilter(MessageAdded), restart)
    dispatcher.begin()
    await heard.until(4)
    assert said == [f"{edge} {number}" for number in range(3) for edge in ("begin", "end")]
    assert sum(one.get_name() == "imbari-chat handlers" for one in asyncio.all_tasks()) == 1
    await dispatcher.close()


async def test_whoever_waits_has_what_follows_the_first_snapshot() -> None:
    """That is what the first word of a live connection ends, and no other word."""
    live, go_on = ConnectionChanged("live"), asyncio.Event()

    async def source() -> AsyncGenerator[ChatEvent, None]:
        yield ConnectionChanged("connecting")
        yield _added(0)
        await go_on.wait()
        yield live
        yield _added(1)
        await asyncio.Event().wait()

    dispatcher = EventDispatcher(source)
    waiting = asyncio.create_task(dispatcher.until_live())
    with pytest.raises(WaitTimeout) as caught:
        await dispatcher.next(EventFilter(MessageAdded), timeout=0.05)
    assert (str(caught.value), waiting.done()) == ("no MessageAdded within 0.05 s", False)
    go_on.set()
    await asyncio.wait_for(waiting, WAIT)
    wanted = EventFilter(object)
    assert [await dispatcher.next(wanted, timeout=WAIT) for _ in range(2)] == [live, _added(1)]
    await dispatcher.close()


ONLINE: Any = ConnectionChanged("live")


@pytest.mark.parametrize(
    ("wanted", "admitted"),
    [
        (EventFilter(object), [ONLINE, _added(0), _added(1)]),
        (EventFilter(MessageAdded), [_added(0), _added(1)]),
        (EventFilter(object, "customer"), [_added(0), _added(1)]),
        (EventFilter(object, "admin"), []),
        (EventFilter(MessageAdded, where=lambda one: one.message.text == "1"), [_added(1)]),
        (EventFilter(MessageAdded, "admin", lambda _: True), []),
        (EventFilter(ConnectionChanged, where=lambda one: one.state == "live"), [ONLINE]),
    ],
)
def test_an_event_is_wanted_if_all_that_is_asked_of_it_is_so(
    wanted: EventFilter, admitted: list[ChatEvent]
) -> None:
    """What carries no message is from nobody."""
    events = (ONLINE, _added(0), _added(1))
    assert [one for one in events if wanted.admits(one) is True] == admitted
    assert set(admitted) <= {one for one in events if wanted.fits(one) is True}


def test_what_nobody_takes_care_of_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With where a handler went wrong, and without what its event says."""
    error = AccessDenied("not any more")
    log_error(error, None)
    log_error(error, _added(0))
    told = [(one.getMessage(), one.exc_info and one.exc_info[1]) for one in caplog.records]
    assert told == [
        (f"listening has ended: {error}", None),
        ("a handler failed on MessageAdded", error),
    ]


async def test_what_was_closed_does_not_listen_again() -> None:
    """Whoever asks for more is told that it is over."""
    taken: list[int] = []
    dispatcher = EventDispatcher(_source(3, taken))
    await dispatcher.close()
    dispatcher.begin()
    with pytest.raises(ImbariError, match="closed"):
        await dispatcher.until_live()
    with pytest.raises(ImbariError, match="closed"):
        await dispatcher.next(EventFilter(MessageAdded), timeout=WAIT)
    await asyncio.wait_for(dispatcher.until_over(), WAIT)
    assert taken == []


async def test_what_no_handler_wants_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many, behind one that is slow: whoever waits for them has them."""
    monkeypatch.setattr("imbari_chat.client.dispatcher._MOST_QUEUED", 1)

    async def never(event: ConnectionChanged) -> None:
        await asyncio.Event().wait()

    async def source() -> AsyncGenerator[ChatEvent, None]:
        yield ConnectionChanged("live")
        async for event in _source(4)():
            yield event

    dispatcher = EventDispatcher(source)
    dispatcher.add(EventFilter(ConnectionChanged), never)
    for number in range(4):
        found = await dispatcher.next(EventFilter(MessageAdded), timeout=WAIT)
        assert found == _added(number)
    await dispatcher.close()


async def test_a_source_that_has_no_more_ends_the_listening() -> None:
    """Without an error: what came is given, whoever waits for more is told, and no task is left."""

    async def one() -> AsyncGenerator[ChatEvent, None]:
        yield _added(0)

    reported: list[Any] = []
    dispatcher = EventDispatcher(
        one, on_error=lambda *what: reported.append(what), is_news=lambda _: True
    )
    await asyncio.wait_for(dispatcher.until_over(), WAIT)
    assert await dispatcher.next(EventFilter(MessageAdded), timeout=WAIT) == _added(0)
    with pytest.raises(ImbariError, match="closed"):
        await dispatcher.next(EventFilter(MessageAdded), timeout=WAIT)
    assert (dispatcher.failure, reported) == (None, [])
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("imbari-chat")]
    assert not left or not (await asyncio.wait(left, timeout=WAIT))[1]
    await dispatcher.close()


async def test_a_forked_child_neither_listens_nor_ends_the_listening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tasks and what they have heard are the parent's."""
    taken: list[int] = []
    dispatcher = EventDispatcher(_source(2, taken), is_news=lambda _: True)
    wanted = EventFilter(MessageAdded)
    with monkeypatch.context() as child:
        child.setattr(dispatcher._guard, "_pid", 0)
        with pytest.raises(RuntimeError, match="forking"):
            dispatcher.begin()
    assert await dispatcher.next(wanted, timeout=WAIT) == _added(0)
    with monkeypatch.context() as child:
        child.setattr(dispatcher._guard, "_pid", 0)
        for ask in (
            dispatcher.until_live,
            dispatcher.until_over,
            partial(dispatcher.next, wanted, timeout=WAIT),
        ):
            with pytest.raises(RuntimeError, match="forking"):
                await asyncio.wait_for(ask(), WAIT)
        await dispatcher.close()
    assert await dispatcher.next(wanted, timeout=WAIT) == _added(1)
    await dispatcher.close()


@pytest.mark.parametrize("place", ["desk", "conversation"])
async def test_a_handler_may_close_the_client(face: Face, place: str) -> None:
    """It returns, whoever waits goes on, and leaving the blocks is no error."""
    closed = Heard()
    async with face.customer() as customer:
        session = await customer.start(name="Amina", email="amina@example.com", text="Hello")
        async with face.desk() as desk, desk.open(session.id, peek=True) as conversation:
            other = Heard()

            async def close(event: MessageAdded) -> None:
                closed(await desk.close())

            where = desk if place == "desk" else conversation
            where.on(MessageAdded)(face.handler(close))
            desk.on(MessageAdded, where=lambda event: event.message.text == "never")(other)
            await desk.listen()
            await conversation.listen()
            await customer.send("The end")
            async with asyncio.timeout(WAIT):
                await desk.wait_closed()
            assert await closed.until(1) == [()]
            assert desk.status.state == "closed"
    for name in ("imbari-chat admin", "imbari-chat closing", "imbari-chat handlers"):
        await eventually(lambda name=name: name not in _running())  # type: ignore[misc]  # a default binds it


def _running() -> set[str]:
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    return tasks | {thread.name for thread in threading.enumerate()}


async def test_a_handler_may_close_the_client_within_a_time(flags: dict[str, Any]) -> None:
    """A task that a handler starts and waits for is the handler's own."""
    heard = Heard()
    async with AsyncAdminChat.from_env(**flags) as desk:

        @desk.on(object)  # type: ignore[type-var]  # any event at all
        async def close(event: object) -> None:
            heard(await asyncio.wait_for(desk.close(), WAIT))

        assert await heard.until(1) == [()]
        await asyncio.wait_for(desk.wait_closed(), WAIT)


async def test_two_handlers_that_close_at_once_both_return(flags: dict[str, Any]) -> None:
    """One of the desk's and one of a conversation's; in the end everything is closed."""
    async with AsyncAdminChat.from_env(**flags) as desk:
        heard = Heard()
        listenings = [desk._gateway.dispatcher(_source(1)) for _ in range(2)]

        async def close(event: MessageAdded) -> None:
            try:
                await desk.close()
            finally:
                heard(event)

        for one in listenings:
            one.add(EventFilter(MessageAdded), close)
            one.begin()
        await heard.until(2)
        await asyncio.wait_for(desk.close(), WAIT)
        assert desk._gateway._transport._closed  # type: ignore[attr-defined]  # RestTransport's


async def test_lost_permission_is_told_to_everybody_at_once(face: Face) -> None:
    """``on_error``, whoever waits and whoever asks; ``status`` says why."""
    troubles = Heard()
    async with face.customer() as customer, face.desk(on_error=troubles) as desk:
        await customer.start(name="Amina", email="amina@example.com", text="Hello")
        await desk.listen()
        waiting = [
            asyncio.create_task(desk.wait_closed()),
            asyncio.create_task(desk.wait_for(MessageAdded, timeout=WAIT)),
        ]
        await asyncio.sleep(0)
        face.emulator.load_rules('{"rules": {".read": false}}')
        ((error, event),) = await troubles.until(1)
        assert (type(error), event) == (AccessDenied, None)
        for one in waiting:
            with pytest.raises(AccessDenied):
                await one
        with pytest.raises(AccessDenied):
            await desk.listen()
        status = desk.status
        assert (status.state, status.alive) == ("closed", False)
        assert status.reason is not None
        assert "no longer permitted" in status.reason


async def test_whoever_is_told_of_an_end_may_close_the_client(face: Face) -> None:
    """Also from ``on_error``: the natural thing to do there."""
    told, closing = Heard(), set()

    async def close(error: Exception) -> None:
        await desk.close()
        told(error)

    def give_up(error: Exception, event: ChatEvent | None) -> None:
        if face.blocking:
            face.handler(close)(error)
        else:
            closing.add(asyncio.ensure_future(close(error)))

    desk = face.desk(on_error=give_up)
    async with desk:
        await desk.listen()
        face.emulator.load_rules('{"rules": {".read": false}}')
        (error,) = await told.until(1)
        assert isinstance(error, AccessDenied)
        with pytest.raises((Unavailable, RuntimeError), match="closed"):
            await desk.sessions()
