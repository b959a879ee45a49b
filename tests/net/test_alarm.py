"""The one timer of a state machine's shell: on a loop whose clock a test turns."""

import asyncio
import time
from collections.abc import Callable

import pytest

from imbari_chat.net.alarm import Alarm


class Timer:
    def __init__(self, at: float, ring: Callable[[], None]) -> None:
        self.ring = ring
        self._at = at
        self.is_cancelled = False

    def when(self) -> float:
        return self._at

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Its clock began at 1000, when that of ``time.monotonic`` showed 50."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, ring: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, ring))
        return self.timers[-1]

    @property
    def due(self) -> list[float]:
        return [one.when() for one in self.timers if not one.is_cancelled]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(time, "monotonic", lambda: loop.now - 950)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.mark.parametrize(
    ("deadlines", "due"),
    [
        ([60.0], [1010.0]),
        ([40.0], [1000.0]),  # it is over: at once
        ([60.0, 70.0], [1010.0]),  # it rings, and whoever is rung looks
        ([60.0, 60.0], [1010.0]),
        ([60.0, 55.0], [1005.0]),
        ([60.0, None], []),
        ([None], []),
        ([60.0, None, 70.0], [1020.0]),
    ],
)
def test_it_rings_at_the_earliest_deadline(
    loop: Loop, deadlines: list[float | None], due: list[float]
) -> None:
    """One timer at most, and none made anew for a deadline that was put off."""
    one = Alarm(lambda: None)
    for deadline in deadlines:
        one.set(deadline)
    assert loop.due == due
    if deadlines in ([60.0, 60.0], [60.0, 70.0]):
        assert len(loop.timers) == 1


def test_after_it_rang_it_is_set_anew(loop: Loop) -> None:
    """Also by whoever is rung, and also to a later time."""
    rung: list[float] = []

    def ring() -> None:
        rung.append(loop.now)
        one.set(100.0)

    one = Alarm(ring)
    one.set(60.0)
    loop.now = 1010.0
    loop.timers[0].ring()
    assert rung == [1010.0]
    assert [timer.when() for timer in loop.timers[1:]] == [1050.0]
