"""An emulator for the tests: the one around them, as in CI, or else one of their own."""

import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from imbari_chat import strict_rules
from imbari_chat.emulator import Emulator

BOT = Path(__file__).with_name("support_bot.py")


@pytest.fixture(scope="session")
def emulator_environment() -> Iterator[Mapping[str, str]]:
    """The variables that lead to the emulator: none are missing if there is one around us."""
    if "FIREBASE_DATABASE_EMULATOR_HOST" in os.environ:
        yield {}
    else:
        with Emulator(rules=strict_rules()) as emulator:
            yield emulator.environment()


@pytest.fixture(autouse=True)
def on_the_emulator(
    emulator_environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever this machine is configured for, a test talks to the emulator and to nothing else."""
    for name, value in emulator_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IMBARI_CHAT_IDENTITY", "emulator")
    monkeypatch.setenv("IMBARI_CHAT_DATA_DIR", str(tmp_path))


@pytest.fixture
def run_bot() -> Callable[[], None]:
    """The bot as it is deployed: a script, run from beginning to end."""

    def run() -> None:
        runpy.run_path(str(BOT), run_name="__main__")

    return run
