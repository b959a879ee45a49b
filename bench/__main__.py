"""``python -m bench``: ours beside the peers', measured in one run, against the targets."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from bench import (
    audience,
    commits,
    crowd,
    desk,
    emulator_requests,
    emulator_start,
    flushing,
    leaving,
    listeners,
    outage,
    realtime,
    reconnecting,
    recovery,
    sending,
    sends,
    snapshots,
    start_up,
    windows,
)
from bench.held import PROMISES, as_promises
from bench.row import Row
from bench.table import as_json, as_table

Measure: TypeAlias = Callable[[], Iterable[Row]]

_TOPICS: Final[dict[str, Measure]] = {
    "S1": snapshots.small,
    "S2": snapshots.large,
    "S3": snapshots.large,
    "S4": snapshots.strain,
    "S5": sending.latency,
    "S6": sending.latency_far,
    "S7": sending.throughput,
    "S8": flushing.rows,
    "S9": listeners.rows,
    "S10": start_up.imports,
    "S11": start_up.commands,
    "S12": emulator_start.rows,
    "S13": windows.rows,
    "S14": commits.sends,
    "S15": commits.sends,
    "S16": commits.large_nodes,
    "S17": audience.rows,
    "S5w": realtime.latency,
    "S5l": realtime.latency,
    "S7w": realtime.throughput,
    "S8w": realtime.queued,
    "S2w": realtime.snapshot,
    "S19": crowd.rows,
    "S9w": listeners.websocket_rows,
    "S18": reconnecting.rows,
    "S20": realtime.durable,
    "S21": start_up.one_shot,
    "S22": desk.rows,
    "EMU": emulator_requests.rows,
    "R1": outage.rows,
    "R2": outage.rows,
    "R3": outage.rows,
    "R4": recovery.reconnection,
    "R5": recovery.half_open,
    "R8": leaving.closes,
    "R9": leaving.ends,
    "R10": sends.lost_acknowledgements,
    "R11": sends.outage,
    "R12": sends.black_hole,
}
_ALL_PROMISES: Final = "R"
_PROMISED: Final = frozenset(topic for topic in _TOPICS if topic in PROMISES)
_WAITING: Final[frozenset[Measure]] = frozenset(
    (
        outage.rows,
        recovery.reconnection,
        recovery.half_open,
        sends.lost_acknowledgements,
        sends.outage,
        sends.black_hole,
    )
)
"""What waits for outages to pass more than it computes; these run side by side, after the rest."""

_SIDE_BY_SIDE: Final = 3
"""Each starts a dozen processes, which is what computes there."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the topics asked for, or all, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = f"any of {', '.join(_TOPICS)}; R for each promise of that name, and where it is held"
    parser.add_argument("topics", nargs="*", metavar="ID", help=names)
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    given = parser.parse_args(arguments)
    asked = {*given.topics, *(_PROMISED if _ALL_PROMISES in given.topics else ())}
    unknown = asked - set(_TOPICS) - {_ALL_PROMISES}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(_TOPICS)}")
    # An installed package has its bytecode beside it, ours as well as the peers'. A checkout that
    # may not write any would be measured compiling.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A shell has what it starts in the background ignore Ctrl-C, and whatever that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(
        f"load {load:.1f} on {cores} cores; what else runs costs ours and theirs", file=sys.stderr
    )
    wanted = [topic for topic in _TOPICS if topic in asked or not asked]
    rows, failed = _measured(wanted)
    print(as_json(rows) if given.json else as_table(rows))
    if _ALL_PROMISES in asked and not given.json:
        print(f"\n{as_promises(PROMISES)}")
    if failed:
        sys.exit(1)


def _measured(wanted: Sequence[str]) -> tuple[list[Row], bool]:
    """The rows of these topics, in their order, and whether a measure failed."""
    measures = dict.fromkeys(_TOPICS[topic] for topic in wanted)
    results = [_result(one, wanted) for one in measures if one not in _WAITING]
    waiting = [one for one in measures if one in _WAITING]
    if waiting:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            results += pool.map(lambda one: _result(one, wanted), waiting)
    rows = [row for result in results for row in result or () if row.id in wanted]
    return sorted(rows, key=lambda row: wanted.index(row.id)), None in results


def _result(measure: Measure, wanted: Sequence[str]) -> list[Row] | None:
    """The rows of one measure; None, and a word on stderr, if it fails. The others go on."""
    names = ", ".join(topic for topic in wanted if _TOPICS[topic] is measure)
    print(f"measuring {names} ...", file=sys.stderr, flush=True)
    try:
        return list(measure())
    except Exception:  # noqa: BLE001  # minutes of other figures are not lost for one
        print(f"{names} failed:", file=sys.stderr)
        traceback.print_exc()
        return None


if __name__ == "__main__":
    main()
