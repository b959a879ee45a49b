"""When to try to connect again, told the time."""

import pytest

from imbari_chat.engine.attempts import Attempts
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.errors import Unavailable

POLICY = BackoffPolicy(first=4.0, factor=2.0, cap=100.0)


def _failed(at: float = 0.0) -> Attempts:
    """One was made and came to nothing."""
    attempts = Attempts(lambda: 1.0, POLICY, hurry=1.0)
    attempts.begin(at)
    attempts.trouble = Unavailable("no")
    attempts.again(at, awaited=False)
    return attempts


def test_pauses_grow_until_a_connection_proves_itself() -> None:
    """The pause is what is told, and when it is over."""
    attempts = Attempts(lambda: 1.0, POLICY, hurry=1.0)
    waits = [attempts.again(10.0, awaited=False) for _ in range(3)]
    assert waits == [4.0, 8.0, 16.0]
    assert attempts.due == 26.0
    attempts.succeeded()
    assert attempts.again(30.0, awaited=False) == 4.0
    attempts.begin(34.0)
    assert attempts.due is None


def test_somebody_who_waits_does_not_wait_long() -> None:
    """However long the pause would be."""
    attempts = Attempts(lambda: 1.0, POLICY, hurry=1.0)
    assert attempts.again(10.0, awaited=True) == 1.0
    assert attempts.due == 11.0


@pytest.mark.parametrize(
    ("now", "waits", "due"), [(0.5, False, 4.0), (0.999, False, 4.0), (1.0, True, 1.0)]
)
def test_an_attempt_that_failed_a_moment_ago_was_everybodys(
    now: float, waits: bool, due: float
) -> None:
    """Later one is made at once."""
    attempts = _failed()
    assert attempts.hasten(now) is waits
    assert attempts.due == due


def test_a_connection_that_was_good_is_worth_a_moment() -> None:
    """Its next attempt comes as soon as one may, and no later than it would."""
    attempts = _failed()
    attempts.trouble = None
    assert attempts.hasten(0.5)
    assert attempts.due == 1.0
    attempts.due = 0.7
    assert attempts.hasten(0.5)
    assert attempts.due == 0.7


def test_the_first_is_made_at_once() -> None:
    """Nothing has been tried."""
    attempts = Attempts(lambda: 1.0, POLICY, hurry=1.0)
    assert attempts.hasten(0.0)
    assert attempts.due == 0.0


@pytest.mark.parametrize("awaited", [True, False])
def test_a_service_that_asks_to_be_left_alone_is_whoever_waits(awaited: bool) -> None:
    """Also by those who come meanwhile: it is told to them."""
    attempts = Attempts(lambda: 1.0, POLICY, hurry=1.0)
    attempts.begin(10.0)
    attempts.trouble = Unavailable("no")
    attempts.trouble.retry_after = 30.0
    assert attempts.again(10.0, awaited=awaited) == 30.0
    assert not attempts.hasten(39.9)
    assert attempts.due == 40.0
    attempts.begin(40.0)
    attempts.trouble = Unavailable("no")
    attempts.again(40.0, awaited=awaited)
    assert attempts.hasten(41.0)
    assert attempts.due == 41.0
