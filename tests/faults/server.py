"""The emulator in a process of its own, on ports of its own, killed and started again."""

import asyncio
import os
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import plain_http, programs
from tests.ports import own_port

__all__ = ["PROJECT", "Server"]

PROJECT = "demo-faults"
NAMESPACE = f"{PROJECT}-default-rtdb"

_PATIENCE = 30.0
_HOUR = 3600
_OWNER = {"Authorization": "Bearer owner"}

# Keep-alives as often as the clients under test get impatient; see clients.py.
_SERVING = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from imbari_chat.emulator import Emulator
    from imbari_chat.emulator.auth import claims
    from imbari_chat.emulator.process import serve

    project, rules, data, database_port, auth_port, parent, lifetime = sys.argv[1:]
    # What it says itself of how long its tokens last stays an hour: they end without notice.
    claims.LIFETIME = int(lifetime)
    emulator = Emulator(
        project,
        Path(rules).read_text("utf-8"),
        data=Path(data),
        database_port=int(database_port),
        auth_port=int(auth_port),
        keep_alive=0.25,
        enforce_expiry=int(lifetime) < 3600,
    )
    serve(emulator, parent=int(parent), ready=lambda: print("ready", flush=True))
    """
)


class Server:
    """An emulator whose data outlive it.

    Args:
        rules: The file of its security rules.
        data: Where it keeps its data.
        lifetime: Seconds after which it takes no token any more.
    """

    def __init__(self, rules: Path, data: Path, lifetime: int | None = None) -> None:
        self._rules = rules
        self._lifetime = lifetime or _HOUR
        self._data = data
        self._ports = (0, 0)
        self._holding = ExitStack()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def ports(self) -> tuple[int, int]:
        """Of the database and of the sign-in service; the same after every start."""
        return self._ports

    @property
    def database(self) -> str:
        """HOST:PORT; the same after every start."""
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def auth(self) -> str:
        """HOST:PORT; the same after every start."""
        return f"127.0.0.1:{self._ports[1]}"

    async def start(self) -> None:
        """Start it, if it is not running; it answers when this returns."""
        if self._process is not None:
            return
        parts = [PROJECT, self._rules, self._data, *self._ports, os.getpid(), self._lifetime]
        self._process = await programs.start(
            sys.executable, "-c", _SERVING, *map(str, parts), stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            said = await self._process.stdout.readline()
        if said.strip() != b"ready":
            raise RuntimeError(f"the emulator has not started: {await self._process.wait()}")

    async def kill(self) -> None:
        """SIGKILL, if it is running: it has no time to put anything in order."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            await process.wait()

    async def stored(self, path: str = "") -> Any:
        """What stands at ``path``, past the rules and past every proxy."""
        async with plain_http.AsyncClient(timeout=_PATIENCE) as http:
            answer = await http.get(
                f"http://{self.database}/{path}.json",
                params={"ns": NAMESPACE, "format": "export"},
                headers=_OWNER,
            )
        answer.raise_for_status()
        return answer.json()

    async def rule(self, rules: str) -> None:
        """Put other rules in force, until it is killed.

        Raises:
            httpx.HTTPError: It is not running.
        """
        async with plain_http.AsyncClient(timeout=_PATIENCE) as http:
            answer = await http.put(
                f"http://{self.database}/.settings/rules.json",
                params={"ns": NAMESPACE},
                headers=_OWNER,
                content=rules,
            )
        answer.raise_for_status()

    async def __aenter__(self) -> Self:
        hold = self._holding.enter_context
        self._ports = (hold(own_port()), hold(own_port()))
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()
        self._holding.close()
