"""Actors of one process have clocks of their own."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from imbari_chat.client.sending.ids import Ids
from imbari_chat.identity.user import UserAccess
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.pushid import timestamp_of
from tests.faults.wall_clock import ContextWorkers, WallClock, true_ms, wall_clocks

HOUR = 3600.0


@pytest.fixture(autouse=True)
def clocks() -> Iterator[None]:
    """In force."""
    with wall_clocks():
        yield


async def _shown() -> float:
    """How far ahead it is here, in seconds, by every way of asking."""
    true = _TRUE() - time.monotonic()
    workers = ContextWorkers("faults")
    shown = [time.time(), time.time_ns() / 1e9, await workers.run(time.time)]
    shown += await asyncio.gather(asyncio.create_task(_now()), _now())
    workers.close()
    ahead = {round(one - time.monotonic() - true) for one in shown}
    assert len(ahead) == 1
    return float(ahead.pop())


async def _now() -> float:
    return time.time()


_TRUE = time.time


async def test_whatever_runs_on_a_machine_is_told_the_time_by_its_clock() -> None:
    """Tasks and worker threads; a clock that is moved is moved for all of them."""
    fast, slow = WallClock(HOUR), WallClock(-HOUR)
    shown = await asyncio.gather(fast.run(_shown()), slow.run(_shown()), _shown())
    assert [*shown] == [HOUR, -HOUR, 0]
    fast.ahead = -2 * HOUR
    assert await fast.run(_shown()) == -2 * HOUR
    assert abs(fast.context.run(true_ms) / 1000 - _TRUE()) < HOUR / 2


async def test_monotonic_clocks_are_left_alone() -> None:
    """Time passes everywhere alike."""

    async def read() -> float:
        return time.monotonic()

    assert abs(await WallClock(HOUR).run(read()) - time.monotonic()) < 60


async def test_clients_read_these_clocks() -> None:
    """Where ids are made, and where it is decided that a sign-in has ended."""

    async def made() -> int:
        return timestamp_of(Ids().message(SessionId("-S")))

    ahead = await WallClock(HOUR).run(made()) - time.time_ns() // 1_000_000
    assert abs(ahead - HOUR * 1000) < 60_000
    clock = (UserAccess.__init__.__kwdefaults__ or {})["clock"]
    assert abs(WallClock(HOUR).context.run(clock) - time.time() - HOUR) < 60
