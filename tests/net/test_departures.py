"""What leaves a socket is seen, and nothing else is taken for it."""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from imbari_chat.net.departures import Departures

WAIT = 60.0

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what arrived")


def _info(under_way: int, ago: int, arrived: int) -> bytes:
    return struct.pack("=24xI28xI60xQ", under_way, ago, arrived)


class Link:
    """A socket of which the system says what a test says."""

    def __init__(self, *told: bytes) -> None:
        self._told = list(told)

    def getsockopt(self, *_: object) -> bytes:
        if not self._told:
            raise OSError
        return self._told.pop(0)


@linux
@pytest.mark.parametrize(
    ("told", "moved"),
    [
        ([_info(3, 500, 1000)], [99.5]),
        ([_info(3, 500, 1000), _info(3, 9500, 1000)], [99.5, None]),
        ([_info(3, 500, 1000), _info(0, 1500, 2000)], [99.5, 98.5]),
        ([_info(3, 500, 1000), _info(0, 1500, 2000), _info(0, 0, 3000)], [99.5, 98.5, None]),
        ([_info(0, 0, 1000)], [None]),
        ([b"short"], [None]),
        ([], [None]),
    ],
    ids=["leaves", "stuck", "has left", "at once", "went out at once", "no such facts", "gone"],
)
def test_bytes_move_if_some_arrived_that_others_waited_for(
    monkeypatch: pytest.MonkeyPatch, told: list[bytes], moved: list[float | None]
) -> None:
    """At the moment at which they did, which may have been a while ago."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    departures = Departures(Link(*told))
    assert [departures.moved_at() for _ in moved] == moved


def test_where_the_system_does_not_tell_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert Departures(Link(_info(3, 500, 1000))).moved_at() is None


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection with little room on the way."""
    with socket.socket() as listening, socket.socket() as ours:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ours.connect(listening.getsockname())
        ours.setblocking(False)
        theirs, _ = listening.accept()
        with closing(theirs):
            yield ours, theirs


@linux
async def test_the_system_tells_of_a_socket_what_moves(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """While the other end takes some of it, and no longer."""
    ours, theirs = ends
    departures = Departures(ours)
    begin = time.monotonic()
    while ours.send(b"x" * 1000) == 1000 and _is_writable(ours):
        pass
    assert departures.moved_at() is not None
    for _ in range(3):
        theirs.setblocking(False)
        moved = await _until_moved(departures, theirs)
        assert begin <= moved <= time.monotonic()


def _is_writable(link: socket.socket) -> bool:
    import select

    return bool(select.select([], [link], [], 0)[1])


async def _until_moved(departures: Departures, theirs: socket.socket) -> float:
    """Read a little, again and again, until that is seen."""
    async with asyncio.timeout(WAIT):
        while (moved := departures.moved_at()) is None:
            with suppress(BlockingIOError):
                theirs.recv(2000)
            await asyncio.sleep(0.01)
        return moved
