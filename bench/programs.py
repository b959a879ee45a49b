"""Programs of this benchmark in processes of their own; each is gone when its block ends.

The peers keep threads that cannot be stopped and state that a process has once, so whatever they
do is done in a process that can be killed.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

__all__ = ["result", "running", "serving"]

_RESULT_LIMIT: Final = 120.0


@contextmanager
def running(
    module: str, *arguments: str, quiet: bool = False, notes: IO[str] | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """``python -m module`` with pipes to talk through.

    Args:
        module: What to run.
        arguments: Its arguments.
        quiet: Drop what it writes to stderr: a peer's thread that dies says so there.
        notes: A file for that instead.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=notes or (subprocess.DEVNULL if quiet else None),
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[str]:
    """A server that prints its port first: its ``host:port``."""
    with running(module, *arguments) as process:
        assert process.stdout
        yield f"127.0.0.1:{process.stdout.readline().strip()}"


def result(module: str, *arguments: str, quiet: bool = False, limit: float = _RESULT_LIMIT) -> str:
    """The one line that a program prints when it has measured.

    Raises:
        RuntimeError: It ended without, or did not come to it.
    """
    with running(module, *arguments, quiet=quiet) as process:
        assert process.stdout
        overdue = threading.Timer(limit, process.kill)
        overdue.start()
        line = process.stdout.readline()
        overdue.cancel()
    if not line:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended without a result")
    return line
