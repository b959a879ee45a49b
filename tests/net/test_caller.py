"""Who is asking is found out once, and given back whenever the end comes."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.errors import ClientClosed
from imbari_chat.net import process
from imbari_chat.net.caller import Caller
from imbari_chat.net.workers import Workers


class Somebody:
    uid = "u"
    account = "a@shop.example"

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def _caller(find_out: Callable[[], Any]) -> Caller[Any]:
    return Caller(find_out, Workers(2, "test"))


async def test_whoever_asks_first_finds_out_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who ask meanwhile wait for the same; nobody is known before."""
    found: list[Somebody] = []

    def find_out() -> Somebody:
        found.append(Somebody())
        return found[-1]

    caller = _caller(find_out)
    assert (caller.known, caller.uid, caller.account) == (None, None, None)
    told = {*await asyncio.gather(caller(), caller()), await caller()}
    (one,) = found
    assert told == {one}
    assert (caller.known, caller.uid, caller.account) == (one, "u", "a@shop.example")
    with monkeypatch.context() as child:
        child.setattr(process._this, "pid", -1)
        with pytest.raises(RuntimeError, match="after forking"):
            await caller()
    caller.close()
    assert one.closed == 1
    with pytest.raises(ClientClosed):
        await caller.workers.run(len, "")


async def test_who_is_found_out_after_the_end_is_given_back() -> None:
    """A library that blocks may take its time."""
    begun, go_on, one = threading.Event(), threading.Event(), Somebody()

    def find_out() -> Somebody:
        begun.set()
        go_on.wait(60)
        return one

    caller = _caller(find_out)
    asking = asyncio.create_task(caller())
    await asyncio.to_thread(begun.wait, 60)
    caller.close()
    go_on.set()
    await asyncio.wait({asking})
    assert one.closed == 1
