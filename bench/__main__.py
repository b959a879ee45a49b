"""``python -m bench``: ours beside the peers', measured in one run, against the targets."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Final

from bench import emulator_requests, emulator_start, sending, start_up, windows
from bench.row import Row

_TOPICS: Final[dict[str, Callable[[], Iterable[Row]]]] = {
    "S5": sending.latency,
    "S7": sending.throughput,
    "S10": start_up.imports,
    "S11": start_up.commands,
    "S12": emulator_start.rows,
    "S13": windows.rows,
    "EMU": emulator_requests.rows,
}
_HEADINGS: Final = ("id", "what", "ours", "peer", "ratio", "target", "", "peer is")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the topics asked for, or all, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="ID", help=f"any of {', '.join(_TOPICS)}")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    given = parser.parse_args(arguments)
    unknown = set(given.topics) - set(_TOPICS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(_TOPICS)}")
    # An installed package has its bytecode beside it, ours as well as the peers'. A checkout that
    # may not write any would be measured compiling.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    rows: list[Row] = []
    for topic in given.topics or _TOPICS:
        print(f"measuring {topic} ...", file=sys.stderr, flush=True)
        rows += _TOPICS[topic]()
    print(_as_json(rows) if given.json else _as_table(rows))


def _as_json(rows: Iterable[Row]) -> str:
    return json.dumps(
        [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows], indent=2
    )


def _as_table(rows: Iterable[Row]) -> str:
    lines = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    target = row.target
    unit = "x" if target.of == "ratio" else f" {row.unit}"
    return (
        row.id,
        row.what,
        _figure(row.ours, row.unit),
        "-" if row.peer is None else _figure(row.peer, row.unit),
        "-" if row.ratio is None else f"{row.ratio:.2f}x",
        f"{target.sign} {target.limit:g}{unit}",
        "met" if row.met else "NOT MET",
        row.against or "-",
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:,.1f} ms" if unit == "ms" else f"{value:,.0f}/s"


if __name__ == "__main__":
    main()
