"""What was asked over a socket is told once, and a write at its deadline at the latest."""

import time
from collections.abc import Callable

import pytest

from imbari_chat.engine.refusals import Call
from imbari_chat.engine.requests import Answered
from imbari_chat.errors import Unavailable
from imbari_chat.net import pending
from imbari_chat.net.pending import Pending

READ, WRITE = Call("/a"), Call("/b", write=True)


class Alarm:
    """Rings when the test says so."""

    deadline: float | None = None

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring = ring

    def set(self, deadline: float | None) -> None:
        if deadline is None or self.deadline is None or deadline < self.deadline:
            self.deadline = deadline


class Asked:
    """Somebody who asks, a clock, and an engine of which a test says what it has sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.moved_at = 0.0
        self.sent: set[int] = set()
        self.withdrawn: list[int] = []
        self.told: list[Answered] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(pending, "Alarm", Alarm)
        self.pending = Pending(self._withdraw, 10.0, _no_answer, lambda: self.moved_at)

    def ask(self, key: int, call: Call) -> None:
        self.pending.add(key, call, self.told.append)

    def ring(self, at: float) -> None:
        self.now, self.alarm.deadline = at, None
        self.alarm.ring()

    @property
    def alarm(self) -> Alarm:
        found = self.pending._alarm
        assert isinstance(found, Alarm)
        return found

    @property
    def deadline(self) -> float | None:
        return self.alarm.deadline

    @property
    def keys(self) -> list[int]:
        return [one.key for one in self.told]

    def _withdraw(self, key: int) -> bool:
        self.withdrawn.append(key)
        return key in self.sent


def _no_answer(where: str | None, *, unknown: bool) -> Unavailable:
    return Unavailable("no answer", where=where, outcome_unknown=unknown)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_each_is_told_once(asked: Asked) -> None:
    """An answer to what nobody asked, or was told already, is for nobody."""
    asked.ask(1, READ)
    asked.ask(2, WRITE)
    for key in (3, 2, 2, 1):
        asked.pending.answered(Answered(key, data=key))
    assert asked.told == [Answered(2, data=2), Answered(1, data=1)]
    asked.ring(1000.0)
    assert asked.keys == [2, 1]
    assert asked.withdrawn == []


def test_a_write_without_an_answer_is_told_at_its_deadline(asked: Asked) -> None:
    """Those that were sent may have been made; others have their own time, and reads watch it
    themselves."""
    asked.ask(1, READ)
    assert [asked.deadline] == [None]
    asked.ask(2, WRITE)
    asked.ask(3, WRITE)
    asked.sent = {3}
    asked.now = 105.0
    asked.ask(4, WRITE)
    assert [asked.deadline] == [110.0]
    asked.ring(110.0)
    assert asked.keys == [2, 3]
    errors = [one.error for one in asked.told if isinstance(one.error, Unavailable)]
    assert [(one.where, one.outcome_unknown) for one in errors] == [("/b", False), ("/b", True)]
    assert [asked.deadline] == [115.0]
    asked.ring(114.9)
    assert asked.keys == [2, 3]
    asked.ring(115.0)
    assert asked.keys == [2, 3, 4]
    assert asked.withdrawn == [2, 3, 4]
    assert asked.deadline is None


def test_what_is_withdrawn_is_not_told_of(asked: Asked) -> None:
    """Whether it may be done all the same the engine knows, if it was asked at all."""
    asked.ask(1, WRITE)
    asked.ask(2, WRITE)
    asked.sent = {1, 3}
    assert [asked.pending.withdraw(key) for key in (1, 1, 2, 3)] == [True, False, False, False]
    assert asked.withdrawn == [1, 2]
    asked.ring(1000.0)
    assert asked.told == []


def test_whoever_is_told_may_withdraw_another(asked: Asked) -> None:
    """Which is not told then."""
    withdrawn: list[bool] = []
    asked.pending.add(1, WRITE, lambda _: withdrawn.append(asked.pending.withdraw(2)))
    asked.ask(2, WRITE)
    asked.ask(3, WRITE)
    asked.ring(1000.0)
    assert asked.keys == [3]


def test_who_closes_watches_no_clock(asked: Asked) -> None:
    """Nothing is told any more by itself."""
    asked.ask(1, WRITE)
    asked.pending.close()
    assert asked.deadline is None


def test_what_leaves_puts_a_writes_deadline_off(asked: Asked) -> None:
    """It may stand behind that; it is told as late as if it had been asked for then."""
    asked.ask(1, WRITE)
    asked.moved_at = 107.0
    asked.ring(at=110.0)
    assert (asked.keys, asked.deadline) == ([], 117.0)
    asked.moved_at = 112.0
    asked.ring(at=117.0)
    assert (asked.keys, asked.deadline) == ([], 122.0)
    asked.ring(at=122.0)
    assert asked.keys == [1]
