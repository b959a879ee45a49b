"""S1 to S4: the first snapshot of the inbox, until typed objects are with whoever listens.

One server in a process of its own serves it from memory, and each library reads in another. The
bound is what the bytes cost: httpx reading lines, and json, with nothing typed.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Final

from bench.libraries import Name
from bench.programs import result, serving
from bench.reading import Cost, Strain
from bench.row import Row, Target

__all__ = ["large", "small", "strain"]

_SMALL: Final = 1_000
_LARGE: Final = 10_000
_TINY: Final = 100
_ROUNDS: Final = {_SMALL: 15, _LARGE: 7}
_BUSY_ROUNDS: Final = 7

_TYPED: Final = (
    "the bound stops at json; ours goes on to check every field, make an object and an event of "
    "each record, and put them in order"
)
_ONE_STEP: Final = "json reads a whole event in one step of the event loop"


def small() -> Iterator[Row]:
    """S1: 1,000 sessions. pyrebase4 reads fewer, and is taken to be as quadratic as it is."""
    costs = _costs(_SMALL)
    yield from _against_bound_and_admin("S1", costs, 1 / 20)
    tiny = _read("pyrebase4", _TINY, 1)["pyrebase4"].wall
    yield Row(
        "S1",
        f"first snapshot, {_SMALL:,} sessions",
        "ms",
        costs["imbari-chat"].wall,
        tiny * (_SMALL / _TINY) ** 2,
        f"pyrebase4, from {tiny / 1000:.1f} s for {_TINY} and quadratic",
        Target("<=", 1 / 20),
    )


def large() -> Iterator[Row]:
    """S2 and S3: 10,000 sessions, on the clock and in computing."""
    costs = _costs(_LARGE)
    yield from _against_bound_and_admin("S2", costs, 1 / 30)
    yield Row(
        "S2",
        "time over that of a tenth",
        "x",
        costs["imbari-chat"].wall / _costs(_SMALL)["imbari-chat"].wall,
        costs["firebase-admin"].wall / _costs(_SMALL)["firebase-admin"].wall,
        "firebase-admin",
        Target("<=", 12, "ours"),
    )
    yield Row(
        "S3",
        f"CPU of first snapshot, {_LARGE:,}",
        "ms",
        costs["imbari-chat"].cpu,
        costs["firebase-admin"].cpu,
        "firebase-admin",
        Target("<=", 1 / 25),
    )


def strain() -> Iterator[Row]:
    """S4: what else the process does while it reads."""
    with serving("bench.prepared", str(_LARGE)) as host:
        ours, admin = (
            Strain(**json.loads(result("bench.reading", name, host, str(_LARGE), rounds, "--busy")))
            for name, rounds in (("imbari-chat", str(_BUSY_ROUNDS)), ("firebase-admin", "1"))
        )
    yield Row(
        "S4",
        f"p95 of a send beside that snapshot (alone: {ours.idle:.1f})",
        "ms",
        ours.busy,
        admin.busy,
        f"firebase-admin, one PATCH (alone: {admin.idle:.1f})",
        Target("<=", 50, "ours"),
        _ONE_STEP,
    )
    assert ours.stall is not None
    yield Row(
        "S4",
        "longest stall of the event loop",
        "ms",
        ours.stall,
        None,
        "firebase-admin has no event loop",
        Target("<=", 50, "ours"),
        _ONE_STEP,
    )


def _against_bound_and_admin(name: str, costs: dict[str, Cost], limit: float) -> Iterator[Row]:
    ours = costs["imbari-chat"].wall
    what = f"first snapshot, {_SMALL if name == 'S1' else _LARGE:,} sessions"
    bound = costs["bound"].wall
    yield Row(
        name,
        what,
        "ms",
        ours,
        bound,
        "the bound: httpx and json, untyped",
        Target("<=", 2),
        _TYPED,
    )
    admin = costs["firebase-admin"].wall
    yield Row(name, what, "ms", ours, admin, "firebase-admin", Target("<=", limit))


@cache
def _costs(number: int) -> dict[str, Cost]:
    return _read("imbari-chat", number, _ROUNDS[number]) | _read("firebase-admin", number, 1)


def _read(library: Name, number: int, rounds: int) -> dict[str, Cost]:
    with serving("bench.prepared", str(number)) as host:
        line = result("bench.reading", library, host, str(number), str(rounds))
    return {name: Cost(**cost) for name, cost in json.loads(line).items()}
