"""An Auth emulator to talk to: in memory with a clock the test owns, or on a real socket."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from tests.emulator.auth.harness import PROJECT, START, Clock, Live, Service

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState


async def _serve(*, strict: bool) -> AsyncIterator[Service]:
    state, clock = AuthState(project=PROJECT, strict=strict), Clock(START)
    transport = httpx.ASGITransport(create_app(state, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9099") as http:
        yield Service(state, clock, http)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The emulator as Google's behaves."""
    async for made in _serve(strict=False):
        yield made


@pytest.fixture
async def strict() -> AsyncIterator[Service]:
    """The emulator as strict as the live service about what ends a token."""
    async for made in _serve(strict=True):
        yield made


@pytest.fixture(scope="session")
def live_server() -> Iterator[Live]:
    """One server for the whole run; tests keep apart by project or by clearing."""
    clock = Clock(time.time())
    app = create_app(AuthState(project=PROJECT), clock)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_keep_alive=60)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Live(f"127.0.0.1:{listening.getsockname()[1]}", clock)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture
def live(live_server: Live) -> Live:
    """The server on a socket, without users in its own project, its clock right."""
    live_server.clock.now = time.time()
    httpx.delete(f"http://{live_server.host}/emulator/v1/projects/{PROJECT}/accounts")
    return live_server
