"""Rules that change while sockets live, and who may complain of having been refused."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final

import httpx

from imbari_chat import AccessDenied
from tests.faults.server import Server

__all__ = ["Door"]

_NOBODY: Final = '{"rules": {".read": false, ".write": false}}'


class Door:
    """The rules of a round.

    Args:
        server: Where they are in force.
        rules: As they are when nothing is wrong.
        said: Every text that anybody has written.

    Attributes:
        closings: How often they were changed.
        shown_out: How many listeners have ended for it, and begun again.
        said: As given.
    """

    def __init__(self, server: Server, rules: str, said: Callable[[], frozenset[str]]) -> None:
        self._server = server
        self._rules = rules
        self._open = asyncio.Event()
        self._open.set()
        self._one = asyncio.Lock()
        self.said = said
        self.closings = 0
        self.shown_out = 0

    async def close(self, what: str, seconds: float) -> None:
        """Let nobody in (``deny``), or nobody write, for a while; once at a time.

        A server that is dead meanwhile comes back with its own rules.
        """
        async with self._one:
            self._open.clear()
            self.closings += 1
            closed = _NOBODY if what == "deny" else _unwritable(self._rules)
            with suppress(httpx.HTTPError):
                await self._server.rule(closed)
            await asyncio.sleep(seconds)
            while not self._open.is_set():
                with suppress(httpx.HTTPError):
                    await self._server.rule(self._rules)
                    self._open.set()
                    return
                await asyncio.sleep(0.05)

    async def opened(self) -> None:
        """Wait until they are."""
        await self._open.wait()

    def excuses(self) -> "_Excuse":
        """Whoever is refused in the block is, if the rules were closed at any moment of it."""
        return _Excuse(self)

    @property
    def is_open(self) -> bool:
        """Whether the rules are as they are when nothing is wrong."""
        return self._open.is_set()


class _Excuse:
    def __init__(self, door: Door) -> None:
        self._door = door

    def __enter__(self) -> None:
        self._closings, self._was_open = self._door.closings, self._door.is_open

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        was_closed = not self._was_open or self._closings != self._door.closings
        return isinstance(error, AccessDenied) and was_closed


def _unwritable(rules: str) -> str:
    return re.sub(r'"\.write"\s*:\s*("(?:[^"\\]|\\.)*"|true|false)', '".write": false', rules)
