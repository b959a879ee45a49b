"""What is left of a round when everybody has gone, and of a whole run.

Rounds play at once in one process, so a round asks only for what is its own: tasks by their
context, threads by name, sockets by port, open files by folder. The rest is asked when all are
over.
"""

import asyncio
import contextvars
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection, Coroutine, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["Baseline", "Belongings", "attributing_tasks"]

_PATIENCE: Final = 20.0
"""Seconds in which what is ending may end."""

_LOOK: Final = 0.02
_DESCRIPTORS: Final = Path("/proc/self/fd")
_TCP: Final = Path("/proc/self/net/tcp")
_TEMPORARY: Final = (".tmp", "-journal", "-wal", "-shm")

_here: contextvars.ContextVar["Belongings | None"] = contextvars.ContextVar("round", default=None)


class Belongings:
    """What one round has, from when it is entered.

    Args:
        folder: Its files.
        threads: Prefix of its threads' names.
    """

    def __init__(self, folder: Path, threads: str) -> None:
        self._folder = folder
        self._threads = threads
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.ports: set[int] = set()

    @contextmanager
    def here(self) -> Iterator[None]:
        """Whatever begins in the block is the round's."""
        token = _here.set(self)
        try:
            yield
        finally:
            _here.reset(token)

    def note(self, task: "asyncio.Task[Any]") -> None:
        """This one as well."""
        self._tasks.add(task)

    async def left(self) -> list[str]:
        """What is left of it, once that does not change any more; after the block."""
        return await _settled(self._left)

    def _left(self) -> list[str]:
        left = [f"task {one}" for one in self._tasks if not one.done()]
        left += [
            f"thread {one.name}"
            for one in threading.enumerate()
            if one.name.startswith(self._threads)
        ]
        left += [
            f"file {one}"
            for one in self._folder.rglob("*")
            if one.name.endswith(_TEMPORARY) and not one.is_relative_to(self._folder / "data")
        ]
        links = _descriptors().values()
        left += [f"open file {one}" for one in links if one.startswith(f"{self._folder}/")]
        ports = _ports_by_inode()
        for link in links:
            ours = ports.get(link.removeprefix("socket:[").rstrip("]"), set()) & self.ports
            left += [f"socket at {port}" for port in ours]
        return left


class Baseline:
    """What there is before the first round."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = set(_descriptors())

    async def left(self) -> list[str]:
        """What there is beside that now."""
        return await _settled(self._left)

    def _left(self) -> list[str]:
        threads = set(threading.enumerate()) - self._threads
        descriptors = _descriptors()
        return [
            *(f"thread {one.name}" for one in threads),
            *(
                f"descriptor {number}: {link} {_ends(link)}"
                for number, link in descriptors.items()
                if number not in self._descriptors
            ),
        ]


def attributing_tasks(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    *,
    context: contextvars.Context | None = None,
) -> "asyncio.Task[Any]":
    """A task factory: each task belongs to the round in whose context it was made."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context)
    owner = _here.get() if context is None else context.get(_here)
    if owner is not None:
        owner.note(task)
    return task


async def _settled(look: Callable[[], Collection[str]]) -> list[str]:
    # A connection that broke hangs in the cycle of its own error until then.
    gc.collect()
    deadline = time.monotonic() + _PATIENCE
    # Nobody says when a descriptor is closed.
    while (left := look()) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)
    if left:  # some broke while they were waited for
        gc.collect()
        left = look()
    return sorted(left)


def _descriptors() -> dict[str, str]:
    """By number, what each leads to; none where the system does not say."""
    if sys.platform != "linux":
        return {}
    found = {}
    for one in _DESCRIPTORS.iterdir():
        try:
            found[one.name] = str(one.readlink())
        except FileNotFoundError:  # the one that was listed with
            continue
    return found


def _ends(link: str) -> str:
    """Of a socket: where it leads, and its state by the kernel's number."""
    for line in _TCP.read_text("ascii").splitlines()[1:] if _TCP.exists() else ():
        row = line.split()
        if row[9] == link.removeprefix("socket:[").rstrip("]"):
            ends = (int(end.rpartition(":")[2], 16) for end in row[1:3])
            return f"{' to '.join(map(str, ends))}, state {row[3]}"
    return ""


def _ports_by_inode() -> dict[str, set[int]]:
    """Both ends of each socket of this machine."""
    if not _TCP.exists():
        return {}
    rows = [line.split() for line in _TCP.read_text("ascii").splitlines()[1:]]
    return {row[9]: {int(end.rpartition(":")[2], 16) for end in row[1:3]} for row in rows}
