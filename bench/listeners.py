"""S9 and S9w: what a hundred listeners cost a process, in threads, sockets and memory.

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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from resource import getpagesize
from typing import Final, Self

from bench import emulators
from bench.connection import connected
from bench.contender import NO_NODE, contenders
from bench.libraries import LIBRARIES, OURS, PROJECT, Name, session
from bench.programs import result, serving
from bench.row import Row, Target
from imbari_chat import AsyncAdminChat, ChatEvent, ConnectionChanged
from imbari_chat.states import TransportName

__all__ = ["rows", "websocket_rows"]

_LISTENERS: Final = 100
_ROUNDS: Final = 3
_BESIDE: Final[tuple[Name, ...]] = ("imbari-chat-rest", "firebase-admin", "pyrebase4")
_LIMIT: Final = 60.0
_SETTLE: Final = 0.3


def rows() -> Iterator[Row]:
    """S9: threads, and resident memory."""
    with emulators.ours() as running:
        grown = {name: _grown(name, running.database) for name in _BESIDE}
    threads = {name: size.threads for name, size in grown.items()}
    memory = {name: size.resident for name, size in grown.items()}
    yield Row(
        "S9",
        f"{_LISTENERS} listeners, SSE: threads",
        "",
        threads["imbari-chat-rest"],
        threads["firebase-admin"],
        f"firebase-admin (pyrebase4: {threads['pyrebase4']})",
        Target("<=", 2, "ours"),
    )
    yield Row(
        "S9",
        f"{_LISTENERS} listeners, SSE: memory",
        "MB",
        memory["imbari-chat-rest"],
        memory["firebase-admin"],
        f"firebase-admin (pyrebase4: {memory['pyrebase4']:.1f} MB)",
        Target("<=", 0.5),
        "of some 30 kB a listener, httpcore and what is below it keep about half, and the rest is "
        "in asyncio's events, tasks and generators",
    )


def websocket_rows() -> Iterator[Row]:
    """S9w: the same over one socket, beside the official JavaScript SDK in Node."""
    with serving("bench.neutral") as host:
        with connected(host) as store:
            stored = {one: session() for one in _conversations()}
            store.ask("PUT", "/chatSessions.json", json.dumps(stored))
        ours = _grown("imbari-chat", host)
        theirs = []
        for _ in range(_ROUNDS):
            with contenders("js", host=host) as found:
                theirs += [one.ask("listeners", _LISTENERS) for one in found.values()]
    what = f"{_LISTENERS} listeners more, WebSocket:"
    js = statistics.median(theirs) if theirs else None
    against = "official JS SDK in Node" if theirs else NO_NODE
    yield Row("S9w", f"{what} memory", "MB", ours.resident, js, against, Target("<=", 0.6, "ours"))
    yield Row("S9w", f"{what} sockets", "", ours.sockets, None, "", Target("<=", 0, "ours"))
    yield Row("S9w", f"{what} threads", "", ours.threads, None, "", Target("<=", 2, "ours"))


def _grown(name: Name, host: str) -> "_Size":
    sizes = [
        _Size(**json.loads(result("bench.listeners", name, host, quiet=True)))
        for _ in range(_ROUNDS)
    ]
    return _Size(
        max(one.threads for one in sizes),
        max(one.sockets for one in sizes),
        statistics.median(one.resident for one in sizes),
    )


def main(name: Name, host: str) -> None:
    """Listen, and print what it cost."""
    transport = OURS.get(name)
    told = _theirs(name, host) if transport is None else asyncio.run(_ours(host, transport))
    print(json.dumps(asdict(told)), flush=True)


async def _ours(host: str, transport: TransportName) -> "_Size":
    chat = AsyncAdminChat.from_env(
        project=PROJECT, database_emulator=host, identity="emulator", transport=transport
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


def _theirs(name: Name, host: str) -> "_Size":
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
    sockets: int
    resident: float

    @classmethod
    def now(cls) -> Self:
        """Of this process, without garbage; memory in MB."""
        gc.collect()
        time.sleep(_SETTLE)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = (file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
        sockets = sum(str(file).startswith("socket:") for file in files)
        return cls(threading.active_count(), sockets, pages * getpagesize() / 1e6)

    def until_now(self) -> Self:
        """What was added since."""
        now = self.now()
        return replace(
            now,
            threads=now.threads - self.threads,
            sockets=now.sockets - self.sockets,
            resident=now.resident - self.resident,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]  # a name out of LIBRARIES
