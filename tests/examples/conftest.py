"""The examples, beside an embedded emulator under the strict rules."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat.emulator import Emulator
from tests import programs

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "database.rules.json").read_text("utf-8")
_PATIENCE = 400.0


def run(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """A command as a reader would run it, with nobody at the keyboard."""
    return programs.run(command, timeout=_PATIENCE, cwd=cwd)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that says nothing about the chat, as in a clean shell."""
    for name in list(os.environ):
        if name.startswith(("IMBARI_CHAT_", "FIREBASE_", "GCLOUD_", "GOOGLE_", "DESK_", "PYTEST_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMBARI_CHAT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IMBARI_CHAT_TOKEN_STORE", "file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def emulator(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A fresh emulator, which the environment names."""
    with Emulator(rules=RULES) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running
