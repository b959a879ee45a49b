"""S5, S6 and S7: what one message costs over REST, for its sender and until a listener has it.

Both sides talk to one plain server in a process of its own, which costs them as little as a server
may; for S6 through a proxy that takes its time. The peer is firebase-admin, the way it is mostly
used: a push of the message and an update of its session; and as it could be used: both in one
update, which is what ours does.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Queue
from typing import Final

from bench.connection import connected
from bench.libraries import FirebaseAdmin, Ours, session
from bench.measuring import in_turns
from bench.programs import serving
from bench.proxy import between
from bench.row import Row, Target

__all__ = ["latency", "latency_far", "throughput"]

_SENDS: Final = 20
_ROUNDS: Final = 25
_MESSAGES: Final = 300
_FAR_MESSAGES: Final = 25
_ONE_WAY: Final = 0.025
_PATIENCE: Final = 10.0

_LAST: Final = "the last one"
_OURS: Final = "-Oabcdefghijklmnopqr"
_TWO: Final = "-Obbcdefghijklmnopqr"
_ONE: Final = "-Ocbcdefghijklmnopqr"

_HANDED_OVER: Final = (
    "the event crosses from the loop's thread to the caller's, through httpx, h11 and asyncio, "
    "while the peer reads its socket on the thread that calls back; a send crosses to the loop's "
    "thread and from there to one that asks, and back"
)

Send = Callable[[str], object]
Heard = Queue[tuple[float, str]]
"""When a message arrived, and its text."""

_serial = count()


@dataclass(frozen=True, slots=True)
class _Ways:
    """Three ways to send, and what a listener to each of their conversations heard."""

    ours: Send
    two: Send
    one: Send
    heard: dict[str, Heard]


def throughput() -> Iterator[Row]:
    """S7: sends per second, one thread, each waited for."""
    with _ways() as ways:
        rates = in_turns(
            {
                "ours": lambda: _rate(ways.ours),
                "two": lambda: _rate(ways.two),
                "one": lambda: _rate(ways.one),
            },
            _ROUNDS,
        )
    yield Row(
        "S7",
        "sends, one thread, REST",
        "/s",
        rates["ours"],
        rates["two"],
        f"firebase-admin, two calls (one PATCH: {rates['one']:.0f}/s)",
        Target(">=", 1.9),
        _HANDED_OVER,
    )


def latency() -> Iterator[Row]:
    """S5: from before the send until the listener's callback, the median."""
    with _ways(listening=(_OURS, _ONE)) as ways:
        delays = in_turns(
            {
                "ours": lambda: _delays(ways.ours, ways.heard[_OURS])[0],
                "one": lambda: _delays(ways.one, ways.heard[_ONE])[0],
            },
            _MESSAGES,
        )
    yield Row(
        "S5",
        "one message, sender to listener, REST",
        "ms",
        delays["ours"],
        delays["one"],
        "firebase-admin, one PATCH",
        Target("<=", 1.1),
        _HANDED_OVER,
    )


def latency_far() -> Iterator[Row]:
    """S6: the same 50 ms away, until the listener has it and the sender knows that it is sent."""
    with _ways(listening=(_OURS, _TWO, _ONE), delay=_ONE_WAY) as ways:
        delays = in_turns(
            {
                "ours": lambda: max(_delays(ways.ours, ways.heard[_OURS])),
                "two": lambda: max(_delays(ways.two, ways.heard[_TWO])),
                "one": lambda: max(_delays(ways.one, ways.heard[_ONE])),
            },
            _FAR_MESSAGES,
        )
    yield Row(
        "S6",
        "one message, sent and heard, 50 ms round trip",
        "ms",
        delays["ours"],
        delays["two"],
        f"firebase-admin, two calls (one PATCH: {delays['one']:.1f} ms)",
        Target("<=", 0.52),
        _HANDED_OVER,
    )


@contextmanager
def _ways(*, listening: tuple[str, ...] = (), delay: float = 0.0) -> Iterator[_Ways]:
    """Ours and the peer's, before the same database, each kind with its own conversation."""
    with ExitStack() as stack:
        host = stack.enter_context(serving("bench.neutral"))
        with connected(host) as store:
            for one in (_OURS, _TWO, _ONE):
                store.ask("PUT", f"/chatSessions/{one}.json", json.dumps(session()))
        if delay:
            host = stack.enter_context(between(host, delay=delay)).host
        ours, admin = Ours(host, "rest"), FirebaseAdmin(host)
        stack.callback(ours.stop)
        heard: dict[str, Heard] = {one: Queue() for one in listening}
        for one in listening:
            library = ours if one == _OURS else admin
            live: Queue[None] = Queue()
            library.listen(one, partial(_note, heard[one], live))
            live.get(timeout=_PATIENCE)
        yield _Ways(
            ours=partial(ours.send, _OURS),
            two=partial(admin.in_two_calls, _TWO),
            one=partial(admin.in_one_patch, _ONE),
            heard=heard,
        )
        for one in set(listening) - {_OURS}:
            admin.in_one_patch(one, _LAST)
            heard[one].get(timeout=_PATIENCE)


def _note(heard: Heard, live: "Queue[None]", kind: str, text: str) -> None:
    arrived = time.perf_counter()
    if kind == "live":
        live.put(None)
    elif kind == "message":
        heard.put((arrived, text))
        if text == _LAST:
            raise SystemExit  # of the peer's thread: its close() would wait for another event


def _rate(send: Send) -> float:
    """Sends per second."""
    begin = time.perf_counter()
    for number in range(_SENDS):
        send(f"message {number}")
    return _SENDS / (time.perf_counter() - begin)


def _delays(send: Send, heard: Heard) -> tuple[float, float]:
    """Milliseconds from before the send until the listener had it, and until it returned."""
    text = f"message {next(_serial)}"
    begin = time.perf_counter()
    send(text)
    returned = time.perf_counter()
    arrived, what = heard.get(timeout=_PATIENCE)
    assert what == text
    return (arrived - begin) * 1000, (returned - begin) * 1000
