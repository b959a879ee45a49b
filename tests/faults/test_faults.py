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
from tests.faults.schedule import LENGTH, Schedule, draw

# Under the strict rules and under the compat rules with the website; the server is killed in both.
SEEDS = (9, 17)


@given(st.integers(0, 2**32))
def test_a_seed_always_draws_the_same_schedule(seed: int) -> None:
    """In which somebody writes, somebody answers, and something goes wrong."""
    schedule = draw(seed)
    assert schedule == draw(seed)
    assert {"customer0", "admin0"} <= schedule.actors.keys()
    assert ("dashboard0" in schedule.actors) <= (schedule.profile == "compat")
    assert schedule.faults
    assert all(0 <= fault.at <= LENGTH for fault in schedule.faults)
    for steps in schedule.actors.values():
        assert list(steps) == sorted(steps, key=lambda step: step.at)


async def test_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    """Whatever the network does, and with a server that is killed in the middle."""
    schedules = [draw(seed) for seed in SEEDS]
    assert {schedule.profile for schedule in schedules} == {"strict", "compat"}
    assert all("kill" in {fault.what for fault in one.faults} for one in schedules)
    folders = [tmp_path / str(seed) for seed in SEEDS]
    for folder in folders:
        folder.mkdir()
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

    monkeypatch.setattr(rounds, "play", wrong)


@pytest.mark.usefixtures("fault")
def test_the_last_line_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code is 1 if anything was wrong; the seeds are named."""
    assert program.main(["--rounds", "4", "--seed", "6", "--jobs", "1"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "failing seeds: 6 9" in said
    assert said[-1] == ("schedules 4, faults 8, messages 20, lost 2, doubled 0, out of order 0")
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
