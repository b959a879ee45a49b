"""A short round of the long one, ``make faults``."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults import __main__ as program
from tests.faults import round as rounds
from tests.faults.ledger import Verdict
from tests.faults.round import Outcome, play
from tests.faults.schedule import LENGTH, Clock, Fault, Pace, Schedule, draw
from tests.faults.wall_clock import wall_clocks

# Under the strict rules and under the compat rules with the website; the server is killed in both,
# and actors of every kind are there.
SEEDS = (11, 1972)


@given(st.integers(0, 2**32))
def test_a_seed_always_draws_the_same_schedule(seed: int) -> None:
    """In which somebody writes, somebody answers, and something goes wrong."""
    schedule = draw(seed)
    assert schedule == draw(seed)
    assert {"customer0", "admin0"} <= schedule.actors.keys()
    assert ("dashboard0" in schedule.actors) <= (schedule.profile == "compat")
    for some in (schedule.clocks, schedule.lines, schedule.busy):
        assert some.keys() <= schedule.actors.keys()
    assert all(2_000 <= rate <= 50_000 for rate in schedule.lines.values())
    assert schedule.strangers <= len(schedule.faults)
    assert schedule.faults
    assert all(0 <= fault.at <= LENGTH for fault in schedule.faults)
    for steps in schedule.actors.values():
        assert list(steps) == sorted(steps, key=lambda step: step.at)


@pytest.mark.parametrize("transport", ["rest", "websocket"])
async def test_nothing_is_lost_doubled_or_out_of_order(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the network does, with a server that is killed in the middle, and whoever else is
    there: wrong clocks, slow lines, strangers in between, busy consumers and hostile writers."""
    monkeypatch.setenv("IMBARI_CHAT_TRANSPORT", transport)
    schedules = [draw(seed) for seed in SEEDS]
    assert {schedule.profile for schedule in schedules} == {"strict", "compat"}
    assert all("kill" in {fault.what for fault in one.faults} for one in schedules)
    for kind in ("clocks", "lines", "busy", "strangers", "hostile"):
        assert any(getattr(one, kind) for one in schedules), kind
    folders = [tmp_path / str(seed) for seed in SEEDS]
    for folder in folders:
        folder.mkdir()
    with wall_clocks():
        outcomes = await asyncio.gather(*map(play, schedules, folders))
    for outcome in outcomes:
        assert outcome.verdict.faults == []
        assert outcome.verdict.messages > 0


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third round goes wrong."""

    async def wrong(schedule: Schedule, folder: Path) -> Outcome:
        verdict = Verdict(messages=5)
        if schedule.seed % 3 == 0:
            verdict.lost += 1
            verdict.found("amina: 'one' was confirmed and is not there")
        return Outcome(verdict, faults=2)

    def drawn(seed: int) -> Schedule:
        return Schedule(
            seed,
            "strict",
            {"customer0": (), "admin0": (), "hostile0": ()},
            (Fault(0.1, "stranger", None, 0.5, 0), Fault(0.1, "cut", None, 0.5, 0)),
            clocks={"customer0": Clock(3600.0)},
            lines={"customer0": 2_000, "admin0": 50_000},
            busy={"admin0": Pace((0.5,), buffer=2, window=3)},
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
        " messages 20, lost 2, doubled 0, out of order 0, unheard 0"
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
