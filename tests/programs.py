"""How tests start programs of ours: as processes, but without importing everything each time.

:class:`Popen` is ``subprocess.Popen``; :func:`run` and :func:`start` are made of it. A command
``sys.executable -c CODE ...``, or with a script in its place, is forked by a process that has
imported the package (:mod:`tests.fork_server`) on Linux, where a process may adopt its
grandchildren. Elsewhere, and with whatever a fork cannot take on (options of the interpreter, its
variables, other users), it is started in the ordinary way. A test of what a start costs or imports
uses ``subprocess`` itself.
"""

import asyncio
import atexit
import ctypes
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.fork_server import LENGTH, Order

__all__ = ["OURS", "Popen", "ready", "run", "start"]

OURS: Final = (sys.executable, "-c", "from imbari_chat.cli.main import run; run()")
"""The command ``imbari-chat``; arguments follow."""

_ROOT: Final = Path(__file__).parents[1]
_SERVER: Final = """
import sys
root, channel = sys.argv[1:]
sys.path.insert(0, root)
from tests.fork_server import program
exec(program(int(channel), root))
"""
_NOT_FORKED: Final = ("executable", "preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
_PR_SET_CHILD_SUBREAPER: Final = 36
_ORDINARY: Final = subprocess.Popen


class Popen(subprocess.Popen[Any]):
    """``subprocess.Popen``, faster for programs that are Python code."""

    def _execute_child(self, *given: Any, **named: Any) -> None:
        ordinary = super()._execute_child  # type: ignore[misc]  # what an exec begins with
        asked = inspect.signature(ordinary).bind(*given, **named).arguments
        order = _order(asked) if sys.platform == "linux" else None
        if order is None:
            ordinary(*given, **named)
            return
        ends = (asked["p2cread"], asked["c2pwrite"], asked["errwrite"])
        try:
            self.pid = _server().forked(
                order, [own if end == -1 else end for own, end in enumerate(ends)]
            )
            self._child_created = True
        finally:
            pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            self._close_pipe_fds(*(asked[name] for name in pipes))  # type: ignore[attr-defined]


def ready() -> None:
    """Have what forks started, which :class:`Popen` does when it is first asked to.

    For whoever counts what a process has open.
    """
    if sys.platform == "linux":
        _server()


def run(
    command: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with nobody at the keyboard.

    Args:
        timeout: Seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: It was.
    """
    pipe = subprocess.PIPE
    with Popen(
        command, cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


_starting = 0
"""Calls of :func:`start` that are under way."""


async def start(*command: str, **options: Any) -> asyncio.subprocess.Process:
    """``asyncio.create_subprocess_exec``, made of :class:`Popen`."""
    global _starting
    _starting += 1
    subprocess.Popen = Popen  # type: ignore[misc]  # asyncio looks for it there
    try:
        return await asyncio.create_subprocess_exec(*command, **options)
    finally:
        _starting -= 1
        if not _starting:
            subprocess.Popen = _ORDINARY  # type: ignore[misc]


def _order(asked: Mapping[str, Any]) -> Order | None:
    """What the fork server is to do; None if it is not what it can do."""
    cwd = Path(asked["cwd"] or Path.cwd())
    match asked["args"]:
        case [sys.executable, "-c", str(code), *arguments]:
            file = "-c"
        case [sys.executable, str(file), *arguments] if file.endswith(".py"):
            code = (cwd / file).read_text("utf-8")
        case _:
            return None
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    if any(asked[name] not in (None, False, ()) for name in _NOT_FORKED) or (
        _for_interpreter(environment) != _for_interpreter(os.environ)
    ):
        return None
    return Order(
        code=code,
        arguments=[file, *arguments],
        environment=environment,
        cwd=str(cwd),
        session=asked["start_new_session"],
        group=asked["process_group"],
    )


def _for_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter reads at its start and a fork of another does not take on."""
    taken_on = ("PYTHONPATH", "PYTHONUNBUFFERED")
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LC_", "LANG")) and name not in taken_on
    }


class _Server:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = _ORDINARY(
                [sys.executable, "-c", _SERVER, str(_ROOT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

        atexit.register(self._close)

    def _close(self) -> None:
        self._channel.close()
        self._process.wait()

    def forked(self, order: Order, streams: Sequence[int]) -> int:
        """The id of the process that was started; it is this one's child.

        Raises:
            OSError: It could not be started.
        """
        text = json.dumps(order).encode()
        with self._lock, _adopting():
            socket.send_fds(self._channel, [len(text).to_bytes(LENGTH, "big")], streams)
            self._channel.sendall(text)
            answer = self._channel.recv(LENGTH)
        number = int.from_bytes(answer, "big", signed=True)
        if number <= 0:
            raise OSError(
                -number, os.strerror(-number) if answer else "no fork server", order["cwd"]
            )
        return number


@cache
def _server() -> _Server:
    return _Server()


@contextmanager
def _adopting() -> Iterator[None]:
    """Processes whose parents end meanwhile become this one's children, if they descend from it."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for on in (1, 0):
        if prctl(_PR_SET_CHILD_SUBREAPER, on, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        if on:
            yield
