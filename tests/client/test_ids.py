"""Ids: in order within a conversation, whatever the clocks say."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.sending.ids import Ids
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.pushid import timestamp_of

A, B = SessionId("-A"), SessionId("-B")
NOW = 1_800_000_000_000


@given(
    st.lists(
        st.tuples(st.sampled_from([A, B]), st.integers(-5_000, 5_000), st.integers(-9_000, 9_000)),
        max_size=30,
    )
)
def test_ids_of_a_conversation_only_grow(steps: list[tuple[SessionId, int, int]]) -> None:
    """Although the clock jumps, and whatever is seen in between."""
    ids = Ids()
    made: dict[SessionId, list[str]] = {A: [], B: []}
    with pytest.MonkeyPatch.context() as patch:
        for session, jump, seen in steps:
            patch.setattr(time, "time_ns", lambda jump=jump: (NOW + jump) * 1_000_000)
            ids.saw(session, NOW + seen)
            made[session].append(ids.message(session))
            assert timestamp_of(made[session][-1]) > NOW + seen
    for keys in made.values():
        assert keys == sorted(set(keys))


def test_one_conversations_clock_is_not_anothers() -> None:
    """And a time that no id can hold is nobody's."""
    ids = Ids()
    now = time.time_ns() // 1_000_000
    ids.saw(A, now + 60_000)
    ids.saw(B, 10**15)
    assert timestamp_of(ids.message(A)) > now + 60_000
    assert timestamp_of(ids.message(B)) < now + 60_000
    assert timestamp_of(ids.session()) < now + 60_000
