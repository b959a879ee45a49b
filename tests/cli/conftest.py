"""The command line against an embedded emulator under the shipped rules."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat.cli import main
from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests.cli.harness import Program, Visitor


@pytest.fixture(autouse=True)
def _collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that ends by itself collects no garbage; the tests after it do."""
    monkeypatch.setattr(main, "_spare_collections", lambda _: None)


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    """One emulator for the whole run."""
    with Emulator(rules=strict_rules()) as running:
        yield running


@pytest.fixture
def emulator(running_emulator: Emulator) -> Emulator:
    """The emulator, empty."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory to work in and an environment that says nothing about the chat."""
    for name in list(os.environ):
        if name.startswith(("IMBARI_CHAT_", "FIREBASE_", "GCLOUD_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name in ("VISUAL", "EDITOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMBARI_CHAT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IMBARI_CHAT_TOKEN_STORE", "file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, nowhere: Path, emulator: Emulator) -> Path:
    """The same, with an environment that names the emulator."""
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return nowhere


@pytest.fixture
def program(place: Path) -> Program:
    """The program, talking to the emulator as its owner."""
    return Program()


@pytest.fixture
def visitor(place: Path) -> Visitor:
    """Customers who start conversations."""
    return Visitor()
