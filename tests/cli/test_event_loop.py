"""The event loop of a command: what runs on threads beside it."""

import asyncio
import threading
from typing import NoReturn

import pytest

from imbari_chat.cli import event_loop


def test_a_call_has_a_thread_that_nobody_waits_for() -> None:
    """What it gives or raises comes back; a program ends while it goes on."""

    def fail() -> NoReturn:
        raise ZeroDivisionError

    async def work() -> tuple[threading.Thread, threading.Thread]:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(fail)
        stuck = asyncio.get_running_loop().run_in_executor(None, ended.wait)
        one, other = [await asyncio.to_thread(threading.current_thread) for _ in range(2)]
        assert not stuck.done()
        return one, other

    ended = threading.Event()
    try:
        one, other = event_loop.run(work())
    finally:
        ended.set()
    assert (one.daemon, other.daemon) == (True, True)
    assert one is not other
