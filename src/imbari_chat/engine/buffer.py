"""What a stream has said and its consumer has not read yet, bounded."""

from typing import Final, Literal, TypeAlias

from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import InvalidData, StreamOverflow

__all__ = ["DEFAULT_LIMIT", "ChangeBuffer", "ListenItem", "Overflow"]

ListenItem: TypeAlias = Changed | StateChanged

Overflow: TypeAlias = Literal["coalesce", "raise"]
"""What becomes of a consumer that falls behind: the newest items fold into one, or it is told."""

DEFAULT_LIMIT: Final = 1024


class ChangeBuffer:
    """A queue of at most ``limit`` items.

    A change holds the whole value, so two of them fold into one without loss; of two states the
    later one stays. Whatever is folded, the last value, the last state, the order of these two and
    every child that was touched are what they would have been.

    Args:
        limit: How many items to keep, 2 or more.
        overflow: What to do with one more.
        where: Whose buffer it is, for the error.

    Raises:
        InvalidData: The limit is below 2.
    """

    def __init__(
        self,
        limit: int = DEFAULT_LIMIT,
        overflow: Overflow = "coalesce",
        where: str | None = None,
    ) -> None:
        if limit < 2:
            raise InvalidData(f"a buffer holds at least 2 changes, not {limit}")
        self._limit = limit
        self._overflow = overflow
        self._where = where
        # A list: mostly it is empty, and then a deque is ten times its size.
        self._items: list[ListenItem] = []

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ListenItem) -> None:
        """Add an item.

        Raises:
            StreamOverflow: The buffer is full and may not fold; it stays as it is.
        """
        if len(self._items) < self._limit:
            self._items.append(item)
        elif self._overflow == "coalesce":
            self._fold(item)
        else:
            raise StreamOverflow(
                f"the consumer is more than {self._limit} changes behind",
                where=self._where,
                hint="Read faster, keep more, or let changes fold: overflow='coalesce'",
            )

    def take(self) -> ListenItem:
        """Remove the oldest item and return it.

        Raises:
            IndexError: There is none.
        """
        return self._items.pop(0)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def _fold(self, item: ListenItem) -> None:
        """Of the last three items at least two are of one kind; these become one."""
        last, before = self._items.pop(), self._items.pop()
        if type(item) is type(last):
            self._items += (before, _folded(last, item))
        elif type(item) is type(before):
            self._items += (last, _folded(before, item))
        else:
            self._items += (_folded(before, last), item)


def _folded(earlier: ListenItem, later: ListenItem) -> ListenItem:
    if not isinstance(earlier, Changed) or not isinstance(later, Changed):
        return later
    if earlier.touched is None or later.touched is None:
        return Changed(later.value, None)
    return Changed(later.value, earlier.touched | later.touched)
