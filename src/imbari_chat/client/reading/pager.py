"""Lists page by page: the pages below a window, and back up again.

A page begins where the last one ended, in the order of the list; see
:mod:`imbari_chat.client.reading.cursor`.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import deque
from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args

from pydantic import BaseModel

from imbari_chat.client.arguments import checked_count, checked_moment, checked_status, one_of
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.cursor import Cursor, OrderedRows, Row
from imbari_chat.schema import decode, paths
from imbari_chat.schema.decode import Decoded
from imbari_chat.schema.models import Message, Session, Status
from imbari_chat.schema.order import Place, is_ahead, latest, latest_time
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["MessagePager", "Pager", "SessionPager", "Start", "latest_sessions"]

Start: TypeAlias = Literal["newest", "oldest"]

R = TypeVar("R", bound=BaseModel)

_MOST_AT_ONCE = 500
_MOST_SCANNED = 1000


class Pager(ABC, Generic[R]):
    """A list, page by page. Made by ``browse()``.

    It stands on the page it gave last: :meth:`older` turns to the page below, :meth:`newer` to the
    page above, and where there is none the answer is empty and it stays where it is. Iterating
    turns away from the start, page after page, and gives one record at a time.

    Turning in one direction gives each record that stays where it is exactly once. One that moves
    up while the pages go down is not given a second time, and :meth:`newer` comes to it.
    """

    def __init__(
        self,
        gateway: Gateway,
        path: Path,
        order: Query,
        *,
        start: Start,
        page_size: int,
        floor: int | None = None,
        scan: int = sys.maxsize,
    ) -> None:
        checked_count("page_size", page_size)
        one_of("start", start, get_args(Start))
        self._gateway = gateway
        self._places = OrderedRows(gateway.reader, path, order, floor=floor)
        self._goes_down = start == "newest"
        self._size = page_size
        self._scan = scan
        self._top: Cursor | None = None
        self._bottom: Cursor | None = None
        self._has_looked = False
        self._waiting: deque[R] = deque()
        self._turning = asyncio.Lock()

    async def older(self) -> list[R]:
        """The page below the last one; the first page, for a pager that starts at the newest.

        Returns:
            Records in the order in which lists give them; none if there is nothing older. A page
            is shorter than usual at the end of the list, or where few records pass the filter.

        Raises:
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer. The pager stays where it is.
        """
        return await self._turn(down=True)

    async def newer(self) -> list[R]:
        """The page above the last one; the first page, for a pager that starts at the oldest.

        At the top it is empty, and later gives what has come since.

        Returns:
            As :meth:`older`.

        Raises:
            AccessDenied: Whoever is signed in may not read this.
            Unavailable: No answer. The pager stays where it is.
        """
        return await self._turn(down=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        """The next record away from the start. Breaking off and iterating again loses nothing."""
        if not self._waiting:
            page = await self._turn(down=self._goes_down)
            self._waiting.extend(page if self._goes_down == self._newest_first else page[::-1])
        if not self._waiting:
            raise StopAsyncIteration
        return self._waiting.popleft()

    @property
    @abstractmethod
    def _newest_first(self) -> bool:
        """How a page is ordered."""

    @abstractmethod
    def _decoded(self, row: Row) -> Decoded[R]:
        """Read one record."""

    def _admits(self, record: R) -> bool:  # noqa: ARG002  # a list without a filter
        return True

    async def _turn(self, *, down: bool) -> list[R]:
        self._gateway.check()
        async with self._turning:
            self._waiting.clear()
            if not self._has_looked and down != self._goes_down:
                return []  # nothing is beyond the start
            near, far = (self._top, self._bottom) if down else (self._bottom, self._top)
            found: list[R] = []
            span: list[Row] = []
            count = self._size
            while len(found) < self._size and not (found and len(span) >= self._scan):
                rows = await self._places.beyond(far, count, down=down)
                for given, row in enumerate(rows, 1):
                    found.extend(filter(self._admits, self._gateway.usable([self._decoded(row)])))
                    if len(found) == self._size or given == len(rows):
                        span += rows[:given]
                        far = Cursor.at(row, rows[:given], far)
                        break
                if len(rows) < count:
                    break
                count = max(self._size, min(count * 2, _MOST_AT_ONCE))
            if span and (found or near is None):
                near = Cursor.at(span[0], span)
            self._top, self._bottom = (near, far) if down else (far, near)
            self._has_looked = True
            return found if down == self._newest_first else found[::-1]


class SessionPager(Pager[Session]):
    """The inbox page by page, newest first on each page.

    Sessions stand where the service sorts them: by the time of the last message, then by id. Where
    that is not a number the record is malformed, and stands before all others if it is a text or
    an object and after them if there is none.

    Args:
        gateway: The admin's.
        status: Only these; None for all.
        unread: Only those with unread messages.
        since: Only those whose last message came at this time or later; ms since the epoch, or a
            datetime, which without a zone is local.
        page_size: How many a page holds.
        start: Where the first page is.
        scan: How many records one call looks through before it gives a short page.

    Raises:
        InvalidData: An argument is not one of those that can be.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        status: Status | None = None,
        unread: bool = False,
        since: datetime | int | None = None,
        page_size: int = 50,
        start: Start = "newest",
        scan: int = _MOST_SCANNED,
    ) -> None:
        checked_status(status)
        floor = checked_moment(since)
        super().__init__(
            gateway,
            paths.SESSIONS,
            paths.sessions_in_order(),
            start=start,
            page_size=page_size,
            floor=floor,
            scan=scan,
        )
        self._status = status
        self._unread = unread
        self._since = floor

    _newest_first = True

    def below(self, time: int) -> Self:
        """The same, which begins with the newest up to this time, ms."""
        self._bottom = Cursor.after(time)
        return self

    def _decoded(self, row: Row) -> Decoded[Session]:
        return decode.session(SessionId(row.key), row.raw)

    def _admits(self, record: Session) -> bool:
        return (
            (self._status is None or record.status == self._status)
            and (not self._unread or record.unread_count > 0)
            and (self._since is None or record.last_message_time >= self._since)
        )


class MessagePager(Pager[Message]):
    """A conversation page by page, oldest first on each page, ordered by time and id.

    Args:
        gateway: Of either end.
        session_id: Which conversation.
        page_size: How many messages a page holds.
        start: Where the first page is.

    Raises:
        InvalidData: An argument is not one of those that can be.
    """

    def __init__(
        self,
        gateway: Gateway,
        session_id: SessionId,
        *,
        page_size: int = 100,
        start: Start = "newest",
    ) -> None:
        super().__init__(
            gateway,
            paths.messages(session_id),
            paths.messages_in_order(),
            start=start,
            page_size=page_size,
        )
        self._session_id = session_id

    _newest_first = False

    def _decoded(self, row: Row) -> Decoded[Message]:
        return decode.message(self._session_id, MessageId(row.key), row.raw)


async def latest_sessions(
    gateway: Gateway,
    *,
    status: Status | None,
    unread: bool,
    since: datetime | int | None,
    limit: int,
) -> list[Session]:
    """The ``limit`` sessions with the latest messages that pass the filter, newest first.

    Reads on until it has them or there are no more; see :class:`SessionPager` for the filter. Those
    that claim to be later than the server's time take at most half of the room.

    Raises:
        InvalidData: ``limit`` is not positive.
    """
    checked_count("limit", limit)

    places: dict[str, Place] = {}

    def pager() -> SessionPager:
        return _PlacedSessions(
            gateway,
            places,
            status=status,
            unread=unread,
            since=since,
            page_size=limit,
            scan=sys.maxsize,
        )

    found, now = await pager().older(), gateway.ids.now()
    ahead = [one for one in found if is_ahead(places[one.id], now)]
    if len(found) == limit and len(ahead) > limit // 2:
        found = [*ahead, *await pager().below(latest_time(now)).older()]
    wanted = set(latest([places[one.id] for one in reversed(found)], limit, now))
    return [one for one in found if places[one.id] in wanted]


class _PlacedSessions(SessionPager):
    """One that notes where each record stands: a malformed time is not in the model."""

    def __init__(self, gateway: Gateway, places: dict[str, Place], **which: Any) -> None:
        super().__init__(gateway, **which)
        self._noted = places

    def _decoded(self, row: Row) -> Decoded[Session]:
        self._noted[row.key] = row.place
        return super()._decoded(row)
