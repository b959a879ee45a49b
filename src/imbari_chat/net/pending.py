"""What was asked over a socket: told once, a write at its deadline at the latest."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from imbari_chat.engine.refusals import Call
from imbari_chat.engine.requests import Answered
from imbari_chat.errors import Unavailable
from imbari_chat.net.alarm import Alarm

__all__ = ["Pending"]

_Told: TypeAlias = Callable[[Answered], None]


class _NoAnswer(Protocol):
    def __call__(self, where: str | None, *, unknown: bool) -> Unavailable: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who waits.

    Attributes:
        told: Given the end of it.
        call: What to say of it at the deadline.
        due: The deadline, in monotonic seconds; None if whoever asked watches the clock.
    """

    told: _Told
    call: Call
    due: float | None


class Pending:
    """Everything that one client asked and was not told the end of.

    Args:
        withdraw: Takes back what was asked under a key; returns whether it was sent all the same.
        patience: How long a write may take, in seconds.
        no_answer: Makes the error for one that takes longer.
        moved_at: When bytes of something long were seen to leave last, in monotonic seconds: what
            was asked for may stand behind them, so that puts deadlines off.
    """

    def __init__(
        self,
        withdraw: Callable[[int], bool],
        patience: float,
        no_answer: _NoAnswer,
        moved_at: Callable[[], float],
    ) -> None:
        self._withdraw = withdraw
        self._patience = patience
        self._no_answer = no_answer
        self._moved_at = moved_at
        self._waiting: dict[int, _Waiting] = {}
        self._alarm = Alarm(self._ring)

    def add(self, key: int, call: Call, told: _Told) -> None:
        """Somebody asked, and waits."""
        due = time.monotonic() + self._patience if call.write else None
        self._waiting[key] = _Waiting(told, call, due)
        if due is not None:
            self._alarm.set(due)

    def answered(self, answer: Answered) -> None:
        """It has come to an end."""
        if waiting := self._waiting.pop(answer.key, None):
            waiting.told(answer)

    def withdraw(self, key: int) -> bool:
        """Nobody waits for it any more. Returns whether it may be done all the same."""
        return self._waiting.pop(key, None) is not None and self._withdraw(key)

    def close(self) -> None:
        """Watch no clock any more."""
        self._alarm.set(None)

    def _ring(self) -> None:
        """Tell writes that have no answer by now. They are in the order of their deadlines."""
        put_off = self._moved_at() + self._patience
        for key, one in list(self._waiting.items()):
            if one.due is None or key not in self._waiting:
                continue
            if (due := max(one.due, put_off)) > time.monotonic():
                self._alarm.set(due)
                return
            error = self._no_answer(one.call.where, unknown=self.withdraw(key))
            one.told(Answered(key, error=error))
