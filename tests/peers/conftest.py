"""An emulator under the shipped rules, its administrator, and the JavaScript SDK beside it."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import firebase_admin
import pytest

from imbari_chat.emulator import Emulator
from tests.peers.node import JavaScriptSdk, Plays, node_or_skip

RULES = (Path(__file__).parents[2] / "database.rules.json").read_text("utf-8")
OPEN = '{"rules": {".read": true, ".write": true}}'
_serial = count()


class Clock:
    """The emulator's time; moves only forward, by hand, on top of the real time."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="session")
def clock() -> Clock:
    """What the emulator goes by."""
    return Clock()


@pytest.fixture(scope="session")
def shared_emulator(clock: Clock) -> Iterator[Emulator]:
    """One running emulator; tests share it through ``emulator``, which empties it."""
    with Emulator(rules=RULES, clock=clock) as running:
        yield running


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    """An empty database under the strict rules, and no users."""
    shared_emulator.reset()
    return shared_emulator


@pytest.fixture
def admin_app(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An app of firebase-admin that administers the emulator's users."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", emulator.auth_host)
    options = {"projectId": emulator.project}
    app = firebase_admin.initialize_app(options=options, name=f"peers-{next(_serial)}")
    yield app
    firebase_admin.delete_app(app)


@pytest.fixture(scope="session")
def shared_sdk() -> Iterator[JavaScriptSdk]:
    """One Node process for all tests."""
    with closing(JavaScriptSdk(node_or_skip())) as started:
        yield started


@pytest.fixture
def sdk(shared_sdk: JavaScriptSdk, emulator: Emulator) -> JavaScriptSdk:
    """The SDK with nobody signed in."""
    shared_sdk.open(project=emulator.project, host=emulator.auth_host)
    return shared_sdk


@pytest.fixture(scope="session")
def shared_plays() -> Iterator[Plays]:
    """One Node process for all plays."""
    with closing(Plays(node_or_skip())) as started:
        yield started


@pytest.fixture(scope="session")
def shared_admin_plays() -> Iterator[Plays]:
    """One Node process for the plays of firebase-admin and rules-unit-testing."""
    node = node_or_skip("firebase-admin", "@firebase/rules-unit-testing")
    with closing(Plays(node, "admin.mjs")) as started:
        yield started


@pytest.fixture
def admin_plays(shared_admin_plays: Plays, emulator: Emulator) -> Iterator[Plays]:
    """firebase-admin and rules-unit-testing, under open rules."""
    emulator.load_rules(OPEN)
    shared_admin_plays.open(
        host=emulator.database_host, ns=emulator.namespace, project=emulator.project
    )
    yield shared_admin_plays
    emulator.load_rules(RULES)


@pytest.fixture
def plays(shared_plays: Plays, emulator: Emulator) -> Iterator[Plays]:
    """The SDK's database, without any client yet, under open rules."""
    emulator.load_rules(OPEN)
    shared_plays.open(
        host=emulator.database_host,
        auth=emulator.auth_host,
        ns=emulator.namespace,
        project=emulator.project,
    )
    yield shared_plays
    shared_plays.open()
    emulator.load_rules(RULES)
