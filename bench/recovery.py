"""R4 and R5: how soon a listener is back after an outage, and how soon it misses the other side."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import quantiles
from typing import Final

from bench import emulators
from bench.beside import beside_peers
from bench.connection import once
from bench.libraries import LIBRARIES, OURS, Name, message, session
from bench.proxy import between
from bench.row import Beyond, Figure, Row, Target
from bench.subject import Happening, Subject, subject

__all__ = ["half_open", "reconnection"]

_LISTENERS: Final = 60
_OUTAGES: Final = 3
_OUTAGE: Final = 5.0
_REST: Final = 13.0
"""Seconds between outages: a stream that has lived for 10 s begins its waits anew."""

_WAIT: Final = 10.0
_SILENCE: Final = 50.0


def reconnection() -> Iterator[Row]:
    """R4: from the end of an outage until the first event, of listeners behind one proxy."""
    conversations = [f"-O{number:018}" for number in range(_LISTENERS)]
    with ExitStack() as stack:
        database = stack.enter_context(emulators.ours()).database
        for one in conversations:
            once(database, "PUT", f"/chatSessions/{one}.json", session())
        proxy = stack.enter_context(between(database))
        subjects = [stack.enter_context(subject(one, proxy.host)) for one in LIBRARIES]
        for each in subjects:
            each.listen(*(conversations if each.name in OURS else conversations[:1]))
        ends: list[float] = []
        for number in range(_OUTAGES):
            proxy.become("refuse")
            time.sleep(_OUTAGE)
            for one in conversations:
                path = f"/messages/{one}/-P{number:018}.json"
                once(database, "PUT", path, message(f"message {number}"))
            proxy.become("pass")
            ends.append(time.monotonic())
            time.sleep(_REST)
        figures: dict[Name, Figure] = {
            one.name: _p95(one, conversations, ends) if one.name in OURS else _back(one, ends[0])
            for one in subjects
        }
    what = f"end of a 5 s outage to first event, p95 of {_LISTENERS * _OUTAGES}"
    yield from beside_peers("R4", what, "s", figures, Target("<=", 2, "ours"))


def half_open() -> Iterator[Row]:
    """R5: from the moment that nothing comes any more until the program is told of it."""
    conversation = "-Oabcdefghijklmnopqr"
    with ExitStack() as stack:
        database = stack.enter_context(emulators.ours()).database
        once(database, "PUT", f"/chatSessions/{conversation}.json", session())
        proxy = stack.enter_context(between(database))
        subjects = [stack.enter_context(subject(one, proxy.host)) for one in LIBRARIES]
        for one in subjects:
            one.listen(conversation)
        began = time.monotonic()
        proxy.become("silent")
        time.sleep(_SILENCE)
        noticed = {one.name: _given_up(one, began) for one in subjects}
    limits: dict[Name, Target] = {
        "imbari-chat": Target("<=", 15, "ours"),
        "imbari-chat-rest": Target("<=", 45, "ours"),
    }
    yield from beside_peers("R5", "a half-open connection is given up", "s", noticed, limits)


def _p95(one: Subject, conversations: Sequence[str], ends: Sequence[float]) -> float:
    """Seconds from an outage's end until its message came, of every conversation and outage."""
    seen = one.seen
    delays = [
        _first(seen, conversation, f"message {number}") - end
        for number, end in enumerate(ends)
        for conversation in conversations
    ]
    return quantiles(delays, n=20)[-1]


def _first(seen: Sequence[Happening], conversation: str, text: str) -> float:
    """When this message came; never is later than anything."""
    came = (one.at for one in seen if one.session == conversation and one.text == text)
    return next(came, float("inf"))


def _back(peer: Subject, ended: float) -> Figure:
    """Seconds from an outage's end until a message came."""
    came = [one.at - ended for one in peer.seen if one.kind == "message" and one.at > ended]
    return came[0] if came else Beyond(_WAIT, never=not peer.alive())


def _given_up(one: Subject, began: float) -> Figure:
    """Seconds until it began to connect anew."""
    told = [x.at - began for x in one.seen if x.text.startswith("reconnecting")]
    return told[0] if told else Beyond(_SILENCE, never=not one.alive())
