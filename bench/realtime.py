"""S5w, S5l, S7w, S8w, S2w and S20: one message and many, and the inbox, over the WebSocket.

Ours beside the official JavaScript SDK in Node, firebase-admin, pyrebase4 and our own REST, all
before one neutral server in a process of its own, taking turns within one run.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from bench.connection import connected
from bench.contender import NO_NODE, Contender, Name, contenders
from bench.libraries import session
from bench.measuring import in_turns
from bench.prepared import sessions
from bench.programs import serving
from bench.row import Row, Target, Unit

__all__ = ["durable", "latency", "queued", "snapshot", "throughput"]

_EVERYBODY: Final[tuple[Name, ...]] = ("websocket", "js", "firebase-admin", "rest", "pyrebase4")
_MESSAGES: Final = 25
_ROUNDS: Final = 12
_QUEUED: Final = 1_000
_MANY: Final = 4_000
_QUEUE_ROUNDS: Final = 2
_LARGE: Final = 10_000
_SNAPSHOTS: Final = 7
_OFFICIAL: Final = "official JS SDK in Node"


def latency() -> Iterator[Row]:
    """S5w, S5l: from the send until the other side's callback, and one's own listener's."""
    with _before_one_server(*_EVERYBODY) as found:
        others = {name: one.asked("other", _MESSAGES) for name, one in found.items()}
        told = in_turns(others, _ROUNDS)
        own = in_turns(
            {name: found[name].asked("own", _MESSAGES) for name in found if name in _LISTENS},
            _ROUNDS,
        )
    what = "one message, sender to listener, WebSocket"
    yield from _beside("S5w", what, "ms", told, Target("<=", 0.9), Target("<=", 0.6))
    yield Row(
        "S5l",
        "one message, sender to own listener, WebSocket",
        "ms",
        own["websocket"],
        told["websocket"],
        f"itself, the other side's listener ({_OFFICIAL}, own: {_figure(own, 'js')} ms)",
        Target("<=", 0.3),
    )


def throughput() -> Iterator[Row]:
    """S7w: sends per second, each waited for."""
    with _before_one_server(*_EVERYBODY) as found:
        rates = in_turns(
            {name: one.asked("rate", _MESSAGES) for name, one in found.items()}, _ROUNDS
        )
    what = "sends, each waited for, WebSocket"
    yield from _beside("S7w", what, "/s", rates, Target(">=", 1.1), Target(">=", 4))


def queued() -> Iterator[Row]:
    """S8w: sends handed over at once, and four times as many."""
    with _before_one_server("websocket", "js", "firebase-admin", "rest", "pyrebase4") as found:
        fewer: dict[Name, int] = {"firebase-admin": 100, "pyrebase4": 100}
        rates = in_turns(
            {
                name: one.asked("queue" if name in _QUEUES else "rate", fewer.get(name, _QUEUED))
                for name, one in found.items()
            },
            _QUEUE_ROUNDS,
        )
        ours = found["websocket"]
        many = in_turns({n: ours.asked("queue", n) for n in (_QUEUED, _MANY)}, _QUEUE_ROUNDS)
    what = f"{_QUEUED:,} sends queued at once, WebSocket"
    yield from _beside("S8w", what, "/s", rates, Target(">=", 10), Target(">=", 15))
    yield Row(
        "S8w",
        f"{_MANY:,} queued at once: linear",
        "/s",
        many[_MANY],
        many[_QUEUED],
        f"itself, {_QUEUED:,}",
        Target(">=", 0.9),
    )


def snapshot() -> Iterator[Row]:
    """S2w: the first snapshot of 10,000 sessions; ours typed and in order, theirs as it comes."""
    with _before_one_server("websocket", "js", number=_LARGE) as found:
        took = in_turns(
            {name: one.asked("snapshot", _LARGE) for name, one in found.items()}, _SNAPSHOTS
        )
    what = f"first snapshot, {_LARGE:,} sessions, WebSocket"
    yield _beside_js("S2w", what, "ms", took, Target("<=", 0.7))


def durable() -> Iterator[Row]:
    """S20: what it costs to have a message on disk before it is sent."""
    with _before_one_server("websocket", "durable", "js") as found:
        sends = in_turns(
            {
                name: found[name].asked("send", 10 * _MESSAGES)
                for name in ("websocket", "durable")
                if name in found
            },
            5,
        )
        rates = in_turns(
            {name: one.asked("queue", _QUEUED) for name, one in found.items()}, _QUEUE_ROUNDS
        )
    yield Row(
        "S20",
        f"made durable before it is sent: p95 added to {sends['websocket']:.2f} ms",
        "ms",
        sends["durable"] - sends["websocket"],
        sends["websocket"],
        "the whole send, in memory",
        Target("<=", 1, "ours"),
    )
    kept = {**rates, "websocket": rates["durable"]}
    what = f"{_QUEUED:,} durable sends queued at once"
    yield _beside_js("S20", what, "/s", kept, Target(">=", 10))


_LISTENS: Final = frozenset(("websocket", "js", "rest"))
_QUEUES: Final = frozenset(("websocket", "durable", "js", "rest"))


@contextmanager
def _before_one_server(*names: Name, number: int = 5) -> Iterator[Mapping[Name, Contender]]:
    """Contenders, each with a session of its own, among so many."""
    with serving("bench.neutral") as host:
        with connected(host) as store:
            stored = sessions(number) if number > len(names) else {}
            stored |= {f"-O{place:018}": session() for place in range(len(names) - len(stored))}
            store.ask("PUT", "/chatSessions.json", json.dumps(stored))
        with contenders(*names, host=host) as found:
            yield found


def _beside(
    row: str, what: str, unit: Unit, figures: Mapping[Name, float], js: Target, admin: Target
) -> Iterator[Row]:
    yield _beside_js(row, what, unit, figures, js)
    others = (
        f"pyrebase4: {_figure(figures, 'pyrebase4')}, ours over REST: {_figure(figures, 'rest')}"
    )
    ours, peer = figures["websocket"], figures["firebase-admin"]
    yield Row(row, what, unit, ours, peer, f"firebase-admin, two calls ({others})", admin)


def _beside_js(
    row: str, what: str, unit: Unit, figures: Mapping[Name, float], target: Target
) -> Row:
    against = _OFFICIAL if "js" in figures else NO_NODE
    return Row(row, what, unit, figures["websocket"], figures.get("js"), against, target)


def _figure(figures: Mapping[Name, float], name: Name) -> str:
    return f"{figures[name]:.4g}" if name in figures else "-"
