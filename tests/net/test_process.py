"""A forked child gets an error, and the parent notices nothing."""

import os
import sys
from pathlib import Path

import pytest

from tests import programs

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
