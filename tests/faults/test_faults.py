"""A short round of the long one, ``make faults``."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.wire.json import Json
from tests.faults import __main__ as program
from tests.faults import round as rounds
from tests.faults.leaks import attributing_tasks
from tests.faults.ledger import Verdict
from tests.faults.round import Outcome, patience_for, play
from tests.faults.schedule import DENIALS, LENGTH, TRANSPORTS, Clock, Fault, Pace, Schedule, draw
from tests.faults.wall_clock import wall_clocks

# Under the strict rules and under the compat rules with the website; the server is killed in both,
# and actors and faults of every kind are there.
SEEDS = (25947, 15627)


@given(st.integers(0, 2**32))
def test_a_seed_always_draws_the_same_schedule(seed: int) -> None:
    """In which somebody writes, somebody answers, and something goes wrong."""
    schedule = draw(seed)
    assert schedule == draw(seed)
    assert {"customer0", "admin0"} <= schedule.actors.keys()
    clients = {name for name in schedule.actors if name.startswith(("customer", "admin", "clerk"))}
    assert schedule.transports.keys() == clients
    assert ("dashboard0" in schedule.actors) <= (schedule.profile == "compat")
    for some in (schedule.clocks, schedule.lines, schedule.busy):
        assert some.keys() <= schedule.actors.keys()
    assert all(2_000 <= rate <= 50_000 for rate in schedule.lines.values())
    assert schedule.strangers <= len(schedule.faults)
    assert schedule.faults
    assert all(0 <= fault.at <= LENGTH for fault in schedule.faults)
    for steps in schedule.actors.values():
        assert list(steps) == sorted(steps, key=lambda step: step.at)


async def test_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    """Whatever the network does, with a server that is killed in the middle, and whoever else is
    there: wrong clocks, slow lines, strangers in between, busy consumers and hostile writers; over
    every transport and from one to another, while frames are cut, sockets stay half open or get
    through no more, tokens end, rules change and programs are killed. And nothing is left of it."""
    schedules = [draw(seed) for seed in SEEDS]
    assert {schedule.profile for schedule in schedules} == {"strict", "compat"}
    assert {name for one in schedules for name in one.transports.values()} == {*TRANSPORTS}
    struck = {fault.what for one in schedules for fault in one.faults}
    assert {"kill", "cut frame", "no sockets"} < struck
    assert struck & {*DENIALS}
    assert any(what.startswith("half open") for what in struck)
    # Whether a client moves meanwhile is a matter of moments; tests/client/test_moving.py holds it.
    assert any(_moves_clients(one) for one in schedules)
    assert any("clerk0" in one.actors for one in schedules)
    for kind in ("clocks", "lines", "busy", "strangers", "hostile", "lifetime"):
        assert any(getattr(one, kind) for one in schedules), kind
    folders = [tmp_path / str(seed) for seed in SEEDS]
    for folder in folders:
        folder.mkdir()
    asyncio.get_running_loop().set_task_factory(attributing_tasks)
    with wall_clocks():
        outcomes = await asyncio.gather(*map(play, schedules, folders))
    for outcome in outcomes:
        assert outcome.verdict.faults == []
        assert outcome.verdict.messages > 0
    assert sum(outcome.kills for outcome in outcomes) > 0


def _moves_clients(schedule: Schedule) -> bool:
    """Whether sockets are barred while somebody could go on without them."""
    is_barred = any(fault.what == "no sockets" for fault in schedule.faults)
    return is_barred and "auto" in schedule.transports.values()


def test_a_slow_line_has_the_time_to_bring_what_is_stored() -> None:
    """However little that leaves to hear meanwhile; a quick one needs none."""
    schedule = Schedule(0, "strict", {}, ())
    large: Json = {"text": "." * 60_000}
    assert patience_for(schedule, large) == patience_for(schedule, None)
    slow = replace(schedule, lines={"admin0": 50_000, "admin1": 2_000})
    assert patience_for(slow, large) >= patience_for(schedule, large) + 60_000 / 2_000


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third round goes wrong."""

    async def wrong(schedule: Schedule, folder: Path) -> Outcome:
        verdict = Verdict(messages=5)
        if schedule.seed % 3 == 0:
            verdict.lost += 1
            verdict.found("amina: 'one' was confirmed and is not there")
        more = {"frames_cut": 1, "half_open": 3, "moves": 2, "shown_out": 2, "kills": 1}
        return Outcome(verdict, faults=2, **more)

    def drawn(seed: int) -> Schedule:
        return Schedule(
            seed,
            "strict",
            {"customer0": (), "admin0": (), "hostile0": ()},
            tuple(
                Fault(0.1, what, None, 0.5, 0)
                for what in ("stranger", "kill", "deny", "no sockets")
            ),
            clocks={"customer0": Clock(3600.0)},
            lines={"customer0": 2_000, "admin0": 50_000},
            busy={"admin0": Pace((0.5,), buffer=2, window=3)},
            transports={"customer0": "rest", "admin0": "websocket", "clerk0": "auto"},
            lifetime=2,
        )

    monkeypatch.setattr(rounds, "play", wrong)
    monkeypatch.setattr(program, "draw", drawn)


@pytest.mark.usefixtures("fault")
def test_the_last_line_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code is 1 if anything was wrong; the seeds are named."""
    assert program.main(["--rounds", "4", "--seed", "6", "--jobs", "1"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "failing seeds: 6 9" in said
    assert said[-1] == (
        "schedules 4, faults 8, clocks 4, slow lines 8, strangers 4, busy 4, hostile 4,"
        " rest 4, websocket 4, auto 4, sockets barred 4, moves 8, frames cut 4,"
        " half-open 12, restarts 4, expiring 4, rule changes 4,"
        " shown out 8, kills 4, messages 20,"
        " lost 2, doubled 0, out of order 0, unheard 0, views wrong 0, leaks 0"
    )
    assert program.main(["--rounds", "2", "--seed", "7"]) == 0


def test_a_round_that_breaks_down_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It proves nothing, and says so."""

    async def broken(schedule: Schedule, folder: Path) -> Outcome:
        raise OSError("no such port")

    monkeypatch.setattr(rounds, "play", broken)
    assert program.main(["--rounds", "1", "--seed", "7"]) == 1
    assert "no such port" in capsys.readouterr().out


def test_an_exception_that_nobody_hears_of_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop says so at the end of everything."""

    async def stray(schedule: Schedule, folder: Path) -> Outcome:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Outcome(Verdict(), faults=0)

    monkeypatch.setattr(rounds, "play", stray)
    assert program.main(["--rounds", "1", "--seed", "7"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
