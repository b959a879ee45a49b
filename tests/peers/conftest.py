"""A customer by the official SDK, in Node and on a page, under the shipped rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests.official_sdks.javascript.clients import CHROMIUM, NODE, beside
from tests.official_sdks.javascript.programs import Program, Programs, in_chromium, in_node

PLAYER: Final = Path(__file__).with_name("customer.mjs")
STARTS: Final = {NODE: in_node(PLAYER), CHROMIUM: in_chromium(PLAYER)}


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    """Where customers are, started when first needed."""
    with Programs(STARTS) as started:
        yield started


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An empty chat under the shipped rules."""
    with Emulator(rules=strict_rules()) as running:
        yield running


@pytest.fixture(params=[pytest.param(one, marks=beside(one)) for one in STARTS])
def customer(
    request: pytest.FixtureRequest, programs: Programs, emulator: Emulator
) -> Iterator[Program]:
    """One who has not written yet."""
    program = programs.of(request.param)
    program.open(
        database=emulator.database_host,
        auth=emulator.auth_host,
        namespace=emulator.namespace,
        project=emulator.project,
    )
    yield program
    program.leave()
