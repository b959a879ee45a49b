"""What the team keeps, looked at once or followed: one listen for each root, however many
conversations there are."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final

from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.effects import Changed
from imbari_chat.net.notifier import Notifier
from imbari_chat.schema import decode, paths
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import Note, TeamRoots, TeamSnapshot, notes_in_order
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["WINDOW", "follow", "follow_notes", "look", "read_notes"]

WINDOW: Final = 1000
"""How many records of each root are shown: those written last."""

_LONGEST: Final = 60.0
"""Seconds after which the clock is looked at anew: it may have been set, or have slept."""


async def look(gateway: Gateway, session_id: SessionId | None = None) -> TeamSnapshot:
    """Read all but the canned replies once.

    Args:
        gateway: An admin's.
        session_id: Of this conversation alone; blocks are of customers, and so all of them.
    """
    roots, windows = _Roots(gateway), _windows()

    async def read(root: Path, query: Query | None) -> tuple[Path, Json]:
        if session_id is None or root == paths.BLOCKS:
            return root, await gateway.transport.get(root, query)
        one = await gateway.transport.get(root / session_id)
        return root, None if one is None else {session_id: one}

    for root, raw in await asyncio.gather(*(read(*window) for window in windows.items())):
        roots.take(root, raw)
    return roots.snapshot()


async def follow(gateway: Gateway) -> AsyncGenerator[TeamSnapshot, None]:
    """All of it as it is, and again whenever something changes or ends."""
    roots, shown = _Roots(gateway), TeamSnapshot()

    def patience() -> float | None:
        end = shown.next_end()
        if end is None:
            return None
        return min(max(end - gateway.ids.now(), 0) / 1000, _LONGEST)

    places = {**_windows(), paths.CANNED_REPLIES: None}
    async with aclosing(_values(gateway, places, patience)) as values:
        async for fresh in values:
            for root, raw in fresh.items():
                roots.take(root, raw)
            end, now = shown.next_end(), roots.snapshot()
            if fresh or (end is not None and end <= now.at):
                shown = now
                yield now


async def read_notes(gateway: Gateway, session_id: SessionId) -> tuple[Note, ...]:
    """A conversation's notes, oldest first."""
    return _notes(gateway, session_id, await gateway.transport.get(paths.notes(session_id)))


async def follow_notes(
    gateway: Gateway, session_id: SessionId
) -> AsyncGenerator[tuple[Note, ...], None]:
    """A conversation's notes, oldest first, and again whenever they change."""
    place = paths.notes(session_id)
    async with aclosing(_values(gateway, {place: None}, lambda: None)) as values:
        async for fresh in values:
            yield _notes(gateway, session_id, fresh[place])


class _Roots:
    """What is known of the roots; tells the gateway of records that do not fit, once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._roots = TeamRoots()

    def take(self, root: Path, raw: Json) -> None:
        for rejected in self._roots.take(root, raw):
            self._gateway.on_rejected(rejected)

    def snapshot(self) -> TeamSnapshot:
        return self._roots.snapshot(self._gateway.ids.now())


def _windows() -> dict[Path, Query | None]:
    newest = paths.newest_records(WINDOW)
    roots = (paths.ASSIGNMENTS, paths.LABELS, paths.SNOOZES, paths.BLOCKS)
    return dict.fromkeys(roots, newest)


def _notes(gateway: Gateway, session_id: SessionId, raw: Json) -> tuple[Note, ...]:
    batch = decode.records_by_id(Note, decode.as_mapping(raw), paths.notes(session_id))
    for rejected in batch.rejected:
        gateway.on_rejected(rejected)
    return notes_in_order(batch.records)


async def _values(
    gateway: Gateway,
    places: Mapping[Path, Query | None],
    patience: Callable[[], float | None],
) -> AsyncGenerator[dict[Path, Json], None]:
    """What stands at these places, first of all of them and then of those that change.

    Args:
        gateway: An admin's.
        places: Where, and which of what stands there.
        patience: Gives how many seconds to wait for a change; after that there is none.
    """
    fresh: dict[Path, Json] = {}
    heard: set[Path] = set()
    notifier = Notifier()

    async def listen(place: Path, query: Query | None) -> None:
        async with gateway.transport.listen(place, query) as subscription:
            async for item in subscription:
                if isinstance(item, Changed):
                    fresh[place] = item.value
                    heard.add(place)
                    notifier.notify()

    def ready() -> bool:
        return any(task.done() for task in tasks) or bool(fresh and len(heard) == len(places))

    tasks = [
        asyncio.create_task(listen(place, query), name="imbari-chat teamwork")
        for place, query in places.items()
    ]
    for task in tasks:
        task.add_done_callback(notifier.notify)
    try:
        while True:
            try:
                async with asyncio.timeout(patience()):
                    await notifier.until(ready)
            except TimeoutError:
                pass
            for task in tasks:
                if task.done():
                    await task  # raises what ended it
                    return
            taken = dict(fresh)
            fresh.clear()
            yield taken
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
