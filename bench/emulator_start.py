"""S12: how soon a test has an emulator, and an empty database."""

import http.client
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bench import emulators
from bench.measuring import in_turns, milliseconds
from bench.row import Row, Target
from imbari_chat.emulator import Emulator

__all__ = ["rows"]

_ROUNDS: Final = 5
_SESSIONS: Final = 1_000

_STARTS: Final = """
import json, time
from imbari_chat.emulator import Emulator

def start():
    begin = time.perf_counter()
    with Emulator():
        return (time.perf_counter() - begin) * 1000

print(json.dumps([start(), start()]))
"""


def rows() -> Iterator[Row]:
    """S12: in process, in a process of its own, and emptied."""
    starts = [_starts() for _ in range(_ROUNDS)]
    for what, index in (("first start in a process", 0), ("second start", 1)):
        figure = statistics.median(pair[index] for pair in starts)
        yield _absolute(f"emulator: {what}", figure, 50)
    separate = in_turns({"ours": _separate}, _ROUNDS)["ours"]
    peer, against = _googles()
    yield Row(
        "S12",
        "emulator: own process, until it answers",
        "ms",
        separate,
        peer,
        against,
        Target("<=", 500, "ours"),
    )
    yield _absolute(f"emulator: fresh database after {_SESSIONS:,} sessions", _emptied(), 5)


def _absolute(what: str, figure: float, limit: float) -> Row:
    return Row("S12", what, "ms", figure, None, "", Target("<=", limit, "ours"))


def _starts() -> tuple[float, float]:
    """Milliseconds of the first and the second start in a new process that has imported it."""
    result = subprocess.run(
        [sys.executable, "-c", _STARTS], capture_output=True, check=True, timeout=60
    )
    first, second = json.loads(result.stdout)
    return first, second


def _separate() -> float:
    with emulators.ours() as running:
        return running.start


def _googles() -> tuple[float | None, str]:
    """How long Google's took, once, or why that is not known."""
    program = emulators.google_program()
    if program is None:
        return None, "Google's is missing: make peers"
    try:
        with emulators.google_auth(program) as google:
            return google.start, "Google's, Auth half, once"
    except TimeoutError as error:
        return None, f"Google's: {error}"


def _emptied() -> float:
    sessions = {
        f"-O{number:018}": {"customerName": f"C{number}", "lastMessageTime": number}
        for number in range(_SESSIONS)
    }
    body = json.dumps({"chatSessions": sessions})
    with (
        Emulator() as emulator,
        closing(http.client.HTTPConnection(emulator.database_host, timeout=10)) as connection,
    ):

        def once() -> float:
            connection.request("PUT", "/.json?print=silent", body)
            connection.getresponse().read()
            return milliseconds(emulator.reset)

        return in_turns({"ours": once}, _ROUNDS)["ours"]
