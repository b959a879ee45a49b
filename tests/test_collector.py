"""Many objects in a row, and the garbage collector."""

import gc
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from imbari_chat.client.events.diff import SessionDiff
from imbari_chat.collector import unsearched
from imbari_chat.wire.json import dumps, parse

FEW, MANY = 10, 20_000


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As a program finds it that has asked for nothing, with nothing young."""
    assert gc.isenabled()
    is_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect(1)  # what is old may be much, and is not looked through
    yield
    gc.enable()
    gc.unfreeze()
    if is_frozen:
        gc.freeze()  # as it was for the tests that follow


@pytest.fixture
def searches() -> Iterator[list[int]]:
    """The generations that were searched."""
    found: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def _lists(number: int) -> list[list[int]]:
    return unsearched(lambda: [[] for _ in range(number)])


def _are_old(objects: list[list[int]]) -> bool:
    old = {id(one) for one in gc.get_objects(generation=2)}
    return all(id(one) in old for one in objects)


def test_what_is_much_is_old_without_a_search(searches: list[int]) -> None:
    """Neither while it is made nor soon after, and it can be found when everything is searched."""
    made = _lists(MANY)
    assert _are_old(made)
    assert gc.get_count()[0] < FEW * 10
    assert searches == []
    assert gc.isenabled()


def test_what_is_little_is_searched_as_ever() -> None:
    """It is young, with whatever else is."""
    made = _lists(FEW)
    assert not _are_old(made)
    assert gc.isenabled()


def test_what_was_young_before_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that searches seldom has much that is young; it pays nothing for what is little."""
    counted = Mock(return_value=0)
    monkeypatch.setattr(gc, "get_freeze_count", counted)
    threshold = gc.get_threshold()
    gc.set_threshold(10 * MANY)
    try:
        young: list[list[int]] = [[] for _ in range(2 * MANY)]
        assert not _are_old(_lists(FEW))
        counted.assert_not_called()
        assert not _are_old(young)
    finally:
        gc.set_threshold(*threshold)


def test_whoever_has_switched_the_collector_off_finds_it_off() -> None:
    """And nothing made old by somebody else."""
    gc.disable()
    made = _lists(MANY)
    assert not gc.isenabled()
    assert not _are_old(made)


def test_whoever_has_frozen_objects_finds_them_frozen() -> None:
    """They are kept from the collector for good, mostly so that forked children share them."""
    kept: list[object] = [[]]
    gc.freeze()
    made = _lists(MANY)
    assert not any(one is kept for one in gc.get_objects())
    assert not _are_old(made)
    assert gc.isenabled()


def test_an_error_leaves_the_collector_on() -> None:
    """It goes on to whoever called."""
    with pytest.raises(ZeroDivisionError):
        unsearched(lambda: 1 / 0)
    assert gc.isenabled()


def test_a_snapshot_becomes_events_without_a_search(searches: list[int]) -> None:
    """From its text to typed objects: a search of everything would hold up whatever else runs."""
    text = dumps({f"-S{number:05d}": {"lastMessageTime": number} for number in range(MANY)})
    told = SessionDiff(MANY).update(parse(text))
    assert len(told) == MANY
    assert 2 not in searches
