"""Request by request, the answers of Google's Auth emulator.

Its answers are kept in ``specs/google.json``, so that ours are held to them everywhere; where
Node is at hand, Google's emulator is asked again whether it still says so.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import Accounts
from tests import plain_http
from tests.emulator.auth.differential import RECORDED, SEQUENCES, Player, load
from tests.emulator.auth.harness import OWNER, PROJECT, START, Clock
from tests.official_sdks.place import PROJECT as PEER_PROJECT

SEQUENCE = {each["name"]: each["steps"] for each in load(SEQUENCES)}
GOOGLE = load(RECORDED)
NAMED = 1_795_386_882.0
"""The second that "update by the owner" names."""
ACCOUNTS = f"/identitytoolkit.googleapis.com/v1/projects/{PEER_PROJECT}/accounts"


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
    assert ours(name, START) == []


@pytest.mark.parametrize("name", SEQUENCE)
def test_answers_do_not_depend_on_how_fast_they_are_asked_for(name: str) -> None:
    """A slow machine, on which every request falls into another second, hears the same."""
    assert ours(name, START, pause=1.1) == []


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_answers_are_compared_alike_on_any_day(days: int) -> None:
    """On the day that a request names, long before it and long after."""
    assert ours("update by the owner", NAMED + 60 + days * 86_400) == []


def ours(name: str, began: float, *, pause: float = 0.0) -> list[str]:
    """What is wrong with our answers to a sequence.

    Args:
        began: Seconds since the epoch.
        pause: Seconds before each request.
    """
    clock = Clock(began)

    def wait(seconds: float) -> None:
        clock.now += seconds

    steps = SEQUENCE[name]
    asked = {"request": [lambda _request: wait(pause)]}
    with (
        Emulator(PROJECT, clock=clock) as emulator,
        plain_http.Client(base_url=f"http://{emulator.auth_host}", event_hooks=asked) as http,
    ):
        answers = Player(http, clock, wait).play(steps)
    assert len(GOOGLE[name]) == len(steps), "record the answers anew"
    found = map(complaint, steps, GOOGLE[name], answers)
    return [text for text in found if text]


def test_every_difference_has_its_reason() -> None:
    """A difference that nobody wanted is a mistake, not a difference."""
    for steps in SEQUENCE.values():
        for step in steps:
            assert ("differs" in step) == ("ours" in step)
            assert step.get("differs", "a reason").strip()


def test_the_document_counts_what_is_compared() -> None:
    """docs/auth-emulator.md says how many requests there are, and how many answers differ."""
    steps = [step for sequence in SEQUENCE.values() for step in sequence]
    differing = sum("differs" in step for step in steps)
    text = (Path(__file__).parents[3] / "docs" / "auth-emulator.md").read_text()
    assert f"{len(steps)} requests" in text
    assert f"{differing} of the answers differ" in text


@pytest.fixture(scope="module")
def google(google_auth_emulator: str) -> Iterator[httpx.Client]:
    """Google's own Auth emulator."""
    with plain_http.Client(base_url=f"http://{google_auth_emulator}", timeout=30) as http:
        yield http


@pytest.mark.peer
@pytest.mark.parametrize("name", SEQUENCE)
def test_googles_emulator_still_answers_so(name: str, google: httpx.Client) -> None:
    """What ours is held to is what Google's emulator really says."""
    steps = SEQUENCE[name]
    answers = Player(google, time.time, time.sleep, project=PEER_PROJECT).play(steps)
    for step, said, says in zip(steps, GOOGLE[name], answers, strict=True):
        assert says[0] == said[0]
        assert "differs" in step or says == said


def accounts_of(google: httpx.Client) -> Any:
    """What an export of that emulator would hold."""
    answer = google.get(f"{ACCOUNTS}:batchGet", params={"maxResults": -1}, headers=OWNER)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.peer
@pytest.mark.parametrize(
    "name",
    [
        "sign in with an identity provider",
        "sign in with a phone number",
        "sign in by a mailed link",
        "taking a changed address back",
        "batch creation",
    ],
)
def test_what_googles_emulator_exports_is_restored_whole(name: str, google: httpx.Client) -> None:
    """No field of any user is lost or changed."""
    Player(google, time.time, time.sleep, project=PEER_PROJECT).play(SEQUENCE[name])
    exported = accounts_of(google)
    accounts = Accounts(PROJECT)
    accounts.restore(exported)
    assert accounts.exported() == exported


@pytest.mark.peer
def test_googles_emulator_takes_what_is_exported(google: httpx.Client) -> None:
    """The users, by the way its own import goes; what it does not know it leaves."""
    accounts = Accounts(PROJECT)
    account = Account(local_id="u1", email="u1@example.com", created_at=1000, last_login_at=2000)
    account = account.with_password("secret1", "fakeSaltOf20Characters00", 3000).revoked(3)
    accounts.put(account, added=[{"providerId": "google.com", "rawId": "g1"}])
    google.delete(f"/emulator/v1/projects/{PEER_PROJECT}/accounts")
    answer = google.post(f"{ACCOUNTS}:batchCreate", headers=OWNER, json=accounts.exported())
    assert (answer.status_code, answer.json()["error"]) == (200, [])
    signed_in = google.post(
        "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword",
        params={"key": "k"},
        json={"email": "u1@example.com", "password": "secret1"},
    )
    assert signed_in.json()["localId"] == "u1"
    assert accounts_of(google)["users"][0]["createdAt"] == "1000"
