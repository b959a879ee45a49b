"""A request the database turns down, how it says so over HTTP, and the log of why."""

from collections import deque
from collections.abc import Iterator
from threading import Lock
from typing import Final

from imbari_chat.errors import ImbariError
from imbari_chat.rules import Decision
from imbari_chat.wire.tree import Node

__all__ = ["Mismatch", "Refusal", "Refusals", "denied"]

_KEPT: Final = 100
_KEPT_BYTES: Final = 256 * 1024
_LONGEST: Final = 16 * 1024


class Refusal(ImbariError):
    """The request is answered with an error and nothing has changed.

    Attributes:
        status: The HTTP status.
        plain: The text is the whole body, and not the ``error`` of an object.
        why: How the rules came to say no, if it was them.
    """

    def __init__(
        self, status: int, text: str, *, plain: bool = False, why: str | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.plain = plain
        self.why = why


class Mismatch(ImbariError):
    """An ``if-match`` named another version than the current one.

    Attributes:
        current: What is there now; the answer carries it, so that a client can try again at once.
    """

    def __init__(self, current: Node) -> None:
        super().__init__("the data has changed since it was read")
        self.current = current


def denied(why: str | None = None) -> Refusal:
    """The rules say no: 401, also for a caller who is known."""
    return Refusal(401, "Permission denied", why=why)


class Refusals:
    """Why the rules said no, the last hundred times, in at most 256 KiB of text.

    The words are found at once, and what was asked for is let go with the answer: a decision holds
    on to the trees it was about, and whoever is refused may have sent megabytes. For any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: deque[str] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[str]:
        """Each as :meth:`Decision.explain` has it, a long one cut short; oldest first."""
        with self._lock:
            return iter([*self._texts])

    def add(self, decision: Decision) -> str:
        """Note why the rules said no, and give the words."""
        text = decision.explain()
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 3]}..."
        with self._lock:
            self._texts.append(text)
            self._size += len(text)
            while len(self._texts) > _KEPT or self._size > _KEPT_BYTES:
                self._size -= len(self._texts.popleft())
        return text

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._texts.clear()
            self._size = 0
