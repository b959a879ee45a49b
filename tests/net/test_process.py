"""A forked child gets an error, and its parent notices nothing; work for another event loop."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat.errors import WrongEventLoop
from imbari_chat.net import process
from imbari_chat.net.process import LoopGuard
from tests import programs

WAIT = 60.0

SCRIPT = """
import asyncio, os, sys
from imbari_chat.net.rest import RestTransport
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.sse import encode
from tests.net.scripted import Caller, serving

go_on = asyncio.Event()

async def step(conversation):
    await conversation.begin("1")
    await go_on.wait()
    await conversation.send(encode("put", '{"path":"/","data":2}'))
    await conversation.stay()

async def refused(awaitable):
    try:
        await asyncio.wait_for(awaitable, 30)
    except RuntimeError as error:
        assert str(error) == (
            f"this client belongs to process {os.getppid()}; make a new one after forking"
        ), error
    else:
        raise AssertionError("no error")

async def call(function, *args):
    return function(*args)

async def child(transport, subscription):
    await refused(transport.open())
    await refused(transport.get(ROOT))
    await refused(transport.update({ROOT: 1}))
    await refused(call(transport.submit, {ROOT: 1}, print))
    await refused(call(transport.listen, ROOT))
    await refused(call(transport.reconnect_now))
    await refused(call(subscription.reconnect_now))
    await refused(anext(subscription))
    for _ in range(2):
        await asyncio.wait_for(subscription.close(), 30)
        await asyncio.wait_for(transport.close(), 30)

async def value(subscription, wanted):
    async for item in subscription:
        if getattr(item, "value", None) == wanted:
            return

async def main():
    async with serving(step) as server:
        transport = RestTransport(lambda: Caller(server.url), timeout=5.0)
        subscription = transport.listen(Path.parse("/s"))
        await value(subscription, 1)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.run(child(transport, subscription))
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "the child failed"
        go_on.set()
        await asyncio.wait_for(value(subscription, 2), 30)
        assert len(server.requests) == 1, "the parent's connection was lost"
        await transport.close()
    print("done")

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_is_refused_and_the_parents_stream_goes_on() -> None:
    """Every call says whose client it is; closing is harmless; no socket is touched."""
    run = programs.run([sys.executable, "-c", SCRIPT], timeout=60, cwd=Path(__file__).parents[2])
    assert (run.returncode, run.stdout) == (0, "done\n"), run.stderr


@pytest.fixture
def home() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread; what it was stopped in is cancelled."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


@pytest.mark.parametrize("end", ["done", "stopped", "cancelled"])
async def test_work_for_another_loop_comes_to_nothing_where_that_ends_first(
    home: asyncio.AbstractEventLoop, end: str
) -> None:
    """Whoever waits for it is told so, and goes on."""

    async def work() -> str:
        if end == "stopped":
            home.stop()
            await asyncio.Event().wait()
        if end == "cancelled":
            raise asyncio.CancelledError
        return "done"

    guard = LoopGuard()
    guard.home = home
    came = await asyncio.wait_for(guard.carry_home(work), WAIT)
    assert came == (("done",) if end == "done" else None)


async def test_what_work_for_another_loop_raises_is_raised(home: asyncio.AbstractEventLoop) -> None:
    async def work() -> None:
        raise OSError("it failed")

    guard = LoopGuard()
    guard.home = home
    with pytest.raises(OSError, match="it failed"):
        await asyncio.wait_for(guard.carry_home(work), WAIT)


async def test_a_loop_that_does_not_run_is_given_no_work() -> None:
    """Nor is one of a client that was used in none."""

    async def work() -> None:
        raise AssertionError("it ran")

    over = asyncio.new_event_loop()
    over.close()
    for home in (None, over):
        guard = LoopGuard()
        guard.home = home
        assert await guard.carry_home(work) is None


def test_a_child_does_not_wait_for_its_parents_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which looks there as if it ran, and runs nothing."""

    async def work() -> None:
        raise AssertionError("it ran")

    async def child() -> tuple[None] | None:
        guard = LoopGuard()
        guard.check()
        monkeypatch.setattr(process._this, "pid", -1)
        return await guard.carry_home(work)

    assert asyncio.run(child()) is None


def test_home_is_where_it_was_used_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no loop runs it is used in none; in another loop or process it is not at home."""
    guard = LoopGuard()

    async def use() -> None:
        guard.check()

    async def look() -> bool:
        return guard.is_at_home

    with asyncio.Runner() as first, asyncio.Runner() as second:
        guard.check()
        assert (guard.home, guard.is_at_home, first.run(look())) == (None, True, True)
        first.run(use())
        assert guard.home is first.get_loop()
        assert (guard.is_at_home, first.run(look()), second.run(look())) == (True, True, False)
        guard.check()
        first.run(use())
        for _ in range(2):
            with pytest.raises(WrongEventLoop, match="belongs to another event loop"):
                second.run(use())
        monkeypatch.setattr(process._this, "pid", -1)
        assert (guard.is_here, guard.is_at_home, first.run(look())) == (False, False, False)
        with pytest.raises(RuntimeError, match="after forking"):
            first.run(use())
