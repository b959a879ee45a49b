"""The blocking clients: the same names, the same behaviour, without ``await``."""

import asyncio
import inspect
import os
import re
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ChatEvent,
    ClientClosed,
    ConfigError,
    ConnectionChanged,
    Conversation,
    CustomerChat,
    InvalidType,
    MessageAdded,
    NotFound,
)
from imbari_chat.client.sync import base
from imbari_chat.client.sync.portal import BlockingIterator, Portal, _Call
from tests.client.scenarios.faces import WAIT
from tools.blocking import CLIENTS as CLIENTS_FILE
from tools.blocking import blocking_clients

CLIENTS = [
    (AsyncAdminChat, AdminChat),
    (AsyncConversation, Conversation),
    (AsyncCustomerChat, CustomerChat),
]


def _public(kind: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("asynchronous", "blocking"), CLIENTS)
def test_both_clients_have_the_same_names_and_parameters(
    asynchronous: type, blocking: type
) -> None:
    """A method added to one and not the other fails here."""
    ours, theirs = _public(asynchronous), _public(blocking)
    assert ours.keys() == theirs.keys()
    for name, member in ours.items():
        if not callable(member):
            continue
        expected = inspect.signature(member).parameters
        found = inspect.signature(theirs[name]).parameters
        assert [str(one) for one in expected.values()] == [str(one) for one in found.values()]


@pytest.mark.parametrize("blocking", [one for _, one in CLIENTS])
def test_the_blocking_clients_speak_for_themselves(blocking: type) -> None:
    """``help()`` serves whoever never looks at the async client, and shows nothing to await."""
    for name, member in _public(blocking).items():
        said = inspect.getdoc(member)
        assert said, name
        assert not re.search(r"\bawait |\basync (with|for|def)\b|\bAsync[A-Z]", said), name


def test_the_blocking_clients_are_what_the_async_ones_say() -> None:
    """``make generate`` writes them; a change of an async client without it fails here."""
    assert CLIENTS_FILE.read_text("utf-8") == blocking_clients()


def test_a_conversation_in_plain_code(flags: dict[str, Any]) -> None:
    """The main job without a single ``await``."""
    with AdminChat.from_env(**flags) as desk, CustomerChat.from_env(**flags) as chat:
        session = chat.start(name="Amina", email="amina@example.com", text="Hello")
        with desk.open(session.id) as conversation:
            conversation.reply("Hello Amina")
            assert [one.text for one in conversation.history()] == ["Hello", "Hello Amina"]
            conversation.resolve()
        assert chat.wait_for(MessageAdded, timeout=10).message.text == "Hello Amina"
        assert [one.status for one in desk.sessions()] == ["resolved"]
        with desk.events() as events:
            assert ConnectionChanged("live") in events
        with pytest.raises(NotFound), desk.open("-Nowhere"):
            pass


def test_closing_leaves_no_thread_behind(flags: dict[str, Any]) -> None:
    """Neither the loop's nor the workers'."""
    before = set(threading.enumerate())
    with AdminChat.from_env(**flags) as desk:
        desk.sessions()
        with desk.events() as events:
            next(iter(events))
        ours = set(threading.enumerate()) - before
        assert ours
        assert desk in base._open
    assert desk not in base._open
    for thread in ours:
        thread.join(30)
    assert not {thread for thread in ours if thread.is_alive()}


def test_closing_twice_is_fine_and_calls_afterwards_are_errors(flags: dict[str, Any]) -> None:
    """Nothing hangs."""
    desk = AdminChat.from_env(**flags)
    desk.close()
    desk.close()
    with pytest.raises(RuntimeError, match="closed"):
        desk.sessions()


def _to_the_process() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def _to_this_thread() -> None:
    """Which does not wake the one that waits, as a signal that comes just before it does so."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


@pytest.mark.parametrize("interrupt", [_to_the_process, _to_this_thread])
def test_an_interrupted_wait_cancels_the_call(interrupt: Callable[[], None]) -> None:
    """Ctrl-C in the caller reaches the coroutine, whenever it comes."""
    portal = Portal("test")
    waiting, cancelled, unheard = threading.Event(), threading.Event(), threading.Event()

    async def hang() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert asyncio.current_task() is not None, "it is not the loop that ends it"
            cancelled.set()

    def press() -> None:
        waiting.wait(30)
        interrupt()
        if not cancelled.wait(30):
            unheard.set()
            _to_the_process()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        portal.call(hang())
    thread.join()
    assert not unheard.is_set()
    portal.close()


def test_a_blocking_call_from_the_clients_own_loop_is_an_error_and_not_a_deadlock() -> None:
    """It says what to use instead of hanging for ever."""
    portal = Portal("test")

    async def inside() -> None:
        portal.call(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="own event loop"):
        portal.call(inside())
    portal.close()


def test_handlers_take_turns_whichever_part_of_a_client_calls_them() -> None:
    """On one thread, so that they need no lock of their own."""
    portal, go_on = Portal("test"), threading.Event()

    def handle() -> int:
        assert go_on.wait(60)
        return threading.get_ident()

    async def call_all() -> list[int]:
        calls = [asyncio.ensure_future(portal.hands.run(handle)) for _ in range(20)]
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*calls)

    try:
        assert len(set(portal.call(call_all()))) == 1
    finally:
        portal.close()


def test_a_call_that_comes_while_the_client_is_ending_is_refused_and_not_forgotten() -> None:
    """The loop still runs, to end what else runs on it; nobody would look at the call."""
    portal, ending, gate = Portal("test"), threading.Event(), threading.Event()
    begun = threading.Event()

    async def end_slowly() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ending.set()
            gate.wait(30)

    def hang() -> None:
        with pytest.raises(ClientClosed):
            portal.call(end_slowly())

    waiting = threading.Thread(target=hang)
    waiting.start()
    begun.wait(30)
    closing = threading.Thread(target=portal.close)
    closing.start()
    ending.wait(30)
    with pytest.raises(RuntimeError, match="closed"):
        portal.call(asyncio.sleep(0))
    gate.set()
    for thread in (waiting, closing):
        thread.join(30)
        assert not thread.is_alive()


def test_a_call_that_is_refused_leaves_nothing_to_be_awaited() -> None:
    """Python would complain of it, and at some later moment."""
    portal = Portal("test")
    portal.close()
    refused = asyncio.sleep(0)
    with pytest.raises(ClientClosed):
        portal.call(refused)
    assert inspect.getcoroutinestate(refused) == inspect.CORO_CLOSED


@pytest.mark.parametrize("whose", ["events", "errors"])
def test_handlers_take_turns(whose: str) -> None:
    """Those for events, and those for errors: what they share needs no lock."""
    portal, heard = Portal("test"), threading.Event()
    overlaps: list[bool] = []

    def hear(what: str) -> None:
        if what == "first":
            overlaps.append(heard.wait(0.2))
        else:
            heard.set()

    async def tell() -> None:
        if whose == "events":
            await asyncio.gather(*(portal.hands.run(hear, one) for one in ("first", "second")))
            return
        on_error = portal.off_loop(lambda error, _: hear(str(error)))
        assert on_error is not None
        for one in ("first", "second"):
            on_error(ValueError(one), None)
        await asyncio.gather(*portal._told)

    portal.call(tell())
    portal.close()
    assert overlaps == [False]
    assert heard.is_set()


class _ClosedMeanwhile(Portal):
    """Looks open to whoever looks, and is closed when the call comes."""

    @property
    def closed(self) -> bool:
        return False


@pytest.mark.parametrize(
    "leave",
    [
        lambda desk, _, __: desk.wait_closed(),
        lambda desk, _, __: desk.__exit__(None, None, None),
        lambda desk, _, __: desk.close(),
        lambda _, conversation, __: conversation.wait_closed(),
        lambda _, conversation, __: conversation.__exit__(None, None, None),
        lambda _, __, events: events.close(),
    ],
)
def test_whoever_leaves_while_another_thread_closes_is_not_bothered(
    flags: dict[str, Any], session: str, leave: Callable[..., object]
) -> None:
    """There is nothing left to do, between any look and the call that follows it."""
    with (
        AdminChat.from_env(**flags) as desk,
        desk.open(session, peek=True) as conversation,
        desk.events() as events,
    ):
        desk.close()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(desk._portal, "__class__", _ClosedMeanwhile)
            with pytest.raises(ClientClosed):
                desk.flush(timeout=0)
            assert not leave(desk, conversation, events)


def test_an_iterator_may_be_closed_by_another_thread() -> None:
    """Whoever waits for the next event finds that there is none."""
    portal, begun, finished = Portal("test"), threading.Event(), threading.Event()

    async def source() -> AsyncGenerator[int, None]:
        try:
            yield 1
            begun.set()
            await asyncio.Event().wait()
        finally:
            finished.set()

    iterator = BlockingIterator(portal, source())
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(iterator))
    thread.start()
    begun.wait(30)
    iterator.close()
    iterator.close()
    thread.join(30)
    assert (thread.is_alive(), found, finished.is_set()) == (False, [1], True)
    portal.close()


@pytest.mark.parametrize("kind", [AdminChat, CustomerChat])
def test_settings_that_cannot_be_used_leave_no_thread_behind(kind: Any) -> None:
    """The error comes before there is anything to close."""
    before = set(threading.enumerate())
    with pytest.raises(ConfigError):
        kind.from_env(timeout=-1)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("kind", [AdminChat, CustomerChat])
def test_a_client_that_cannot_be_made_leaves_no_thread_behind(
    kind: Any, flags: dict[str, Any]
) -> None:
    """Nor anything that the end of the program would close."""
    before, were_open = set(threading.enumerate()), set(base._open)
    with pytest.raises(InvalidType):
        kind.from_env(**flags, on_error="no function")
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
        assert not thread.is_alive()
    assert base._open == were_open


def test_an_iterator_ends_with_its_source_and_can_be_closed_early() -> None:
    """Both ways the generator's own clean-up runs."""
    portal = Portal("test")
    finished: list[str] = []

    async def source(name: str) -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            finished.append(name)

    whole: Iterator[int] = iter(BlockingIterator(portal, source("whole")))
    assert list(whole) == [1, 2]
    with BlockingIterator(portal, source("part")) as part:
        assert next(iter(part)) == 1
    assert finished == ["whole", "part"]
    portal.close()


async def _one_and_two() -> AsyncGenerator[int, None]:
    yield 1
    yield 2


@pytest.mark.parametrize("state", ["new", "begun", "closed", "closed before it began"])
def test_a_forked_child_waits_for_no_thread_of_its_parent(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """It is told, though somebody was just waiting for the next event, and the parent goes on."""

    portal = Portal("test")
    iterator = BlockingIterator(portal, _one_and_two())
    taken = [] if state in {"new", "closed before it began"} else [next(iterator)]
    if state.startswith("closed"):
        iterator.close()
    with monkeypatch.context() as child, iterator._turn:
        child.setattr(portal._guard, "_pid", 0)
        with pytest.raises(RuntimeError, match="after forking"):
            next(iterator)
    taken += iterator
    assert taken == {"closed": [1], "closed before it began": []}.get(state, [1, 2])
    portal.close()


def test_a_forked_child_closes_nothing_of_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """To it the client is closed; nothing that it leaves goes wrong, and the parent goes on."""
    portal = Portal("test")
    with monkeypatch.context() as child:
        child.setattr(portal._guard, "_pid", 0)
        looks = [portal.closed]
        assert portal.call_if_open(lambda: asyncio.sleep(0, "called")) is None
        portal.close()
        with pytest.raises(RuntimeError, match="after forking"):
            portal.call(asyncio.sleep(0))
    looks.append(portal.closed)
    assert portal.call_if_open(lambda: asyncio.sleep(0, "called")) == "called"
    portal.close()
    assert portal.call_if_open(lambda: asyncio.sleep(0, "called")) is None
    assert [*looks, portal.closed] == [True, False, True]


def test_a_forked_child_is_not_told_that_its_parents_client_has_ended(
    flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed it may look there, and who waits for the end would go on as if it had come."""
    with AdminChat.from_env(**flags) as desk, monkeypatch.context() as child:
        child.setattr(desk._portal._guard, "_pid", 0)
        with pytest.raises(RuntimeError, match="after forking"):
            desk.wait_closed()


def test_a_portal_that_is_closed_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then: its loop has files of its own, and so may what runs on it and nobody closed."""
    monkeypatch.setattr("imbari_chat.client.sync.portal._FAREWELL", WAIT)
    finished: list[str] = []

    async def source() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            finished.append("source")

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            finished.append("task")

    async def begin() -> None:
        kept.append(asyncio.create_task(hang()))
        await asyncio.sleep(0)

    portal, kept = Portal("test"), list[asyncio.Task[None]]()
    portal.call(begin())
    iterator = BlockingIterator(portal, source())
    assert next(iterator) == 1
    portal.close()
    assert (sorted(finished), portal._loop.is_closed()) == (["source", "task"], True)
    assert not portal._thread.is_alive()


def test_a_call_that_is_abandoned_before_it_begins_never_does() -> None:
    """Nothing is left of it that Python would complain of."""
    portal, late = Portal("test"), asyncio.sleep(0)
    call = _Call(late)

    def begin_and_abandon() -> None:
        call.begin()
        call.abandon()

    portal._loop.call_soon_threadsafe(begin_and_abandon)
    call.wait()
    with pytest.raises(ClientClosed):
        call.result()
    assert inspect.getcoroutinestate(late) == inspect.CORO_CLOSED
    portal.close()


def test_a_portal_may_be_closed_from_its_own_loop() -> None:
    """Which cannot wait for itself to end."""
    portal = Portal("test")

    async def close() -> str:
        portal.close()
        return "closed"

    assert portal.call(close()) == "closed"
    portal._thread.join(WAIT)
    assert portal._loop.is_closed()


def test_a_mistake_in_on_error_is_logged_and_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It runs where nobody would hear of it."""
    portal = Portal("test")
    mistake, event = ZeroDivisionError("in on_error"), ConnectionChanged("live")

    def fragile(error: Exception, event: ChatEvent | None) -> None:
        raise mistake

    async def tell() -> int:
        on_error = portal.off_loop(fragile)
        assert on_error is not None
        on_error(ValueError(), event)
        (task,) = portal._told
        await task
        await portal.hands.run(int)
        await asyncio.sleep(0)
        return len(portal._told)

    assert portal.call(tell()) == 0
    workers = [
        one for one in threading.enumerate() if one.name in ("test handlers-0", "test errors-0")
    ]
    assert len(workers) == 2
    portal.close()
    for one in workers:
        one.join(WAIT)
        assert not one.is_alive()
    told = [(it.getMessage(), it.exc_info and it.exc_info[1]) for it in caplog.records]
    assert told == [("a handler failed on ConnectionChanged", mistake)]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_an_iterator_of_a_closed_client_has_ended_unless_it_is_new(
    *, begun: bool, closed: bool
) -> None:
    """One that nobody has begun or closed is used too late, and that is told."""

    portal = Portal("test")
    iterator = BlockingIterator(portal, _one_and_two())
    if begun:
        next(iterator)
    if closed:
        iterator.close()
    portal.close()
    with pytest.raises(StopIteration if begun or closed else ClientClosed):
        next(iterator)


def test_threads_that_iterate_together_take_turns() -> None:
    """Each event goes to one of them, and whoever closes ends it for all."""
    go_on = threading.Event()

    async def source() -> AsyncGenerator[int, None]:
        for number in range(100):
            await asyncio.sleep(0)
            yield number
        go_on.set()
        await asyncio.Event().wait()

    portal = Portal("test")
    iterator = BlockingIterator(portal, source())
    taken: list[int] = []
    ended: list[BaseException | None] = []

    def take() -> None:
        try:
            taken.extend(iterator)
        except BaseException as error:  # noqa: BLE001  # for the test to see
            ended.append(error)
        else:
            ended.append(None)

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert go_on.wait(60)
    iterator.close()
    for thread in threads:
        thread.join(60)
    portal.close()
    assert ended == [None] * 3
    assert sorted(taken) == [*range(100)]
