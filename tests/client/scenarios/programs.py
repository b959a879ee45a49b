"""Programs that use the client, as processes of their own: how they end is what is tested."""

import asyncio
import json
import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests import programs

__all__ = ["End", "Program"]

_ROOT = Path(__file__).parents[3]
_PATIENCE = 60.0

_BEFORE = """
import asyncio, gc, json, os, sys, threading, time
from imbari_chat import *
flags = json.loads(sys.argv[1])

def say(**facts):
    print(json.dumps(facts), flush=True)

def hear():
    return json.loads(sys.stdin.readline())
"""


class End(NamedTuple):
    """How a program ended.

    Attributes:
        code: Its exit code, or minus the signal.
        errors: What it wrote to standard error.
        at: When it was gone, in seconds since the epoch.
    """

    code: int
    errors: str
    at: float


class Program:
    """A Python program that talks in lines of JSON: ``say(name=value)`` and ``hear()``.

    Args:
        text: The program; ``flags`` and all names of the package are there.
        flags: Settings that point at the service.
    """

    def __init__(self, text: str, flags: dict[str, Any]) -> None:
        plain = {name: value for name, value in flags.items() if isinstance(value, str | float)}
        settings = json.dumps({**plain, "data_dir": str(flags["data_dir"])})
        code = _BEFORE + textwrap.dedent(text)
        self._command = [sys.executable, "-c", code, settings]
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """It, running or not."""
        assert self._process is not None
        return self._process

    async def said(self) -> Any:
        """What it says next."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            line = await self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended instead: {(await self.end()).errors}")
        return json.loads(line)

    def tell(self, **facts: Any) -> None:
        """Let it hear something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(facts).encode() + b"\n")

    def interrupt(self) -> float:
        """One Ctrl-C; returns when, in seconds since the epoch."""
        self.process.send_signal(signal.SIGINT)
        return time.time()

    async def end(self) -> End:
        """Wait until it is gone."""
        assert self.process.stderr is not None
        async with asyncio.timeout(_PATIENCE):
            code = await self.process.wait()
            at = time.time()
            errors = await self.process.stderr.read()
        return End(code, errors.decode(), at)

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        places = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = await programs.start(
            *self._command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
