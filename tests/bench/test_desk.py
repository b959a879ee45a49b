"""The desk's benchmark: it still drives the desk that it measures."""

import pytest

from bench import desk


async def test_every_key_that_is_measured_does_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a desk with little open; one whose keys do nothing would never come to an end."""
    monkeypatch.setattr(desk, "_MANY", 200)
    monkeypatch.setattr(desk, "_KEYS", 2)
    assert all(took > 0 for _, took, _ in await desk._measured())
