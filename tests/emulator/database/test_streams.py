"""Event streams: their bytes, their ends, and readers that do not keep up."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.types import Message

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.responses import STREAM_HEADERS
from imbari_chat.emulator.database.streams import Stream
from imbari_chat.emulator.outgoing import Outgoing, Payload
from imbari_chat.emulator.tokens import encode_unsigned
from tests.emulator.event_stream import EventStream
from tests.virtual_time import in_virtual_time

OWNER = {"Authorization": "Bearer owner"}
BUFFER = 256 * 1024


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def emulator(clock: Clock) -> Iterator[Emulator]:
    """One with little patience."""
    with Emulator(
        clock=clock, keep_alive=0.05, enforce_expiry=True, stream_buffer=BUFFER
    ) as running:
        yield running


def test_a_stream_is_these_bytes(http: httpx.Client) -> None:
    """One event line, one data line, one blank line; UTF-8 as it is."""
    with EventStream(http, "/s.json") as stream:
        assert stream.raw() == b'event: put\ndata: {"path":"/","data":null}\n\n'
        http.put("/s/x.json", json="n\nü")
        assert stream.said() == 'event: put\ndata: {"path":"/x","data":"n\\nü"}\n\n'.encode()


def test_an_idle_stream_carries_keep_alives(http: httpx.Client) -> None:
    """Case 74, at a shorter interval."""
    with EventStream(http, "/s.json") as stream:
        assert stream.next()[0] == "put"
        assert stream.raw() == b"event: keep-alive\ndata: null\n\n"
        assert stream.raw() == b"event: keep-alive\ndata: null\n\n"


def test_an_ended_token_ends_its_stream(http: httpx.Client, clock: Clock) -> None:
    """At ``exp`` comes auth_revoked, as raw text, and then the end: case 78."""
    issued = int(clock.now)
    token = encode_unsigned({"sub": "u1", "iat": issued, "exp": issued + 3600})
    with EventStream(http, f"/s.json?auth={token}") as stream:
        assert stream.next()[0] == "put"
        clock.now += 3599.5
        for _ in range(3):
            assert stream.raw().startswith(b"event: keep-alive")
        clock.now += 1.5
        assert stream.said() == b"event: auth_revoked\ndata: credential is no longer valid\n\n"
        assert stream.ended()
    refused = http.get(f"/s.json?auth={token}")
    assert (refused.status_code, refused.json()) == (401, {"error": "Auth token is expired"})


def test_a_token_that_was_never_issued_does_not_end(http: httpx.Client) -> None:
    """The mock tokens of the SDKs have ``iat`` 0 and an ``exp`` long past."""
    token = encode_unsigned({"sub": "u1", "iat": 0, "exp": 3600})
    assert http.get(f"/s.json?auth={token}").status_code == 200


def test_all_listeners_hear_every_write_in_order(http: httpx.Client) -> None:
    """Twenty streams, fifty writes, one order."""
    streams = [EventStream(http, f"/{'s' if n % 2 else 'S'}.json") for n in range(20)]
    try:
        for stream in streams:
            assert stream.next()[0] == "put"
        for n in range(50):
            http.patch("/.json", json={"s/n": n, "S/n": n})
        for stream in streams:
            heard = [stream.next()[1]["data"]["n"] for _ in range(50)]
            assert heard == list(range(50))
    finally:
        for stream in streams:
            stream.close()


def _deaf_listener(emulator: Emulator, namespace: str) -> socket.socket:
    """A stream nobody reads: connected, and past the response's first bytes."""
    host, port = emulator.database_host.split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.settimeout(30)
    deaf.connect((host, int(port)))
    deaf.sendall(
        f"GET /s.json?ns={namespace} HTTP/1.1\r\nHost: {host}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    assert deaf.recv(12) == b"HTTP/1.1 200"
    return deaf


def test_a_reader_that_does_not_read_is_cut_off(
    emulator: Emulator, namespace: str, http: httpx.Client
) -> None:
    """Writers are not held up, others hear everything, and the body of the deaf one breaks off."""
    with _deaf_listener(emulator, namespace) as deaf, EventStream(http, "/s.json") as good:
        text = "x" * 100_000
        heard: list[str] = []
        ahead = threading.Semaphore(20)  # of whoever reads, however slowly

        def follow() -> None:
            assert good.next()[1]["path"] == "/"
            while len(heard) < 100:
                heard.append(good.next()[1]["path"])
                ahead.release()

        reading = threading.Thread(target=follow)
        reading.start()
        for n in range(100):
            assert ahead.acquire(timeout=60)
            assert http.put(f"/s/{n}.json?print=silent", json=text).status_code == 204
        reading.join(60)
        assert heard == [f"/{n}" for n in range(100)]
        received = b""
        while b'"path":"/99"' not in received and (chunk := deaf.recv(1 << 20)):
            received += chunk
        assert b'"path":"/0"' in received
        assert b'"path":"/99"' not in received
        assert not received.endswith(b"0\r\n\r\n")


def test_one_event_may_be_larger_than_the_buffer(http: httpx.Client) -> None:
    """The bound is on what waits, not on what is sent."""
    text = "x" * (3 * BUFFER)
    with EventStream(http, "/s.json") as stream:
        assert stream.next()[0] == "put"
        http.put("/s/big.json?print=silent", json=text)
        assert stream.next() == ("put", {"path": "/big", "data": text})


def test_leaving_is_noticed(emulator: Emulator, namespace: str, http: httpx.Client) -> None:
    """A listener that has gone is owed nothing and held nowhere."""
    streams = emulator._database_app._streams
    audiences = emulator._databases.named(namespace)._audiences
    with EventStream(http, "/s.json") as stream:
        stream.next()
        assert streams
        assert audiences
    deadline = time.monotonic() + 20
    while streams or audiences:
        assert time.monotonic() < deadline
        http.get("/s.json")


def test_rules_that_close_a_stream_leave_the_others_open(http: httpx.Client) -> None:
    """Only those who may no longer listen get ``cancel``; an admin always may."""
    with (
        EventStream(http, "/s.json") as user,
        EventStream(http, "/s.json", OWNER) as admin,
    ):
        assert user.next()[0] == admin.next()[0] == "put"
        http.put("/.settings/rules.json", json={"rules": {}}, headers=OWNER)
        assert user.next() == ("cancel", None)
        assert user.ended()
        http.put("/s.json", json=1, headers=OWNER)
        assert admin.next() == ("put", {"path": "/", "data": 1})


ALIVE = b"event: keep-alive\ndata: null\n\n"
CANCEL = b"event: cancel\ndata: null\n\n"
REVOKED = b"event: auth_revoked\ndata: credential is no longer valid\n\n"


@pytest.mark.parametrize(
    ("does", "expires", "told"),
    [
        ({}, None, [(30, ALIVE), (60, ALIVE), (90, ALIVE)]),
        ({10: "push"}, None, [(10, b"event"), (40, ALIVE), (70, ALIVE)]),
        ({10: "cancel"}, None, [(10, CANCEL), (10, b"")]),
        ({10: "end"}, None, [(10, b"")]),
        ({10: "push, end, push"}, None, [(10, b"event"), (10, b"")]),
        ({10: "leave"}, None, []),
        ({}, 10, [(10, REVOKED), (10, b"")]),
        ({}, 40, [(30, ALIVE), (40, REVOKED), (40, b"")]),
        ({}, 30, [(30, ALIVE), (30, REVOKED), (30, b"")]),
        ({5: "push"}, 10, [(5, b"event"), (10, REVOKED), (10, b"")]),
        ({}, 0, [(0, REVOKED), (0, b"")]),
        ({9: "push"}, 10, [(9, b"event"), (10, REVOKED), (10, b"")]),
        ({10: "push, push, push"}, None, []),
    ],
)
def test_what_a_stream_says_it_says_in_its_second(
    does: dict[int, str], expires: float | None, told: list[tuple[float, bytes]]
) -> None:
    """Keep-alives in silence, ends at once, and nothing to whoever does not keep up."""

    async def main() -> tuple[list[tuple[float, bytes]], bool, int]:
        loop, outgoing = asyncio.get_running_loop(), Outgoing(1000)
        left = asyncio.Event()
        said: list[tuple[float, Message]] = []
        stream = Stream(
            outgoing,
            bound=4,
            keep_alive=30,
            expires_in=lambda: None if expires is None else expires - loop.time(),
        )

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append((loop.time(), message))

        running = asyncio.ensure_future(stream.run(receive, send))
        for second, actions in does.items():
            await asyncio.sleep(second - loop.time())
            for action in actions.split(", "):
                match action:
                    case "push":
                        stream.push(Payload(b"event"))
                    case "leave":
                        left.set()
                    case _:
                        getattr(stream, action)()
        await asyncio.sleep(99 - loop.time())
        ended = running.done()
        left.set()
        await running
        (_, start), *rest = said
        assert (start["type"], start["status"]) == ("http.response.start", 200)
        assert start["headers"] == list(STREAM_HEADERS)
        assert all(message["more_body"] == bool(message["body"]) for _, message in rest)
        return [(when, message["body"]) for when, message in rest], ended, outgoing.held

    said, ended, held = in_virtual_time(main())
    assert said == told
    assert ended == (not told or told[-1][1] == b"")
    assert held == 0


def test_a_stream_ends_with_what_is_still_being_written() -> None:
    """It was there before the end was asked for."""

    async def main() -> list[tuple[float, bytes]]:
        loop, outgoing = asyncio.get_running_loop(), Outgoing(1000)
        stream = Stream(outgoing, bound=4, keep_alive=30, expires_in=lambda: None)
        said: list[tuple[float, bytes]] = []

        async def send(message: Message) -> None:
            said.append((loop.time(), message.get("body", b"start")))

        later = Payload(None, size=1)
        stream.push(later)
        stream.end()
        running = asyncio.ensure_future(stream.run(asyncio.Event().wait, send))  # type: ignore[arg-type]  # nobody leaves
        await asyncio.sleep(5)
        outgoing.fill(later, b"event")
        await running
        return said

    assert in_virtual_time(main()) == [(0, b"start"), (5, b"event"), (5, b"")]


async def test_who_is_cut_off_before_it_begins_is_told_nothing() -> None:
    """And holds nothing."""
    outgoing = Outgoing(1000)
    stream = Stream(outgoing, bound=4, keep_alive=30, expires_in=lambda: None)
    for _ in range(3):
        stream.push(Payload(b"event"))

    async def nothing(*_: Message) -> Message:
        raise AssertionError

    await stream.run(nothing, nothing)  # type: ignore[arg-type]  # neither is called
    stream.push(Payload(b"event"))
    assert outgoing.held == 0


async def test_of_who_leaves_with_something_unsent_nothing_is_held() -> None:
    """Whatever waits, and though the first of it is under way."""
    outgoing = Outgoing(1000)
    stream = Stream(outgoing, bound=4, keep_alive=30, expires_in=lambda: None)
    leaves, stuck = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        stuck.set()
        await asyncio.Event().wait()

    stream.push(Payload(b"event"))
    running = asyncio.ensure_future(stream.run(receive, send))
    await stuck.wait()
    assert outgoing.held == 5
    leaves.set()
    await running
    assert outgoing.held == 0
