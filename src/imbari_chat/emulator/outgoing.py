"""What waits for slow readers, over all connections: bytes are shared, counted once, and bounded.

An event goes to everyone who listens, so all of them wait for the same bytes. A backlog is what one
connection has not taken yet; :class:`Outgoing` knows all of them, and when together they hold too
much, whoever has taken nothing for longest is cut off.

Pure: nothing here sends. A connection takes pieces as fast as it can pass them on.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["PIECE", "Backlog", "Outgoing", "Payload"]

PIECE: Final = 64 * 1024
"""Bytes handed to a connection at a time, so that its transport never holds a copy of much more."""

_ALONE: Final = 2
"""One payload is being sent; the one behind it may be larger than the bound."""


class Payload:
    """Bytes for any number of readers.

    Args:
        data: None while they are still being written.
        size: How many there will be, about, as long as that is not known.
        last: Nothing comes after them.

    Attributes:
        backlogs: Whoever still waits for them.
    """

    __slots__ = ("__weakref__", "backlogs", "data", "last", "size")

    def __init__(self, data: bytes | None, *, size: int = 0, last: bool = False) -> None:
        self.data = data
        self.size = size if data is None else len(data)
        self.last = last
        self.backlogs: set[Backlog] = set()


class Outgoing:
    """Everything that waits for anybody.

    Args:
        bound: Bytes of it; a single payload may be larger.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[Backlog, None] = {}  # who has taken nothing for longest comes first
        self.held = 0

    def hold(self, payload: Payload, backlog: "Backlog") -> None:
        """Count ``payload``, unless it is counted already, and make room for it."""
        if not payload.backlogs:
            self.held += payload.size
        payload.backlogs.add(backlog)
        self._waiting.setdefault(backlog)
        self._make_room()

    def release(self, payload: Payload, backlog: "Backlog") -> None:
        """Count it no more if ``backlog`` was the last to wait for it."""
        payload.backlogs.discard(backlog)
        if not payload.backlogs:
            self.held -= payload.size

    def fill(self, payload: Payload, data: bytes, *, last: bool = False) -> None:
        """The bytes of ``payload`` are written; whoever waits for them is woken."""
        more = len(data) - payload.size
        payload.data, payload.size, payload.last = data, len(data), last
        if payload.backlogs:
            self.held += more
            for backlog in list(payload.backlogs):
                backlog.grown(more)
            self._make_room()

    def moved(self, backlog: "Backlog", *, empty: bool) -> None:
        """``backlog`` has passed something on."""
        self._waiting.pop(backlog, None)
        if not empty:
            self._waiting[backlog] = None

    def _make_room(self) -> None:
        while self.held > self._bound and len(self._waiting) > 1:
            stuck = next(iter(self._waiting))
            del self._waiting[stuck]
            stuck.cut()


class Backlog:
    """What one connection has not taken yet, in order.

    Args:
        outgoing: Where it counts.
        bound: Bytes that may wait behind the payload being sent; one alone may be larger.
        wake: Called when there is something to take.
        cut_off: Called when there was too much, and all of it has been dropped.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        bound: int,
        *,
        wake: Callable[[], None],
        cut_off: Callable[[], None],
    ) -> None:
        self._outgoing = outgoing
        self._bound = bound
        self.wake = wake
        self._cut_off = cut_off
        self._waiting: deque[tuple[Payload, int]] = deque()  # with what each counts of the bound
        self._size = 0
        self._unasked = 0
        self._counted = 0
        self._sent = 0  # of the first of them
        self.closed = False

    @property
    def size(self) -> int:
        """Bytes that wait, those of the payload being sent included."""
        return self._size

    def push(self, payload: Payload, *, asked: bool = False) -> None:
        """Let ``payload`` wait behind the others; over the bound, drop everything.

        Args:
            asked: The reader has asked for it, and asks for nothing more before it has taken most
                of it. It does not count.
        """
        if self.closed:
            return
        counts = 0 if asked else max(1, payload.size)
        self._waiting.append((payload, counts))
        self._size += payload.size
        self._unasked += counts
        self._counted += bool(counts)
        self._outgoing.hold(payload, self)
        behind = self._unasked - self._waiting[0][1] if self._waiting else 0
        if self._counted > _ALONE and behind > self._bound:
            self.cut()
        else:
            self.wake()

    def piece(self) -> tuple[bytes, bool] | None:
        """The next bytes and whether nothing comes after them, or None if none are ready."""
        if not self._waiting:
            return None
        payload, _ = self._waiting[0]
        if payload.data is None:
            return None
        piece = payload.data[self._sent : self._sent + PIECE]
        self._sent += len(piece)
        last = False
        if self._sent >= len(payload.data):
            last = payload.last
            self._drop()
            self._sent = 0
        self._outgoing.moved(self, empty=not self._waiting)
        return piece, last

    def grown(self, more: int) -> None:
        """Something that waits here is written now, and larger than it was thought to be."""
        self._size += more
        self.wake()

    def cut(self) -> None:
        """Drop everything, and tell whoever sends."""
        self.close()
        self._cut_off()

    def close(self) -> None:
        """Let go of everything, and take nothing more. Doing so twice is fine."""
        self.closed = True
        while self._waiting:
            self._drop()
        self._outgoing.moved(self, empty=True)

    def _drop(self) -> None:
        payload, counts = self._waiting.popleft()
        self._size -= payload.size
        self._unasked -= counts
        self._counted -= bool(counts)
        self._outgoing.release(payload, self)
