"""A listener through outages of every kind and length, on a clock that the test drives."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.engine.refusals import CredentialRefused
from imbari_chat.engine.stream import (
    Changed,
    Connect,
    Disconnect,
    Ended,
    StateChanged,
    StreamCore,
    StreamPolicy,
)
from imbari_chat.errors import QuotaExceeded, Unavailable
from imbari_chat.schema.events import ChatEvent, MessageAdded, MessageRemoved
from imbari_chat.schema.paths import SessionId
from imbari_chat.states import ConnectionState
from imbari_chat.wire.json import Json
from imbari_chat.wire.sse import Frame

ROUND_TRIP = 0.02
KEEP_ALIVE = 30.0

Answer = Callable[[StreamCore, float], None]
"""How an attempt during an outage fails."""

OUTAGES: dict[str, Answer | None] = {
    "refused": lambda core, now: core.lost("cannot connect", now),
    "no such host": lambda core, now: core.lost("cannot connect", now),
    "reset": lambda core, now: core.lost("the connection broke", now),
    "clean end": lambda core, now: core.lost("the service ended the stream", now),
    "401": lambda core, now: core.refused(CredentialRefused("Auth token is expired"), now),
    "429": lambda core, now: core.refused(QuotaExceeded("slow down"), now),
    "502": lambda core, now: core.refused(Unavailable("502"), now),
    "503": lambda core, now: core.refused(Unavailable("503"), now),
    "half-open": None,  # nobody says anything
}


@dataclass
class World:
    """A service, a network and a listener.

    Attributes:
        random: What the listener rolls.
        outage: From when to when, seconds.
        answer: How attempts fail meanwhile; None for silence.
        writes: When what is written: a message's id and its record, or null. In order.
        token_life: How long each credential lives, if not for ever.
    """

    random: Iterator[float]
    writes: list[tuple[float, str, Json]]
    outage: tuple[float, float] = (0.0, 0.0)
    answer: Answer | None = None
    token_life: float | None = None
    events: list[tuple[float, ChatEvent]] = field(default_factory=list)
    states: list[tuple[float, ConnectionState]] = field(default_factory=list)
    renewals: int = 0

    def __post_init__(self) -> None:
        self.core = StreamCore(lambda: next(self.random), StreamPolicy())
        self._stored: dict[str, Json] = {}
        self._feed = MessageDiff(SessionId("-S"), 1000)
        self._answers: list[tuple[float, Answer]] = []
        self._hears = False  # the connection that the listener has is alive
        self._token_ends = self.token_life
        self._next_keep_alive = KEEP_ALIVE

    def run(self, until: float) -> None:
        """From 0 to ``until``."""
        self.core.start(0.0)
        self._carry_out(0.0)
        begin, end = self.outage
        moments = [(begin, "cut")] if end > begin else []
        moments += [(time, "write") for time, _, _ in self.writes]
        while True:
            due = [*moments, (self._next_keep_alive, "keep-alive")]
            due += [(time, "answer") for time, _ in self._answers]
            deadline = self.core.deadline()
            if deadline is not None:
                due.append((deadline, "tick"))
            now, what = min(due)
            if now > until:
                return
            self._happen(what, now)
            if (now, what) in moments:
                moments.remove((now, what))
            self._carry_out(now)

    def _happen(self, what: str, now: float) -> None:
        match what:
            case "cut":
                if self._hears and self.answer is not None:
                    self.core.lost("the connection broke", now)
                self._hears = False
            case "write":
                _, key, record = self.writes.pop(0)
                self._write(key, record, now)
            case "keep-alive":
                self._next_keep_alive += KEEP_ALIVE
                if self._hears:
                    self.core.received(Frame("keep-alive", "null"), now)
            case "answer":
                _, answer = self._answers.pop(0)
                answer(self.core, now)
            case "tick":
                self.core.tick(now)

    def _write(self, key: str, record: Json, now: float) -> None:
        if record is None:
            self._stored.pop(key, None)
        else:
            self._stored[key] = record
        if self._hears:
            self.core.received(_put(f"/{key}", record), now)

    def _carry_out(self, now: float) -> None:
        for effect in self.core.drain():
            match effect:
                case Connect(renew):
                    self._connect(now, renew=renew)
                case Disconnect():
                    self._hears = False
                    self._answers.clear()
                case Changed(value, touched):
                    # Through JSON, as it would come: the listener keeps no reference to ours.
                    events = self._feed.update(json.loads(json.dumps(value)), touched)
                    self.events += [(now, event) for event in events]
                case StateChanged(state):
                    self.states.append((now, state))
                case Ended(error):
                    raise error

    def _connect(self, now: float, *, renew: bool) -> None:
        self.core.identified(now)  # where one signs in nothing is wrong
        begin, end = self.outage
        if begin <= now < end:
            if self.answer is not None:
                self._answers.append((now + ROUND_TRIP / 10, self.answer))
            return
        if renew:
            self.renewals += 1
            self._token_ends = now + (self.token_life or 0)
        self._answers.append((now + ROUND_TRIP, self._accept))

    def _accept(self, core: StreamCore, now: float) -> None:
        left = None if self.token_life is None else (self._token_ends or 0) - now
        core.opened(now, left)
        core.received(_put("/", dict(self._stored)), now)
        self._hears = True

    def told(self) -> list[tuple[str, str]]:
        """What the consumer heard of messages, in order."""
        told: list[tuple[str, str]] = []
        for _, event in self.events:
            assert isinstance(event, MessageAdded | MessageRemoved)
            kind = "+" if isinstance(event, MessageAdded) else "-"
            told.append((kind, event.message.id))
        return told


def _put(path: str, data: Json) -> Frame:
    return Frame("put", json.dumps({"path": path, "data": data}))


def _message(number: int) -> dict[str, Json]:
    return {"text": f"message {number}", "from": "customer", "timestamp": number}


def _traffic(begin: float, end: float) -> list[tuple[float, str, Json]]:
    """Five messages before an outage, twenty and a removal inside, and forty-four after."""
    before = [1.0 + number for number in range(5)]
    inside = [begin + (end - begin) * (number + 0.5) / 20 for number in range(20)]
    after = [end + 0.1 + number * 0.25 for number in range(44)]
    times = [*before, *inside, *after]
    sent: list[tuple[float, str, Json]] = [
        (time, f"m{number:03d}", _message(number)) for number, time in enumerate(times)
    ]
    return sorted([*sent, ((begin + end) / 2, "m002", None)], key=lambda write: write[:2])


@pytest.mark.parametrize("seconds", [2, 5, 30, 60, 120, 300])
@pytest.mark.parametrize("kind", OUTAGES)
def test_nothing_is_missed_and_nothing_comes_twice(kind: str, seconds: int) -> None:
    """All 69 messages in order, and the removal; whatever the outage and however long."""
    begin, end = 10.0, 10.0 + seconds
    drawn = random.Random(f"{kind} {seconds}")
    world = World(iter(drawn.random, None), _traffic(begin, end), (begin, end), OUTAGES[kind])
    world.run(end + 120)
    told = world.told()
    assert [key for kind, key in told if kind == "+"] == [f"m{n:03d}" for n in range(69)]
    assert [key for kind, key in told if kind == "-"] == ["m002"]
    assert world.core.state == "live"


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=60, max_size=60))
def test_after_five_seconds_away_the_first_event_comes_within_two(random: list[float]) -> None:
    """Whatever is drawn."""
    _assert_back_within_two_seconds(iter(random))


def _just_before_the_end() -> list[list[float]]:
    """Dice that make an attempt as late as can be within five seconds, and then the longest wait.

    One list for each number of attempts that can be brought there.
    """
    policy, found = StreamPolicy().backoff, []
    for attempts in range(1, 60):
        steps = [policy.first * policy.factor**number for number in range(attempts)]
        even = (4.98 - attempts * ROUND_TRIP / 10) / min(sum(steps), 1e9) * 2 - 1
        if 0 <= even < 1:
            found.append([even] * attempts + [0.999999] * 60)
    return found


@pytest.mark.parametrize("random", _just_before_the_end(), ids=lambda random: f"{random[0]:.2f}")
def test_dice_that_conspire_do_not_delay_the_first_event(random: list[float]) -> None:
    """An attempt just before the service is back, and the longest wait after it."""
    _assert_back_within_two_seconds(iter(random))


def _assert_back_within_two_seconds(random: Iterator[float]) -> None:
    begin, end = 10.0, 15.0
    world = World(random, _traffic(begin, end), (begin, end), OUTAGES["refused"])
    world.run(end + 20)
    first = min(time for time, _ in world.events if time > begin)
    assert first - end <= 2.0


def test_a_connection_that_is_half_open_is_noticed_within_45_seconds() -> None:
    """By default, with no help from the network, even if it spoke just before."""
    world = World(iter(lambda: 0.5, None), [], (KEEP_ALIVE + 0.01, 1000.0), None)
    world.run(KEEP_ALIVE + 0.01 + 45.0)
    assert [state for _, state in world.states][:4] == [
        "connecting",
        "live",
        "stale",
        "reconnecting",
    ]


def test_credentials_that_end_every_hour_are_replaced_without_a_sound() -> None:
    """No event is missed, none is repeated, and no state is shown, for a day."""
    day = 24 * 3600.0
    writes: list[tuple[float, str, Json]] = [
        (number * 600.0 + 1, f"m{number:03d}", _message(number)) for number in range(143)
    ]
    world = World(iter(lambda: 0.5, None), list(writes), token_life=3600.0)
    world.run(day)
    assert world.told() == [("+", key) for _, key, _ in writes]
    assert [state for _, state in world.states] == ["connecting", "live"]
    assert world.renewals >= 24


def test_attempts_during_a_long_outage_become_rare() -> None:
    """A service that is down for an hour is asked four to eight times a minute."""
    attempts: list[float] = []

    def refuse(core: StreamCore, now: float) -> None:
        attempts.append(now)
        core.lost("cannot connect", now)

    world = World(iter(random.Random(1).random, None), [], (10.0, 3610.0), refuse)
    world.run(3610.0)
    late = [time for time in attempts if time > 610.0]
    assert len(late) <= 3000 / 7.5
    assert len(late) >= 3000 / 15.1
