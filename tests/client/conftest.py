"""Both ends of a chat on an embedded emulator under the strict rules."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat
from imbari_chat.emulator import Emulator
from tests import plain_http
from tests.client.scenarios.faces import FACES, Face
from tests.faults.proxy import Proxy

RULES = (Path(__file__).parents[2] / "database.rules.json").read_text("utf-8")


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[Emulator]:
    """One running emulator; tests share it through ``emulator``, which empties it."""
    with Emulator(rules=RULES) as running:
        yield running


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Emulator:
    """An empty database under the strict rules, and no users."""
    shared_emulator.reset()
    shared_emulator.load_rules(RULES)
    return shared_emulator


@pytest.fixture
def transport_name(request: pytest.FixtureRequest) -> str:
    """The way to the database; tests in which it matters ask for each, or for one.

    All others take ``IMBARI_CHAT_TRANSPORT``: ``make over-rest`` runs them over REST.
    """
    return str(getattr(request, "param", os.environ.get("IMBARI_CHAT_TRANSPORT", "auto")))


@pytest.fixture
def flags(emulator: Emulator, tmp_path: Path, transport_name: str) -> dict[str, Any]:
    """Settings that point at the emulator and away from this machine's own."""
    return {
        "project": emulator.project,
        "database_emulator": emulator.database_host,
        "auth_emulator": emulator.auth_host,
        "data_dir": tmp_path,
        "token_store": "file",
        "timeout": 15.0,
        "transport": transport_name,
        "presence": False,  # what is about it says so
    }


@pytest.fixture
async def desk(flags: dict[str, Any]) -> AsyncIterator[AsyncAdminChat]:
    """An admin."""
    async with AsyncAdminChat.from_env(**flags) as chat:
        yield chat


@pytest.fixture
async def customers(flags: dict[str, Any]) -> AsyncIterator[Callable[[], AsyncCustomerChat]]:
    """A maker of customers, each somebody else."""
    made: list[AsyncCustomerChat] = []

    def make() -> AsyncCustomerChat:
        made.append(AsyncCustomerChat.from_env(**flags))
        return made[-1]

    yield make
    for chat in made:
        await chat.close()


@pytest.fixture
async def customer(customers: Callable[[], AsyncCustomerChat]) -> AsyncCustomerChat:
    """A customer who has not started yet."""
    return customers()


@pytest.fixture
def seed(emulator: Emulator) -> Callable[[str, Any], None]:
    """Write anything anywhere, past the rules: whatever anybody may have left there."""

    def write(path: str, value: Any) -> None:
        answer = plain_http.put(
            f"http://{emulator.database_host}{path}.json",
            params={"ns": emulator.namespace},
            headers={"Authorization": "Bearer owner"},
            content=json.dumps(value),
        )
        answer.raise_for_status()

    return write


@pytest.fixture
def stored(emulator: Emulator) -> Callable[[str], Any]:
    """Read anything, past the rules."""

    def read(path: str) -> Any:
        answer = plain_http.get(
            f"http://{emulator.database_host}{path}.json",
            params={"ns": emulator.namespace, "format": "export"},
            headers={"Authorization": "Bearer owner"},
        )
        answer.raise_for_status()
        return answer.json()

    return read


@pytest.fixture(params=FACES)
async def face(
    request: pytest.FixtureRequest,
    emulator: Emulator,
    flags: dict[str, Any],
    seed: Callable[[str, Any], None],
    stored: Callable[[str], Any],
) -> AsyncIterator[Face]:
    """One face of the client; whatever a test leaves open is closed."""
    one = Face(FACES[request.param], emulator, flags, seed, stored)
    yield one
    await one.close()


@pytest.fixture
async def session(flags: dict[str, Any]) -> str:
    """A conversation somebody has started."""
    async with AsyncCustomerChat.from_env(**flags) as customer:
        return (await customer.start(name="Amina", email="amina@example.com", text="Hello")).id


@pytest.fixture
async def proxy(emulator: Emulator) -> AsyncIterator[Proxy]:
    """Between the client and the database."""
    async with Proxy(emulator.database_host) as running:
        yield running
