"""Where on earth a test runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["time_zone"]


@contextmanager
def time_zone(name: str) -> Iterator[None]:
    """Local times are of this zone, named as in ``TZ``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        try:
            yield
        finally:
            patch.undo()
            time.tzset()
