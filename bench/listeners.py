"""S9: what a hundred listeners cost a process, in threads and memory.

As a program, ``python -m bench.listeners LIBRARY HOST`` prints one line of JSON: what the process
has grown by, from one listener that is live to a hundred more.
"""

import asyncio
import gc
import json
import statistics
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import getpagesize
from typing import Final, Self

from bench import emulators
from bench.libraries import LIBRARIES, PROJECT, Name
from bench.programs import result
from bench.row import Row, Target
from imbari_chat import AsyncAdminChat, ChatEvent, ConnectionChanged

__all__ = ["rows"]

_LISTENERS: Final = 100
_ROUNDS: Final = 3
_BESIDE: Final[tuple[Name, ...]] = ("imbari-chat", "firebase-admin", "pyrebase4")
_LIMIT: Final = 60.0
_SETTLE: Final = 0.3


def rows() -> Iterator[Row]:
    """S9: threads, and resident memory."""
    with emulators.ours() as running:
        grown: dict[Name, list[tuple[int, float]]] = {
            name: [_grown(name, running.database) for _ in range(_ROUNDS)] for name in _BESIDE
        }
    threads = {name: max(pair[0] for pair in pairs) for name, pairs in grown.items()}
    memory = {name: statistics.median(pair[1] for pair in pairs) for name, pairs in grown.items()}
    yield Row(
        "S9",
        f"{_LISTENERS} listeners, SSE: threads",
        "",
        threads["imbari-chat"],
        threads["firebase-admin"],
        f"firebase-admin (pyrebase4: {threads['pyrebase4']})",
        Target("<=", 2, "ours"),
    )
    yield Row(
        "S9",
        f"{_LISTENERS} listeners, SSE: memory",
        "MB",
        memory["imbari-chat"],
        memory["firebase-admin"],
        f"firebase-admin (pyrebase4: {memory['pyrebase4']:.1f} MB)",
        Target("<=", 0.5),
        "of some 32 kB a listener, httpx and what is below it keep about half, and the rest is "
        "in asyncio's events, tasks and generators",
    )


def _grown(name: Name, host: str) -> tuple[int, float]:
    threads, memory = json.loads(result("bench.listeners", name, host, quiet=True))
    return threads, memory


def main(name: Name, host: str) -> None:
    """Listen, and print what it cost."""
    told = asyncio.run(_ours(host)) if name == "imbari-chat" else _theirs(name, host)
    print(json.dumps(told), flush=True)


async def _ours(host: str) -> tuple[int, float]:
    chat = AsyncAdminChat.from_env(
        project=PROJECT, database_emulator=host, identity="emulator", transport="rest"
    )
    async with chat:
        events = [chat.open(one, peek=True).events(history=0) for one in _conversations()]
        await _follow(events[0])
        before = _Size.now()
        for one in events[1:]:
            await _follow(one)
        return before.until_now()


async def _follow(events: AsyncGenerator[ChatEvent, None]) -> None:
    """Until it is live; it stays open."""
    async for event in events:
        if isinstance(event, ConnectionChanged) and event.state == "live":
            return


def _theirs(name: Name, host: str) -> tuple[int, float]:
    library = LIBRARIES[name](host)
    live = threading.Semaphore(0)

    def tell(kind: str, _text: str) -> None:
        if kind == "live":
            live.release()

    def listen(session_id: str) -> None:
        library.listen(session_id, tell)
        assert live.acquire(timeout=_LIMIT)

    first, *others = _conversations()
    listen(first)
    before = _Size.now()
    for one in others:
        listen(one)
    return before.until_now()


def _conversations() -> list[str]:
    return [f"-O{number:018}" for number in range(_LISTENERS + 1)]


@dataclass(frozen=True, slots=True)
class _Size:
    threads: int
    resident: float

    @classmethod
    def now(cls) -> Self:
        """Of this process, without garbage; memory in MB."""
        gc.collect()
        time.sleep(_SETTLE)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(threading.active_count(), pages * getpagesize() / 1e6)

    def until_now(self) -> tuple[int, float]:
        """What was added since."""
        now = self.now()
        return now.threads - self.threads, now.resident - self.resident


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]  # a name out of LIBRARIES
