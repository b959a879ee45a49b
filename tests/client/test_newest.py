"""Reading a conversation back from its end: no record twice, and it is known when it is all."""

from typing import Any

import pytest

from imbari_chat.client.reading.newest import Newest
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN as OWNER
from imbari_chat.schema import paths
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from tests.client.in_memory import ADMIN, InMemory, database

S = SessionId("-S")
NOW = 1_800_000_000_000
HOUR = 3_600_000


def _newest(timely: int, ahead: int) -> Newest:
    """A conversation of so many messages, some of them stamped an hour too late."""
    namespace = database()
    stamps = [*range(NOW - timely, NOW), *range(NOW + HOUR, NOW + HOUR + ahead)]
    rows: Json = {
        f"m{at:03}": {"text": "x", "from": "admin", "timestamp": stamp}
        for at, stamp in enumerate(stamps)
    }
    namespace.write(Write.put(paths.messages(S), rows), OWNER, 0)
    reader: Any = InMemory(namespace, ADMIN)

    def usable(found: list[Any]) -> list[Any]:
        return [row.key for row in found]

    return Newest(reader, S, usable, lambda: NOW)


def _read(newest: Newest) -> tuple[list[int], list[int]]:
    timely: list[Any] = newest.timely
    ahead: list[Any] = newest.ahead
    return [int(key[1:]) for key in timely], [int(key[1:]) for key in ahead]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("ahead", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("timely", [0, 1, 2, 3, 4, 5])
async def test_reading_on_comes_to_the_beginning_and_knows_it(
    timely: int, ahead: int, count: int
) -> None:
    """Only a read that gave less than it asked for was the last."""
    newest = _newest(timely, ahead)
    await newest.begin(3, 2)
    everything = list(range(timely)), list(range(timely, timely + ahead))
    for _ in range(12):
        early, late = _read(newest)
        assert early == everything[0][len(everything[0]) - len(early) :]
        assert late == everything[1][len(everything[1]) - len(late) :]
        assert newest.is_all == (newest.is_all_timely and newest.is_all_ahead)
        if newest.is_all_timely:
            assert early == everything[0]
        if newest.is_all_ahead:
            assert late == everything[1]
        if newest.is_all:
            break
        before = len(early), len(late)
        is_all = newest.is_all_timely, newest.is_all_ahead
        await newest.further(count, timely=True, ahead=False)
        grown = len(newest.timely) - before[0]
        assert len(newest.ahead) == before[1]
        if not is_all[0]:
            assert newest.is_all_timely is (grown < count)
        await newest.further(count, timely=False, ahead=True)
        grown = len(newest.ahead) - before[1]
        if not is_all[1]:
            assert newest.is_all_ahead is (grown < count)
    assert _read(newest) == everything
