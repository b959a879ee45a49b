"""The hostile writer does the harm that it says, as far as the rules of each profile let it."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.faults.hostile import Hostile
from tests.faults.ledger import Entry, Stored, judge
from tests.faults.schedule import Profile

ROOT = Path(__file__).parents[2]
RULES: dict[Profile, Path] = {
    "strict": ROOT / "database.rules.json",
    "compat": ROOT / "examples" / "rules" / "compat.rules.json",
}
ACTS = ("last", "ahead", "integers", "times", "sessions")


@pytest.fixture(params=["strict", "compat"])
def profile(request: pytest.FixtureRequest) -> Profile:
    """The rules in force."""
    found: Profile = request.param
    return found


@pytest.fixture
def emulator(profile: Profile) -> Iterator[Emulator]:
    """Under those."""
    with Emulator(rules=RULES[profile].read_text("utf-8")) as running:
        yield running


@pytest.fixture
def ledger() -> list[Entry]:
    """Nothing written."""
    return []


@pytest.fixture
async def foe(emulator: Emulator, profile: Profile, ledger: list[Entry]) -> AsyncIterator[Hostile]:
    """Somebody who means harm."""
    made = Hostile(
        "mallory",
        emulator.database_host,
        emulator.auth_host,
        emulator.namespace,
        profile,
        ledger,
        random.Random(3),
    )
    yield made
    await made.close()


def _raw(emulator: Emulator) -> Any:
    answer = plain_http.get(
        f"http://{emulator.database_host}/.json",
        params={"ns": emulator.namespace, "format": "export"},
        headers={"Authorization": "Bearer owner"},
        trust_env=False,
    )
    return answer.raise_for_status().json()


async def test_what_it_does_is_there_and_in_the_ledger(
    emulator: Emulator, profile: Profile, foe: Hostile, ledger: list[Entry]
) -> None:
    """Ids that sort last, and times that are none; what the rules refuse is known to be absent."""
    await foe.act("start", 0)
    for what in ACTS:
        await foe.act(what, 0)
    raw = _raw(emulator)
    assert judge(ledger, Stored(raw), []).faults == []
    keys = [key for messages in raw["messages"].values() for key in messages]
    assert sum(key.startswith("zzzz") for key in keys) >= 5
    assert {one.fate for one in ledger} >= {"unknown", "absent"}
    assert all(one.hostile for one in ledger)
    if profile == "compat":
        assert foe.touched >= raw["chatSessions"].keys()
        assert len(raw["chatSessions"]) > 1
    else:
        assert Stored(raw).drifted() == {}
