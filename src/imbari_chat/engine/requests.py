"""Requests on one socket, by number, and what becomes of them when it is lost.

A request is answered once, under its number; numbers are never used twice, nor begun anew on
another connection. What callers ask for waits until a connection takes it, and goes out in the
order in which it was asked:

    waiting --taken--> sent --answered--> told
       ^                | lost: a read waits again, before those that came later
       +----------------+
                        | lost again: told, as a line may break under the same answer every time
                        | lost: a write is told that its outcome is unknown
    waiting --nobody can be reached--> told, and certainly not sent

A write is never sent twice: whoever asked for it looks first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from imbari_chat.engine.refusals import Call, verdict
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import Answer, request_text

__all__ = ["Answered", "Asked", "Requests", "Written", "refused"]

Own = TypeVar("Own")
"""What the connection's own requests are for: signing in, listening and the like."""

_STATUSES = {
    "permission_denied": 401,
    "expired_token": 401,
    "invalid_token": 401,
    "datastale": 412,
    "too_big": 400,
    "failure": 400,
    "error": 400,
    "unavailable": 503,
}
"""The same refusals as REST has them (reference: statuses)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a caller asked for has come to an end.

    Attributes:
        key: Which, as :meth:`Requests.ask` said.
        data: What the service answered.
        error: What was wrong instead.
        with_priorities: The data may carry some; see :func:`~engine.mirror.plain`.
    """

    key: int
    data: Json = None
    error: ImbariError | None = None
    with_priorities: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for.

    Attributes:
        key: Told with its end.
        action: ``g``, ``p``, ``m`` and their like.
        body: As it is sent, JSON; written once, however often that is.
        call: What to say of it when it fails.
        was_lost: It was sent on a connection that is no more.
    """

    key: int
    action: str
    body: str
    call: Call
    was_lost: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A request to be sent.

    Attributes:
        action: One of the protocol's words.
        body: JSON. Of ``auth`` and ``gauth`` it carries a token: never log it.
    """

    number: int
    action: str
    body: str = field(repr=False)

    def __str__(self) -> str:
        return request_text(self.number, f'"{self.action}"', self.body)


class Requests(Generic[Own]):
    """Every request of one client, over all its connections.

    Args:
        tell: Given the end of each caller's request.
    """

    def __init__(self, tell: Callable[[Answered], None]) -> None:
        self._tell = tell
        self._number = 0
        self._key = 0
        self._waiting: dict[int, Asked] = {}
        self._sent: dict[int, Asked | Own] = {}
        self._answered = 0

    @property
    def outstanding(self) -> bool:
        """Whether any caller waits for anything."""
        return bool(self._waiting) or any(isinstance(one, Asked) for one in self._sent.values())

    @property
    def owed(self) -> int | None:
        """The number of the first request since the last that was answered; None if there is none.

        That nobody waits for it any more makes no difference: its answer shows that it was heard.
        """
        return self._answered + 1 if self._answered < self._number else None

    def ask(self, action: str, body: Mapping[str, Json], call: Call) -> int:
        """A caller asks for something; it waits. Returns its key.

        Raises:
            InvalidData: What is to be sent is no JSON.
        """
        written = dumps(dict(body))
        self._key += 1
        self._waiting[self._key] = Asked(self._key, action, written, call)
        return self._key

    def withdraw(self, key: int) -> bool:
        """Nobody waits for it any more. Returns whether it was sent, so that it may be done."""
        if self._waiting.pop(key, None) is not None:
            return False
        for number, one in self._sent.items():
            if isinstance(one, Asked) and one.key == key:
                del self._sent[number]
                return True
        return False

    def own(self, action: str, body: Mapping[str, Json], purpose: Own) -> Written:
        """A request of the connection itself, sent now."""
        return self._send(action, dumps(dict(body)), purpose)

    def take(self) -> list[Written]:
        """Everything that waits, in order: it is sent now."""
        waiting, self._waiting = self._waiting, {}
        return [self._send(one.action, one.body, one) for one in waiting.values()]

    def answered(self, answer: Answer, *, with_priorities: bool = False) -> Own | None:
        """The service answered; callers are told, and the connection gets what it asked for.

        An answer to what was withdrawn, or never asked, is for nobody.
        """
        if answer.number <= self._number:
            self._answered = max(self._answered, answer.number)
        one = self._sent.pop(answer.number, None)
        if isinstance(one, Asked):
            error = refused(answer, one.call)
            data = answer.data if error is None else None
            self._tell(Answered(one.key, data, error, with_priorities))
            return None
        return one

    def lost(self, reason: str) -> None:
        """The connection is gone, and no answer will come to what was sent on it."""
        sent, self._sent, self._answered = self._sent, {}, self._number
        again = {}
        for one in sent.values():
            if not isinstance(one, Asked):
                continue
            if one.call.write or one.was_lost:
                unknown, where, hint = one.call.write, one.call.where, one.call.hint
                error = Unavailable(reason, where=where, hint=hint, outcome_unknown=unknown)
                self._tell(Answered(one.key, error=error))
            else:
                again[one.key] = replace(one, was_lost=True)
        self._waiting = {**again, **self._waiting}

    def unreachable(self, error: ImbariError) -> None:
        """No connection could be made: nothing that waits was sent."""
        for key in list(self._waiting):
            self.refuse(key, error)

    def refuse(self, key: int, error: ImbariError) -> None:
        """One that waits was not sent, and will not be."""
        one = self._waiting.pop(key)
        told = error
        if type(error) is Unavailable:
            told = Unavailable(error.what, where=one.call.where, hint=error.hint)
            told.retry_after = error.retry_after
        self._tell(Answered(key, error=told))

    def _send(self, action: str, body: str, purpose: Asked | Own) -> Written:
        self._number += 1
        self._sent[self._number] = purpose
        return Written(self._number, action, body)


def refused(answer: Answer, call: Call) -> ImbariError | None:
    """What an answer says is wrong; None if nothing is.

    Of a status that nobody knows it is not known either whether the write was made.
    """
    if answer.status == "ok":
        return None
    said = answer.data if isinstance(answer.data, str) else ""
    body = dumps({"error": _IN_WORDS.get(answer.status, said)})
    return verdict(_STATUSES.get(answer.status, 500), body, call)


_IN_WORDS = {"permission_denied": "Permission denied", "expired_token": "The token has expired"}
"""Statuses that say it all, where REST has but the text."""
