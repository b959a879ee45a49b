"""A machine whose clock is wrong and that only reads: what it shows has no holes."""

import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path as FilePath
from typing import Any, Final

import pytest

from imbari_chat import AsyncAdminChat, ConnectionChanged, MessageAdded, SessionAdded
from imbari_chat.emulator import Emulator
from imbari_chat.schema.paths import SessionId
from tests.cli.harness import outside
from tests.client.conftest import RULES

HOUR: Final = 3600.0
S: Final = SessionId("-NNNNNNNNNNNNNNNNNNN")
MINUTES: Final = [*range(0, 60, 2), *range(130, 190, 2)]
"""How long ago something was written: half of it before the clock of a machine that is two hours
slow shows that it was."""


@pytest.fixture
def busy() -> Iterator[Emulator]:
    """A shop with many conversations, of which one is long."""
    with Emulator(rules=RULES, clock=time.time) as running:
        now = time.time_ns() // 1_000_000
        stamps = [now - minute * 60_000 for minute in MINUTES]
        sessions = {
            f"-N{n:018}": {
                "customerName": "Amina",
                "customerEmail": "amina@example.com",
                "lastMessage": f"s{n}",
                "lastMessageTime": stamp,
                "unreadCount": 0,
                "status": "active",
            }
            for n, stamp in enumerate(stamps)
        }
        messages = {
            f"-M{n:018}": {"text": f"m{n}", "from": "admin", "timestamp": stamp}
            for n, stamp in enumerate(stamps)
        }
        outside(running, "/chatSessions", sessions)
        outside(running, f"/messages/{S}", messages)
        yield running


@pytest.mark.parametrize("wrong", [0.0, -2 * HOUR, 2 * HOUR, -700 * HOUR])
@pytest.mark.parametrize("transport", ["rest", "websocket", "auto"])
async def test_what_is_shown_is_the_newest(
    busy: Emulator,
    tmp_path: FilePath,
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
    wrong: float,
) -> None:
    """Nothing of the last hours is taken for a stamp of tomorrow: the service says the time."""
    true, true_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: true() + wrong)
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + round(wrong * 1e9))
    flags: dict[str, Any] = {
        "project": busy.project,
        "database_emulator": busy.database_host,
        "auth_emulator": busy.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
        "transport": transport,
    }
    newest = [f"m{n}" for n in range(10)]
    async with AsyncAdminChat.from_env(**flags) as desk:
        conversation = desk.open(S, peek=True)
        history = await conversation.history(limit=10)
        assert [one.text for one in reversed(history)] == newest
        sessions = await desk.sessions(limit=10)
        assert [one.last_message for one in sessions] == [f"s{n}" for n in range(10)]
    async with AsyncAdminChat.from_env(**flags) as desk:
        texts: list[str] = []
        async with aclosing(desk.open(S, peek=True).events(history=10)) as events:
            async for event in events:
                if isinstance(event, MessageAdded):
                    texts.insert(0, event.message.text)
                if event == ConnectionChanged("live"):
                    break
        assert texts == newest
        shown = 0
        async with aclosing(desk.events(limit=20)) as events:
            async for event in events:
                shown += isinstance(event, SessionAdded)
                if event == ConnectionChanged("live"):
                    break
        assert shown == 20
