"""What happens in a round, and when: drawn from a seed, so that it can be played again.

Pure. Real time still decides how steps and faults interleave, so the same seed gives the same
round, and not always the same outcome.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

__all__ = [
    "NO_SOCKETS",
    "TRANSPORTS",
    "Clock",
    "Fault",
    "Pace",
    "Schedule",
    "Step",
    "TransportName",
    "draw",
]

Profile: TypeAlias = Literal["strict", "compat"]
TransportName: TypeAlias = Literal["rest", "websocket", "auto"]

TRANSPORTS: Final[tuple[TransportName, ...]] = get_args(TransportName)
"""What a client's way to the database may be."""

LENGTH = 1.2
"""Seconds in which steps begin and faults strike."""

_TIMEOUTS = (0.0, 0.15, 0.4, None, None)
"""What callers ask for; None is the client's own timeout."""

STRANGER: Final = "stranger"
"""A fault: somebody else answers, for the database and for the sign-in service."""

NO_SOCKETS: Final = "no sockets"
"""A fault: no WebSocket gets through for a while, and everything else does."""

DENIALS: Final = ("deny", "deny writing")
"""Faults: the rules are others for a while, and let nobody in, or nobody write."""

_AHEAD = (-36_000.0, -3_600.0, -90.0, -2.0, 2.0, 90.0, 3_600.0, 36_000.0)
"""Seconds by which clocks are wrong; the rules put up with a day."""

_SLOWEST, _FASTEST = 2_000, 50_000
_PADDED = 0.06
"""Seconds that the text of one message takes on a slow line, give or take."""
_LONGEST = 1_800
"""Characters that pad a text at most."""

_FAULTS = (
    "cut",
    "end",
    "cut one",
    "stall",
    "stall one",
    "stall and cut",
    "delay",
    "drop answers",
    "refuse",
)

_SOCKET_FAULTS = ("cut frame", "cut frame", "half open", "half open up", "half open down")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one actor does.

    Attributes:
        at: Seconds from the beginning; later if the actor is still busy.
        what: The actor's word for it.
        which: Picks a conversation among those there are; for a ``kill`` the milliseconds that it
            waits.
        timeout: How long the call may take.
        queue: Whether what cannot be sent now is to stay behind.
    """

    at: float
    what: str
    which: int = 0
    timeout: float | None = None
    queue: bool = True


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: Seconds from the beginning.
        what: A fault of the proxies, ``stranger``, ``no sockets``, ``kill`` or one of
            :data:`DENIALS`.
        whose: Picks an actor's way to the server; None is everybody's.
        seconds: How long it lasts.
        amount: How many answers to drop, which connection, which stranger, or after how many bytes
            to cut (twice as many; odd for what is asked); what asking for a WebSocket is answered
            with, and if odd, somebody says when they get through again.
    """

    at: float
    what: str
    whose: int | None
    seconds: float
    amount: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall clock that is wrong.

    Attributes:
        ahead: By how much at first, in seconds; behind if negative.
        jumps: When it is moved, in seconds from the beginning, and how wrong it is from then on.
    """

    ahead: float
    jumps: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy a consumer is.

    Attributes:
        pauses: Seconds that it takes for each of the first events; no time for others.
        buffer: How many changes wait for it before they are folded into one.
        window: How many records its windows hold.
    """

    pauses: tuple[float, ...]
    buffer: int
    window: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A round.

    Attributes:
        seed: What it was drawn from.
        profile: The rules in force.
        actors: Each actor's steps, in order. Names say what an actor is: ``customer``, ``admin``,
            ``widget``, ``dashboard``, ``hostile`` or ``clerk``, and a number.
        faults: In order.
        clocks: By actor: those whose clock is wrong.
        lines: By actor: bytes per second of those whose line is slow, all through the round.
        busy: By actor: those who take their time over what they hear.
        transports: By actor: our own clients' ways to the database.
        lifetime: Seconds after which the service takes no token any more, whatever it said when it
            issued it; None for an hour.
    """

    seed: int
    profile: Profile
    actors: dict[str, tuple[Step, ...]]
    faults: tuple[Fault, ...]
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    busy: Mapping[str, Pace] = field(default_factory=dict)
    transports: Mapping[str, TransportName] = field(default_factory=dict)
    lifetime: int | None = None

    @property
    def strangers(self) -> int:
        """How many strangers come in between."""
        return sum(fault.what == STRANGER for fault in self.faults)

    @property
    def hostile(self) -> int:
        """How many hostile writers there are."""
        return sum(name.startswith("hostile") for name in self.actors)

    @property
    def padding(self) -> int:
        """Characters by which texts are longer than they need be, so that slow lines matter."""
        return min(_LONGEST, round(min(self.lines.values()) * _PADDED)) if self.lines else 0


def draw(seed: int) -> Schedule:
    """The round of this seed."""
    dice = random.Random(seed)
    profile: Profile = dice.choice(["strict", "strict", "compat"])
    actors: dict[str, tuple[Step, ...]] = {}
    for number in range(dice.randint(1, 3)):
        actors[f"customer{number}"] = _customer(dice)
    for number in range(dice.randint(1, 3)):
        actors[f"admin{number}"] = _admin(dice)
    if profile == "compat" and dice.random() < 0.75:
        for number in range(dice.randint(1, 2)):
            actors[f"widget{number}"] = _steps(dice, ["send"], dice.randint(2, 5), start=True)
        what = ["answer", "answer", "read", "read", "resolve", "reopen"]
        actors["dashboard0"] = _steps(dice, what, dice.randint(3, 6))
    faults = _faults(dice)
    people = random.Random(f"{seed} people")
    clocks = {name: _clock(people) for name in actors if people.random() < _WRONG}
    ours = [name for name in actors if name.startswith(("customer", "admin"))]
    lines = {name: _line(people) for name in ours if people.random() < _SLOW}
    busy = {name: _pace(people) for name in ours if people.random() < _BUSY}
    strangers = _strangers(people) if people.random() < _VISITED else ()
    if people.random() < _UNDER_ATTACK:
        actors["hostile0"] = _steps(people, [*_ATTACKS], people.randint(2, 4), start=True)
    sockets = random.Random(f"{seed} sockets")
    transports = {name: sockets.choice(TRANSPORTS) for name in ours}
    # Neither a token every other second nor a clerk's hundred messages fit through a slow line.
    lifetime = sockets.choice([2, 3]) if sockets.random() < _EXPIRING and not lines else None
    more = _socket_faults(sockets)
    if profile == "strict" and sockets.random() < _DENIED:
        more += _denials(sockets)
    if sockets.random() < _KILLED and not lines:
        actors["clerk0"] = _clerk(sockets)
        transports["clerk0"] = sockets.choice(TRANSPORTS)
    more += _barred(random.Random(f"{seed} gates"), actors, transports)
    everything = sorted([*faults, *strangers, *more], key=lambda fault: fault.at)
    return Schedule(
        seed, profile, actors, tuple(everything), clocks, lines, busy, transports, lifetime
    )


_EXPIRING, _DENIED, _KILLED = 0.35, 0.4, 0.4
_WRONG, _SLOW, _BUSY, _VISITED, _UNDER_ATTACK = 0.2, 0.07, 0.2, 0.35, 0.3
_ATTACKS = ("last", "last", "ahead", "integers", "times", "sessions")


def _clock(dice: random.Random) -> Clock:
    times = sorted(dice.uniform(0.1, LENGTH) for _ in range(dice.choice([0, 1, 1, 2])))
    jumps = tuple((at, dice.choice([0.0, *_AHEAD])) for at in times)
    return Clock(dice.choice(_AHEAD), jumps)


def _line(dice: random.Random) -> int:
    return round(math.exp(dice.uniform(math.log(_SLOWEST), math.log(_FASTEST))))


def _pace(dice: random.Random) -> Pace:
    pauses = tuple(dice.choice([0.0, 0.1, 0.4, 0.9]) for _ in range(dice.randint(3, 8)))
    return Pace(pauses, buffer=dice.choice([2, 3, 8]), window=dice.choice([2, 3, 5, 50]))


def _strangers(dice: random.Random) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            at=dice.uniform(0.0, LENGTH),
            what=STRANGER,
            whose=None if dice.random() < 0.3 else dice.randrange(100),
            seconds=dice.choice([0.2, 0.6, 1.5]),
            amount=dice.randrange(1000),
        )
        for _ in range(dice.choice([1, 1, 2]))
    )


def _socket_faults(dice: random.Random) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            at=dice.uniform(0.05, LENGTH),
            what=dice.choice(_SOCKET_FAULTS),
            whose=None if dice.random() < 0.5 else dice.randrange(100),
            seconds=0.0,
            amount=dice.randrange(800),
        )
        for _ in range(dice.randint(1, 3))
    )


def _barred(
    dice: random.Random, actors: Mapping[str, object], transports: Mapping[str, TransportName]
) -> tuple[Fault, ...]:
    """Where nobody could move from one transport to another, nothing."""
    moving = [number for number, name in enumerate(actors) if transports.get(name) == "auto"]
    return tuple(
        Fault(
            at=dice.uniform(0.0, LENGTH),
            what=NO_SOCKETS,
            whose=None if dice.random() < 0.3 else dice.choice(moving),
            seconds=dice.choice([0.3, 0.9, 1.5, 2.5]),
            amount=dice.randrange(1000),
        )
        for _ in range(dice.choice([1, 2, 2, 3]) if moving else 0)
    )


def _denials(dice: random.Random) -> tuple[Fault, ...]:
    """One after the other."""
    first = dice.uniform(0.1, LENGTH / 2)
    times = [first, first + LENGTH / 2][: dice.choice([1, 1, 2])]
    return tuple(
        Fault(at, dice.choice(DENIALS), None, dice.choice([0.1, 0.3, 0.5]), 0) for at in times
    )


def _clerk(dice: random.Random) -> tuple[Step, ...]:
    """A program that is begun and killed, again and again."""
    steps = []
    for at in sorted(dice.uniform(0.0, LENGTH) for _ in range(dice.choice([1, 2, 2, 3]))):
        steps += [Step(at, "begin"), Step(at, "kill", which=dice.randrange(400, 1200))]
    return tuple(steps)


def _customer(dice: random.Random) -> tuple[Step, ...]:
    return _steps(dice, ["send", "send", "send", "open"], dice.randint(2, 5), start=True)


def _admin(dice: random.Random) -> tuple[Step, ...]:
    what = ["reply", "reply", "reply", "answer", "read", "read", "resolve", "reopen"]
    return _steps(dice, what, dice.randint(4, 8))


def _steps(
    dice: random.Random, what: list[str], count: int, *, start: bool = False
) -> tuple[Step, ...]:
    """``count`` steps; ``start`` first, at once or only when things already go wrong."""
    first = [Step(0.0 if dice.random() < 0.6 else dice.uniform(0, 0.6), "start")] if start else []
    times = sorted(dice.uniform(first[0].at if first else 0, LENGTH) for _ in range(count))
    others = [
        Step(
            at,
            dice.choice(what),
            which=dice.randrange(100),
            timeout=dice.choice(_TIMEOUTS),
            queue=dice.random() < 0.85,
        )
        for at in times
    ]
    return (*first, *others)


def _faults(dice: random.Random) -> tuple[Fault, ...]:
    faults = [
        Fault(
            at=dice.uniform(0.05, LENGTH),
            what=dice.choice(_FAULTS),
            whose=None if dice.random() < 0.35 else dice.randrange(100),
            seconds=dice.choice([0.05, 0.2, 0.5, 1.2]),
            amount=dice.randint(1, 4),
        )
        for _ in range(dice.randint(2, 7))
    ]
    if dice.random() < 0.5:
        faults.append(Fault(dice.uniform(0.1, LENGTH), "kill", None, dice.uniform(0, 0.5), 0))
    return tuple(sorted(faults, key=lambda fault: fault.at))
