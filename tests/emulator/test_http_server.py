"""The end of what is served: who is under way has a moment, and nobody holds it up."""

import asyncio
import socket
import threading
from contextlib import ExitStack

import pytest
from starlette.types import Receive, Scope, Send

from imbari_chat.emulator.http_server import Hosting
from imbari_chat.emulator.listening import address, listen

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone"


def test_requests_under_way_have_a_moment_at_the_end() -> None:
    """Who answers soon is heard, with no header but its own; who does not is told that its client
    has gone; and who goes on nevertheless holds nothing up."""
    arrived = threading.Semaphore(0)
    told: list[str] = []
    ending = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.release()
        match scope["path"]:
            case "/soon":
                await ending.wait()
                await asyncio.sleep(0)
                headers = [(b"content-length", b"4")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": b"done"})
            case "/waits":
                while (message := await receive())["type"] != "http.disconnect":
                    pass
                told.append(message["type"])
            case _:
                await asyncio.Event().wait()

    listening = listen("database", "127.0.0.1", 0)
    hosting = Hosting([(app, listening)], ending.set)
    with ExitStack() as clients:
        heard = []
        for path in ("/soon", "/waits", "/never"):
            client = clients.enter_context(socket.create_connection(address(listening), timeout=60))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert arrived.acquire(timeout=60)
            heard.append(client.makefile("rb"))
        hosting.stop()
        assert heard[0].read() == ANSWER
    assert told == ["http.disconnect"]


def test_what_cannot_be_served_is_told_where_it_was_asked_for() -> None:
    """And nothing goes on."""

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None: ...

    before = set(threading.enumerate())
    listening = listen("database", "127.0.0.1", 0)
    listening.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        Hosting([(app, listening)], lambda: None)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert set(threading.enumerate()) <= before
