"""Rows in a list's order, and what is stored beyond one: how pages are read.

A place is a value and a key, not a number of records, so nothing that is written meanwhile shifts
it. What a read costs follows what it gives, however many records share one value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from imbari_chat.errors import InvalidData
from imbari_chat.schema import decode
from imbari_chat.wire.json import Json, Scalar
from imbari_chat.wire.keys import SortKey
from imbari_chat.wire.order import value_order
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Leaf, from_json

__all__ = ["Cursor", "OrderedRows", "Reader", "Row"]

_AFTER_KEYS: SortKey = (4,)
"""Beyond the order of any key."""

_AFTER_TEXTS = "\U0010ffff"
"""A bound that objects are beyond: they sort after texts, and no bound can name one."""


class Reader(Protocol):
    """Whoever reads once."""

    async def get(self, path: Path, query: Query | None = None) -> Json:
        """What is stored there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored record.

    Attributes:
        key: Its id.
        raw: What is stored.
        value: What it is ordered by; None if that is nothing, or an object.
        place: Where it stands: the order of the value, then of the key.
        has_object: Whether what it is ordered by is an object.
    """

    key: str
    raw: Json
    value: Scalar | None
    place: SortKey
    has_object: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends.

    Attributes:
        row: The last one on the page.
        tied: How many rows on the page's side are known to share its value, itself included.
    """

    row: Row
    tied: int

    @classmethod
    def at(cls, row: Row, page: Sequence[Row], before: "Cursor | None" = None) -> "Cursor":
        """The cursor at ``row``, one of ``page``, which goes on from ``before``."""
        value = row.place[0]
        tied = sum(one.place[0] == value for one in page)
        if before is not None and before.row.place[0] == value:
            tied += before.tied
        return cls(row, tied)

    @classmethod
    def after(cls, value: Scalar) -> "Cursor":
        """The cursor beyond every row that is ordered by this value or a lower one."""
        return cls(Row("", None, value, (value_order(from_json(value)), _AFTER_KEYS)), 0)

    def leaves_out(self, row: Row, *, down: bool) -> bool:
        """True if ``row`` is not beyond this cursor."""
        return row.place >= self.row.place if down else row.place <= self.row.place


class OrderedRows:
    """A list in its order.

    Args:
        reader: The way to it.
        path: Where it is stored.
        order: All of it, by a child.
        floor: Leave out what is ordered before this number.
    """

    def __init__(
        self, reader: Reader, path: Path, order: Query, *, floor: int | None = None
    ) -> None:
        self._reader = reader
        self._path = path
        self._order = order
        self._floor = floor
        self._key_bounds = True

    async def beyond(self, cursor: Cursor | None, count: int, *, down: bool) -> list[Row]:
        """The ``count`` rows next to ``cursor``, nearest first; fewer only if there are no more.

        Args:
            cursor: None for the end of the list that ``down`` leads away from.
            count: How many.
            down: Towards lower places, or towards higher ones.
        """
        limit = count + (0 if cursor is None else cursor.tied)
        while True:
            key = self._bound_key(cursor, count)
            if key is not None:
                limit = count + 1
            query = self._narrowed(cursor, key, down=down)
            query = query.limit_to_last(limit) if down else query.limit_to_first(limit)
            try:
                answer = await self._reader.get(self._path, query)
            except InvalidData:
                if cursor is None or key is None:
                    raise
                self._key_bounds = False
                limit = count + cursor.tied
                continue
            rows = self._rows(answer, down=down)
            new = [row for row in rows if cursor is None or not cursor.leaves_out(row, down=down)]
            if len(new) >= count or len(rows) < limit:
                return new[:count]
            limit *= 2  # more rows than were known share the cursor's value

    def _bound_key(self, cursor: Cursor | None, count: int) -> str | None:
        """The key to put into a bound beside its value, so that rows given before are left out.

        Only where reading them again would cost more than what is asked for. [unsure]: the official
        JavaScript client writes such bounds into REST queries; that the live service takes them
        from everybody is not documented. Where it refuses one, those rows are read again.
        """
        if cursor is None or cursor.row.has_object or cursor.tied <= count or not self._key_bounds:
            return None
        return cursor.row.key

    def _narrowed(self, cursor: Cursor | None, key: str | None, *, down: bool) -> Query:
        """Everything from ``cursor`` on, with the cursor and whatever shares its value."""
        query = self._order
        if self._floor is not None and (down or cursor is None):
            query = query.start_at(self._floor)
        if cursor is None:
            return query
        if cursor.row.has_object:
            return query if down else query.start_at(_AFTER_TEXTS)
        value = cursor.row.value
        return query.end_at(value, key) if down else query.start_at(value, key)

    def _rows(self, answer: Json, *, down: bool) -> list[Row]:
        rows = [self.row(key, raw) for key, raw in decode.as_mapping(answer).items()]
        return sorted(rows, key=lambda row: row.place, reverse=down)

    def row(self, key: str, raw: Json) -> Row:
        """A record of the list, as one of its rows."""
        index = self._order.order_by
        node = from_json(raw)
        ordered = node.at(index.path)
        value = ordered.value if isinstance(ordered, Leaf) else None
        place = index.sort_key(key, node)
        return Row(key, raw, value, place, has_object=value is None and ordered.exists)
