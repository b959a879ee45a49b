"""Whether a message is stored, as whoever sent it finds out."""

from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.client.sending.entry import is_stored, require_session
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, SessionNotFound
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

S, M = SessionId("-S"), MessageId("-M")
PLAN = plans.reply(S, M, "Hello", uid="desk", after=5)
FREE = plans.reply(S, M, "Hello", uid="desk", after=None)
THERE: Json = {"customerName": "Amina"}
WRITTEN: Json = {"text": "Hello"}


class Stored:
    """Gives what is stored at each place, the first answers first, once it is open."""

    def __init__(self, uid: str | None = "desk", **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._uid = uid
        self._is_open = False

    @property
    def uid(self) -> str | None:
        assert self._is_open
        return self._uid

    async def open(self) -> None:
        self._is_open = True

    async def get(self, path: Path, query: object = None) -> Json:
        assert PLAN.commit_marker is not None
        assert PLAN.expects is not None
        name = {PLAN.commit_marker: "marker", PLAN.expects[0]: "expects"}.get(path, "session")
        self.asked.append(name)
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ImbariError):
            raise answer
        found: Json = answer
        return found


@pytest.mark.parametrize(
    ("plan", "stored", "outcome"),
    [
        (FREE, Stored(marker=[WRITTEN]), True),
        (FREE, Stored(marker=[None], session=[THERE]), False),
        (FREE, Stored(marker=[None], session=[AccessDenied("no")]), False),
        (FREE, Stored(marker=[None], session=[None]), SessionNotFound),
        (FREE, Stored(marker=[AccessDenied("no")], session=[THERE]), AccessDenied),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[5]), False),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[AccessDenied("no")]), False),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[6]), Conflict),
        (PLAN, Stored(marker=[None, WRITTEN], session=[THERE], expects=[6]), True),
        (
            PLAN,
            Stored(marker=[None, AccessDenied("no")], session=[THERE], expects=[6]),
            False,
        ),
    ],
)
async def test_what_is_stored_and_what_is_not_are_told_apart(
    plan: plans.Plan, stored: Any, outcome: bool | type[ImbariError]
) -> None:
    """From what somebody else came before, and from what nobody may look at."""
    entry: Any = SimpleNamespace(plan=plan, session_id=S)
    if isinstance(outcome, bool):
        assert await is_stored(stored, entry) is outcome
    else:
        with pytest.raises(outcome):
            await is_stored(stored, entry)


@pytest.mark.parametrize(
    ("uid", "refused", "answers", "asked", "outcome"),
    [
        ("desk", False, [None], [], None),
        ("desk", True, [None], ["session"], SessionNotFound),
        ("desk", True, [AccessDenied("no")], ["session"], None),
        (None, False, [None], ["session"], SessionNotFound),
        (None, False, [THERE], ["session"], None),
        (None, True, [None], ["session"], SessionNotFound),
    ],
)
async def test_a_session_is_looked_for_where_no_rules_decide_or_to_explain_a_refusal(
    uid: str | None, refused: bool, answers: list[Any], asked: list[str], outcome: Any
) -> None:
    """Under rules a write costs no look before it."""
    stored: Any = Stored(uid, session=answers)
    call = require_session(stored, FREE, **({"refused": True} if refused else {}))
    if outcome is None:
        await call
    else:
        with pytest.raises(outcome, match=S):
            await call
    assert stored.asked == asked


async def test_a_plan_that_needs_no_session_asks_for_nothing() -> None:
    """As one that starts it."""
    stored: Any = Stored(None)
    await require_session(stored, plans.Plan({}))
    assert stored.asked == []
