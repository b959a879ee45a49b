"""Push ids."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.pushid import PushIds, is_push_id, rank_of, timestamp_of

ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
NOW = 1_790_000_000_000

times = st.integers(0, 64**8 - 1)
digits = st.lists(st.integers(0, 63), min_size=12, max_size=12)


def fixed(*rolls: Sequence[int]) -> PushIds:
    """A maker whose dice fall as given, in turn."""
    left = iter(rolls)
    return PushIds(lambda: next(left))


@given(times, digits)
def test_an_id_is_the_time_and_then_chance(now: int, chance: list[int]) -> None:
    """Twenty characters, most significant first."""
    made = fixed(chance).make(now)
    time = [now // 64**place % 64 for place in reversed(range(8))]
    assert made == "".join(ALPHABET[digit] for digit in [*time, *chance])
    assert is_push_id(made)
    assert timestamp_of(made) == now


@given(st.lists(st.integers(NOW, NOW + 3), min_size=2, max_size=20), st.data())
def test_ids_sort_by_when_they_were_made(offsets: list[int], data: st.DataObject) -> None:
    """Within one millisecond too, whatever the dice, as long as the clock does not step back."""
    extreme = st.sampled_from([[0] * 12, [63] * 12, [63] * 11 + [62]])
    ids = PushIds(lambda: data.draw(extreme | digits))
    made = [ids.make(now) for now in sorted(offsets)]
    assert made == sorted(set(made))


def test_the_same_millisecond_counts_on() -> None:
    """The random digits are rolled once and then grow by one, with carry."""
    ids = fixed([5] * 10 + [0, 62])
    made = [ids.make(NOW) for _ in range(3)]
    assert [text[-2:] for text in made] == ["-y", "-z", "0-"]
    assert len({text[:18] for text in made}) == 1


def test_a_carry_out_of_chance_runs_into_the_time() -> None:
    """Order holds even then, and for the millisecond that follows."""
    ids = fixed([63] * 12, [0] * 12)
    first, second, third = ids.make(NOW), ids.make(NOW), ids.make(NOW + 1)
    assert first.endswith("z" * 12)
    assert timestamp_of(second) == NOW + 1
    assert first < second < third


def test_a_clock_that_steps_back_is_believed() -> None:
    """A wrong clock, once put right, must not push its ids into the future for ever."""
    ids = fixed([0] * 12, [0] * 12)
    ids.make(NOW)
    assert timestamp_of(ids.make(NOW - 5000)) == NOW - 5000


keys = st.text(ALPHABET, max_size=24)


@given(keys, keys)
def test_a_higher_rank_sorts_after(one: str, other: str) -> None:
    """Keys of any length, as long as they are made of the same characters."""
    ranks = [rank_of(key) or 0 for key in (one, other)]
    if ranks[0] < ranks[1]:
        assert one < other


@pytest.mark.parametrize("key", ["~", "é", "-M m", "-M+"])
def test_other_keys_have_no_rank(key: str) -> None:
    """Nothing that this alphabet makes is told to sort after them."""
    assert rank_of(key) is None


@given(times.filter(lambda time: time < 64**8 - 2), digits, digits, st.integers(-3, 3))
def test_an_id_sorts_after_what_it_follows_with_chance_of_its_own(
    seen: int, theirs: list[int], ours: list[int], ahead: int
) -> None:
    """In a later millisecond, so that two who follow one key make two ids."""
    after = fixed(theirs).make(seen)
    made = fixed(ours).make(max(seen + ahead, 0), after)
    assert made > after
    assert timestamp_of(made) == max(seen + ahead, seen + 1)
    assert made.endswith("".join(ALPHABET[digit] for digit in ours))


def test_what_was_followed_once_is_counted_on_from() -> None:
    """Ids only grow, also while the clock is far behind what they follow."""
    ids = fixed([9] * 12)
    after = "-P" + "0" * 18
    made = [ids.make(0, after) for _ in range(3)]
    assert made == sorted({*made, after} - {after})
    assert len({text[:19] for text in made}) == 1


def test_ids_of_2026_start_alike() -> None:
    """A known anchor: the first characters tell the year."""
    assert fixed([0] * 12).make(1_767_225_600_000).startswith("-O")


@pytest.mark.parametrize("text", ["", "-" * 19, "-" * 21, "-" * 19 + "+", "-" * 19 + "é"])
def test_other_texts_are_no_push_ids(text: str) -> None:
    """Twenty characters of the alphabet, nothing else."""
    assert not is_push_id(text)
    with pytest.raises(InvalidData, match="push id"):
        timestamp_of(text)


@pytest.mark.parametrize("roll", [[0] * 11, [0] * 13, [0] * 11 + [64], [-1] + [0] * 11])
def test_bad_dice_are_refused(roll: list[int]) -> None:
    """A mistake of the caller, not of the data."""
    with pytest.raises(ValueError, match="twelve"):
        fixed(roll).make(NOW)


@pytest.mark.parametrize("now", [-1, 64**8])
def test_times_that_do_not_fit_are_refused(now: int) -> None:
    """Eight digits reach beyond the year 10000."""
    with pytest.raises(ValueError, match="time"):
        fixed([0] * 12).make(now)
