"""Closing a listener, more than a thousand times, in whatever state it is."""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path as FilePath

import pytest

from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.errors import AccessDenied
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.sse import SseSubscription
from imbari_chat.wire.paths import Path
from tests.budget import rounds
from tests.net.scripted import Caller, Step, answer, black_hole, reset, serving, stream

CLOSES = rounds(130)
AT_MOST = 4.0
"""Seconds; whatever could be waited for takes ten or more."""
OPEN_FILES = FilePath("/proc/self/fd")

SLOW_TO_RETURN = BackoffPolicy(first=600, cap=600)
PATIENT = StreamPolicy(backoff=SLOW_TO_RETURN)

Reach = Callable[[SseSubscription, "Renewing"], Awaitable[None]]


class Renewing(Caller):
    """A caller whose renewal hangs until it is let go, as one without a network does."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def renew(self) -> None:
        self.begun.set()
        self.go_on.wait(30)


def in_state(state: str) -> Reach:
    """Iterated until the connection is in this state."""

    async def reach(subscription: SseSubscription, _: Renewing) -> None:
        while subscription.state != state or subscription.last_heard is None:
            await anext(subscription)

    return reach


async def nothing(_: SseSubscription, __: Renewing) -> None:
    """Never iterated."""


async def begun(subscription: SseSubscription, _: Renewing) -> None:
    """Asked for its first item, and whatever that brought under way."""
    await anext(subscription)


async def refused(subscription: SseSubscription, _: Renewing) -> None:
    """Waiting for its next attempt, never having heard a thing."""
    while subscription.state != "reconnecting":
        await anext(subscription)


async def in_renewal(subscription: SseSubscription, caller: Renewing) -> None:
    """A thread is busy with a new credential."""
    caller.begun.clear()
    caller.go_on.clear()
    await anext(subscription)
    while not caller.begun.is_set():  # noqa: ASYNC110  # a thread tells
        await asyncio.sleep(0.001)


async def ended(subscription: SseSubscription, _: Renewing) -> None:
    """Over, and the consumer knows."""
    with suppress(AccessDenied):
        while True:
            await anext(subscription)


STATES: dict[str, tuple[Step, StreamPolicy, Reach]] = {
    "before the first iteration": (stream("1"), PATIENT, nothing),
    "at the first iteration": (stream("1"), PATIENT, begun),
    "connecting": (black_hole, PATIENT, begun),
    "live": (stream("1"), PATIENT, in_state("live")),
    "stale": (stream("1"), StreamPolicy(stale_after=0.01), in_state("stale")),
    "lost": (reset("1"), PATIENT, in_state("reconnecting")),
    "refused": (answer("503 Service Unavailable"), PATIENT, refused),
    "renewing": (
        answer("401 Unauthorized", '{"error":"Auth token is expired"}'),
        StreamPolicy(backoff=BackoffPolicy(first=0.001, cap=0.001)),
        in_renewal,
    ),
    "ended": (answer("401 Unauthorized", '{"error":"Permission denied"}'), PATIENT, ended),
}


@pytest.mark.rounds
@pytest.mark.parametrize("state", STATES)
async def test_closing_takes_no_time_and_leaves_nothing(state: str) -> None:
    """Twice, with or without somebody waiting; no exception, no task, no socket, no timer."""
    step, policy, reach = STATES[state]
    gc.collect()  # what earlier tests left behind is not to go meanwhile
    before = _open_files()
    worst = 0.0
    async with serving(step) as server:
        caller = Renewing(server.url)
        transport = RestTransport(lambda: caller, timeout=30.0, policy=policy)
        await transport.open()
        async with asyncio.timeout(60):
            for number in range(CLOSES):
                subscription = transport.listen(Path.parse("/s"))
                await reach(subscription, caller)
                waiting = asyncio.create_task(_rest(subscription)) if number % 2 else None
                if number % 4 == 1:
                    await asyncio.sleep(0)  # it is really waiting then
                begin = time.perf_counter()
                await asyncio.gather(subscription.close(), subscription.close())
                await subscription.close()
                worst = max(worst, time.perf_counter() - begin)
                caller.go_on.set()
                if waiting is not None:
                    await waiting
                assert await _rest(subscription) == 0
                assert subscription.state == "closed"
                assert subscription._alarm._timer is None
                assert not [one for one in asyncio.all_tasks() if "stream" in one.get_name()]
        await transport.close()
    assert worst < AT_MOST
    for _ in range(5):  # sockets are closed at the end of the loop's turn
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    if _open_files() > before:  # what is in a cycle is closed when it is found
        gc.collect()
    assert _open_files() <= before


async def test_a_consumer_may_close_what_it_iterates() -> None:
    """Its loop ends, as if there were no more."""
    async with serving(stream("1")) as server:
        transport = RestTransport(lambda: Caller(server.url), timeout=5.0)
        async with asyncio.timeout(10):
            for most in range(1, 4):
                seen = 0
                async for _ in (subscription := transport.listen(Path.parse("/s"))):
                    seen += 1
                    if seen == most:
                        await subscription.close()
                assert seen == most
        await transport.close()


async def test_an_identity_that_is_found_after_the_end_is_closed() -> None:
    """The transport was closed while somebody was signing in."""
    signing_in, go_on = threading.Event(), threading.Event()
    caller = Caller("http://127.0.0.1:9")

    def sign_in() -> Caller:
        signing_in.set()
        go_on.wait(30)
        return caller

    transport = RestTransport(sign_in, timeout=5.0)
    opening = asyncio.create_task(transport.open())
    while not signing_in.is_set():  # noqa: ASYNC110  # a thread tells
        await asyncio.sleep(0.001)
    await transport.close()
    go_on.set()
    await opening
    assert caller.closed


async def _rest(subscription: SseSubscription) -> int:
    """How many items are left."""
    count = 0
    with suppress(AccessDenied):
        async for _ in subscription:
            count += 1
    return count


def _open_files() -> int:
    return len(list(OPEN_FILES.iterdir())) if OPEN_FILES.exists() else 0
