"""The end of a program whose clients nobody has closed."""

import time
from typing import Any

import pytest

from imbari_chat.client.sync import base


def test_what_is_open_is_closed_while_the_last_moment_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that takes all of it leaves none to the others."""
    now = 100.0
    closed: list[float] = []

    class Chat:
        def _close(self) -> None:
            nonlocal now
            closed.append(now)
            now += 0.6 * base._LAST_MOMENT

    chats: Any = [Chat(), Chat(), Chat()]
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(base, "_open", set(chats))
    base._close_what_is_open()
    assert closed == [100.0, 100.0 + 0.6 * base._LAST_MOMENT]
