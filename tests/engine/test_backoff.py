"""How long to wait before trying again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.backoff import Backoff, BackoffPolicy, asked_pause

POLICY = BackoffPolicy(first=1.0, factor=2.0, cap=10.0)


@given(st.integers(0, 500), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_positive_and_never_above_the_cap(failures: int, random: float) -> None:
    """However long the service has been away."""
    backoff = Backoff(POLICY)
    for _ in range(failures):
        backoff.next(random)
    assert 0 < backoff.next(random) <= POLICY.cap


def test_waits_grow_and_start_over_after_a_reset() -> None:
    """Each failure in a row waits longer, until the connection proves itself."""
    backoff = Backoff(POLICY)
    waits = [backoff.next(0.0) for _ in range(6)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next(0.0) == 0.5


def test_two_clients_with_other_dice_come_back_at_other_times() -> None:
    """Jitter spreads the return over half a step."""
    assert Backoff(POLICY).next(0.0) < Backoff(POLICY).next(0.9)


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=60))
def test_a_wait_is_in_proportion_to_the_outage_so_far(random: list[float]) -> None:
    """Whatever is drawn: a short outage is never followed by a long wait."""
    policy = BackoffPolicy()
    backoff, waited = Backoff(policy), 0.0
    for one in random:
        wait = backoff.next(one)
        assert wait <= policy.first + 2 * (policy.factor - 1) * waited + 1e-9
        waited += wait


@given(st.floats(0, 60), st.integers(0, 20), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_as_long_as_the_service_asks_and_never_shorter_than_our_own(
    asked: float, failures: int, random: float
) -> None:
    one, other = Backoff(POLICY), Backoff(POLICY)
    for _ in range(failures):
        one.next(random)
        other.next(random)
    assert one.next(random, asked) == max(other.next(random), asked)


NOON = "Tue, 15 Nov 1994 12:00:00 GMT"


@pytest.mark.parametrize(
    ("retry_after", "date", "pause"),
    [
        ("7", None, 7.0),
        (" 7 ", NOON, 7.0),
        ("0", NOON, 0.0),
        ("3600", NOON, 60.0),
        ("9" * 5000, NOON, 60.0),
        ("Tue, 15 Nov 1994 12:00:20 GMT", NOON, 20.0),
        ("Tue, 15 Nov 1994 13:00:20 +0100", NOON, 20.0),
        ("Tuesday, 15-Nov-94 12:00:20 GMT", NOON, 20.0),
        ("Tue Nov 15 12:00:20 1994", NOON, 20.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", NOON, 60.0),
        (NOON, NOON, 0.0),
        ("Tue, 15 Nov 1994 11:59:59 GMT", NOON, None),
        ("Tue, 15 Nov 1994 12:00:20 GMT", None, None),
        ("Tue, 15 Nov 1994 12:00:20 GMT", "today", None),
        (None, NOON, None),
        ("", NOON, None),
        ("-7", NOON, None),
        ("7.5", NOON, None),
        ("1e9", NOON, None),
        ("\u0667", NOON, None),
        ("7, 8", NOON, None),
        ("soon", NOON, None),
    ],
)
def test_what_an_answer_asks_for_is_seconds_or_a_date_by_its_own_clock(
    retry_after: str | None, date: str | None, pause: float | None
) -> None:
    """A minute at most; whatever is neither is nothing."""
    assert asked_pause(retry_after, date) == pause


@given(st.none() | st.text(), st.none() | st.text())
def test_whatever_is_said_instead_is_no_mistake_of_ours(
    retry_after: str | None, date: str | None
) -> None:
    pause = asked_pause(retry_after, date)
    assert pause is None or 0 <= pause <= 60
