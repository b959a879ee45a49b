"""Emulators that the clients here are pointed at.

Every case runs against the embedded emulator, and where there is one against Google's own:

- Auth: the one in firebase-tools is started once, when ``make peers`` or a global install has put
  ``firebase`` on this machine. ``IMBARI_CHAT_PEER_AUTH=host:port`` names a running one instead.
- Database: Google's needs Java and a download, so it is only ever named, by
  ``IMBARI_CHAT_PEER_DATABASE=host:port``.

Both must have been started with ``--project demo-imbari``. Users of that project, and the database
that requests without a namespace reach, are emptied. ``-k google`` and ``-k embedded`` choose.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

# Cases assert, and are no tests themselves; said before they are imported.
# ruff: noqa: E402
pytest.register_assert_rewrite(
    *(f"tests.official_sdks.{file.stem}" for file in Path(__file__).parent.iterdir())
)

from imbari_chat.emulator import Emulator
from tests.google import Absent, database_emulator
from tests.official_sdks.javascript.clients import STARTS
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.place import PROJECT, Target


@pytest.fixture(scope="session")
def embedded_target() -> Iterator[Target]:
    """Our own, both halves."""
    with Emulator(PROJECT) as emulator:
        yield Target("embedded", emulator.database_host, emulator.auth_host)


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    """What JavaScript clients run in, started when first needed."""
    with Programs(STARTS) as started:
        yield started


@pytest.fixture(scope="session")
def google_auth(google_auth_emulator: str) -> Target:
    """Google's Auth emulator."""
    return Target("google", auth=google_auth_emulator)


@pytest.fixture(scope="session")
def google_database() -> Target:
    """Google's database emulator."""
    try:
        return Target("google", database=database_emulator())
    except Absent as reason:
        pytest.skip(str(reason))
