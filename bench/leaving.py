"""R8 and R9: how a listener is closed, and how a program ends that has one.

As a program, ``python -m bench.leaving LIBRARY HOST close ROUNDS`` closes listeners and prints one
line of JSON: seconds, and exceptions. ``return`` and ``wait`` in their place listen, say so, and
then end, or wait to be interrupted.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench import emulators
from bench.beside import beside_peers
from bench.connection import once
from bench.libraries import LIBRARIES, OURS, PROJECT, Library, Name, session
from bench.programs import running
from bench.row import Beyond, Figure, Row, Target
from imbari_chat import AdminChat, ConnectionChanged
from imbari_chat.states import TransportName

__all__ = ["closes", "ends"]

_BOUND: Final = 10.0
_CLIENTS: Final = 500
_CLOSES: Final = 2 * _CLIENTS
_PEERS_CLOSES: Final[dict[Name, int]] = {"firebase-admin": 1, "pyrebase4": 20}
_LIVE_LIMIT: Final = 20.0
_CLOSES_LIMIT: Final = 120.0
_CONVERSATION: Final = "-Oabcdefghijklmnopqr"
_RULES: Final = {
    "rules": {
        ".read": True,
        ".write": True,
        "chatSessions": {".indexOn": "lastMessageTime"},
        "messages": {"$session": {".indexOn": "timestamp"}},
    }
}
_FAREWELL: Final = "sent at the very end"


def closes() -> Iterator[Row]:
    """R8: the longest of many closes, and what they raised."""
    with emulators.ours() as emulator:
        _prepare(emulator.database)
        closed = {
            name: _closed(name, emulator.database, _CLIENTS, _CLOSES_LIMIT)
            if name in OURS
            else _closed(name, emulator.database, _PEERS_CLOSES[name], _BOUND)
            for name in LIBRARIES
        }
    longest = {name: one.longest for name, one in closed.items()}
    what = f"close(), the longest of {_CLOSES:,}: four states, each twice"
    yield from beside_peers("R8", what, "s", longest, Target("<=", 0.25, "ours"), ", idle")
    raised = {name: one.raised for name, one in closed.items()}
    where = f", idle, of {_PEERS_CLOSES['firebase-admin']} and {_PEERS_CLOSES['pyrebase4']}"
    target = Target("<=", 0, "ours")
    yield from beside_peers("R8", "the same: exceptions", "", raised, target, where)


def ends() -> Iterator[Row]:
    """R9: until the process is gone, and what became of a message handed over just before."""
    lost = dict.fromkeys(OURS, 0)
    messages = f"/messages/{_CONVERSATION}.json"
    with emulators.ours() as emulator:
        _prepare(emulator.database)
        for how, what in (("return", "main ended"), ("wait", "one Ctrl-C")):
            gone: dict[Name, Figure] = {}
            for name in LIBRARIES:
                gone[name], notes = _ended(name, emulator.database, how)
                if name in OURS and "undelivered" not in notes:
                    lost[name] += once(emulator.database, "GET", messages) is None
                once(emulator.database, "DELETE", messages)
            what = f"process gone after {what}"
            yield from beside_peers("R9", what, "s", gone, Target("<=", 1, "ours"))
    for name, transport in OURS.items():
        yield Row(
            "R9",
            f"messages handed over just before: neither delivered nor named, of 2, {transport}",
            "",
            lost[name],
            None,
            "the peers hand nothing over: each call waits",
            Target("<=", 0, "ours"),
        )


@dataclass(frozen=True, slots=True)
class _Closed:
    longest: Figure
    raised: Figure


def _prepare(host: str) -> None:
    once(host, "PUT", "/.settings/rules.json", _RULES)
    once(host, "PUT", f"/chatSessions/{_CONVERSATION}.json", session())


def _closed(name: Name, host: str, rounds: int, limit: float) -> _Closed:
    arguments = (name, host, "close", str(rounds))
    with running("bench.leaving", *arguments, quiet=name not in OURS) as process:
        assert process.stdout
        overdue = threading.Timer(limit, process.kill)
        overdue.start()
        line = process.stdout.readline()
        overdue.cancel()
    if not line:
        return _Closed(Beyond(limit), Beyond(limit))
    longest, raised = json.loads(line)
    return _Closed(longest, raised)


def _ended(name: Name, host: str, how: str) -> tuple[Figure, str]:
    """Seconds until the process was gone, and what it wrote to stderr."""
    with (
        tempfile.TemporaryFile("w+") as notes,
        running("bench.leaving", name, host, how, notes=notes) as process,
    ):
        assert process.stdout
        began = float(process.stdout.readline())
        if how == "wait":
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_BOUND)
        except subprocess.TimeoutExpired:
            return Beyond(_BOUND), ""
        took = time.monotonic() - began
        notes.seek(0)
        return took, notes.read()


def main(name: Name, host: str, how: str, rounds: int = 0) -> None:
    """Close listeners, or leave with one."""
    if how == "close":
        ours = OURS.get(name)
        close = _close_theirs(name, host) if ours is None else _close_ours(host, ours)
        longest, raised = 0.0, 0
        for number in range(rounds):
            took, failed = close(number)
            longest, raised = max(longest, took), raised + failed
        print(json.dumps([longest, raised]), flush=True)
        return
    library = LIBRARIES[name](host)
    _live(library)
    library.send(_CONVERSATION, _FAREWELL, hurry=True)
    print(time.monotonic(), flush=True)
    while how == "wait":
        time.sleep(1)


def _live(library: Library) -> None:
    live = threading.Event()
    library.listen(_CONVERSATION, lambda kind, _: live.set() if kind == "live" else None)
    assert live.wait(_LIVE_LIMIT)


def _close_theirs(name: Name, host: str) -> Callable[[int], tuple[float, int]]:
    def close(_: int) -> tuple[float, int]:
        library = LIBRARIES[name](host)
        _live(library)
        return _timed(library.stop)

    return close


def _close_ours(host: str, transport: TransportName) -> Callable[[int], tuple[float, int]]:
    """In turns: live, connecting, never used, and from a handler. Each is closed twice."""

    def close(number: int) -> tuple[float, int]:
        chat = AdminChat.from_env(
            project=PROJECT, database_emulator=host, identity="emulator", transport=transport
        )
        chat.__enter__()
        figures: list[tuple[float, int]] = []
        match number % 4:
            case 0:
                chat.listen()
            case 1:
                chat.on(ConnectionChanged)(lambda _: None)
            case 3:
                closed = threading.Event()

                def leave(_: ConnectionChanged) -> None:
                    figures.append(_timed(chat.close))
                    closed.set()

                chat.on(ConnectionChanged)(leave)
                assert closed.wait(_LIVE_LIMIT)
        figures += [_timed(chat.close), _timed(chat.close)]
        return max(took for took, _ in figures), sum(failed for _, failed in figures)

    return close


def _timed(close: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and 1 if it raised."""
    begin = time.monotonic()
    try:
        close()
    except Exception:  # noqa: BLE001  # whatever a library raises is the measurement
        return time.monotonic() - begin, 1
    return time.monotonic() - begin, 0


if __name__ == "__main__":
    main(sys.argv[1], *sys.argv[2:4], *map(int, sys.argv[4:]))  # type: ignore[arg-type]  # a name
