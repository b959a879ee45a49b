"""Whether a message is stored, as whoever sent it finds out."""

from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.client.sending.entry import is_stored
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, SessionNotFound
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

S, M = SessionId("-S"), MessageId("-M")
PLAN = plans.reply(S, M, "Hello", uid="desk", after=5)
FREE = plans.reply(S, M, "Hello", uid="desk", after=None)
THERE: Json = {"customerName": "Amina"}


class Stored:
    """Gives what is stored at each place, the first answers first."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers

    uid = "desk"

    async def open(self) -> None: ...

    async def get(self, path: Path, query: object = None) -> Json:
        assert PLAN.commit_marker is not None
        assert PLAN.expects is not None
        name = {PLAN.commit_marker: "marker", PLAN.expects[0]: "expects"}.get(path, "session")
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ImbariError):
            raise answer
        found: Json = answer
        return found


@pytest.mark.parametrize(
    ("plan", "stored", "outcome"),
    [
        (FREE, Stored(marker=[None], session=[THERE]), False),
        (FREE, Stored(marker=[None], session=[AccessDenied("no")]), False),
        (FREE, Stored(marker=[None], session=[None]), SessionNotFound),
        (FREE, Stored(marker=[AccessDenied("no")], session=[THERE]), AccessDenied),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[5]), False),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[AccessDenied("no")]), False),
        (PLAN, Stored(marker=[None], session=[THERE], expects=[6]), Conflict),
        (
            PLAN,
            Stored(marker=[None, AccessDenied("no")], session=[THERE], expects=[6]),
            False,
        ),
    ],
)
async def test_what_is_not_stored_is_told_apart(
    plan: plans.Plan, stored: Any, outcome: bool | type[ImbariError]
) -> None:
    """From what somebody else came before, and from what nobody may look at."""
    entry: Any = SimpleNamespace(plan=plan, session_id=S)
    if isinstance(outcome, bool):
        assert await is_stored(stored, entry) is outcome
    else:
        with pytest.raises(outcome):
            await is_stored(stored, entry)
