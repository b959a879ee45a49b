"""Who may do what under both profiles: every case of the tables, over the rules and over REST."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.rules import Ruleset
from tests.contract.playing import (
    PROFILES,
    Clock,
    OverRest,
    OverRules,
    Way,
    profile,
)

WAYS = ("rules", "rest")
ROWS = [
    pytest.param(name, row, id=f"{name}, {row}")
    for name in PROFILES
    for row in dict.fromkeys(case.row for case in profile(name)[0].cases)
]


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[tuple[str, str], Way]]:
    """One emulator for all, with a database a profile."""
    clock = Clock(profile("strict")[0].now)
    asked: dict[tuple[str, str], Way] = {}
    with (
        Emulator(clock=clock, enforce_indexes=False) as emulator,
        closing(HTTPConnection(emulator.database_host, timeout=20)) as http,
    ):
        for name in PROFILES:
            table, rules = profile(name)
            asked["rules", name] = OverRules(table, Ruleset.parse(rules))
            asked["rest", name] = OverRest(table, rules, clock, http, name)
        yield asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "row"), ROWS)
def test_the_table_holds(ways: dict[tuple[str, str], Way], way: str, name: str, row: str) -> None:
    """Whoever the table lets do it can, and whoever it keeps out cannot."""
    wrong = []
    for case in profile(name)[0].cases:
        for allowed, callers in ((True, case.allowed), (False, case.refused)):
            for caller in callers if case.row == row else ():
                verdict = ways[way, name].ask(case, caller)
                if verdict.allowed is not allowed:
                    wrong.append(f"{case.name}, {caller}: {verdict.why()}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PROFILES)
def test_every_row_of_the_table_is_both_granted_and_refused(name: str) -> None:
    """A row that nobody may use, or everybody, would prove nothing, but for those named so."""
    cases = profile(name)[0].cases
    rows = {case.row for case in cases}
    assert rows - {case.row for case in cases if case.allowed} <= {
        "smuggle in a priority",
        "change or delete",
    }
    assert rows - {case.row for case in cases if case.refused} == set()


def test_the_tables_stand_at_both_sides_of_every_limit() -> None:
    """In so many cases that a table which loses some is noticed here; make mutants says which."""
    assert len(profile("strict")[0].cases) > 700
    assert len(profile("compat")[0].cases) > 500


@pytest.mark.parametrize("name", PROFILES)
def test_no_case_is_written_twice(name: str) -> None:
    """A case has a name of its own, and somebody whom it is asked for."""
    cases = profile(name)[0].cases
    assert [str(case) for case, times in Counter(map(str, cases)).items() if times > 1] == []
    assert all(case.allowed or case.refused for case in cases)
    assert all(set(case.allowed).isdisjoint(case.refused) for case in cases)
