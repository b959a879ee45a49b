"""Request by request, the answers of Google's Auth emulator.

Its answers are kept in ``specs/google.json``, so that ours are held to them everywhere; where
Node is at hand, Google's emulator is asked again whether it still says so.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.clients.google import Absent, auth_emulator
from tests.clients.place import PROJECT as PEER_PROJECT
from tests.emulator.auth.differential import RECORDED, SEQUENCES, Player, load
from tests.emulator.auth.harness import PROJECT, Clock

from imbari_chat.emulator import Emulator

SEQUENCE = {each["name"]: each["steps"] for each in load(SEQUENCES)}
GOOGLE = load(RECORDED)


def complaint(step: Any, google: list[Any], ours: list[Any]) -> str | None:
    """What is wrong with our answer to a step; None when it is as it should be."""
    if "differs" not in step:
        return None if ours == google else f"{step['do']}\n  Google {google}\n  ours   {ours}"
    if ours == google:
        return f"{step['do']}: no longer differs"
    status, text = step["ours"]
    if ours[0] != status or text not in json.dumps(ours[2]):
        return f"{step['do']}: should be {status} with {text!r}, is {ours}"
    return None


@pytest.mark.parametrize("name", SEQUENCE)
def test_answers_as_googles_emulator_does(name: str) -> None:
    """Status, body and the headers that count are the same, but for what is said to differ."""
    clock = Clock(time.time())

    def wait(seconds: float) -> None:
        clock.now += seconds

    steps = SEQUENCE[name]
    with (
        Emulator(PROJECT, clock=clock) as emulator,
        httpx.Client(base_url=f"http://{emulator.auth_host}") as http,
    ):
        ours = Player(http, wait).play(steps)
    assert len(GOOGLE[name]) == len(steps), "record the answers anew"
    found = map(complaint, steps, GOOGLE[name], ours)
    assert [text for text in found if text] == []


def test_every_difference_has_its_reason() -> None:
    """A difference that nobody wanted is a mistake, not a difference."""
    for steps in SEQUENCE.values():
        for step in steps:
            assert ("differs" in step) == ("ours" in step)
            assert step.get("differs", "a reason").strip()


@pytest.fixture(scope="module")
def google() -> Iterator[Player]:
    """Google's own Auth emulator."""
    try:
        with (
            auth_emulator() as host,
            httpx.Client(base_url=f"http://{host}", timeout=30) as http,
        ):
            yield Player(http, time.sleep, project=PEER_PROJECT)
    except Absent as reason:
        pytest.skip(str(reason))


@pytest.mark.peer
@pytest.mark.parametrize("name", SEQUENCE)
def test_googles_emulator_still_answers_so(name: str, google: Player) -> None:
    """What ours is held to is what Google's emulator really says."""
    steps = SEQUENCE[name]
    for step, said, says in zip(steps, GOOGLE[name], google.play(steps), strict=True):
        assert says[0] == said[0]
        assert "differs" in step or says == said
