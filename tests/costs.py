"""What tests cost: the processor's time, which what else the machine does lengthens least.

``make test`` ends with the sum, and names the files that cost more than ``COSTLY`` seconds.
Programs that a test started count once they have been waited for, and fixtures count where they
begin and end.
"""

import resource
from collections import Counter
from collections.abc import Generator, Iterable

import pytest

__all__ = ["COSTLY", "Costs", "said"]

COSTLY = 8.0
"""Seconds of one file; two cores have 360 for everything if a run is to take three minutes."""


class Costs:
    """A plugin for pytest: each report carries what its phase cost, also from another worker."""

    def __init__(self) -> None:
        self._last = _spent()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self._last = _spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        before, self._last = self._last, _spent()
        report.cpu = self._last - before  # type: ignore[attr-defined]
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reports = [one for some in terminalreporter.stats.values() for one in some]
        for line in said(
            (one.location[0], one.cpu) for one in reports if isinstance(one, pytest.TestReport)
        ):
            terminalreporter.write_line(line)


def said(costs: Iterable[tuple[str, float]]) -> list[str]:
    """The sum and the costly files, dearest first; each cost is of a file, in seconds."""
    files: Counter[str] = Counter()
    for file, seconds in costs:
        files[file] += seconds  # type: ignore[assignment]  # a Counter of floats
    return [
        f"{sum(files.values()):.0f} s of CPU in tests",
        *(f"{cost:7.1f} s in {file}" for file, cost in files.most_common() if cost > COSTLY),
    ]


def _spent() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))
