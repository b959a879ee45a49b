"""An event that comes in pieces, wherever it is cut and however large it is."""

import json
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from imbari_chat.engine.stream import Changed, StreamCore
from imbari_chat.wire.json import Json
from imbari_chat.wire.sse import SseParser, encode

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


@pytest.mark.parametrize("size", [1, 100, 10_000, 1_000_000, 16_000_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_large_event_may_be_cut_anywhere(size: int, seed: int) -> None:
    """Up to the largest that the service sends."""
    dice = random.Random(f"{size} {seed}")
    text = (SOME_TEXT * (size // len(SOME_TEXT) + 1))[:size]
    data = _events({"a": text, "b": [1, True, None]})
    cuts = min(len(data), dice.choice([1, 10, 2000]))
    places = sorted(dice.randrange(len(data)) for _ in range(cuts))
    assert _heard(_cut(data, places)) == [{"a": text, "b": [1, True, None]}, LAST]
