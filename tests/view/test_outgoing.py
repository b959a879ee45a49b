"""What is said of messages on their way."""

from typing import TypeAlias

import pytest

from imbari_chat.errors import ImbariError, QuotaExceeded, Unavailable
from imbari_chat.schema.paths import SessionId
from imbari_chat.states import Delivery
from imbari_chat.view.outgoing import Pending, progress
from tests.view.records import NOW, outgoing

OFFLINE = Unavailable("cannot connect")
LATE = NOW + 60_000

Told: TypeAlias = list[tuple[Delivery, ImbariError | None]]


def on_the_way(told: Told | None, number: int = 1) -> Pending:
    """A message of which this was told, at NOW; None: it has not been handed over."""
    pending = Pending(number, SessionId("amina"), "hello")
    for delivery, error in told or []:
        pending = pending.became(outgoing(f"m{number}", "hello"), delivery, error, NOW)
    return pending


@pytest.mark.parametrize(
    ("told", "at", "words"),
    [
        (None, NOW, "sending…"),
        ([("queued", None)], LATE, "sending…"),
        ([("sent", None)], NOW + 1999, "sending…"),
        ([("sent", None)], NOW + 2000, "no answer yet"),
        ([("sent", None), ("queued", OFFLINE)], NOW, "waits for the network"),
        # It sets out again and again; words that flicker cannot be read.
        ([("queued", OFFLINE), ("sent", None)], NOW, "waits for the network"),
        ([("queued", OFFLINE), ("sent", None)], LATE, "no answer yet"),
        ([("queued", QuotaExceeded("the quota is used up"))], NOW, "waits: the quota is used up"),
    ],
)
def test_a_message_says_what_it_waits_for(told: Told | None, at: int, words: str) -> None:
    """The truth, in a few words."""
    assert progress([on_the_way(told)], now=at, online=True) == [words]


def test_what_is_not_handed_over_while_offline_waits_for_the_network() -> None:
    """Its conversation could not be read yet."""
    assert progress([on_the_way(None)], now=NOW, online=False) == ["waits for the network"]
    handed_over = on_the_way([("queued", None)])
    assert progress([handed_over], now=NOW, online=False) == ["sending…"]


@pytest.mark.parametrize(
    ("first", "at", "second"),
    [
        ([("sent", None)], NOW, "sending…"),
        ([("sent", None)], LATE, "waits for the one before"),
        ([("queued", OFFLINE)], NOW, "waits for the network"),
    ],
)
def test_a_message_behind_another_waits_with_it(first: Told, at: int, second: str) -> None:
    """They go out in order, so it has no trouble of its own."""
    both = [on_the_way(first), on_the_way([("queued", None)], 2)]
    assert progress(both, now=at, online=True)[1] == second


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (5000, "sent in 5 s; Ctrl-T takes it back"),
        (1001, "sent in 2 s; Ctrl-T takes it back"),
        (1000, "sent in 1 s; Ctrl-T takes it back"),
        (1, "sent in 1 s; Ctrl-T takes it back"),
        (0, "sending…"),
        (-1, "sending…"),
    ],
)
def test_a_message_that_is_held_back_says_for_how_long(left: int, words: str) -> None:
    """Until it is handed over: then it cannot be taken back any more."""
    held = Pending(1, SessionId("amina"), "hello", held_until=NOW + left)
    assert progress([held], now=NOW, online=True) == [words]
    assert held.is_held(NOW) is (left > 0)
    gone = held.became(outgoing("m1", "hello"), "queued", None, NOW)
    assert not gone.is_held(NOW)
    assert progress([gone], now=NOW, online=True) == ["sending…"]


def test_of_several_each_waits_with_the_one_right_before_it() -> None:
    """Whatever the first of them waits for."""
    quota = QuotaExceeded("the quota is used up")
    several = [
        on_the_way([("sent", None)]),
        on_the_way([("queued", quota)], 2),
        on_the_way([("queued", None)], 3),
    ]
    assert progress(several, now=LATE, online=True) == [
        "no answer yet", "waits: the quota is used up", "waits: the quota is used up",
    ]  # fmt: skip
