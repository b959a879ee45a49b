"""An Auth emulator to talk to, in memory and with a clock the test owns."""

from collections.abc import AsyncIterator

import httpx
import pytest

from imbari_chat.emulator.auth.app import create_app
from imbari_chat.emulator.auth.state import AuthState
from tests import plain_http
from tests.emulator.auth.harness import PROJECT, START, Clock, Service


async def _serve(*, strict: bool) -> AsyncIterator[Service]:
    state, clock = AuthState(project=PROJECT, strict=strict), Clock(START)
    transport = httpx.ASGITransport(create_app(state, clock))
    async with plain_http.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:9099"
    ) as http:
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
