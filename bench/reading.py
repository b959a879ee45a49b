"""What reading a first snapshot costs one library, in a process of its own.

As a program: ``python -m bench.reading LIBRARY HOST SESSIONS ROUNDS`` prints one line of JSON with
:class:`Cost` figures by who read: the library and, beside ours, the bound, which is httpx and json
with nothing typed. ``--busy`` sends messages meanwhile, and prints a :class:`Strain` instead.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Final

import httpx

from bench.libraries import PROJECT, FirebaseAdmin, Pyrebase
from imbari_chat import AsyncAdminChat, SessionAdded

__all__ = ["Cost", "Strain"]

_SESSION: Final = "-O000000000000000000"
_IDLE_SENDS: Final = 60
_READ_LIMIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one snapshot, in milliseconds, medians of the rounds.

    Attributes:
        wall: From asking until the last object was there.
        cpu: What the process computed meanwhile, all threads.
    """

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Strain:
    """How sends fare beside a snapshot, in milliseconds.

    Attributes:
        idle: p95 of a send with nothing beside it.
        busy: p95 of a send while snapshots are read.
        stall: The longest that the event loop was held up; None where there is none.
    """

    idle: float
    busy: float
    stall: float | None = None


async def _ours(host: str, number: int, rounds: int) -> dict[str, Cost]:
    url = f"http://{host}/chatSessions.json"
    async with _chat(host) as chat, httpx.AsyncClient() as client:
        measured: dict[str, list[Cost]] = {"imbari-chat": [], "bound": []}
        for turn in range(rounds + 1):
            for name, read in (("imbari-chat", _typed(chat, number)), ("bound", _raw(client, url))):
                wall, cpu = time.perf_counter(), time.process_time()
                assert await read() == number
                cost = Cost(_since(wall), (time.process_time() - cpu) * 1000)
                if turn:
                    measured[name].append(cost)
    return {name: _medians(costs) for name, costs in measured.items()}


def _chat(host: str) -> AsyncAdminChat:
    return AsyncAdminChat.from_env(
        project=PROJECT, database_emulator=host, identity="emulator", transport="rest"
    )


def _typed(chat: AsyncAdminChat, number: int) -> Callable[[], Awaitable[int]]:
    async def read() -> int:
        sessions = []
        async with aclosing(chat.events(limit=number)) as events:
            async for event in events:
                if isinstance(event, SessionAdded):
                    sessions.append(event.session)
                    if len(sessions) == number:
                        break
        return len(sessions)

    return read


def _raw(client: httpx.AsyncClient, url: str) -> Callable[[], Awaitable[int]]:
    async def read() -> int:
        accept = {"Accept": "text/event-stream"}
        async with client.stream("GET", url, headers=accept, timeout=_READ_LIMIT) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    return len(json.loads(line[6:])["data"])
        return 0

    return read


def _admins(host: str, number: int, rounds: int) -> dict[str, Cost]:
    place = FirebaseAdmin(host).root.child("chatSessions")
    return {"firebase-admin": _heard(place.listen, lambda event: event.data, number, rounds)}


def _pyrebases(host: str, number: int, rounds: int) -> dict[str, Cost]:
    database = Pyrebase(host).database

    def listen(hear: Callable[[Any], None]) -> None:
        database.child("chatSessions").stream(hear)

    return {"pyrebase4": _heard(listen, lambda event: event["data"], number, rounds)}


def _heard(
    listen: Callable[[Callable[[Any], None]], object],
    data: Callable[[Any], Any],
    number: int,
    rounds: int,
) -> Cost:
    costs = []
    for _ in range(rounds):
        over = threading.Event()

        def hear(event: Any, over: threading.Event = over) -> None:
            assert len(data(event)) == number
            over.set()

        wall, cpu = time.perf_counter(), time.process_time()
        listen(hear)
        assert over.wait(_READ_LIMIT)
        costs.append(Cost(_since(wall), (time.process_time() - cpu) * 1000))
    return _medians(costs)


async def _our_strain(host: str, number: int, rounds: int) -> Strain:
    async with _chat(host) as chat, chat.open(_SESSION, peek=True) as conversation:

        async def send() -> float:
            begin = time.perf_counter()
            await conversation.reply("hello")
            return _since(begin)

        await _typed(chat, number)()  # what happens once in a process is no part of it
        idle = [await send() for _ in range(_IDLE_SENDS)]
        busy: list[float] = []
        stall = 0.0
        for _ in range(rounds):
            reading = asyncio.ensure_future(_typed(chat, number)())
            watch = asyncio.create_task(_longest_stall(reading))
            while not reading.done():
                busy.append(await send())
            stall = max(stall, await watch)
    return Strain(_p95(idle), _p95(busy), stall)


async def _longest_stall(until: "asyncio.Future[int]") -> float:
    longest, before = 0.0, time.perf_counter()
    while not until.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, _since(before)), time.perf_counter()
    return longest


def _admins_strain(host: str, rounds: int) -> Strain:
    library = FirebaseAdmin(host)

    def send() -> float:
        begin = time.perf_counter()
        library.in_one_patch(_SESSION, "hello")
        return _since(begin)

    idle = [send() for _ in range(_IDLE_SENDS)]
    busy: list[float] = []
    for _ in range(rounds):
        over = threading.Event()

        def listen(over: threading.Event = over) -> None:
            library.root.child("chatSessions").listen(lambda _: over.set())

        threading.Thread(target=listen).start()
        while not over.is_set():
            busy.append(send())
    return Strain(_p95(idle), _p95(busy))


def _since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000


def _p95(figures: list[float]) -> float:
    return quantiles(figures, n=20)[-1]


def _medians(costs: list[Cost]) -> Cost:
    return Cost(median(one.wall for one in costs), median(one.cpu for one in costs))


def main(library: str, host: str, number: int, rounds: int, *, busy: bool) -> None:
    """Measure, and print."""
    told: object
    match library, busy:
        case "imbari-chat", True:
            told = asdict(asyncio.run(_our_strain(host, number, rounds)))
        case "firebase-admin", True:
            told = asdict(_admins_strain(host, rounds))
        case _:
            costs: dict[str, Cost] = {}
            match library:
                case "imbari-chat":
                    costs = asyncio.run(_ours(host, number, rounds))
                case "firebase-admin":
                    costs = _admins(host, number, rounds)
                case "pyrebase4":
                    costs = _pyrebases(host, number, rounds)
            told = {name: asdict(cost) for name, cost in costs.items()}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), busy="--busy" in sys.argv)
