"""The blocking clients: the same names, the same behaviour, without ``await``."""

import asyncio
import inspect
import os
import re
import signal
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    ClientClosed,
    ConfigError,
    ConnectionChanged,
    Conversation,
    CustomerChat,
    MessageAdded,
    NotFound,
)
from imbari_chat.client.sync.portal import BlockingIterator, Portal
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
    for thread in ours:
        thread.join(5)
    assert not {thread for thread in ours if thread.is_alive()}


def test_closing_twice_is_fine_and_calls_afterwards_are_errors(flags: dict[str, Any]) -> None:
    """Nothing hangs."""
    desk = AdminChat.from_env(**flags)
    desk.close()
    desk.close()
    with pytest.raises(RuntimeError, match="closed"):
        desk.sessions()


def test_an_interrupted_wait_cancels_the_call() -> None:
    """Ctrl-C in the caller reaches the coroutine."""
    portal = Portal("test")
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            interrupted.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    interrupted = threading.Event()

    def interrupt() -> None:
        interrupted.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        portal.call(hang())
    thread.join()
    assert cancelled.wait(5)
    portal.close()


def test_a_blocking_call_from_the_clients_own_loop_is_an_error_and_not_a_deadlock() -> None:
    """It says what to use instead of hanging for ever."""
    portal = Portal("test")

    async def inside() -> None:
        portal.call(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="own event loop"):
        portal.call(inside())
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
            gate.wait(5)

    def hang() -> None:
        with pytest.raises(ClientClosed):
            portal.call(end_slowly())

    waiting = threading.Thread(target=hang)
    waiting.start()
    begun.wait(5)
    closing = threading.Thread(target=portal.close)
    closing.start()
    ending.wait(5)
    with pytest.raises(RuntimeError, match="closed"):
        portal.call(asyncio.sleep(0))
    gate.set()
    for thread in (waiting, closing):
        thread.join(5)
        assert not thread.is_alive()


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
    begun.wait(5)
    iterator.close()
    iterator.close()
    thread.join(5)
    assert (thread.is_alive(), found, finished.is_set()) == (False, [1], True)
    portal.close()


@pytest.mark.parametrize("kind", [AdminChat, CustomerChat])
def test_settings_that_cannot_be_used_leave_no_thread_behind(kind: Any) -> None:
    """The error comes before there is anything to close."""
    before = set(threading.enumerate())
    with pytest.raises(ConfigError):
        kind.from_env(timeout=-1)
    assert set(threading.enumerate()) == before


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
