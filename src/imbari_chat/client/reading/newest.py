"""The end of a conversation, read back as far as whoever reads needs it, and no record twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from imbari_chat.client.reading.cursor import Cursor, OrderedRows, Reader, Row
from imbari_chat.schema import paths
from imbari_chat.schema.models import Message
from imbari_chat.schema.order import is_ahead, latest_time
from imbari_chat.schema.paths import SessionId

__all__ = ["Newest"]


@dataclass(slots=True)
class _Part:
    """Rows one after another, of which the last ones have been read."""

    rows: OrderedRows
    messages: list[Message] = field(default_factory=list)
    cursor: Cursor | None = None
    is_all: bool = False

    def take(self, rows: Sequence[Row], usable: Callable[[list[Row]], list[Message]]) -> None:
        """These come before what has been read, nearest first."""
        if rows:
            self.messages[:0] = usable([*reversed(rows)])
            self.cursor = Cursor.at(rows[-1], rows, self.cursor)


class Newest:
    """The last messages of a conversation: those that are timely, and those ahead of their time.

    Args:
        reader: The way to them.
        session_id: Which conversation.
        usable: Gives the usable messages among rows, in their order.
        now: Tells the server's time, ms, by which it is decided what is ahead of it. Asked once
            something has been read: it is known better then.

    Attributes:
        now: That time.
        lower: What :meth:`look_at` found below all that had been read, oldest first.
    """

    def __init__(
        self,
        reader: Reader,
        session_id: SessionId,
        usable: Callable[[list[Row]], list[Message]],
        now: Callable[[], int],
    ) -> None:
        self._rows = partial(
            OrderedRows, reader, paths.messages(session_id), paths.messages_in_order()
        )
        self._ask = now
        self.now: int = 0
        self._usable = usable
        self.lower: list[Message] = []
        self._timely = _Part(self._rows())
        self._ahead = _Part(self._rows())

    @property
    def timely(self) -> list[Message]:
        """The last messages that are not ahead of the server's time, oldest first."""
        return self._timely.messages

    @property
    def ahead(self) -> list[Message]:
        """The last of those that are, oldest first."""
        return self._ahead.messages

    @property
    def is_all(self) -> bool:
        """Whether there are no others."""
        return self._timely.is_all and self._ahead.is_all

    @property
    def is_all_timely(self) -> bool:
        """Whether no others are timely."""
        return self._timely.is_all

    @property
    def is_all_ahead(self) -> bool:
        """Whether no others are ahead."""
        return self._ahead.is_all

    async def begin(self, limit: int, enough: int) -> None:
        """Read the last ``limit``; if fewer than ``enough`` are timely, ``limit`` such as well."""
        rows = await self._timely.rows.beyond(None, limit, down=True)
        self.now = self._ask()
        self._ahead.rows = self._rows(floor=latest_time(self.now) + 1)
        ahead = [row for row in rows if is_ahead(row.place, self.now)]
        timely = rows[len(ahead) :]
        is_all = len(rows) < limit
        self._ahead.is_all = is_all or bool(timely)
        self._ahead.take(ahead, self._usable)
        if not is_all and len(timely) < enough:
            timely = await self._timely.rows.beyond(
                Cursor.after(latest_time(self.now)), limit, down=True
            )
            is_all = len(timely) < limit
        self._timely.is_all = is_all
        self._timely.take(timely, self._usable)

    async def further(self, count: int, *, timely: bool, ahead: bool) -> None:
        """Read on from where reading ended: ``count`` more of either part that is asked for."""
        for part, wanted in ((self._timely, timely), (self._ahead, ahead)):
            if wanted and not part.is_all:
                rows = await part.rows.beyond(part.cursor, count, down=True)
                part.is_all = len(rows) < count
                part.take(rows, self._usable)

    async def look_at(self, time: int, count: int) -> None:
        """Read the last ``count`` up to this time, ms, into ``lower`` if all that is read is later.

        Nothing is known of what stands between those and the timely ones.
        """
        cursor = self._timely.cursor
        if (
            self._timely.is_all
            or cursor is None
            or cursor.row.place <= Cursor.after(time).row.place
        ):
            return
        rows = await self._timely.rows.beyond(Cursor.after(time), count, down=True)
        self.lower = self._usable([*reversed(rows)])
