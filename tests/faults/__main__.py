"""``python -m tests.faults``: many rounds against a bad network and a server that dies."""

import argparse
import asyncio
import logging
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import programs
from tests.faults import round as rounds
from tests.faults.leaks import Baseline, attributing_tasks
from tests.faults.round import Outcome
from tests.faults.schedule import DENIALS, NO_SOCKETS, TRANSPORTS, Schedule, draw
from tests.faults.wall_clock import wall_clocks

__all__ = ["main"]

_LIMIT = 300.0
"""Seconds that one round may take; one that takes longer hangs. On the slowest line what is stored
takes a minute and a half to be read."""

_EVERY = 10
_PADDING = re.compile(r"\.{4,}")


@dataclass(slots=True)
class _Tally:
    """What all rounds came to."""

    schedules: int = 0
    faults: int = 0
    clocks: int = 0
    slow_lines: int = 0
    strangers: int = 0
    busy: int = 0
    hostile: int = 0
    transports: Counter[str] = field(default_factory=Counter)
    barred: int = 0
    moves: int = 0
    frames_cut: int = 0
    half_open: int = 0
    restarts: int = 0
    expiring: int = 0
    rule_changes: int = 0
    shown_out: int = 0
    kills: int = 0
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    drifted: int = 0
    repaired: int = 0
    unheard: int = 0
    views_wrong: int = 0
    leaks: int = 0
    unannounced: int = 0
    failing: list[int] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def take_part(self, schedule: Schedule) -> None:
        """Count who does, whatever becomes of the round."""
        self.schedules += 1
        self.clocks += len(schedule.clocks)
        self.slow_lines += len(schedule.lines)
        self.strangers += schedule.strangers
        self.busy += len(schedule.busy)
        self.hostile += schedule.hostile
        self.transports.update(schedule.transports.values())
        self.barred += sum(fault.what == NO_SOCKETS for fault in schedule.faults)
        self.restarts += sum(fault.what == "kill" for fault in schedule.faults)
        self.expiring += schedule.lifetime is not None
        self.rule_changes += sum(fault.what in DENIALS for fault in schedule.faults)

    def add(self, outcome: Outcome) -> None:
        verdict = outcome.verdict
        self.faults += outcome.faults
        self.messages += verdict.messages
        self.lost += verdict.lost
        self.doubled += verdict.doubled
        self.disordered += verdict.disordered
        self.unheard += verdict.unheard
        self.views_wrong += verdict.views_wrong
        self.leaks += verdict.leaks
        self.frames_cut += outcome.frames_cut
        self.half_open += outcome.half_open
        self.moves += outcome.moves
        self.shown_out += outcome.shown_out
        self.kills += outcome.kills
        self.unannounced += verdict.unannounced
        self.drifted += outcome.drifted
        self.repaired += outcome.repaired

    def __str__(self) -> str:
        return (
            f"schedules {self.schedules}, faults {self.faults}, clocks {self.clocks},"
            f" slow lines {self.slow_lines}, strangers {self.strangers}, busy {self.busy},"
            f" hostile {self.hostile},"
            f" {', '.join(f'{one} {self.transports[one]}' for one in TRANSPORTS)},"
            f" sockets barred {self.barred}, moves {self.moves},"
            f" frames cut {self.frames_cut}, half-open {self.half_open}, restarts {self.restarts},"
            f" expiring {self.expiring}, rule changes {self.rule_changes},"
            f" shown out {self.shown_out}, kills {self.kills}, messages {self.messages},"
            f" lost {self.lost}, doubled {self.doubled}, out of order {self.disordered},"
            f" unheard {self.unheard}, views wrong {self.views_wrong}, leaks {self.leaks}"
        )

    @property
    def website(self) -> str:
        return (
            f"where the website wrote too: counts drifted {self.drifted}, repaired {self.repaired},"
            f" messages no inbox announced {self.unannounced}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play rounds; 0 if nothing was wrong in any, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, help="of the first round; the others count up from it")
    parser.add_argument("--jobs", type=int, default=3, help="rounds at a time (default: 3)")
    asked = parser.parse_args(arguments)
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
    print(f"seeds {seed} to {seed + asked.rounds - 1}", file=sys.stderr)
    logging.disable(logging.WARNING)  # messages that are late and queued are what this is about
    try:
        with wall_clocks():
            tally = asyncio.run(_play_all(range(seed, seed + asked.rounds), asked.jobs))
    finally:
        logging.disable(logging.NOTSET)
    for stray in tally.strays:
        print(f"nobody was told: {stray}")
    if tally.failing:
        print(f"failing seeds: {' '.join(map(str, sorted(tally.failing)))}")
    print(tally.website)
    print(tally)
    return 1 if tally.failing or tally.strays else 0


async def _play_all(seeds: range, jobs: int) -> _Tally:
    tally, began, waiting = _Tally(), time.monotonic(), list(reversed(seeds))

    def stray(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        tally.strays.append(f"{context['message']}: {context.get('exception')!r}")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(stray)
    loop.set_task_factory(attributing_tasks)

    async def work() -> None:
        while waiting:
            await _play(waiting.pop(), tally)
            if tally.schedules % _EVERY == 0:
                took = time.monotonic() - began
                print(f"{tally.schedules} of {len(seeds)}, {took:.0f} s: {tally}", file=sys.stderr)

    programs.ready()
    baseline = Baseline()
    await asyncio.gather(*(work() for _ in range(jobs)))
    left = await baseline.left()
    tally.leaks += len(left)
    tally.strays += [f"left over: {one}" for one in left]
    return tally


async def _play(seed: int, tally: _Tally) -> None:
    faults: list[str] = []
    schedule = draw(seed)
    tally.take_part(schedule)
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            async with asyncio.timeout(_LIMIT):
                outcome = await rounds.play(schedule, Path(folder))
    except Exception:  # noqa: BLE001  # the top of a round: it failed, and the others go on
        faults.append(traceback.format_exc())
    else:
        tally.add(outcome)
        faults += outcome.verdict.faults
    if faults:
        tally.failing.append(seed)
        said = [_PADDING.sub("...", fault) for fault in faults]
        print("\n  ".join([f"seed {seed} fails; again: --seed {seed} --rounds 1", *said]))


if __name__ == "__main__":
    sys.exit(main())
