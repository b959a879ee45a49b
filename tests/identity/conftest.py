"""An emulator with rules that tell people apart, and what talks to it."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from tests.identity.answering import AnsweringServer
from tests.identity.places import PROJECT, RULES, project_at


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(project=PROJECT, rules=json.dumps(RULES)) as running:
        yield running


@pytest.fixture
def project(emulator: Emulator) -> Project:
    return project_at(emulator.database_host, emulator.auth_host)


@pytest.fixture
def accounts(project: Project) -> Iterator[AdminAccounts]:
    with closing(AdminAccounts(project)) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with AnsweringServer() as running:
        yield running
