"""What happens in a round, and when: drawn from a seed, so that it can be played again.

Pure. Real time still decides how steps and faults interleave, so the same seed gives the same
round, and not always the same outcome.
"""

import random
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Fault", "Schedule", "Step", "draw"]

Profile: TypeAlias = Literal["strict", "compat"]

LENGTH = 1.2
"""Seconds in which steps begin and faults strike."""

_TIMEOUTS = (0.0, 0.15, 0.4, None, None)
"""What callers ask for; None is the client's own timeout."""

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


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one actor does.

    Attributes:
        at: Seconds from the beginning; later if the actor is still busy.
        what: The actor's word for it.
        which: Picks a conversation among those there are.
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
        what: A fault of the proxies, or ``kill``.
        whose: Picks an actor's way to the server; None is everybody's.
        seconds: How long it lasts.
        amount: How many answers to drop, or which connection.
    """

    at: float
    what: str
    whose: int | None
    seconds: float
    amount: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A round.

    Attributes:
        seed: What it was drawn from.
        profile: The rules in force.
        actors: Each actor's steps, in order. Names say what an actor is: ``customer``, ``admin``,
            ``widget`` or ``dashboard``, and a number.
        faults: In order.
    """

    seed: int
    profile: Profile
    actors: dict[str, tuple[Step, ...]]
    faults: tuple[Fault, ...]


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
    return Schedule(seed, profile, actors, _faults(dice))


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
