"""An office: its own authority, made once, and nothing that this machine says about the chat."""

import os
from pathlib import Path

import pytest

from tests.environment.authority import Authority, service_account

NAMES = [
    "demo-imbari-default-rtdb.firebaseio.com",
    "localhost",
    "www.googleapis.com",
    "identitytoolkit.googleapis.com",
    "securetoken.googleapis.com",
    "oauth2.googleapis.com",
]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), NAMES)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's; its tokens come from Google's own address."""
    folder = tmp_path_factory.mktemp("key")
    return service_account(folder, "https://oauth2.googleapis.com/token")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing."""
    for name in os.environ:
        if name.startswith(("IMBARI_CHAT_", "FIREBASE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
