"""A client belongs to the event loop in which it is used first: elsewhere nothing would come."""

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncCustomerChat,
    MessageAdded,
    WrongEventLoop,
)
from tests.client.scenarios.faces import WAIT
from tests.ports import own_port

AMINA = {"name": "Amina", "email": "amina@example.com"}

Call = Callable[[AsyncAdminChat, AsyncCustomerChat, str], Any]

CALLS: dict[str, Call] = {
    "enter": lambda desk, _, __: desk.__aenter__(),
    "sessions": lambda desk, _, __: desk.sessions(),
    "get_session": lambda desk, _, session: desk.get_session(session),
    "recount": lambda desk, _, session: desk.recount(session),
    "reply": lambda desk, _, session: desk.reply(session, "Hello"),
    "resolve": lambda desk, _, session: desk.resolve(session),
    "claim": lambda desk, _, session: desk.team.claim(session),
    "browse": lambda desk, _, __: desk.browse().older(),
    "on": lambda desk, _, __: desk.on(MessageAdded),
    "listen": lambda desk, _, __: desk.listen(),
    "wait_for": lambda desk, _, __: desk.wait_for(MessageAdded, timeout=WAIT),
    "wait_closed": lambda desk, _, __: desk.wait_closed(),
    "events": lambda desk, _, __: anext(desk.events()),
    "flush": lambda desk, _, __: desk.flush(),
    "refused": lambda desk, _, __: desk.refused(),
    "drop": lambda desk, _, __: desk.drop("-O"),
    "show": lambda desk, _, __: desk.show(),
    "hide at the desk": lambda desk, _, __: desk.hide(),
    "hold": lambda desk, _, __: desk.hold("-O"),
    "release": lambda desk, _, __: desk.release("-O"),
    "read_presence": lambda desk, _, __: desk.read_presence(),
    "reconnect_now": lambda desk, _, __: desk.reconnect_now(),
    "open": lambda desk, _, session: desk.open(session).__aenter__(),
    "history": lambda desk, _, session: desk.open(session).history(),
    "typing": lambda desk, _, session: desk.open(session).typing(),
    "start": lambda _, chat, __: chat.start(**AMINA),
    "send": lambda _, chat, __: chat.send("Hello"),
    "hide": lambda _, chat, __: chat.hide(),
    "show the chat": lambda _, chat, __: chat.show(),
    "typing in the chat": lambda _, chat, __: chat.typing(),
}

both_transports = pytest.mark.parametrize("transport_name", ["websocket", "rest"], indirect=True)


@asynccontextmanager
async def another_loop() -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]]:
    """A thread with a loop that runs: gives what runs a coroutine there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda work: asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()


async def others() -> set[str]:
    """What else runs in this loop."""
    return {one.get_name() for one in asyncio.all_tasks() - {asyncio.current_task()}}


@pytest.fixture(autouse=True)
def _forgotten_sockets() -> Iterator[None]:
    """Those of a loop that ended under its client go, with a warning, when that is collected."""
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


async def begun(flags: dict[str, Any]) -> tuple[AsyncAdminChat, AsyncCustomerChat, str]:
    """Two clients in use, both of which listen."""
    chat = AsyncCustomerChat.from_env(**flags)
    session = await chat.start(**AMINA, text="Hello")
    desk = AsyncAdminChat.from_env(**flags)
    await desk.reply(session.id, "Good morning")
    await asyncio.gather(desk.listen(), chat.listen())
    return desk, chat, session.id


async def refused(call: Callable[[], Any]) -> None:
    """Say whose client it is, at once."""
    with pytest.raises(WrongEventLoop, match="another event loop"):  # noqa: PT012  # some wait
        result = call()
        if isinstance(result, Awaitable):
            await asyncio.wait_for(result, WAIT)


@both_transports
def test_every_call_from_a_second_event_loop_says_so(flags: dict[str, Any]) -> None:
    desk, chat, session = asyncio.run(begun(flags))

    async def elsewhere() -> None:
        for call in CALLS.values():
            await refused(partial(call, desk, chat, session))

    asyncio.run(elsewhere())
    for client in (desk, chat):
        assert asyncio.run(client.close()) == ()


@both_transports
def test_whoever_closes_after_the_loop_gives_back_what_there_is(flags: dict[str, Any]) -> None:
    """Threads, that is: a socket is its loop's, and goes when nobody holds the client any more."""
    before = set(threading.enumerate())
    desk, chat, _ = asyncio.run(begun(flags))
    for client in (desk, chat):
        assert asyncio.run(client.close()) == ()
        assert asyncio.run(client.close()) == ()
        assert (client.status.state, client.outbox) == ("closed", ())
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
        assert not thread.is_alive(), thread


@both_transports
async def test_a_loop_that_runs_elsewhere_closes_its_clients_itself(flags: dict[str, Any]) -> None:
    async with another_loop() as run:
        desk, chat, session = await run(begun(flags))
        await refused(desk.sessions)
        iterations = [desk.events(), desk.resolutions(), desk.open(session).events(), chat.events()]
        for iteration in iterations:
            await run(anext(iteration))
            await refused(partial(anext, iteration))
            await run(anext(iteration))
        for client in (desk, chat):
            assert await asyncio.wait_for(client.close(), WAIT) == ()
            assert client.status.state == "closed"
        assert session
        assert await run(others()) == set()


@both_transports
def test_what_was_on_its_way_when_the_loop_ended_is_said(
    flags: dict[str, Any], session: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither lost in silence, nor called sent where it never was."""

    async def begin() -> AsyncAdminChat:
        desk = AsyncAdminChat.from_env(**flags | {"database_emulator": f"127.0.0.1:{port}"})
        await desk.reply(session, "Hello", timeout=0)
        return desk

    with own_port() as port:
        desk = asyncio.run(begin())
    (left,) = asyncio.run(desk.close())
    assert left.delivery in ("failed", "sent")
    assert left.error is not None
    assert f"closed with 1 message undelivered: {left.id}" in caplog.text
    assert desk.outbox == ()


def test_what_is_on_disk_is_sent_by_others_once_its_client_is_closed(
    flags: dict[str, Any], session: str, stored: Callable[[str], Any]
) -> None:
    """The loop's end does not give back the right to send; closing does, also from elsewhere."""
    flags |= {"outbox": "durable"}

    async def begin() -> AsyncAdminChat:
        desk = AsyncAdminChat.from_env(**flags)
        await desk.flush()
        await desk.reply(session, "Hello", timeout=0)
        return desk

    async def go_on() -> None:
        async with AsyncAdminChat.from_env(**flags) as desk:
            assert await desk.flush(timeout=WAIT) == ()

    desk = asyncio.run(begin())
    assert asyncio.run(desk.close()) == ()
    asyncio.run(go_on())
    texts = [one["text"] for one in stored(f"/messages/{session}").values()]
    assert sorted(texts) == ["Hello", "Hello"]


async def test_a_client_that_nobody_used_belongs_to_nobody(flags: dict[str, Any]) -> None:
    desk = AsyncAdminChat.from_env(**flags)
    async with another_loop() as run:
        assert await run(desk.sessions()) == []
        assert await run(desk.close()) == ()


async def test_a_blocking_client_is_used_from_any_loops_thread(
    flags: dict[str, Any], session: str
) -> None:
    """Its loop is its own: one that runs where it is called is not asked."""
    with AdminChat.from_env(**flags) as desk:
        assert [one.id for one in desk.browse()] == [session]
        async with another_loop() as run:
            assert await run(_all(desk)) == [session]


async def _all(desk: AdminChat) -> list[str]:
    return [one.id for one in desk.browse()]
