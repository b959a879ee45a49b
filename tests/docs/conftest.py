"""An embedded emulator under the strict rules, with a customer who waits for an answer."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from imbari_chat import CustomerChat
from imbari_chat.emulator import Emulator
from tests.docs.blocks import ROOT


@pytest.fixture(scope="session")
def running_emulator() -> Iterator[Emulator]:
    """One emulator for all blocks."""
    with Emulator(rules=(ROOT / "database.rules.json").read_text("utf-8")) as running:
        yield running


@pytest.fixture
def environment(
    running_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Mapping[str, str]:
    """Names the emulator and nothing of this machine's own; somebody has just written."""
    running_emulator.reset()
    for name in list(os.environ):
        if name.startswith(("IMBARI_CHAT_", "FIREBASE_", "GCLOUD_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name, value in running_emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IMBARI_CHAT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IMBARI_CHAT_TOKEN_STORE", "file")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with CustomerChat.from_env() as chat:
        chat.start(name="Wanjiru", email="wanjiru@example.com", text="Is anybody there?")
    return dict(os.environ)
