"""The clock of this machine."""

import pytest

from imbari_chat.clock import local_time


def test_time_is_told_in_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are over."""
    monkeypatch.setattr("time.time_ns", lambda: 1_999_999)
    assert local_time() == 1
