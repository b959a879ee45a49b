"""Strangers at the door: heads, silence, readers and numbers, over plain sockets."""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from imbari_chat.emulator.connections import ConnectionLimits, Connections, most_connections
from tests.emulator.database.serving import serving
from tests.virtual_time import in_virtual_time

PATIENCE = 20
QUICK = ConnectionLimits(head_seconds=0.8, idle_seconds=2.0, body_seconds=2.0, reader_seconds=0.4)
HEAD_BYTES = 64 * 1024
READ = b"GET /a.json HTTP/1.1\r\nHost: localhost\r\n"
STREAM = READ + b"Accept: text/event-stream\r\n\r\n"


@pytest.fixture(scope="module")
def patient() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def quick() -> Iterator[str]:
    with serving(connections=QUICK) as address:
        yield address


def _connected(address: str, *, receive_buffer: int | None = None) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    connection.connect((host, int(port)))
    return connection


def _everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def _answer(connection: socket.socket) -> bytes:
    """One answer, as far as the first piece of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        assert chunk, "closed without an answer"
        data += chunk
    return data


def _head_of(size: int, headers: int) -> bytes:
    """A whole head of exactly ``size`` bytes, with its filling spread over so many headers."""
    lines = [b"X%05d: " % number for number in range(headers)]
    fixed = len(READ) + sum(len(line) + 2 for line in lines) + 2
    lines[0] += b"a" * (size - fixed)
    return READ + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize("headers", [1, 500])
def test_a_head_of_64_kib_is_served_and_one_byte_more_is_not(patient: str, headers: int) -> None:
    """In one header or in many, and however it is cut into packets."""
    with _connected(patient) as fits:
        fits.sendall(_head_of(HEAD_BYTES, headers))
        assert _answer(fits).startswith(b"HTTP/1.1 200")
    with _connected(patient) as too_long:
        too_long.sendall(_head_of(HEAD_BYTES + 1, headers))
        answer = _everything(too_long)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"65536 bytes" in answer


def test_a_head_without_an_end_is_refused_when_it_is_too_long(patient: str) -> None:
    """Nobody has to wait for the rest of it."""
    with _connected(patient) as endless:
        endless.sendall(READ + b"X: " + b"a" * 2 * HEAD_BYTES)
        assert _everything(endless).startswith(b"HTTP/1.1 431 ")


def test_half_a_head_has_a_time(quick: str) -> None:
    """Whoever sends no more is told, and is gone."""
    with _connected(quick) as half:
        half.sendall(READ)
        answer = _everything(half)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"too long to arrive" in answer


def test_a_connection_without_a_request_has_a_time(quick: str) -> None:
    """It is closed without a word."""
    with _connected(quick) as idle:
        assert _everything(idle) == b""


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n\r\n1", b"Transfer-Encoding: chunked\r\n\r\n5\r\n1"]
)
def test_silence_in_a_body_has_a_time(quick: str, head: bytes) -> None:
    """However its length is told; nothing of it is written."""
    with _connected(quick) as silent:
        silent.sendall(b"PUT /silent.json HTTP/1.1\r\nHost: localhost\r\n" + head)
        assert _everything(silent).startswith(b"HTTP/1.1 408 ")
    with _connected(quick) as other:
        other.sendall(b"GET /silent.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert _answer(other).startswith(b"HTTP/1.1 200")


class Line(asyncio.Transport):
    """What a connection does to its peer, who takes of it what it is told to.

    Attributes:
        unsent: Bytes that the peer has not taken.
        looks: How often they were asked for.
        written: What it was sent.
        ends: How it was ended, and when; seconds of the loop's clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unsent = self.looks = 0
        self.written = b""
        self.ends: list[tuple[str, float]] = []

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self._end("closed")

    def abort(self) -> None:
        self._end("dropped")

    def _end(self, how: str) -> None:
        if how not in dict(self.ends):
            self.ends.append((how, asyncio.get_running_loop().time()))

    def is_closing(self) -> bool:
        return bool(self.ends)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        self.looks += 1
        return self.unsent


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers when it has heard all; by the path, it does not listen, takes long, or has no end."""
    if scope["path"] == "/deaf":
        await asyncio.sleep(900)
    while scope["path"] != "/early" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/long":
        await asyncio.sleep(900)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/late":
        await asyncio.sleep(10)
    if scope["path"] in {"/stream", "/early"}:
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.sleep(2000)
    await send({"type": "http.response.body", "body": b"1"})


def _course(
    said: dict[int, bytes | int], app: Any = _app
) -> tuple[list[tuple[str, float]], list[str]]:
    """How and when a connection ends, and the statuses it answers.

    Args:
        said: By the second: what comes, or how much of what waits is not taken.
        app: Answers.
    """

    async def main() -> tuple[list[tuple[str, float]], list[str]]:
        config = Config(app, log_config=None, timeout_keep_alive=3600)
        config.load()
        protocol: Any = Connections(ConnectionLimits()).protocol()
        connection, line = protocol(config, ServerState(), {}), Line()
        loop = asyncio.get_running_loop()
        mistakes: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: mistakes.append(context))
        connection.connection_made(line)
        for second, what in said.items():
            await asyncio.sleep(second - loop.time())
            if isinstance(what, int):
                line.unsent = what
                (connection.pause_writing if what else connection.resume_writing)()
            elif not line.ends:
                connection.data_received(what)
        await asyncio.sleep(1000 - loop.time())
        ends = list(line.ends)
        connection.connection_lost(None)
        for task in connection.tasks:
            task.cancel()
        await asyncio.gather(*connection.tasks, return_exceptions=True)
        looks = line.looks
        await asyncio.sleep(100)
        assert line.looks == looks, "it is still looked at, though it is lost"
        assert not mistakes
        answers = line.written.split(b"HTTP/1.1 ")[1:]
        return ends, [one[:3].decode() for one in answers]

    return in_virtual_time(main())


WHOLE = READ + b"\r\n"
PUT = b"PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
MUCH = b"x" * 100_000
BOTH = b"1.0\r\nTransfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("said", "end", "answers"),
    [
        ({}, ("closed", 60), []),
        ({1: b"G"}, ("closed", 25), ["408"]),
        ({1: READ, 15: b"X: ", 20: b"y"}, ("closed", 25), ["408"]),
        ({1: READ, 15: b"\r\n"}, ("closed", 75), ["200"]),
        ({41: READ}, ("closed", 65), ["408"]),
        ({1: WHOLE}, ("closed", 65), ["200"]),
        ({1: WHOLE, 50: WHOLE}, ("closed", 110), ["200", "200"]),
        ({1: WHOLE, 50: READ}, ("closed", 70), ["200", "408"]),
        ({1: PUT % (b"/a", 3)}, ("closed", 35), ["408"]),
        ({1: PUT % (b"/a", 3), 20: b"1"}, ("closed", 50), ["408"]),
        ({1: PUT % (b"/a", 3), 25: b"1", 50: b"2", 75: b"3"}, ("closed", 135), ["200"]),
        ({1: PUT % (b"/early", 3)}, ("closed", 35), ["200"]),
        ({1: PUT % (b"/long", 1) + b"1"}, ("closed", 965), ["200"]),
        ({1: PUT % (b"/deaf", len(MUCH) + 1) + MUCH}, ("closed", 930), ["408"]),
        ({1: WHOLE.replace(b"/a.json", b"/stream")}, None, ["200"]),
        ({1: WHOLE.replace(b"/a.json", b"/late"), 5: 7, 31: 0}, ("closed", 95), ["200"]),
        ({1: b"nonsense\r\n\r\n"}, ("closed", 1), ["400"]),
        ({1: PUT.replace(b"1.1\r\nHost: localhost", BOTH) % (b"/a", 3)}, ("closed", 1), ["400"]),
    ],
)
def test_whoever_sends_nothing_more_has_a_time(
    said: dict[int, bytes | int], end: tuple[str, float] | None, answers: list[str]
) -> None:
    """A head from its first byte on, a body from its last; who waits for an answer has any time."""
    ends, answered = _course(said)
    assert ends[:1] == ([] if end is None else [end])
    assert answered == answers


@pytest.mark.parametrize(
    ("waits", "end"),
    [
        ({}, None),
        ({2: 5}, 60),
        ({31: 5}, 90),
        ({2: 5, 31: 4}, 95),
        ({2: 5, 31: 6}, 60),
        ({2: 5, 31: 0}, None),
        ({2: 5, 41: 0, 42: 6}, 105),
        ({2: 5, 31: 0, 301: 5}, 360),
        (dict(zip(range(2, 1000, 50), range(20, 0, -1), strict=True)), None),
    ],
)
def test_who_takes_nothing_of_what_waits_is_cut_off(waits: dict[int, int], end: int | None) -> None:
    """After a minute in which it got no less, for nothing else would end that."""
    ends, _ = _course({1: WHOLE.replace(b"/a.json", b"/stream"), **waits})
    assert ends == ([] if end is None else [("dropped", end)])


def test_whoever_works_on_what_comes_no_more_is_told() -> None:
    """At once, and not only when the connection is gone."""
    told: list[float] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        told.append(asyncio.get_running_loop().time())

    assert _course({1: PUT % (b"/a", 3)}, app) == ([("closed", 35)], ["408"])
    assert told == [35]


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        (b"nonsense\r\n\r\n", "400 Bad Request", "Invalid HTTP request received."),
        (PUT.replace(b"1.1\r\nHost: localhost", BOTH) % (b"/a", 3), "400 Bad Request",
         "Invalid HTTP request received."),
        (READ + b"X: " + b"a" * HEAD_BYTES, "431 Request Header Fields Too Large",
         "A request's line and headers have at most 65536 bytes"),
        (READ, "408 Request Timeout", "The request took too long to arrive"),
        (None, "503 Service Unavailable", "There are too many connections"),
    ],
    ids=["no request", "two ends", "too long", "too slow", "too many"],
)  # fmt: skip
def test_who_is_refused_is_told_why(said: bytes | None, status: str, reason: str) -> None:
    """In JSON, and once; then the connection is closed."""

    async def main() -> tuple[bytes, bool]:
        config = Config(_app, log_config=None)
        config.load()
        everyone = Connections(ConnectionLimits(connections=1))
        protocol: Any = everyone.protocol()
        connections = [protocol(config, ServerState(), {}) for _ in range(2)]
        lines = [Line(), Line()]
        connections[0].connection_made(lines[0])
        connections[0].data_received(said or WHOLE.replace(b"/a.json", b"/stream"))
        await asyncio.sleep(0)
        if said is None:
            connections[1].connection_made(lines[1])
        await asyncio.sleep(30)
        refused = lines[said is None]
        told, closing = refused.written, refused.is_closing()
        for connection in connections[: 1 + (said is None)]:
            connection.connection_lost(None)
            for task in connection.tasks:
                task.cancel()
            await asyncio.gather(*connection.tasks, return_exceptions=True)
        return told, closing

    body = f'{{"error":"{reason}"}}'
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n"
    head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    told, closing = in_virtual_time(main())
    assert closing
    assert told.lower() == (head + body).encode().lower()  # h11 writes Connection, at times


def test_an_end_that_is_not_taken_is_cut_off() -> None:
    """Who is told that it is too late may have stopped taking anything."""
    ends, _ = _course({1: READ, 2: 5})
    assert ends == [("closed", 25), ("dropped", 60)]


@pytest.mark.parametrize("end", [b"\r\n", b"Accept: text/event-stream\r\n\r\n"])
def test_a_reader_who_takes_nothing_has_a_time(quick: str, end: bytes) -> None:
    """Of an answer, and of a stream: what is left of it is dropped, and so is the connection."""
    big = b'"' + b"x" * 8 * 1024 * 1024 + b'"'
    with _connected(quick) as writer:
        writer.sendall(
            b"PUT /a.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(big)
        )
        writer.sendall(big)
        _answer(writer)
    with _connected(quick, receive_buffer=4096) as stuck:
        stuck.sendall(READ + end)
        time.sleep(10 * QUICK.reader_seconds)
        assert len(_everything(stuck)) < len(big)


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"content-length: 0\r\nX: y\r\ntransfer-encoding: Chunked\r\n",
    ],
)
def test_a_body_with_two_ends_is_refused(patient: str, lengths: bytes) -> None:
    """What one reader takes for a body, another takes for a request: it is neither here."""
    with _connected(patient) as smuggler:
        smuggler.sendall(
            b"PUT /two-ends.json HTTP/1.1\r\nHost: localhost\r\n" + lengths + b"\r\n0\r\n\r\n"
            b"GET /a.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = _everything(smuggler)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"Invalid HTTP request" in answer
        assert answer.count(b"HTTP/1.1") == 1


def test_requests_in_one_packet_are_answered_in_order(patient: str) -> None:
    """Pipelining is HTTP; the last of them closes."""
    with _connected(patient) as pipelined:
        put = b"PUT /piped.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n%d"
        get = b"GET /piped.json HTTP/1.1\r\nHost: localhost\r\n"
        pipelined.sendall(put % 1 + get + b"\r\n" + put % 2 + get + b"Connection: close\r\n\r\n")
        bodies = [part[-1:] for part in _everything(pipelined).split(b"HTTP/1.1 ")[1:]]
        assert bodies == [b"1", b"1", b"2", b"2"]


def test_who_waits_makes_room_and_who_is_served_stays() -> None:
    """Half-open connections lock nobody out, in any number."""
    limits = ConnectionLimits(connections=4)
    with serving(connections=limits) as address, ExitStack() as open_ones:
        stream = open_ones.enter_context(_connected(address))
        stream.sendall(STREAM)
        _answer(stream)
        half = [open_ones.enter_context(_connected(address)) for _ in range(20)]
        for each in half:
            each.sendall(b"GET /a.json HTTP/1.1\r\nX: ")
        with _connected(address) as served:
            served.sendall(READ + b"Connection: close\r\n\r\n")
            assert _everything(served).startswith(b"HTTP/1.1 200")
        with _connected(address) as served:
            served.sendall(
                b"PUT /a.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\ntrue"
            )
            assert _answer(served).startswith(b"HTTP/1.1 200")
        while b"true" not in (event := stream.recv(65536)):
            assert event
        for each in half:
            with suppress(OSError):
                each.sendall(b"y\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert sum(b"HTTP/1.1 200" in _everything(each) for each in half) <= 2


def test_whoever_has_left_takes_no_place() -> None:
    """However it left, and though nothing was free meanwhile."""
    with serving(connections=ConnectionLimits(connections=2)) as address:
        for _ in range(3):
            with _connected(address) as served:
                served.sendall(READ + b"Connection: close\r\n\r\n")
                assert _everything(served).startswith(b"HTTP/1.1 200")
            with _connected(address) as gone:
                gone.sendall(STREAM)
                assert _answer(gone).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("files", "most"),
    [(1, 1), (3, 1), (256, 128), (2000, 1000), (2002, 1000), (resource.RLIM_INFINITY, 1000)],
)
def test_half_of_the_files_are_for_connections(
    monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    """The other half is for what serves them."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert most_connections() == most


def test_when_all_are_served_the_next_one_is_told() -> None:
    """503, and nothing it asked for is done."""
    with serving(connections=ConnectionLimits(connections=2)) as address, ExitStack() as streams:
        for _ in range(2):
            stream = streams.enter_context(_connected(address))
            stream.sendall(STREAM)
            _answer(stream)
        with _connected(address) as one_more:
            answer = _everything(one_more)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"too many connections" in answer
