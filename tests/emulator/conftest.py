"""One emulator for a module's tests; each test has a database of its own in it."""

from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from imbari_chat.emulator import Emulator
from tests.plain_http import client_of

_serial = count()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """A running emulator with open rules."""
    with Emulator(namespace="the-default") as running:
        yield running


@pytest.fixture
def namespace() -> str:
    """A database nobody else uses."""
    return f"ns-{next(_serial)}"


@pytest.fixture
def http(emulator: Emulator, namespace: str) -> Iterator[httpx.Client]:
    """A client of this test's database, which it names by its Host header."""
    host = {"Host": f"{namespace}.database.test"}
    with client_of(emulator.database_host, host) as client:
        yield client
