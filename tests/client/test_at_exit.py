"""The end of a program whose clients nobody has closed."""

import threading
import time
from typing import Any

import pytest

from imbari_chat import AdminChat, ClientClosed, CustomerChat
from imbari_chat.client.sync import base
from tests.client.scenarios.faces import WAIT


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


@pytest.mark.parametrize("kind", [AdminChat, CustomerChat])
@pytest.mark.parametrize("entered", [False, True])
def test_what_nobody_has_closed_is_closed_at_the_end(
    flags: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kind: Any, *, entered: bool
) -> None:
    """With its threads, which would go on though nobody holds the client any more."""
    monkeypatch.setattr(base, "_open", set())
    before = set(threading.enumerate())
    chat = kind.from_env(**flags)
    if entered:
        chat.__enter__()
    chat.sessions()
    began = set(threading.enumerate()) - before
    assert began
    base._close_what_is_open()
    with pytest.raises(ClientClosed):
        chat.sessions()
    for thread in began:
        thread.join(WAIT)
    assert not any(thread.is_alive() for thread in began)
    assert not base._open
