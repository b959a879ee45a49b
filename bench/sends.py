"""R10, R11 and R12: what becomes of sends while things go wrong, of each library.

Each sends into a conversation of its own, from a process of its own, all behind one proxy; what
the database holds in the end is counted, and what the library said of it.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from bench import emulators
from bench.beside import beside_peers
from bench.connection import once
from bench.libraries import LIBRARIES, OURS, Name, session
from bench.proxy import Between, between
from bench.row import Beyond, Figure, Row, Target
from bench.subject import Subject, subject
from bench.table import columns, figure

__all__ = ["black_hole", "lost_acknowledgements", "outage", "table"]

_SENDS: Final = 20
_TEXTS: Final = [f"message {number}" for number in range(_SENDS)]
_OUTAGE: Final = 5.0
_SETTLE: Final = 20.0
_BOUND: Final = 15.0
_CONVERSATIONS: Final[dict[Name, str]] = {
    name: f"-O{number:018}" for number, name in enumerate(LIBRARIES)
}


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of 20 sends.

    Attributes:
        stored: Messages in the database, copies counted.
        lost: Texts of which the database has none.
        failed: Sends that the library reported as failed.
        disordered: Messages stored behind a later one.
        said: What the library said of the last, or of the first that failed.
    """

    stored: int
    lost: int
    failed: int
    disordered: int
    said: str


def lost_acknowledgements() -> Iterator[Row]:
    """R10: each is carried out, and its first acknowledgement is lost with the connection."""
    tallies = _lost_acknowledgements()
    for what, counts, limit in (
        ("stored copies", {name: one.stored for name, one in tallies.items()}, _SENDS),
        ("reported failed", {name: one.failed for name, one in tallies.items()}, 0),
    ):
        named = f"{_SENDS} sends, acknowledgement lost: {what}"
        yield from beside_peers("R10", named, "", counts, Target("<=", limit, "ours"))


def outage() -> Iterator[Row]:
    """R11: all are sent while nobody answers, which ends after 5 s."""
    tallies = _outage()
    for what, counts in (
        ("lost", {name: one.lost for name, one in tallies.items()}),
        ("out of order", {name: one.disordered for name, one in tallies.items()}),
    ):
        named = f"{_SENDS} sends in a 5 s outage: {what}"
        yield from beside_peers("R11", named, "", counts, Target("<=", 0, "ours"))


def black_hole() -> Iterator[Row]:
    """R12: the request is taken and nothing comes of it."""
    # Whoever says that it arrived, says what nobody can know.
    took = {
        name: Beyond(_BOUND, never=True) if said == "confirmed" else came
        for name, (came, said) in _black_hole().items()
    }
    said = " or ".join(sorted({_black_hole()[name][1] for name in OURS}))
    what = f"a black-holed write returns, and says {said}"
    yield from beside_peers("R12", what, "s", took, Target("<=", 10.5, "ours"))


def table() -> str:
    """All three, for each library."""
    lines = [
        (
            name,
            f"{lost.stored} stored, {lost.failed} reported failed",
            f"{out.lost} lost, {out.disordered} out of order, said: {out.said:.40}",
            f"{figure(_black_hole()[name][0], 's')}: {_black_hole()[name][1]:.40}",
        )
        for name, lost, out in (
            (name, _lost_acknowledgements()[name], _outage()[name]) for name in LIBRARIES
        )
    ]
    headings = (
        "library",
        f"{_SENDS} sends, acknowledgement lost",
        f"{_SENDS} sends in a 5 s outage",
        "a black-holed write returns",
    )
    return columns([headings, *lines])


@cache
def _lost_acknowledgements() -> dict[Name, Tally]:
    with _behind_a_proxy() as (database, proxy, subjects):
        proxy.become("lose")
        for one in subjects:
            one.send(_CONVERSATIONS[one.name], _TEXTS)
        for one in subjects:
            one.wait(lambda seen: len(seen) >= _SENDS, _SETTLE)
        proxy.become("pass")
        return {one.name: _tally(one, database) for one in subjects}


@cache
def _outage() -> dict[Name, Tally]:
    with _behind_a_proxy() as (database, proxy, subjects):
        proxy.become("refuse")
        began = time.monotonic()
        for one in subjects:
            one.send(_CONVERSATIONS[one.name], _TEXTS, every=_OUTAGE / _SENDS * 0.9, hurry=True)
        time.sleep(max(began + _OUTAGE - time.monotonic(), 0))
        proxy.become("pass")
        deadline = time.monotonic() + _SETTLE / 2
        ours = [one for one in subjects if one.name in OURS]
        while time.monotonic() < deadline and any(_tally(one, database).lost for one in ours):
            time.sleep(0.2)
        return {one.name: _tally(one, database) for one in subjects}


@cache
def _black_hole() -> dict[Name, tuple[Figure, str]]:
    with _behind_a_proxy() as (_, proxy, subjects):
        proxy.become("hole")
        for one in subjects:
            one.send(_CONVERSATIONS[one.name], _TEXTS[:1])
        deadline = time.monotonic() + _BOUND
        told: dict[Name, tuple[Figure, str]] = {}
        for one in subjects:
            if one.wait(lambda seen: len(seen) > 0, max(deadline - time.monotonic(), 0)):
                told[one.name] = one.seen[0].took, one.seen[0].said
            else:
                told[one.name] = Beyond(_BOUND), "nothing yet"
        return told


@contextmanager
def _behind_a_proxy() -> Iterator[tuple[str, Between, list[Subject]]]:
    """Every library before one database, with a connection open that has carried a write."""
    with ExitStack() as stack:
        database = stack.enter_context(emulators.ours()).database
        for conversation in _CONVERSATIONS.values():
            once(database, "PUT", f"/chatSessions/{conversation}.json", session())
        proxy = stack.enter_context(between(database))
        subjects = [stack.enter_context(subject(name, proxy.host)) for name in LIBRARIES]
        for one in subjects:
            one.open(_CONVERSATIONS[one.name])
        yield database, proxy, subjects


def _tally(one: Subject, database: str) -> Tally:
    path = f"/messages/{_CONVERSATIONS[one.name]}.json"
    records = once(database, "GET", path) or {}
    assert isinstance(records, dict)
    texts = [record["text"] for _, record in sorted(records.items())]
    order = [_TEXTS.index(text) for text in dict.fromkeys(texts)]
    failed = [happening for happening in one.seen if happening.kind == "raised"]
    said = [*failed, *reversed(one.seen)]
    return Tally(
        stored=len(texts),
        lost=len(set(_TEXTS) - set(texts)),
        failed=len(failed),
        disordered=sum(later < earlier for earlier, later in pairwise(order)),
        said=said[0].said if said else "nothing yet",
    )
