"""Who may do what under both profiles: every case of the tables, over the rules and over REST."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.rules import Ruleset
from tests.contract.playing import (
    PROFILES,
    Case,
    Clock,
    OverRest,
    OverRules,
    Way,
    profile,
)

WAYS = ("rules", "rest")
CASES = [
    pytest.param(name, case, id=f"{name}, {case}")
    for name in PROFILES
    for case in profile(name)[0].cases
]


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[tuple[str, str], Way]]:
    """One emulator for all, with a database a profile."""
    clock = Clock(profile("strict")[0].now)
    asked: dict[tuple[str, str], Way] = {}
    with (
        Emulator(clock=clock, enforce_indexes=False) as emulator,
        httpx.Client(trust_env=False) as http,
    ):
        for name in PROFILES:
            table, rules = profile(name)
            asked["rules", name] = OverRules(table, Ruleset.parse(rules))
            asked["rest", name] = OverRest(table, rules, emulator, clock, http, name)
        yield asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_table_holds(ways: dict[tuple[str, str], Way], way: str, name: str, case: Case) -> None:
    """Whoever the table lets do it can, and whoever it keeps out cannot."""
    for verdict, callers in ((True, case.allowed), (False, case.refused)):
        for caller in callers:
            found = ways[way, name].ask(case, caller)
            assert found.allowed is verdict, f"{caller}: {found.why()}"


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


@pytest.mark.parametrize("name", PROFILES)
def test_no_case_is_written_twice(name: str) -> None:
    """A case has a name of its own, and somebody whom it is asked for."""
    cases = profile(name)[0].cases
    assert [str(case) for case, times in Counter(map(str, cases)).items() if times > 1] == []
    assert all(case.allowed or case.refused for case in cases)
    assert all(set(case.allowed).isdisjoint(case.refused) for case in cases)
