"""EMU: requests per second of the emulator, one after the other on one connection.

The peer is the same server stack with a dict behind it (:mod:`bench.plain`), asked by the same
client in turns: the ratio is what the database's semantics cost.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from bench import emulators
from bench.connection import Connection, connected
from bench.measuring import in_turns
from bench.row import Row, Target
from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["rows"]

_ROUNDS: Final = 15
_REQUESTS: Final = 100
_RULES: Final = Path(__file__).parents[1] / "database.rules.json"
_OWNER: Final = {"Authorization": "Bearer owner"}
_SESSION: Final = SessionId("-Oabcdefghijklmnopqr")
_DESK: Final = encode_unsigned({"sub": "desk", "admin": True})
_RECORD: Final = {
    "customerName": "Grace",
    "customerEmail": "grace@example.com",
    "lastMessage": "",
    "lastMessageTime": 1,
    "unreadCount": 0,
    "status": "active",
}

_serial = count()


def rows() -> Iterator[Row]:
    """EMU: a small read, a small write, and an admin's reply under the strict rules."""
    with ExitStack() as stack:
        running = stack.enter_context(emulators.ours())
        ours = stack.enter_context(connected(running.database))
        peer = stack.enter_context(connected(stack.enter_context(_plain())))
        rules = _RULES.read_text()
        ours.ask("PUT", "/.settings/rules.json?ns=strict", rules, _OWNER)
        ours.ask("PUT", f"/chatSessions/{_SESSION}.json?ns=strict", json.dumps(_RECORD), _OWNER)
        for each in (ours, peer):
            each.ask("PUT", "/small.json", '{"a":1}')
        small = '{"text":"hello","at":1790000000000}'
        kinds: dict[str, tuple[float, Callable[[Connection], object], str]] = {
            "GET, small": (0.6, lambda on: on.ask("GET", "/small.json"), ""),
            "PUT, small": (0.6, lambda on: on.ask("PUT", "/put.json", small), ""),
            "PATCH of a reply, strict rules": (0.25, _reply, ", no rules"),
        }
        for what, (limit, ask, beside) in kinds.items():
            turns = {"ours": partial(_rate, ask, ours), "peer": partial(_rate, ask, peer)}
            rates = in_turns(turns, _ROUNDS)
            yield Row(
                "EMU",
                f"emulator: {what}",
                "/s",
                rates["ours"],
                rates["peer"],
                f"starlette and a dict{beside}",
                Target(">=", limit),
            )


def _reply(on: Connection) -> object:
    """Three places in one update: the message, and the preview and time of its session."""
    message = MessageId(f"-P{next(_serial):018}")
    plan = plans.reply(_SESSION, message, "Every Tuesday.", uid="desk")
    body = json.dumps({"/".join(path): value for path, value in plan.changes.items()})
    return on.ask("PATCH", f"/.json?ns=strict&auth={_DESK}", body)


def _rate(ask: Callable[[Connection], object], on: Connection) -> float:
    """Requests per second."""
    begin = time.perf_counter()
    for _ in range(_REQUESTS):
        ask(on)
    return _REQUESTS / (time.perf_counter() - begin)


@contextmanager
def _plain() -> Iterator[str]:
    """The peer's ``host:port``, for as long as the block runs."""
    command = [sys.executable, "-m", "bench.plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()
