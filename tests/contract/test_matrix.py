"""Who may do what under both profiles: every case of the tables, in three ways.

Over the rules alone, over REST and over a socket: what one lets through and another does not would
be a hole. The rules alone are asked for every case each time; a database, which asks the same rules
and costs fifty times as much, for a share of each row that every run draws anew.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection
from random import sample

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.rules import Ruleset
from tests.budget import rounds
from tests.contract.playing import (
    PROFILES,
    Ask,
    Case,
    Clock,
    OverRest,
    OverRules,
    OverSockets,
    Way,
    as_the_owner,
    by_token,
    profile,
)
from tests.emulator.plain_socket import joined

# One worker signs everybody in, and not each.
pytestmark = pytest.mark.xdist_group("matrix")

WAYS = ("rules", "rest", "socket")
SIGN_INS = {"socket": by_token, "owner": as_the_owner}
ROWS = [
    pytest.param(name, row, id=f"{name}, {row}")
    for name in PROFILES
    for row in dict.fromkeys(case.row for case in profile(name)[0].cases)
]


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[tuple[str, str], Way]]:
    """One emulator for all, with a database for each."""
    clock = Clock(profile("strict")[0].now)
    asked: dict[tuple[str, str], Way] = {}
    with (
        Emulator(clock=clock, enforce_indexes=False) as emulator,
        closing(HTTPConnection(emulator.database_host, timeout=60)) as http,
        ExitStack() as sockets,
    ):

        def connected(database: str) -> Ask:
            return sockets.enter_context(joined(emulator.database_host, f"&ns={database}")).ask

        for name in PROFILES:
            table, rules = profile(name)
            asked["rules", name] = OverRules(table, Ruleset.parse(rules))
            emulator.load_rules(rules, f"rest-{name}")
            asked["rest", name] = OverRest(table, clock, http, f"rest-{name}")
            for way, sign_in in SIGN_INS.items():
                emulator.load_rules(rules, f"{way}-{name}")
                connect = partial(connected, f"{way}-{name}")
                asked[way, name] = OverSockets(table, connect, sign_in, clock)
        yield asked


def wrong(way: Way, cases: Iterable[Case]) -> list[str]:
    """The verdicts that are not the table's."""
    return [
        f"{case}, {caller}: {verdict.why()}"
        for case in cases
        for allowed, callers in ((True, case.allowed), (False, case.refused))
        for caller in callers
        if (verdict := way.ask(case, caller)).allowed is not allowed
    ]


@pytest.mark.rounds
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "row"), ROWS)
def test_the_table_holds(ways: dict[tuple[str, str], Way], way: str, name: str, row: str) -> None:
    """Whoever the table lets do it can, and whoever it keeps out cannot."""
    cases = [case for case in profile(name)[0].cases if case.row == row]
    if way != "rules":
        cases = sample(cases, min(rounds(len(cases)), len(cases)))
    found = wrong(ways[way, name], cases)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", PROFILES)
def test_who_acts_for_somebody_may_do_what_they_may(
    ways: dict[tuple[str, str], Way], name: str
) -> None:
    """A server that signs in as the owner and names somebody else: every seventh case."""
    found = wrong(ways["owner", name], profile(name)[0].cases[::7])
    assert not found, "\n".join(found)


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
