"""Updates that are with the transport: each knows whether its messages may be there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.client.sending.entry import OutboxEntry
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.net.transport import Transport, Withdraw

__all__ = ["Attempts"]

_Ended: TypeAlias = Callable[[Sequence[OutboxEntry], ImbariError | None], None]


@dataclass(eq=False, slots=True)
class _Attempt:
    """One update.

    Attributes:
        entries: The messages that it writes, all or none.
        doubtful: Those of which an earlier attempt may have reached the service.
        withdraw: Takes it back.
    """

    entries: Sequence[OutboxEntry]
    doubtful: frozenset[str]
    withdraw: Withdraw | None = None

    def came_to_nothing(self, *, unknown: bool) -> None:
        """It was not made, or nobody knows."""
        for entry in self.entries:
            entry.may_be_there = unknown or entry.message.id in self.doubtful


class Attempts:
    """All of one outbox.

    Args:
        transport: The way to the database.
        ended: Told what became of each that was not taken back.
    """

    def __init__(self, transport: Transport, ended: _Ended) -> None:
        self._transport = transport
        self._ended = ended
        self._under_way: set[_Attempt] = set()

    @property
    def under_way(self) -> int:
        """How many nobody has told the end of."""
        return len(self._under_way)

    def make(self, entries: Sequence[OutboxEntry]) -> None:
        """Send these in one update; of a conversation's, the last gives its preview."""
        doubtful = frozenset(one.message.id for one in entries if one.may_be_there)
        attempt = _Attempt(entries, doubtful)
        for entry in entries:
            entry.may_be_there = True
        self._under_way.add(attempt)
        attempt.withdraw = self._transport.submit(
            {place: value for one in entries for place, value in one.plan.changes.items()},
            lambda error: self._answered(attempt, error),
        )

    def give_up(self, is_wanted: Callable[[OutboxEntry], bool]) -> None:
        """Nobody waits for some message any more: what was not sent yet never is.

        Args:
            is_wanted: Whether somebody waits for one; then its update goes all the same.
        """
        for one in list(self._under_way):
            if not any(map(is_wanted, one.entries)):
                self._take_back(one)

    def close(self) -> None:
        """Nobody waits for anything."""
        self.give_up(lambda _: False)

    def _take_back(self, attempt: _Attempt) -> None:
        self._under_way.discard(attempt)
        attempt.came_to_nothing(unknown=attempt.withdraw is None or attempt.withdraw())

    def _answered(self, attempt: _Attempt, error: ImbariError | None) -> None:
        if attempt not in self._under_way:
            return
        self._under_way.discard(attempt)
        if error is not None:
            unknown = isinstance(error, Unavailable) and error.outcome_unknown
            attempt.came_to_nothing(unknown=unknown)
        self._ended(attempt.entries, error)
