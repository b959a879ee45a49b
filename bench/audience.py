"""S17: a message for one of many, over sockets.

The sockets are the emulator's own, all of their work included but the kernel's: a connection is
what an ASGI server makes of one, so that two thousand need no descriptors.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from starlette.types import Message

from bench.measuring import in_turns
from bench.row import Row, Target
from imbari_chat.emulator.database.app import DatabaseApp
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.rules import Ruleset
from imbari_chat.schema import plans
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json

__all__ = ["rows"]

_ROUNDS: Final = 15
_REPLIES: Final = 20
_FEW: Final = 20
_MANY: Final = 2_000
_RULES: Final = Path(__file__).parents[1] / "database.rules.json"

_serial = count()


def rows() -> Iterator[Row]:
    """S17: an admin's reply, until the one customer it is for has it and the admin is told so."""
    with asyncio.Runner() as runner:
        few, many = runner.run(_room(_FEW)), runner.run(_room(_MANY))
        figures = in_turns(
            {_FEW: lambda: runner.run(few.replies()), _MANY: lambda: runner.run(many.replies())},
            _ROUNDS,
        )
        for room in (few, many):
            runner.run(room.close())
    yield Row(
        "S17",
        f"{_MANY:,} sockets listening: a reply to one of them",
        "ms",
        figures[_MANY],
        figures[_FEW],
        f"itself, {_FEW}",
        Target("<=", 2),
    )


class _Socket:
    """A connection as the application sees it, and the client behind it."""

    def __init__(self, app: DatabaseApp) -> None:
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self._number = 0
        self._incoming.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/.ws",
            "query_string": b"v=5&ns=s17",
            "headers": [(b"host", b"127.0.0.1:9000")],
        }
        self._serving = asyncio.ensure_future(app(scope, self._incoming.get, self._send))

    async def ask(self, action: str, body: Json) -> None:
        """A request, until it is answered, which must be with an ok."""
        self._number += 1
        request = {"t": "d", "d": {"r": self._number, "a": action, "b": body}}
        text = json.dumps(request)
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})
        while (told := await self._told.get()).get("r") != self._number:
            pass
        assert told["b"]["s"] == "ok", told

    async def push(self) -> None:
        """The next thing that it is told and has not asked for."""
        while "a" not in await self._told.get():
            pass

    async def close(self) -> None:
        """The client goes."""
        self._incoming.put_nowait({"type": "websocket.disconnect"})
        with suppress(asyncio.CancelledError):
            await self._serving

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            said = json.loads(message["text"])
            if said["t"] == "d":
                self._told.put_nowait(said["d"])


class _Room:
    """A desk, and customers who listen to their own chats."""

    def __init__(self, desk: _Socket, customers: list[_Socket]) -> None:
        self._desk = desk
        self._customers = customers

    async def replies(self) -> float:
        """Milliseconds of one reply, the median of a few."""
        figures = []
        for _ in range(_REPLIES):
            number = next(_serial)
            place = number % len(self._customers)
            message = MessageId(f"-P{number:018}")
            plan = plans.reply(_session(place), message, "Every Tuesday.", uid="desk")
            changes: Json = {"/".join(path): value for path, value in plan.changes.items()}
            begin = time.perf_counter()
            await self._desk.ask("m", {"p": "/", "d": changes})
            await self._customers[place].push()
            figures.append((time.perf_counter() - begin) * 1000)
        return statistics.median(figures)

    async def close(self) -> None:
        """Everybody goes."""
        for socket in (self._desk, *self._customers):
            await socket.close()


async def _room(size: int) -> _Room:
    app = DatabaseApp(Databases("s17", Ruleset.parse(_RULES.read_text())))
    desk = _Socket(app)
    await desk.ask("gauth", {"cred": "owner"})
    records: Json = {_session(number): _record(number) for number in range(size)}
    await desk.ask("p", {"p": "/chatSessions", "d": records})
    await desk.ask("auth", {"cred": encode_unsigned({"sub": "desk", "admin": True})})
    customers = []
    for number in range(size):
        socket = _Socket(app)
        await socket.ask("auth", {"cred": encode_unsigned({"sub": f"customer{number}"})})
        await socket.ask("q", {"p": f"/messages/{_session(number)}", "h": ""})
        customers.append(socket)
    return _Room(desk, customers)


def _session(number: int) -> SessionId:
    return SessionId(f"-O{number:018}")


def _record(number: int) -> Json:
    return {
        "customerName": "Grace",
        "customerEmail": "grace@example.com",
        "customerUid": f"customer{number}",
        "lastMessage": "",
        "lastMessageTime": 1,
        "unreadCount": 0,
        "status": "active",
    }
