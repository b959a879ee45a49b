"""Strangers at the door: heads, silence, readers and numbers, over plain sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from imbari_chat.emulator.connections import ConnectionLimits
from tests.emulator.database.serving import serving

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


@pytest.mark.parametrize("beginning", [b"G", READ, READ + b"X: "])
def test_half_a_head_has_a_time(quick: str, beginning: bytes) -> None:
    """Whoever sends no more is told, and is gone."""
    with _connected(quick) as half:
        half.sendall(beginning)
        answer = _everything(half)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"too long to arrive" in answer


def test_a_head_that_comes_byte_by_byte_has_the_same_time(quick: str) -> None:
    """It counts from the first byte, not from the last."""
    with _connected(quick) as dripping:
        dripping.sendall(READ + b"X: ")
        dripping.settimeout(0.05)
        answer = b""
        for _ in range(20 * PATIENCE):
            try:
                answer = dripping.recv(100)
                break
            except TimeoutError:
                dripping.sendall(b"a")
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("before", [b"", READ + b"\r\n"])
def test_a_connection_without_a_request_has_a_time(quick: str, before: bytes) -> None:
    """Before the first one and after an answer; it is closed without a word."""
    with _connected(quick) as idle:
        idle.sendall(before)
        assert _everything(idle).count(b"HTTP/1.1") == (1 if before else 0)


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


def test_a_body_may_take_longer_than_a_silence(quick: str) -> None:
    """What counts is that it comes, not how fast."""
    with _connected(quick) as slow:
        slow.sendall(b"PUT /slow.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        for digit in b"1234567890":
            time.sleep(QUICK.body_seconds / 8)
            slow.sendall(bytes([digit]))
        assert _answer(slow).startswith(b"HTTP/1.1 200")


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
