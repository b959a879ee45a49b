"""How things are measured: interleaved, repeated, and told by their medians.

Whatever is compared takes turns, so that a busy moment of the machine hits both sides.
"""

import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

__all__ = ["in_turns", "milliseconds", "process_time", "process_times"]

Name = TypeVar("Name")

_PROCESS_LIMIT: Final = 60.0


def milliseconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def in_turns(actions: Mapping[Name, Callable[[], float]], rounds: int) -> dict[Name, float]:
    """Medians of what the actions return, each called once in every round.

    A round that comes first, and fills caches, does not count.
    """
    samples: dict[Name, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            figure = action()
            if number:
                samples[name].append(figure)
    return {name: statistics.median(figures) for name, figures in samples.items()}


def process_times(commands: Mapping[Name, Sequence[str]], rounds: int) -> dict[Name, float]:
    """Median milliseconds from starting each command to its end, which must be a success."""

    def timed(command: Sequence[str]) -> Callable[[], float]:
        return lambda: process_time(command)

    return in_turns({name: timed(command) for name, command in commands.items()}, rounds)


def process_time(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Milliseconds from starting a command to its end, which must be a success.

    Args:
        command: What is started.
        environment: Its variables, all of them; this process's own by default.
    """

    def run() -> None:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
        ) as process:
            # A wait with a limit would look every 50 ms.
            limit = threading.Timer(_PROCESS_LIMIT, process.kill)
            limit.start()
            try:
                status = process.wait()
            finally:
                limit.cancel()
        if status:
            raise subprocess.CalledProcessError(status, command)

    return milliseconds(run)
