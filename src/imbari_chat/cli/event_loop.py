"""The event loop of a command, which is gone as soon as the command is.

``asyncio.run`` is not enough. It waits for the threads of the loop's own pool, which look up host
names, and so does the end of the interpreter: a resolver that does not answer would hold up Ctrl-C.
And a signal that comes just before the loop goes to sleep is not noticed until something wakes it.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

__all__ = ["run"]

_LONGEST_SLEEP: Final = 0.25
"""Seconds."""

P = ParamSpec("P")
R = TypeVar("R")


def run(work: Coroutine[Any, Any, R]) -> R:
    """Run ``work`` in an event loop of its own.

    Raises:
        KeyboardInterrupt: Ctrl-C; ``work`` was cancelled and has ended.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_default_executor(_Unwaited())
        _keep_awake(loop)
        return runner.run(work)


def _keep_awake(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(_LONGEST_SLEEP, _keep_awake, loop)


class _Unwaited(ThreadPoolExecutor):
    """Every call on a daemon thread of its own: there are few, and nobody waits for them."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        future: Future[R] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  # carried to whoever awaits the call
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, name="loop", daemon=True).start()
        return future
