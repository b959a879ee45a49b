"""What several suites share: Google's own Auth emulator, started once."""

from collections.abc import Iterator

import pytest

from tests.google import Absent, auth_emulator


@pytest.fixture(scope="session")
def google_auth_emulator() -> Iterator[str]:
    """``host:port`` of Google's Auth emulator; tests that ask for it are skipped without one.

    It keeps what earlier tests left in it, so whoever uses it begins by emptying its project.
    """
    try:
        with auth_emulator() as host:
            yield host
    except Absent as reason:
        pytest.skip(str(reason))
