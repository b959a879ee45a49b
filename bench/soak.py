"""``python -m bench.soak``: an hour at the desk, with a hundred customers writing.

The desk runs in this process, drawn without a terminal and with somebody pressing keys; emulator
and customers are programs of their own. Afterwards nothing may have been missed, neither by the
list nor by the open conversation, and memory is what it was after the first tenth of the time.

    python -m bench.soak --minutes 60 --customers 100 --every 30
"""

import argparse
import asyncio
import gc
import itertools
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from textual.pilot import Pilot

from bench import emulators
from bench.libraries import PROJECT
from imbari_chat import AsyncAdminChat, AsyncCustomerChat, ChatEvent, MessageAdded
from imbari_chat.desk.app import Desk
from imbari_chat.desk.transcript import Transcript

__all__ = ["Soak", "soak"]

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PATIENCE: Final = 60.0
"""Seconds in which the last message has to arrive."""

_KEYS: Final = ("n", "enter", "pageup", "pagedown", "escape", "down", "up", "w", "f", "F", "G", "g")
_GROWTH: Final = 1.10


@dataclass(slots=True)
class Soak:
    """What became of it.

    Attributes:
        messages: How many were written.
        missed: Those that the desk was never told of.
        doubled: Those that it was told of more than once.
        wrong: Conversations that are not in the list as they are stored.
        keys: How many were pressed.
        memory: Megabytes of the desk's process, with the seconds since the beginning.
    """

    messages: int = 0
    missed: int = 0
    doubled: int = 0
    wrong: int = 0
    keys: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_flat(self) -> bool:
        """Whether the end needs hardly more memory than the first tenth of the time."""
        if len(self.memory) < 2:
            return True
        last = self.memory[-1][0]
        early = max(size for at, size in self.memory if at <= max(last / 10, self.memory[0][0]))
        return self.memory[-1][1] <= early * _GROWTH

    def lines(self) -> Iterator[str]:
        """For a person."""
        for at, size in self.memory:
            yield f"{at / 60:6.1f} min  {size:6.1f} MB"
        yield (
            f"messages {self.messages:,}, keys {self.keys:,}, missed {self.missed},"
            f" doubled {self.doubled}, wrong in the list {self.wrong}, memory"
            f" {'flat' if self.is_flat else 'growing'}"
        )


async def soak(seconds: float, customers: int, every: float, seed: int = 1) -> Soak:
    """Sit at the desk for so long.

    Args:
        seconds: How long customers write.
        customers: How many.
        every: Seconds between two messages of one customer, about.
        seed: Which keys are pressed.
    """
    with emulators.ours(rules=True) as running:
        os.environ.update(running.environment)
        writing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.soak", "--as-customers", str(customers),
            "--minutes", str(seconds / 60), "--every", str(every), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            return await _at_the_desk(writing, seconds, customers, random.Random(seed))
        finally:
            if writing.returncode is None:
                writing.kill()
                await writing.wait()


class _Counting:
    """A chat that keeps account of the messages that its inbox tells."""

    def __init__(self, chat: AsyncAdminChat) -> None:
        self.heard: Counter[str] = Counter()
        self._chat = chat

    async def events(self, *, limit: int) -> AsyncGenerator[ChatEvent, None]:
        async with aclosing(self._chat.events(limit=limit)) as events:
            async for event in events:
                if isinstance(event, MessageAdded) and event.message.sender == "customer":
                    self.heard[event.message.text] += 1
                yield event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chat, name)


async def _at_the_desk(
    writing: asyncio.subprocess.Process, seconds: float, customers: int, dice: random.Random
) -> Soak:
    done = Soak()
    async with AsyncAdminChat.from_env(project=PROJECT) as chat:
        counting = _Counting(chat)
        app = Desk(cast("AsyncAdminChat", counting), limit=customers + 10)
        async with app.run_test(size=(140, 40)) as pilot:
            finished = asyncio.create_task(writing.communicate())
            begin = time.monotonic()
            while not finished.done():
                await _press(pilot, dice)
                done.keys += 1
                at = time.monotonic() - begin
                if not done.memory or at - done.memory[-1][0] >= seconds / 20:
                    done.memory.append((at, _megabytes()))
            told, _ = finished.result()
            written = set(told.decode().splitlines())
            until = time.monotonic() + _PATIENCE
            while written - counting.heard.keys() and time.monotonic() < until:
                await pilot.pause(0.1)
            done.wrong = await _wrong(chat, app, customers)
            done.memory.append((time.monotonic() - begin, _megabytes()))
    done.messages = len(written)
    done.missed = len(written - counting.heard.keys())
    done.doubled = sum(counting.heard.values()) - len(counting.heard)
    return done


async def _press(pilot: Pilot[None], dice: random.Random) -> None:
    await pilot.press(dice.choice(_KEYS))
    if dice.random() < 0.05 and pilot.app.query_one(Transcript).display:
        await pilot.press(*"ok")
    await pilot.pause(0.5)


async def _wrong(chat: AsyncAdminChat, app: Desk, customers: int) -> int:
    """Conversations that the desk shows otherwise than they are stored."""
    until = time.monotonic() + _PATIENCE
    while True:
        stored = {one.id: one for one in await chat.sessions(limit=customers + 10)}
        shown = app.store.state.sessions
        wrong = sum(shown.get(name) != one for name, one in stored.items())
        if not wrong or time.monotonic() > until:
            return wrong
        await asyncio.sleep(0.2)


def _megabytes() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


async def _customers(count: int, seconds: float, every: float) -> None:
    """Customers who write until the time is over; prints what they wrote, one a line."""
    until = time.monotonic() + seconds
    said: list[str] = []

    async def write(number: int) -> None:
        dice = random.Random(number)
        async with AsyncCustomerChat.from_env(project=PROJECT, remember=False) as chat:
            name = f"Customer {number}"
            await asyncio.sleep(dice.uniform(0, every))
            first = f"{number} says 0"
            await chat.start(name=name, email=f"c{number}@example.com", text=first)
            said.append(first)
            for turn in itertools.count(1):
                pause = dice.uniform(0.6, every * 2)
                if time.monotonic() + pause > until:
                    return
                await asyncio.sleep(pause)
                said.append((await chat.send(f"{number} says {turn}")).text)

    await asyncio.gather(*map(write, range(count)))
    print("\n".join(said))


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two messages")
    parser.add_argument("--as-customers", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.as_customers is not None:
        asyncio.run(_customers(asked.as_customers, asked.minutes * 60, asked.every))
        return 0
    done = asyncio.run(soak(asked.minutes * 60, asked.customers, asked.every))
    print("\n".join(done.lines()))
    return int(bool(done.missed or done.doubled or done.wrong or not done.is_flat))


if __name__ == "__main__":
    sys.exit(_main())
