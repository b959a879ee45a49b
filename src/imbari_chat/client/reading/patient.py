"""Reading that catches up: tried again for as long as that may help, in pieces that shrink.

What a listener missed has to be read however bad the line is. A read that fails is asked for again
in halves of what was asked for, and what has come stays; so a line that breaks every few seconds
brings everything all the same, and does not begin the same large answer for ever.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from imbari_chat.engine.refusals import Remedy, remedy
from imbari_chat.errors import ImbariError
from imbari_chat.net.transport import Transport
from imbari_chat.schema import decode
from imbari_chat.wire.json import Json, Scalar
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Bound, Query
from imbari_chat.wire.tree import Leaf, from_json

__all__ = ["Behind", "PatientReader"]

_PAUSE = 0.3
_PATIENCE = 5.0
_LARGE = 1000
"""Records in one piece after which the line is taken for a good one again."""
_NOTICED = 1.0
"""Seconds that a read may take before it counts as being behind; most take a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Something is being caught up.

    Attributes:
        reason: What with, for a person to read.
        since: Since when, in seconds since the epoch.
    """

    reason: str
    since: float


class PatientReader:
    """Reads once, trying again for as long as the network is away.

    Args:
        transport: The way to the database.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._behind: dict[object, Behind] = {}
        self._watchers: list[Callable[[], None]] = []
        self._hurried = asyncio.Event()
        self._piece: int | None = None  # records that a read may ask for; None before one failed

    @property
    def behind(self) -> Behind | None:
        """What has failed or takes long just now; None if nothing does."""
        return next(iter(self._behind.values()), None)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` whenever :attr:`behind` changes, until :meth:`unwatch`."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        """Stop calling it."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def hurry(self) -> None:
        """Try again at once what has failed: the network is back."""
        self._hurried.set()  # wakes who waits now
        self._hurried.clear()

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """What is stored there; of a query with a limit, read at several moments if need be.

        Raises:
            ImbariError: Trying again does not help.
        """
        limit = None if query is None else query.limit
        asked, size, known = query, 0, 0
        found: dict[str, Json] = {}
        pause = _PAUSE
        with self._noticing(path) as failed:
            while True:
                if asked is not None and limit is not None:
                    left = limit - len(found)
                    size = known + (left if self._piece is None else min(left, self._piece))
                    asked = replace(asked, limit=size)
                try:
                    answer = await self._transport.get(path, asked)
                except ImbariError as error:
                    if remedy(error) is Remedy.NOTHING:
                        raise
                    failed(error.what)
                    self._piece = max((size - known) // 2, 1) if limit else self._piece
                    with suppress(TimeoutError):
                        async with asyncio.timeout(max(pause, error.retry_after or 0.0)):
                            await self._hurried.wait()
                    pause = min(pause * 2, _PATIENCE)
                    continue
                pause = _PAUSE
                self._grow()
                if query is None or limit is None or size >= limit:
                    return answer
                rows = decode.as_mapping(answer)
                found |= rows
                if len(rows) < size or len(found) >= limit:
                    return found
                asked, known = _beyond(query, rows, found)

    def _grow(self) -> None:
        if self._piece is not None:
            self._piece = self._piece * 2 if self._piece < _LARGE else None

    @contextmanager
    def _noticing(self, path: Path) -> Iterator[Callable[[str], None]]:
        """Say that something is behind, once it is; the reason may change."""
        key, since = object(), time.time()

        def notice(reason: str) -> None:
            self._behind[key] = Behind(reason, since)
            self._tell()

        words = f"catching up with {path}"
        alarm = asyncio.get_running_loop().call_later(_NOTICED, notice, words)

        def failed(reason: str) -> None:
            alarm.cancel()
            notice(f"{words}: {reason}")

        try:
            yield failed
        finally:
            alarm.cancel()
            if self._behind.pop(key, None) is not None:
                self._tell()

    def _tell(self) -> None:
        for watcher in list(self._watchers):
            watcher()


def _beyond(query: Query, rows: Mapping[str, Json], found: Mapping[str, Json]) -> tuple[Query, int]:
    """What ``query`` has beyond the last of ``rows``, and how many of ``found`` that gives again.

    Those share their value with it: a bound that names a key as well is not taken by everybody.
    """
    index = query.order_by
    nodes = {key: from_json(raw) for key, raw in found.items()}
    places = {key: index.sort_key(key, node) for key, node in nodes.items()}
    last = (min if query.from_end else max)(rows, key=places.__getitem__)
    value: Scalar | None = last
    if index.kind != "key":
        ordered = nodes[last].at(index.path)
        if ordered.exists and not isinstance(ordered, Leaf):
            return query, len(found)  # no bound can name an object
        value = ordered.value if isinstance(ordered, Leaf) else None
    known = sum(place[0] == places[last][0] for place in places.values())
    if query.from_end:
        return replace(query, end=Bound(value)), known
    return replace(query, start=Bound(value)), known
