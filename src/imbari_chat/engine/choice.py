"""Which transport reaches the database: the WebSocket, or REST where nothing else gets through.

The shell reports how attempts to open a WebSocket end and whether REST answers; this core says what
to do about it. It waits for nothing and knows no time.

    undecided --greeted--> websocket
        | failed, and REST answers;       | failed three times in a row, or was misunderstood once,
        | after an outage, twice          |   and REST answers each time
        +------------> rest <-------------+
                        | somebody asks for it: one attempt
                        +--greeted--> websocket

A failed attempt says nothing by itself, since an outage looks the same. REST is asked right after
it; where that does not answer either, it was an outage, and counting begins anew. An outage may
end between the attempt and the question, so after one a single doubt decides nothing. What answers
the request for a WebSocket is not asked what it is: a proxy's page and a server's own refusal are
both followed by the same question.
"""

from enum import Enum
from typing import Final

from imbari_chat.engine.link_effects import Attempt
from imbari_chat.states import TransportName

__all__ = ["Choice", "Step"]

_MOST_DOUBTS: Final = 3
_AFTER_AN_OUTAGE: Final = 2


class Step(Enum):
    """What the shell is to do."""

    ASK_REST = "ask REST for anything, and report whether it answers"
    USE_REST = "take everything to REST, and give the WebSocket up"
    USE_SOCKET = "take everything to the WebSocket"
    GIVE_UP = "stay with REST, and give the WebSocket up"


class Choice:
    """The choice of one client."""

    def __init__(self) -> None:
        self.chosen: TransportName | None = None
        """None until it is decided."""
        self.reason: str | None = None
        """Why it is not the WebSocket."""
        self._is_asking = False
        self._is_trying = False
        self._trouble: str | None = None  # of the last attempt, until the service is taken for good
        self._doubts = 0
        self._had_outage = False  # while it was undecided
        self._misunderstood: str | None = None  # what was, until REST has been asked

    @property
    def is_close(self) -> bool:
        """Whether it is undecided, and what REST says now may decide it."""
        return self.chosen is None and self._is_asking

    def attempted(self, attempt: Attempt) -> Step | None:
        """An attempt to open a WebSocket has come so far."""
        match attempt.came:
            case "greeted":
                return self._greeted()
            case "answered":
                self._doubts, self._trouble = 0, None
                return None
            case "failed":
                return self._failed(attempt.reason)
            case "misunderstood":
                if self.chosen != "rest":
                    self._misunderstood = attempt.reason
                return self._failed(attempt.reason)

    def rest_answered(self, answers: bool) -> Step | None:
        """Whether REST answers: the end of :attr:`Step.ASK_REST`."""
        self._is_asking = False
        trouble, self._misunderstood = self._misunderstood, None
        if trouble is None and self._trouble is None:  # the WebSocket has come through meanwhile
            return None
        if not answers:
            self._doubts, self._had_outage = 0, True
            return None
        self._doubts += 1
        if trouble is None and self._doubts < self._needed:
            return None
        self._trouble = trouble or self._trouble
        self._use_rest()
        return Step.USE_REST

    @property
    def _needed(self) -> int:
        """How many attempts have to fail in a row while REST answers."""
        if self.chosen == "websocket":
            return _MOST_DOUBTS
        return _AFTER_AN_OUTAGE if self._had_outage else 1

    def try_again(self) -> bool:
        """Somebody asks for the WebSocket. Returns whether to open one, beside REST."""
        is_new = self.chosen == "rest" and not self._is_trying
        self._is_trying = self._is_trying or is_new
        return is_new

    def _greeted(self) -> Step | None:
        before, self._is_trying = self.chosen, False
        if before != "websocket":  # one that failed may greet again before REST can answer
            self._trouble = None
        self.chosen, self.reason = "websocket", None
        return Step.USE_SOCKET if before == "rest" else None

    def _failed(self, reason: str | None) -> Step | None:
        self._trouble = reason or "no reason given"
        if self.chosen == "rest":
            if not self._is_trying:
                return None
            self._use_rest()
            return Step.GIVE_UP
        if self._is_asking:
            return None
        self._is_asking = True
        return Step.ASK_REST

    def _use_rest(self) -> None:
        self.chosen, self._is_trying, self._doubts = "rest", False, 0
        self.reason = f"no WebSocket: {self._trouble}"
