"""The lowest record of a window that changes by a few records at a time."""

from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Final

from imbari_chat.schema.order import Place
from imbari_chat.wire.json import Json

__all__ = ["Lowest"]

_WORN: Final = 4
"""So many times as large as the window the heap is made anew."""


class Lowest:
    """Finds it without a look at each record, where it is known which may have changed.

    What was pushed stays until it comes to the top, and is passed over there if it does not stand
    in the window as it was pushed.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[Place, str]] = []

    def forget(self) -> None:
        """Any record may have changed."""
        self._heap = []

    def of(
        self,
        window: Mapping[str, Json],
        touched: Iterable[str],
        place: Callable[[str, Json], Place],
    ) -> tuple[Place, str]:
        """The place and key of the lowest record.

        Args:
            window: All of them, one or more.
            touched: Those that may differ from the last call, if it was not forgotten.
            place: Where a record stands. Not kept: it is a method of whoever keeps this, and a
                circle of references would leave all records to the garbage collector.
        """
        heap = self._heap
        if not heap or len(heap) > _WORN * len(window):
            heap = self._heap = [(place(key, raw), key) for key, raw in window.items()]
            heapify(heap)
            return heap[0]
        for key in touched:
            if key in window:
                heappush(heap, (place(key, window[key]), key))
        while (key := heap[0][1]) not in window or place(key, window[key]) != heap[0][0]:
            heappop(heap)
        return heap[0]
