"""An emulator for the length of a command, or of a process of its own.

What is started here is also ended here: the command's whole process group, and the emulator.
POSIX only, but for :func:`watch_parent` and :func:`serve`.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from imbari_chat.emulator.server import Emulator
from imbari_chat.errors import NotFound

__all__ = ["CommandNotFound", "run", "serve", "watch_parent"]

_ENDING = (signal.SIGINT, signal.SIGTERM) + ((signal.SIGHUP,) if sys.platform != "win32" else ())
_POLL_SECONDS = 0.02
_UNHEARD_SECONDS = 0.25
"""For so long a signal may go unheard: one that comes just before a wait begins does not end it."""


class CommandNotFound(NotFound):
    """There is no such program, or it cannot be run; a shell would exit with 127."""


def run(command: Sequence[str], emulator: Emulator, *, grace: float = 2.0) -> int:
    """Run ``command`` beside ``emulator``; both are over when this returns.

    The command finds the emulator by the variables of :meth:`Emulator.environment`. Signals that
    ask this process to end are passed on to it, and if whoever started this process is gone, the
    command is ended. Call from the main thread.

    Args:
        command: The program and its arguments; no shell is involved.
        grace: Seconds that processes the command leaves behind get before they are killed.

    Returns:
        The command's exit code, or 128 + n if signal n ended it.

    Raises:
        CommandNotFound: It cannot be started.
        ConfigError: The emulator cannot listen.
    """
    program = shutil.which(command[0])
    if program is None:
        raise CommandNotFound("no such command", where=command[0], hint="check spelling and PATH")
    relay = _Relay()
    with _handling(relay.handle), emulator:
        try:
            child = subprocess.Popen(  # noqa: S603  # running what the caller names is the purpose
                [program, *command[1:]],
                env=os.environ | emulator.environment(),
                process_group=0,
            )
        except OSError as error:
            raise CommandNotFound(f"cannot be run: {error.strerror}", where=program) from error
        try:
            relay.to(child.pid)
            forget_parent = watch_parent(os.getppid(), lambda: _end_group(child, grace))
            with _foreground(child.pid):
                code = _ended(child)
            forget_parent()
        finally:
            _end_group(child, grace)
    return 128 - code if code < 0 else code


def serve(
    emulator: Emulator,
    *,
    parent: int | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run ``emulator`` until this process is asked to end. Call from the main thread.

    Args:
        ready: Called once it answers.
        parent: Process id of whoever started this process: end as well when that one is gone.
    """
    asked = threading.Event()
    with _handling(lambda _number, _frame: asked.set()), emulator:
        if parent is not None:
            watch_parent(parent, asked.set)
        ready()
        while not asked.wait(_UNHEARD_SECONDS):
            pass


def watch_parent(
    parent: int, gone: Callable[[], None], *, every: float = 0.1
) -> Callable[[], None]:
    """Call ``gone`` once, from a thread, when process ``parent`` is not this one's parent.

    Whoever loses its parent is given another, on every Unix; polling needs nothing more. The id
    is an argument, so that a parent that ended before this process looked is noticed too.

    Args:
        every: Seconds between two looks.

    Returns:
        What to call when it does not matter any more.
    """
    over = threading.Event()

    def look() -> None:
        while os.getppid() == parent:
            if over.wait(every):
                return
        gone()

    thread = threading.Thread(target=look, name="imbari-parent-watch", daemon=True)
    thread.start()

    def forget() -> None:
        over.set()
        thread.join()

    return forget


def _ended(child: "subprocess.Popen[bytes]") -> int:
    """Its exit code, when it has ended; signals are handled meanwhile.

    A thread waits, since what comes just before a wait without an end begins would be handled when
    that ends.
    """
    over = threading.Event()

    def wait() -> None:
        child.wait()
        over.set()

    threading.Thread(target=wait, name="imbari-child-wait", daemon=True).start()
    while not over.wait(_UNHEARD_SECONDS):
        pass
    return child.wait()


class _Relay:
    """Passes signals on to a process group, those included that come before there is one."""

    def __init__(self) -> None:
        self._group: int | None = None
        self._early: list[int] = []

    def to(self, group: int) -> None:
        self._group = group
        for number in self._early:
            _signal_group(group, number)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if self._group is None:
            self._early.append(number)
        else:
            _signal_group(self._group, number)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number in _ENDING}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


@contextmanager
def _foreground(group: int) -> Iterator[None]:
    """Lend the terminal, if there is one, to the command: it may read it, and Ctrl-C is its own."""
    if not sys.stdin.isatty():
        yield
        return
    _lend_terminal(group)
    _signal_group(group, signal.SIGCONT)  # it may have read too early, and been stopped for it
    try:
        yield
    finally:
        _lend_terminal(os.getpgrp())


def _lend_terminal(group: int) -> None:
    """Whoever does this from the background is stopped by SIGTTOU, unless it is blocked."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        os.tcsetpgrp(sys.stdin.fileno(), group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _end_group(child: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask everything in the child's process group to end, then kill what is left."""
    _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while _signal_group(child.pid, 0) and time.monotonic() < deadline:
        child.poll()  # until it is waited for, a child that has ended still counts
        time.sleep(_POLL_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: int) -> bool:
    """True if there was anybody in the group to get it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
