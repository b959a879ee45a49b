"""The benchmark's own behaviour: what it prints, and what it makes of its figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.row import Row, Target

ROOT = Path(__file__).parents[2]
HEADINGS = ["id", "what", "ours", "peer", "ratio", "target", "peer is"]


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def row(ours: float, peer: float | None, target: Target) -> Row:
    """A row of which only the figures matter."""
    return Row("S0", "something", "ms", ours, peer, "somebody", target)


def test_the_table_has_a_line_for_each_figure() -> None:
    """S10 is two figures, each beside the same peer, each judged."""
    result = bench("S10")
    assert result.returncode == 0, result.stderr
    headings, *lines = result.stdout.splitlines()
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


def test_json_holds_the_same_figures_as_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the ratio and the verdict beside what was measured."""
    from bench import __main__ as program

    rows = [row(2.0, 8.0, Target("<=", 0.3)), row(9.0, None, Target("<=", 5, "ours"))]
    monkeypatch.setattr(program, "_TOPICS", {"S0": lambda: rows})
    program.main(["--json"])
    told = json.loads(capsys.readouterr().out)
    assert [(one["ours"], one["ratio"], one["met"]) for one in told] == [
        (2.0, 0.25, True),
        (9.0, None, False),
    ]
    program.main([])
    _, first, second = capsys.readouterr().out.splitlines()
    assert ("0.25x" in first, "NOT MET" in first) == (True, False)
    assert "NOT MET" in second


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
