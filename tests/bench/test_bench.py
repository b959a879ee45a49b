"""The benchmark's own behaviour: what it prints, and what it makes of its figures."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import __main__ as program
from bench import start_up
from bench.row import Beyond, Figure, Row, Target, Unit
from bench.table import as_json, as_table, figure

ROOT = Path(__file__).parents[2]
HEADINGS = ["id", "what", "ours", "peer", "ratio", "target", "peer is"]


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def row(ours: Figure, peer: Figure | None, target: Target) -> Row:
    """A row of which only the figures matter."""
    return Row("S0", "something", "ms", ours, peer, "somebody", target)


def test_the_table_has_a_line_for_each_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S10 is two figures, each beside the same peer, each judged."""
    monkeypatch.setattr(start_up, "_ROUNDS", 1)  # what the figures are does not matter here
    program.main(["S10"])
    headings, *lines = capsys.readouterr().out.splitlines()
    assert headings.replace("peer is", "").split() == HEADINGS[:-1]
    assert headings.endswith("peer is")
    assert [line.split()[0] for line in lines] == ["S10", "S10"]
    for line in lines:
        assert "import firebase_admin.db" in line
        assert line.count(" ms ") == 2
        assert " met " in line or " NOT MET " in line


def test_an_unknown_row_is_a_usage_error() -> None:
    """It says which there are, and measures nothing."""
    result = bench("S10", "S99")
    assert result.returncode == 2
    assert "no such row: S99" in result.stderr
    assert "S12" in result.stderr
    assert result.stdout == ""


def test_json_holds_the_same_figures_as_the_table() -> None:
    """And the ratio and the verdict beside what was measured."""
    rows = [row(2.0, 8.0, Target("<=", 0.3)), row(9.0, None, Target("<=", 5, "ours"))]
    assert [(one["ours"], one["ratio"], one["met"]) for one in json.loads(as_json(rows))] == [
        (2.0, 0.25, True),
        (9.0, None, False),
    ]
    _, first, second = as_table(rows).splitlines()
    assert ("0.25x" in first, "NOT MET" in first) == (True, False)
    assert "NOT MET" in second


def test_a_figure_that_did_not_come_is_told_as_such() -> None:
    """How long it was waited for, or that nobody was left to bring it; nothing is divided by it."""
    target = Target("<=", 50, "ours")
    late = row(9.0, Beyond(10.0), target)
    never = row(9.0, Beyond(10.0, never=True), target)
    assert ("> 10 ms" in as_table([late]), "never" in as_table([never])) == (True, True)
    assert (late.ratio, late.met) == (None, True)
    (told,) = json.loads(as_json([late]))
    assert (told["peer"], told["peer_beyond"], told["ratio"]) == (None, 10.0, None)


def test_a_figure_of_ours_that_did_not_come_meets_nothing() -> None:
    """Neither its bound nor its absence is a figure."""
    assert row(Beyond(10.0), None, Target("<=", 50, "ours")).met is False
    assert row(Beyond(10.0), 5.0, Target("<=", 50)).met is False


def test_a_cause_is_shown_only_where_a_target_is_missed() -> None:
    """It explains; a row that is met has nothing to explain."""
    met = replace(row(2.0, 8.0, Target("<=", 0.3)), cause="because of this")
    missed = replace(met, ours=7.0, cause="because of that")
    assert "because" not in as_table([met])
    told = as_table([met, missed])
    assert ("because of this" in told, "because of that" in told) == (False, True)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.56, "ms", "1,234.6 ms"),
        (0.12345, "ms", "0.123 ms"),
        (0.123, "s", "0.12 s"),
        (6.9, "MB", "6.90 MB"),
        (1234.5, "/s", "1,234/s"),
        (2416, "B", "2,416 B"),
        (8.75, "x", "8.75x"),
        (64, "", "64"),
        (None, "s", "-"),
    ],
)
def test_a_figure_is_printed_with_its_unit(value: Figure | None, unit: Unit, text: str) -> None:
    """A count has none."""
    assert figure(value, unit) == text


class Measures:
    """Stand-ins for what is measured, and how often each ran."""

    def __init__(self) -> None:
        self.runs = 0

    def shared(self) -> list[Row]:
        """Two topics at once."""
        self.runs += 1
        good = row(1.0, None, Target("<=", 5, "ours"))
        return [replace(good, id="A1"), replace(good, id="A2")]

    def fails(self) -> list[Row]:
        """None."""
        raise RuntimeError("the server did not start")


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> Measures:
    """What the program measures instead."""
    stand_in = Measures()
    topics = {"A1": stand_in.shared, "A2": stand_in.shared, "B": stand_in.fails}
    monkeypatch.setattr(program, "_TOPICS", topics)
    return stand_in


def test_topics_measured_together_are_measured_once(
    measures: Measures, capsys: pytest.CaptureFixture[str]
) -> None:
    """And each shows its own rows alone."""
    program.main(["A1", "A2"])
    assert measures.runs == 1
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["A1", "A2"]
    program.main(["A2"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["A2"]


def test_a_measure_that_fails_costs_only_its_own_rows(
    measures: Measures, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are printed, the fault goes to stderr, and the exit status tells."""
    with pytest.raises(SystemExit) as ended:
        program.main(["B", "A1"])
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert "A1" in told.out
    assert "the server did not start" in told.err
    assert measures.runs == 1


@pytest.mark.parametrize(
    ("ours", "peer", "target", "met"),
    [
        (3.0, 10.0, Target("<=", 0.3), True),
        (3.1, 10.0, Target("<=", 0.3), False),
        (19.0, 10.0, Target(">=", 1.9), True),
        (18.9, 10.0, Target(">=", 1.9), False),
        (50.0, None, Target("<=", 50, "ours"), True),
        (50.1, 1_000.0, Target("<=", 50, "ours"), False),
        (1.0, None, Target("<=", 0.3), False),
    ],
)
def test_a_target_bounds_our_figure_or_its_ratio(
    ours: float, peer: float | None, target: Target, met: bool
) -> None:
    """The limit itself is good; a ratio to nothing is not."""
    assert row(ours, peer, target).met is met
