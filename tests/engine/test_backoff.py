"""How long to wait before trying again."""

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.backoff import Backoff, BackoffPolicy

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
