"""Plans as text: what comes back writes the same, and reads the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.schema import plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.schema.plan_text import pack, unpack

SESSION = SessionId("-O0000000000000000aa")
MESSAGE = MessageId("-O0000000000000000ab")
LEAD = LeadForm("Amina", "amina@example.com", None, None)
TEXTS = st.text(min_size=1, max_size=50).filter(str.strip)


@given(TEXTS, st.none() | st.integers(0, 2**45), st.none() | st.just("desk"))
def test_an_answer_comes_back(text: str, after: int | None, uid: str | None) -> None:
    """With what it expects, in the same order of places, and as the same message."""
    plan = plans.reply(SESSION, MESSAGE, text, uid=uid, after=after)
    again = unpack(pack(plan))
    assert again == plan
    assert list(again.changes) == list(plan.changes)
    assert plans.as_sent(again) == plans.as_sent(plan)
    assert plans.as_sent(again).timestamp == plans.as_sent(plan).timestamp


@given(TEXTS)
def test_a_customers_message_comes_back(text: str) -> None:
    """With the sums that the server does."""
    plan = plans.customer_sends(SESSION, MESSAGE, text, LEAD, uid="amina")
    assert unpack(pack(plan)) == plan


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"changes": 1}', '{"changes": {"a//b$": 1}}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    """Whoever wrote it."""
    with pytest.raises(InvalidData):
        unpack(text)


def test_a_plan_is_kept_in_words_that_stay() -> None:
    """What an earlier program kept has to be understood by a later one."""
    plan = plans.reply(SESSION, MESSAGE, "Hello", uid="desk", after=5)
    kept = json.loads(pack(plan))
    assert list(kept) == ["changes", "marker", "requires", "expects"]
    assert kept["changes"] == {str(place): value for place, value in plan.changes.items()}
    assert kept["marker"] == (None if plan.commit_marker is None else str(plan.commit_marker))
    assert kept["requires"] == (None if plan.requires is None else str(plan.requires))
    assert plan.expects is not None
    assert kept["expects"] == [str(plan.expects[0]), plan.expects[1]]


@pytest.mark.parametrize("expects", ["[]", '["/a"]', '["/a", 1, 2]', '"/a"', "null"])
def test_what_is_no_pair_is_nothing_that_is_expected(expects: str) -> None:
    """A plan without it is refused by nobody, and a later program may keep more."""
    assert unpack(f'{{"changes": {{}}, "expects": {expects}}}').expects is None
