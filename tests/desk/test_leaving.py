"""Leaving the desk: replies on their way have a moment, and whoever insists has none."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from imbari_chat.desk.leaving import Leaving
from imbari_chat.desk.store import Store
from imbari_chat.view.inbox import Notice
from imbari_chat.view.listing import Listing
from imbari_chat.view.outgoing import Pending
from tests.view.records import session


class Sender:
    """Says what it was asked for."""

    def __init__(self) -> None:
        self.released: list[bool] = []

    def release(self, *, at_once: bool = False) -> None:
        self.released.append(at_once)


class Desk:
    """Somebody who can leave, with replies on their way."""

    def __init__(self, pending: int) -> None:
        self.now = 100.0
        self.ended = 0
        self.store = Store(Listing(), lambda: None, lambda: self.now)
        on_the_way = tuple(Pending(at, session("amina").id, "text") for at in range(pending))
        self.store.change(lambda state: replace(state, pending=on_the_way))
        self.sender = Sender()
        sender: Any = self.sender
        self.leaving = Leaving(self.store, sender, self._end, lambda: self.now)

    def _end(self) -> None:
        self.ended += 1


@pytest.mark.parametrize("interrupted", [True, False])
def test_without_a_reply_on_its_way_leaving_is_at_once(interrupted: bool) -> None:
    """What was held back goes out, which may be one."""
    desk = Desk(0)
    assert not desk.leaving.is_interrupted
    desk.leaving.look()
    assert desk.ended == 0
    desk.leaving.begin(interrupted=interrupted)
    assert (desk.ended, desk.leaving.is_interrupted) == (1, interrupted)
    assert desk.sender.released == [True]
    assert desk.store.state.notice == Notice("Leaving: a moment for replies on their way")


def test_replies_on_their_way_have_a_moment() -> None:
    """Three tenths of a second, or until they have arrived."""
    desk = Desk(1)
    desk.leaving.begin(interrupted=False)
    desk.now = 100.29
    desk.leaving.look()
    assert desk.ended == 0
    desk.now = 100.3
    desk.leaving.look()
    assert desk.ended == 1
    desk = Desk(1)
    desk.leaving.begin(interrupted=False)
    desk.store.change(lambda state: replace(state, pending=()))
    desk.leaving.look()
    assert desk.ended == 1


def test_a_second_time_insists() -> None:
    """And how it was said last is what counts."""
    desk = Desk(1)
    desk.leaving.begin(interrupted=False)
    desk.leaving.begin(interrupted=True)
    assert (desk.ended, desk.leaving.is_interrupted) == (1, True)


def test_a_terminal_that_is_gone_interrupts_once() -> None:
    """Whoever leaves already goes on doing so."""
    desk = Desk(1)
    desk.leaving.gone()
    desk.leaving.gone()
    assert (desk.ended, desk.leaving.is_interrupted) == (0, True)
    desk = Desk(1)
    desk.leaving.begin(interrupted=False)
    desk.leaving.gone()
    assert not desk.leaving.is_interrupted


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
async def test_a_signal_that_asks_to_end_is_a_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It interrupts, and leaves replies their moment."""
    handlers: dict[int, Callable[[], None]] = {}
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", handlers.__setitem__)
    for number in (signal.SIGHUP, signal.SIGTERM):
        desk = Desk(1)
        desk.leaving.listen()
        handlers[number]()
        assert (desk.ended, desk.leaving.is_interrupted) == (0, True)


@pytest.mark.parametrize("error", [NotImplementedError, RuntimeError, ValueError])
async def test_a_loop_that_hears_no_signals_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Windows has none that do, and another thread than the main one hears none."""

    def refuses(*_: object) -> None:
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuses)
    Desk(1).leaving.listen()
