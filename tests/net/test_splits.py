"""An event that comes in pieces, wherever it is cut and however large it is."""

import asyncio
import json
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from websockets.frames import Frame, Opcode

from imbari_chat.engine.effects import Changed
from imbari_chat.engine.stream import StreamCore
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.wire.framing import texts
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.sse import SseParser, encode
from tests.net.test_websocket import PLACE, WAIT, Talk, over, serving

SOME_TEXT = "Où? ☕😀 — "
LAST: Json = {"the": "end"}


def _events(value: Json) -> bytes:
    """A snapshot, and an event after it."""
    snapshot = json.dumps({"path": "/", "data": value}, ensure_ascii=False)
    return encode("put", snapshot) + encode("put", json.dumps({"path": "/", "data": LAST}))


def _heard(pieces: Iterator[bytes]) -> list[Json]:
    """The values a listener is given."""
    parser, core = SseParser(), StreamCore(lambda: 0.5)
    core.start(0.0)
    core.opened(0.0)
    for piece in pieces:
        for frame in parser.feed(piece):
            core.received(frame, 0.0)
    return [effect.value for effect in core.drain() if isinstance(effect, Changed)]


def _cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    return (data[begin:end] for begin, end in pairwise([0, *places, len(data)]))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100, 300])
def test_a_small_event_may_be_cut_at_every_byte(size: int) -> None:
    """Within a name, a character or a line end."""
    value = (SOME_TEXT * size)[:size]
    data = _events(value)
    for place in range(len(data) + 1):
        assert _heard(_cut(data, [place])) == [value, LAST]
    assert _heard(bytes([byte]) for byte in data) == [value, LAST]


@pytest.mark.drawn
@pytest.mark.parametrize("size", [1, 100, 10_000, 1_000_000, 16_000_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_large_event_may_be_cut_anywhere(size: int, seed: int) -> None:
    """Up to the largest that the service sends."""
    rng = random.Random(f"{size} {seed}")
    text = (SOME_TEXT * (size // len(SOME_TEXT) + 1))[:size]
    data = _events({"a": text, "b": [1, True, None]})
    cuts = min(len(data), rng.choice([1, 10, 2000]))
    places = sorted(rng.randrange(len(data)) for _ in range(cuts))
    assert _heard(_cut(data, places)) == [{"a": text, "b": [1, True, None]}, LAST]


def _frames(value: Json) -> bytes:
    """A push of a socket, and one after it."""
    pushes: list[Json] = [
        {"t": "d", "d": {"a": "d", "b": {"p": "x", "d": one}}} for one in (value, LAST)
    ]
    return b"".join(
        Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
        for push in pushes
        for text in texts(dumps(push))
    )


async def _hears(transport: WebSocketTransport, ways: Iterator[Iterator[bytes]]) -> list[Json]:
    """The values that a listener is given, a way of cutting after the other."""
    subscription, values = transport.listen(PLACE), list[Json]()

    async def next_values(count: int) -> None:
        async for item in subscription:
            if isinstance(item, Changed):
                values.append(item.value)
                count -= 1
                if not count:
                    return

    async with asyncio.timeout(WAIT), subscription:
        await next_values(1)
        values.clear()
        assert transport._line is not None
        assert transport._line._connection is not None
        for pieces in ways:
            for piece in pieces:
                transport._line._connection.data_received(piece)
            await next_values(2)
    return values


async def _talk(talk: Talk) -> None:
    await talk.begin("first")
    await talk.go_on()


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
async def test_a_small_frame_may_be_cut_at_every_byte(size: int) -> None:
    """Within its head, a count of segments or a character."""
    value = (SOME_TEXT * size)[:size]
    data = _frames(value)
    ways = [_cut(data, [place]) for place in range(len(data) + 1)]
    ways.append(bytes([byte]) for byte in data)
    async with serving(_talk) as server, over(server) as transport:
        assert await _hears(transport, iter(ways)) == [value, LAST] * len(ways)
    assert server.dialed == 1


@pytest.mark.drawn
@pytest.mark.parametrize("size", [10_000, 40_000, 1_000_000, 16_000_000])
async def test_a_large_message_may_be_cut_anywhere(size: int) -> None:
    """Over the segments of which it consists, up to the largest that the service sends."""
    rng = random.Random(size)
    value = (SOME_TEXT * (size // len(SOME_TEXT) + 1))[:size]
    data = _frames(value)
    places = sorted(rng.randrange(len(data)) for _ in range(2000))
    async with serving(_talk) as server, over(server) as transport:
        assert await _hears(transport, iter([_cut(data, places)])) == [value, LAST]
    assert server.dialed == 1


async def test_bytes_that_end_no_text_are_heard() -> None:
    """They put deadlines off: a slow line brings a frame in pieces."""
    async with (
        serving(_talk) as server,
        over(server) as transport,
        asyncio.timeout(WAIT),
        transport.listen(PLACE) as subscription,
    ):
        async for item in subscription:
            if isinstance(item, Changed):
                break
        assert transport._line is not None
        assert transport._line._connection is not None
        for byte in _frames("slow"):
            transport._heard_at = 0.0
            transport._line._connection.data_received(bytes([byte]))
            assert transport._heard_at > 0.0
