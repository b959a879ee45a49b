"""S19: a hundred clients in fifty chats, and everything they say to each other.

As a program, ``python -m bench.crowd DATABASE AUTH RATE MESSAGES`` has all clients in one process,
each with a connection of its own, and prints one line of JSON: what became of the messages.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bench import emulators
from bench.libraries import PROJECT
from bench.programs import result
from bench.row import Row, Target
from imbari_chat import (
    AsyncAdminChat,
    AsyncCustomerChat,
    ChatEvent,
    ConnectionChanged,
    MessageAdded,
    OutgoingMessage,
)

__all__ = ["Account", "Crowd", "crowd", "rows"]

_CHATS: Final = 50
_MESSAGES: Final = 10_000
_AT_ONCE: Final = 10
"""How many begin at a time."""

_START_LIMIT: Final = 120.0
_LIMIT: Final = 30.0
"""Seconds in which the last message has to arrive."""

_OVER_REST: Final = {94: 165.0, 168: 874.0}
"""What was measured over REST and its streams, ms at the p95, by messages per second."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the messages of a crowd.

    Attributes:
        rate: Messages per second that were sent.
        p50: From when a message was due until the other side's callback had it, in ms.
        p95: The same, at the 95th percentile.
        cpu: What a message took of the processor, of all clients together, in ms; other programs
            that run cost time, but hardly this.
        lost: Messages that the other side did not hear, or that are not stored.
        doubled: Messages that were heard, or are stored, more than once.
        disordered: Messages that were heard, or are stored, behind a later one of the same writer.
    """

    rate: float
    p50: float
    p95: float
    cpu: float
    lost: int
    doubled: int
    disordered: int


def rows() -> Iterator[Row]:
    """S19: at two rates."""
    clients = f"{2 * _CHATS} clients, {_CHATS} chats, {_MESSAGES:,} messages"
    for rate, limit in ((94, 100), (168, 200)):
        with emulators.ours(rules=True) as running:
            auth = running.environment["FIREBASE_AUTH_EMULATOR_HOST"]
            account = Account(
                **json.loads(
                    result(
                        *("bench.crowd", running.database, auth, str(rate), str(_MESSAGES)),
                        limit=_START_LIMIT + _MESSAGES / rate + _LIMIT,
                    )
                )
            )
        yield Row(
            "S19",
            f"{clients}, {account.rate:.0f}/s: p95 of send to callback"
            f" (p50 {account.p50:.1f} ms, {account.cpu:.1f} ms of CPU each)",
            "ms",
            account.p95,
            _OVER_REST[rate],
            "ours over REST, measured earlier with as many customers",
            Target("<=", limit, "ours"),
        )
        yield Row(
            "S19",
            f"the same: lost {account.lost}, doubled {account.doubled},"
            f" out of order {account.disordered}",
            "",
            account.lost + account.doubled + account.disordered,
            None,
            "",
            Target("<=", 0, "ours"),
        )


@dataclass(slots=True, eq=False)
class _Client:
    """Somebody who writes in one chat, and hears the other side."""

    name: str
    write: Callable[[str], Awaitable[OutgoingMessage]]
    heard: list[tuple[str, float]] = field(default_factory=list)
    live: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    said: int = 0

    def note(self, event: ChatEvent) -> None:
        match event:
            case MessageAdded():
                self.heard.append((event.message.text, time.perf_counter()))
                self.news.set()
            case ConnectionChanged(state="live"):
                self.live.set()


@dataclass(frozen=True, slots=True)
class _Chat:
    """Two clients, and how to read all that is stored of what they said, in order."""

    sides: tuple[_Client, _Client]
    stored: Callable[[], AsyncIterator[str]]


class Crowd:
    """Clients in chats, all of them live."""

    def __init__(self, chats: list[_Chat], flush: Callable[[], Awaitable[None]]) -> None:
        self._chats = chats
        self._flush = flush

    async def play(self, rate: float, messages: int) -> Account:
        """Have all clients write in turns.

        Args:
            rate: Messages per second, of all together.
            messages: How many.
        """
        writers = [chat.sides[side] for side in (0, 1) for chat in self._chats]
        listener: dict[_Client, _Client] = {}
        for one, other in (chat.sides for chat in self._chats):
            listener |= {one: other, other: one}
        due: dict[str, float] = {}
        begin, worked = time.perf_counter(), time.process_time()
        for number in range(messages):
            writer = writers[number % len(writers)]
            at = begin + number / rate
            await asyncio.sleep(max(at - time.perf_counter(), 0))
            text = f"{writer.name} {writer.said}"
            writer.said += 1
            due[text] = at
            await writer.write(text)
        took = time.perf_counter() - begin
        await self._flush()
        with suppress(TimeoutError):  # what has not come by then is lost
            async with asyncio.timeout(_LIMIT):
                for one in writers:
                    while len(_by(one, listener[one].heard)) < one.said:
                        listener[one].news.clear()
                        await listener[one].news.wait()
        cpu = (time.process_time() - worked) * 1000 / messages
        return await self._account(listener, due, messages / took, cpu)

    async def _account(
        self, listener: dict[_Client, _Client], due: dict[str, float], rate: float, cpu: float
    ) -> Account:
        lost = doubled = disordered = 0
        delays = []
        for chat in self._chats:
            stored = [(text, 0.0) async for text in chat.stored()]
            for one in chat.sides:
                told = listener[one].heard
                delays += [(at - due[text]) * 1000 for text, at in told if _is_by(one, text)]
                for texts in (_by(one, told), _by(one, stored)):
                    counts = Counter(texts)
                    lost += one.said - len(counts)
                    doubled += sum(counts.values()) - len(counts)
                    numbers = [int(text.rpartition(" ")[2]) for text in counts]
                    disordered += sum(after < before for before, after in pairwise(numbers))
        p95 = statistics.quantiles(delays, n=20)[-1]
        return Account(rate, statistics.median(delays), p95, cpu, lost, doubled, disordered)


def _is_by(one: _Client, text: str) -> bool:
    return text.startswith(f"{one.name} ")


def _by(one: _Client, told: list[tuple[str, float]]) -> list[str]:
    return [text for text, _ in told if _is_by(one, text)]


@asynccontextmanager
async def crowd(chats: int, **settings: Any) -> AsyncIterator[Crowd]:
    """A customer and an admin in each of so many chats, each client with its own connection.

    Args:
        chats: How many.
        settings: Of every client, as :meth:`~imbari_chat.AsyncAdminChat.from_env` takes them.
    """
    following: list[asyncio.Task[None]] = []
    clients: list[AsyncAdminChat | AsyncCustomerChat] = []
    few = asyncio.Semaphore(_AT_ONCE)

    async def follow(one: _Client, events: AsyncGenerator[ChatEvent, None]) -> None:
        async with aclosing(events):
            async for event in events:
                one.note(event)

    async def begin(number: int) -> _Chat:
        own = settings | {"data_dir": Path(settings["data_dir"], str(number))}
        customer = AsyncCustomerChat.from_env(**own)
        admin = AsyncAdminChat.from_env(**own, identity="emulator")
        clients.extend((customer, admin))
        session = await customer.start(name=f"Customer {number}", email="c@example.com")
        conversation = admin.open(session.id, peek=True)
        one = _Client(f"customer {number}", partial(customer.send, timeout=0))
        other = _Client(f"admin {number}", partial(conversation.reply, timeout=0))
        for client, events in ((one, customer.events()), (other, conversation.events(history=0))):
            following.append(asyncio.create_task(follow(client, events)))
            await client.live.wait()

        async def stored() -> AsyncIterator[str]:
            async for message in conversation.browse(start="oldest"):
                yield message.text

        return _Chat((one, other), stored)

    async def begin_in_turn(number: int) -> _Chat:
        async with few:
            return await begin(number)

    async def flush() -> None:
        await asyncio.gather(*(one.flush(timeout=_LIMIT) for one in clients))

    try:
        yield Crowd(await asyncio.gather(*(begin_in_turn(n) for n in range(chats))), flush)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await asyncio.gather(*(one.close() for one in clients))


async def _run(database: str, auth: str, rate: float, messages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with crowd(
            _CHATS,
            project=PROJECT,
            database_emulator=database,
            auth_emulator=auth,
            data_dir=folder,
            token_store="file",
        ) as there:
            account = await there.play(rate, messages)
    print(json.dumps(asdict(account)), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
