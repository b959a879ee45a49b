"""Who is measured side by side before one server: each in a process of its own, asked in turns.

As a program, ``python -m bench.contender NAME HOST SESSION`` reads a line of JSON for each thing to
measure and prints one figure. :func:`contenders` starts several, the official JavaScript SDK in
Node (``official.mjs``) among them. A contender sends with one client and listens with another, each
with a connection of its own.
"""

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Literal, TypeAlias

from bench.libraries import PROJECT, FirebaseAdmin, Library, Pyrebase
from bench.programs import running
from imbari_chat import AsyncAdminChat, ChatEvent, ConnectionChanged, MessageAdded, SessionAdded

__all__ = ["NO_NODE", "Contender", "Name", "Task", "contenders"]

Name: TypeAlias = Literal["websocket", "durable", "rest", "firebase-admin", "pyrebase4", "js"]
"""Ours over either transport, or with what it sends on disk first; and the peers."""

Task: TypeAlias = Literal[
    "other", "own", "send", "rate", "queue", "snapshot", "listeners", "follow", "leave", "comeBack"
]
"""What is measured:

- ``other``, ``own``: from a send until the other client's listener, or the sender's own, has it:
  the median, in ms. Of a library that blocks, ``other`` is its two calls alone.
- ``send``: how long a send takes: the p95, in ms.
- ``rate``, ``queue``: sends per second, each waited for, or all handed over at once.
- ``snapshot``: from listening to so many sessions until they are there, in ms.
- ``listeners``: the MB that so many listeners add to one.
- ``follow``, ``leave``, ``comeBack``: listen to the inbox and so many conversations; go offline, if
  a program can say so; come back after the line was cut, and return when connected.
"""

NO_NODE: Final = "no Node, or no SDK for it: run `make peers`"
"""Why there is no ``js``."""

_LIMIT: Final = 120.0
_LOOK: Final = 0.01
_NODE: Final = Path(__file__).with_name("official.mjs")

_serial = count()


class Contender:
    """One of them, in its process."""

    def __init__(self, name: Name, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process

    def ask(self, task: Task, number: int = 0) -> float:
        """Have it do something so many times.

        Raises:
            RuntimeError: It ended instead.
        """
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"do": task, "count": number}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended instead of measuring {task}")
        return float(json.loads(line))

    def asked(self, task: Task, number: int = 0) -> Callable[[], float]:
        """The same, to be called later."""
        return lambda: self.ask(task, number)


@contextmanager
def contenders(*names: Name, host: str) -> Iterator[dict[Name, Contender]]:
    """These, before one server; without Node and the SDK there is no ``js`` among them."""
    with ExitStack() as stack:
        found: dict[Name, Contender] = {}
        for number, name in enumerate(names):
            session = f"-O{number:018}"
            if name != "js":
                arguments = ("bench.contender", name, host, session)
                process = stack.enter_context(running(*arguments, quiet=name == "pyrebase4"))
            elif (node := _node()) is not None:
                process = stack.enter_context(_in_node(node, host, session))
            else:
                continue
            found[name] = Contender(name, process)
        yield found


def _node() -> str | None:
    """Node, if it and what ``make peers`` installs for it are here."""
    package = _NODE.parents[1] / "node_modules" / "firebase" / "package.json"
    return shutil.which("node") if package.exists() else None


@contextmanager
def _in_node(node: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [node, "--expose-gc", str(_NODE), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class _Ours:
    """``imbari_chat``, the async clients."""

    def __init__(self, sender: AsyncAdminChat, listener: AsyncAdminChat, session: str) -> None:
        self._sender = sender
        self._listener = listener
        self._session = session
        self._following: list[asyncio.Task[None]] = []

    async def do(self, task: str, number: int) -> float:
        match task:
            case "other":
                return await self._delay(self._listener, number)
            case "own":
                return await self._delay(self._sender, number)
            case "send":
                return await self._send(number)
            case "rate":
                return await self._rate(number)
            case "queue":
                return await self._queue(number)
            case "follow":
                return await self._follow(number)
            case "leave":
                return 0.0
            case "comeBack":
                return await self._come_back()
            case _:
                return await self._snapshot(number)

    async def _delay(self, client: AsyncAdminChat, number: int) -> float:
        heard: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        conversation = self._sender.open(self._session, peek=True)
        async with following(client, self._session, heard):
            figures = []
            for _ in range(number):
                text = f"message {next(_serial)}"
                begin = time.perf_counter()
                await conversation.reply(text)
                arrived, what = await asyncio.wait_for(heard.get(), _LIMIT)
                assert what == text
                figures.append((arrived - begin) * 1000)
        return statistics.median(figures)

    async def _send(self, number: int) -> float:
        conversation = self._sender.open(self._session, peek=True)
        figures = []
        for _ in range(number):
            begin = time.perf_counter()
            await conversation.reply(f"message {next(_serial)}")
            figures.append((time.perf_counter() - begin) * 1000)
        return statistics.quantiles(figures, n=20)[-1]

    async def _rate(self, number: int) -> float:
        conversation = self._sender.open(self._session, peek=True)
        begin = time.perf_counter()
        for _ in range(number):
            await conversation.reply(f"message {next(_serial)}")
        return number / (time.perf_counter() - begin)

    async def _queue(self, number: int) -> float:
        conversation = self._sender.open(self._session, peek=True)
        begin = time.perf_counter()
        sends = [conversation.reply(f"message {next(_serial)}", timeout=0) for _ in range(number)]
        await asyncio.gather(*sends)
        assert not await self._sender.flush(timeout=_LIMIT)
        return number / (time.perf_counter() - begin)

    async def _follow(self, number: int) -> float:
        conversations = [f"-O{place:018}" for place in range(number)]
        for events in (
            self._listener.events(),
            *(self._listener.open(one, peek=True).events(history=0) for one in conversations),
        ):
            live = asyncio.Event()
            self._following.append(asyncio.create_task(_note_live(events, live)))
            await asyncio.wait_for(live.wait(), _LIMIT)
        return 0.0

    async def _come_back(self) -> float:
        await self._until(live=False)  # the line has been cut
        self._listener.reconnect_now()
        await self._until(live=True)
        return 0.0

    async def _until(self, *, live: bool) -> None:
        async with asyncio.timeout(_LIMIT):
            while (self._listener.status.state == "live") != live:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(_LOOK)

    async def _snapshot(self, number: int) -> float:
        begin = time.perf_counter()
        sessions = []
        async with aclosing(self._listener.events(limit=number)) as events:
            async for event in events:
                if isinstance(event, SessionAdded):
                    sessions.append(event.session)
                    if len(sessions) == number:
                        return (time.perf_counter() - begin) * 1000
        raise RuntimeError(f"{len(sessions)} sessions")


async def _note_live(events: AsyncGenerator[ChatEvent, None], live: asyncio.Event) -> None:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, ConnectionChanged) and event.state == "live":
                live.set()


@asynccontextmanager
async def following(
    client: AsyncAdminChat, session: str, heard: "asyncio.Queue[tuple[float, str]]"
) -> AsyncIterator[None]:
    """Note when each message of a conversation comes, from now on."""
    live = asyncio.Event()

    async def follow() -> None:
        async for event in client.open(session, peek=True).events(history=0):
            note(event)

    def note(event: ChatEvent) -> None:
        match event:
            case MessageAdded():
                heard.put_nowait((time.perf_counter(), event.message.text))
            case ConnectionChanged(state="live"):
                live.set()

    task = asyncio.create_task(follow())
    try:
        await asyncio.wait_for(live.wait(), _LIMIT)
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _run_ours(name: str, host: str, session: str) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def chat(*, durable: bool = False) -> AsyncAdminChat:
            return AsyncAdminChat.from_env(
                project=PROJECT,
                database_emulator=host,
                identity="emulator",
                data_dir=folder,
                transport="rest" if name == "rest" else "websocket",
                outbox="durable" if durable else "memory",
            )

        # Two of one outbox would take turns in who sends.
        async with chat(durable=name == "durable") as sender, chat() as listener:
            ours = _Ours(sender, listener, session)
            while line := await asyncio.to_thread(sys.stdin.readline):
                command = json.loads(line)
                print(await ours.do(command["do"], command["count"]), flush=True)


def _run_theirs(library: Library, session: str) -> None:
    library.open(session)
    for line in sys.stdin:
        command = json.loads(line)
        begin = time.perf_counter()
        for _ in range(command["count"]):
            library.send(session, f"message {next(_serial)}")
        took = (time.perf_counter() - begin) / command["count"]
        print(took * 1000 if command["do"] == "other" else 1 / took, flush=True)


def main(name: str, host: str, session: str) -> None:
    """Measure what stdin says."""
    match name:
        case "firebase-admin":
            _run_theirs(FirebaseAdmin(host), session)
        case "pyrebase4":
            _run_theirs(Pyrebase(host), session)
        case _:
            asyncio.run(_run_ours(name, host, session))


if __name__ == "__main__":
    main(*sys.argv[1:4])
