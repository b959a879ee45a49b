"""S18: what a reconnect carries whose windows missed nothing."""

import json
import time
from collections.abc import Iterator
from typing import Final

from bench import emulators
from bench.connection import connected
from bench.contender import Name, contenders
from bench.libraries import message, session
from bench.proxy import Between, between
from bench.row import Row, Target

__all__ = ["rows"]

_CONVERSATIONS: Final = 50
_MESSAGES: Final = 50
_SETTLE: Final = 1.0
"""Seconds in which nothing more has to come, so that all of a connection has been counted."""


def rows() -> Iterator[Row]:
    """S18: bytes on the wire, the handshake and all requests among them, in either direction."""
    names: tuple[Name, ...] = ("websocket", "js")
    with emulators.ours() as running:
        with connected(running.database) as store:
            ids = [f"-O{number:018}" for number in range(_CONVERSATIONS)]
            said = {f"-P{number:018}": message(f"message {number}") for number in range(_MESSAGES)}
            whole = {
                "chatSessions": {one: session() for one in ids},
                "messages": dict.fromkeys(ids, said),
            }
            store.ask("PUT", "/.json", json.dumps(whole))
        counts = {name: _counted(name, running.database) for name in names}
    (first, again), js = counts["websocket"] or ((0, 0), (0, 0)), counts["js"]
    peer = "official JS SDK in Node"
    windows = f"{_CONVERSATIONS + 1} windows (ours: and those of presence)"
    yield Row(
        "S18",
        f"a reconnect of {windows} that missed nothing: down (up: {again[0]:,} B)",
        "B",
        again[1],
        None if js is None else js[1][1],
        f"{peer} (up: {js[1][0]:,} B)" if js is not None else peer,
        Target("<=", 5_000, "ours"),
    )
    yield Row(
        "S18",
        "the same: down, beside the first connection, which has nothing to name by a hash",
        "B",
        again[1],
        first[1],
        f"itself, the first time (up: {first[0]:,} B)",
        Target("<=", 0.05),
    )


def _counted(name: Name, database: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Bytes up and down of the first connection, and of one after it; None if there is nobody."""
    with between(database) as proxy, contenders(name, host=proxy.host) as found:
        if name not in found:
            return None
        one = found[name]
        one.ask("follow", _CONVERSATIONS)
        first = _carried(proxy)
        one.ask("leave")
        proxy.become("refuse")
        proxy.become("pass")
        one.ask("comeBack")
        up, down = _carried(proxy)
        return first, (up - first[0], down - first[1])


def _carried(proxy: Between) -> tuple[int, int]:
    time.sleep(_SETTLE)
    return proxy.carried()
