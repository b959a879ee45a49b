"""An emulator with rules that tell people apart, and what talks to it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path as FilePath

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from imbari_chat.emulator import Emulator
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from tests.identity.answering import AnsweringServer
from tests.identity.places import PROJECT, RULES, grant, project_at


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


@pytest.fixture(scope="session")
def private_key() -> str:
    # Half of what is usual: a key is checked whenever it is loaded, and that took 36 ms.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def key_file(tmp_path: FilePath, private_key: str, server: AnsweringServer) -> FilePath:
    """A service account whose token service is the answering server."""
    file = tmp_path / "key.json"
    account = {
        "type": "service_account",
        "project_id": "demo-imbari",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "bot@demo-imbari.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"http://{server.host}/token",
    }
    file.write_text(json.dumps(account))
    grant(server, "ya29.first")
    return file
