"""Large JSON is read while others have their turn."""

import asyncio

from imbari_chat.net.large_json import _LARGE, read_large
from imbari_chat.wire.json import Json, dumps, same

ROWS: Json = {f"k{number}": {"a": number, "b": "text" * 20} for number in range(10_000)}


async def test_others_have_their_turn_while_a_large_text_is_read() -> None:
    """Once for some tens of thousands of characters, as often as would take a millisecond."""
    text = dumps({"path": "/", "data": ROWS})
    reading = asyncio.create_task(read_large(text))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert same(reading.result(), {"path": "/", "data": ROWS})
    assert turns >= len(text) / 200_000


async def test_a_small_text_is_left_to_whoever_has_it() -> None:
    """As nothing is gained by turns."""
    assert await read_large('{"path":"/","data":1}') is None
    assert await read_large('"' + "x" * _LARGE + '"') == "x" * _LARGE


async def test_what_is_no_json_is_left_to_whoever_says_so() -> None:
    """An error names the place, and only reading it at once tells."""
    assert await read_large(dumps(ROWS)[:-1]) is None
