"""No service that hangs holds up the event loop, nor a call beyond its deadline."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

from imbari_chat import (
    AdminChat,
    AsyncAdminChat,
    AsyncCustomerChat,
    ConnectionChanged,
    CustomerChat,
)
from imbari_chat.emulator import Emulator
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.identity.user import UserAccess
from tests.client.scenarios.faces import WAIT
from tests.strangers import Relay

LEAD = {"name": "Amina", "email": "amina@example.com"}
HANG = b""

TIMEOUT = 5.0
"""Of every request: what a loop that waits for one would stand still for."""

STALL = 3.0
"""What a loaded machine may take away from a loop that waits for nothing, in seconds."""


@pytest.fixture
def services(emulator: Emulator) -> Iterator[tuple[Relay, Relay]]:
    with Relay(emulator.database_host) as database, Relay(emulator.auth_host) as sign_in:
        yield database, sign_in


@pytest.fixture
def through(flags: dict[str, Any], services: tuple[Relay, Relay]) -> dict[str, Any]:
    database, sign_in = services
    return {
        **flags,
        "database_emulator": database.address,
        "auth_emulator": sign_in.address,
        "timeout": TIMEOUT,
    }


@asynccontextmanager
async def never_still() -> AsyncIterator[None]:
    """Fail if the loop stands still in the block."""
    longest, over = 0.0, asyncio.Event()

    async def beat() -> None:
        nonlocal longest
        while not over.is_set():
            before = time.monotonic()
            await asyncio.sleep(0.02)
            longest = max(longest, time.monotonic() - before - 0.02)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        over.set()
        await task
    assert longest < STALL, f"the loop stood still for {longest:.1f} s"


@pytest.fixture
def age(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass for every sign-in."""
    passed = 0.0

    def grow(seconds: float) -> None:
        nonlocal passed
        passed = seconds

    defaults = UserAccess.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", lambda: time.time() + passed)
    return grow


def silence(services: tuple[Relay, Relay]) -> None:
    for one in services:
        one.answer = HANG
        one.cut()


@pytest.mark.parametrize("seconds", [3400, 3590], ids=["ends soon", "has ended"])
async def test_the_loop_runs_while_every_service_hangs(
    through: dict[str, Any],
    services: tuple[Relay, Relay],
    age: Callable[[float], None],
    seconds: float,
) -> None:
    """Sending, reading, listening, and every property, with a token that is to be renewed."""
    async with AsyncCustomerChat.from_env(**through) as chat:
        await chat.start(**LEAD, text="Hello")
        async with aclosing(chat.events()) as events:
            async for event in events:
                if event == ConnectionChanged("live"):
                    break
            age(seconds)
            silence(services)
            listening = asyncio.create_task(anext(events))
            async with never_still():
                begin = time.monotonic()
                sending = [
                    asyncio.create_task(chat.send(text, timeout=1)) for text in ("one", "two")
                ]
                reading = asyncio.create_task(chat.history())
                for _ in range(20):
                    assert chat.uid is not None
                    assert chat.status is not None
                    await asyncio.sleep(0.02)
                sent = await asyncio.gather(*sending)
                assert time.monotonic() - begin < 1 + STALL
                assert all(one.delivery in ("queued", "sent") for one in sent)
                with pytest.raises(Unavailable):
                    await reading
                assert time.monotonic() - begin < TIMEOUT + 0.5 + 2 * STALL
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        for one in services:
            one.answer = None
        assert await chat.flush(timeout=WAIT) == ()


async def test_the_loop_runs_while_a_sign_in_hangs(
    through: dict[str, Any], services: tuple[Relay, Relay]
) -> None:
    """The very first contact, of customer and admin alike."""
    silence(services)
    customer = AsyncCustomerChat.from_env(**through)
    admin = AsyncAdminChat.from_env(**through)
    async with never_still():
        for one in await asyncio.gather(
            customer.__aenter__(), admin.sessions(), return_exceptions=True
        ):
            assert isinstance(one, ImbariError), repr(one)
        assert customer.uid is None
    await customer.close()
    await admin.close()


def _hangs(chat: CustomerChat) -> dict[str, Callable[[], object]]:
    return {
        "send": lambda: chat.send("one", timeout=1),
        "history": chat.history,
        "flush": lambda: chat.flush(timeout=1),
    }


async def test_the_blocking_face_hangs_one_caller_and_no_other(
    through: dict[str, Any], services: tuple[Relay, Relay], age: Callable[[float], None]
) -> None:
    """Its loop serves every thread; what one waits for, the others do not."""

    def work() -> None:
        with CustomerChat.from_env(**through) as chat:
            chat.start(**LEAD, text="Hello")
            age(3590)
            silence(services)

            def stubborn(act: Callable[[], object]) -> None:
                with suppress(Unavailable):
                    act()

            threads = [
                threading.Thread(target=stubborn, args=(act,)) for act in _hangs(chat).values()
            ]
            for thread in threads:
                thread.start()
            longest = 0.0
            for _ in range(20):
                before = time.monotonic()
                assert chat.uid is not None
                assert chat.status is not None
                longest = max(longest, time.monotonic() - before)
                time.sleep(0.02)
            for thread in threads:
                thread.join(WAIT)
                assert not thread.is_alive()
            for one in services:
                one.answer = None
            assert chat.flush(timeout=WAIT) == ()
            assert longest < STALL, f"a property took {longest:.1f} s"

    async with never_still():
        await asyncio.to_thread(work)


def test_an_admin_who_is_held_up_closes_at_once(
    through: dict[str, Any], services: tuple[Relay, Relay]
) -> None:
    """Closing waits for no service."""
    with ThreadPoolExecutor(1) as pool, AdminChat.from_env(**through) as desk:
        silence(services)
        held = pool.submit(desk.sessions)
        while not services[0].answered:
            time.sleep(0.01)
        begin = time.monotonic()
        desk.close()
        assert time.monotonic() - begin < STALL + 0.5
        assert isinstance(held.exception(WAIT), ImbariError | RuntimeError)
