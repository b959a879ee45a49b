"""ASGI applications behind sockets that already listen, in one thread with one event loop."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from math import ceil
from typing import Final, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.lifespan.off import LifespanOff

from imbari_chat.emulator.connections import ConnectionLimits, Connections, most_connections
from imbari_chat.errors import Unavailable

__all__ = ["Hosting"]

T = TypeVar("T")

_GRACE_SECONDS: Final = 0.1
_MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of a text on a socket. The SDKs send at most 48 KiB."""


class _NoWebSocket(asyncio.Protocol):
    """Stands for the protocol that is imported at the first upgrade."""


class Hosting:
    """Serves from construction until :meth:`stop`.

    Args:
        apps: Each with the listening socket it answers on; the sockets are closed at the end.
        closing: Called in the loop when the end begins, to finish what would otherwise go on.
        limits: What connections may take; by default of as many as this process may have.
    """

    def __init__(
        self,
        apps: Sequence[tuple[ASGIApp, socket.socket]],
        closing: Callable[[], None],
        limits: ConnectionLimits | None = None,
    ) -> None:
        self._closing = closing
        self.connections = Connections(limits or ConnectionLimits(connections=most_connections()))
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready: Future[None] = Future()
        # A daemon, so that an emulator nobody stopped does not hold up the end of the process.
        self._thread = threading.Thread(
            target=self._run, args=(apps, ready), name="imbari-emulator", daemon=True
        )
        self._thread.start()
        ready.result()

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` in the loop, between requests, and give its result.

        Raises:
            Unavailable: Serving ended before its turn came.
        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001  # it is raised again by result()
                future.set_exception(error)

        stopped = Unavailable("the emulator has stopped")
        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:  # the loop is closed
            raise stopped from None
        while not wait([future], timeout=_GRACE_SECONDS).done:
            if not self._thread.is_alive() and not future.done():
                raise stopped
        return future.result()

    def stop(self) -> None:
        """Close the ports, let running requests finish for a moment, and end the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, apps: Sequence[tuple[ASGIApp, socket.socket]], ready: "Future[None]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(apps, ready))

    async def _serve(
        self, apps: Sequence[tuple[ASGIApp, socket.socket]], ready: "Future[None]"
    ) -> None:
        servers = []
        try:
            for app, listening in apps:
                servers.append(await _serving(app, listening, self.connections))
        except BaseException as error:  # noqa: BLE001  # it is raised again by result()
            ready.set_exception(error)
            return
        ready.set_result(None)
        await self._stop.wait()
        self._closing()
        await asyncio.gather(*(_finish(server) for server in servers))


async def _serving(
    app: ASGIApp, listening: socket.socket, connections: Connections
) -> uvicorn.Server:
    """A server that is accepting connections.

    Its own main loop polls for signals and the time of day, and its shutdown sleeps; neither is
    needed here, so only its start-up is used.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=connections.protocol(),
        ws=_NoWebSocket,  # a class of ours takes its place at the first upgrade
        ws_max_size=_MAX_FRAME,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=ceil(connections.limits.idle_seconds),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = LifespanOff(config)
    await server.startup(sockets=[listening])
    return server


async def _finish(server: uvicorn.Server) -> None:
    """Stop accepting, end idle connections, and give busy ones a moment before they are cut.

    What goes on after that is cancelled as the loop ends.
    """
    for listening in server.servers:
        listening.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    tasks = list(state.tasks)
    await _within_grace(tasks)
    for connection in list(state.connections):
        connection.transport.abort()
    await _within_grace(tasks)


async def _within_grace(tasks: "Sequence[asyncio.Task[None]]") -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
