"""Whether what is stored says that a plan was committed."""

from dataclasses import replace

import pytest

from imbari_chat.errors import Unavailable
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json

PLAN = plans.reply(
    SessionId("-O0000000000000000aa"), MessageId("-O0000000000000000ab"), "Hi", uid="ben"
)
assert PLAN.commit_marker is not None
WRITTEN = PLAN.changes[PLAN.commit_marker]
assert isinstance(WRITTEN, dict)


@pytest.mark.parametrize(
    ("stored", "is_there"),
    [
        (None, False),
        (WRITTEN, True),
        ({**WRITTEN, "text": "put right since", "timestamp": 1_700_000_000_000}, True),
        ({"text": "Hi"}, True),
    ],
)
def test_a_plan_is_there_if_something_of_it_is(stored: Json, *, is_there: bool) -> None:
    """Somebody may have changed the rest meanwhile."""
    assert PLAN.is_marked_by(stored) is is_there


@pytest.mark.parametrize(
    "stored",
    [{}, [], "Hi", 5, True, {"text": "Log in, please"}, {"error": "no"}, {"nothing": None}],
)
def test_what_is_nothing_like_it_comes_from_somebody_else(stored: Json) -> None:
    """A log-in page answers in JSON, too: that is no word on whether the plan was committed."""
    with pytest.raises(Unavailable, match="something other than what was written") as doubt:
        PLAN.is_marked_by(stored)
    assert doubt.value.where == str(PLAN.commit_marker)


def test_a_plan_without_a_marker_is_not_looked_for() -> None:
    """Whatever stands there."""
    assert replace(PLAN, commit_marker=None).is_marked_by(WRITTEN) is False
