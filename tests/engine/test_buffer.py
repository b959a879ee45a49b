"""What a consumer has not read yet, bounded."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.buffer import ChangeBuffer, ListenItem
from imbari_chat.engine.stream import Changed, StateChanged
from imbari_chat.errors import InvalidData, StreamOverflow

KEYS = [f"k{number}" for number in range(50)]
EVERYTHING = frozenset(KEYS)

NAMED = st.builds(
    Changed, st.integers(), st.frozensets(st.sampled_from(KEYS), min_size=1, max_size=3)
)
ANY = st.builds(Changed, st.integers(), st.none())
STATES = st.builds(StateChanged, st.sampled_from(["live", "stale", "reconnecting"]))
ITEMS = st.lists(NAMED | STATES, min_size=1, max_size=40) | st.lists(
    NAMED | ANY | STATES, min_size=1, max_size=40
)


def _changes(items: Sequence[ListenItem]) -> list[Changed]:
    return [item for item in items if isinstance(item, Changed)]


def _states(items: Sequence[ListenItem]) -> list[StateChanged]:
    return [item for item in items if isinstance(item, StateChanged)]


def _touched(items: Sequence[ListenItem]) -> frozenset[str]:
    sets = [EVERYTHING if change.touched is None else change.touched for change in _changes(items)]
    return frozenset().union(*sets)


def _emptied(buffer: ChangeBuffer) -> list[ListenItem]:
    return [buffer.take() for _ in range(len(buffer))]


@given(ITEMS, st.integers(2, 6), st.sets(st.integers(0, 39)))
def test_whatever_is_folded_what_counts_survives(
    items: list[ListenItem], limit: int, reads: set[int]
) -> None:
    """The last value, the last state, which of them came last, and every child touched."""
    buffer, read = ChangeBuffer(limit), []
    for number, item in enumerate(items):
        buffer.put(item)
        assert len(buffer) <= limit
        if number in reads:
            read.append(buffer.take())
    read += _emptied(buffer)
    assert _changes(read)[-1:] == [] or _changes(read)[-1].value == _changes(items)[-1].value
    assert bool(_changes(read)) == bool(_changes(items))
    assert _states(read)[-1:] == _states(items)[-1:]
    assert type(read[-1]) is type(items[-1])
    assert _touched(read) == _touched(items)


@given(ITEMS, st.integers(2, 6))
def test_a_value_is_never_older_than_a_state_that_it_came_after(
    items: list[ListenItem], limit: int
) -> None:
    """Folding moves a change towards its successor, never behind an earlier item."""
    numbered = [
        Changed(number, frozenset())
        if isinstance(item, Changed)
        else StateChanged(item.state, str(number))
        for number, item in enumerate(items)
    ]
    buffer = ChangeBuffer(limit)
    for item in numbered:
        buffer.put(item)
    order = [
        int(str(item.value if isinstance(item, Changed) else item.reason))
        for item in _emptied(buffer)
    ]
    assert order == sorted(order)


@given(ITEMS)
def test_nothing_is_folded_before_the_limit(items: list[ListenItem]) -> None:
    """A consumer that keeps up sees every single change."""
    buffer = ChangeBuffer(len(items) + 1)
    for item in items:
        buffer.put(item)
    assert _emptied(buffer) == items


def test_a_thousand_flaps_that_nobody_reads_cost_no_memory() -> None:
    """States fold as changes do."""
    buffer = ChangeBuffer(4)
    for number in range(1000):
        buffer.put(StateChanged("reconnecting", "gone", 1.0))
        buffer.put(Changed({"a": number}, frozenset("a")))
        buffer.put(StateChanged("live"))
        assert len(buffer) <= 4
    assert _emptied(buffer)[-2:] == [Changed({"a": 999}, frozenset("a")), StateChanged("live")]


@given(ITEMS, st.integers(2, 6))
def test_a_buffer_that_may_not_fold_refuses_and_keeps_what_it_has(
    items: list[ListenItem], limit: int
) -> None:
    """What came before is still there to be read, untouched."""
    buffer = ChangeBuffer(limit, "raise", where="/s")
    for number, item in enumerate(items):
        if number < limit:
            buffer.put(item)
            continue
        with pytest.raises(StreamOverflow, match=f"more than {limit} changes behind") as caught:
            buffer.put(item)
        assert caught.value.where == "/s"
    assert _emptied(buffer) == items[:limit]


def test_a_buffer_too_small_to_fold_in_is_refused() -> None:
    """A change and a state have to fit."""
    with pytest.raises(InvalidData):
        ChangeBuffer(1)
