"""What strangers fill: the latest of what they put there, and no more bytes than agreed."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Latest"]

V = TypeVar("V")


class Latest(Generic[V]):
    """Values by key, of which the oldest go when there are too many bytes of them.

    Args:
        bound: Bytes of all values; the latest one stays, however large it is.
        size: Bytes of a value. Each counts a little more, for what holds it.
    """

    def __init__(self, bound: int, size: Callable[[V], int]) -> None:
        self._bound = bound
        self._size = size
        self._values: dict[str, V] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        """The values, oldest first."""
        return iter([*self._values.values()])

    @property
    def held(self) -> int:
        """Bytes of all that is here."""
        return self._held

    def get(self, key: str) -> V | None:
        """The value of ``key``, if it is still here."""
        return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        """Keep ``value`` as the latest, and let go of the oldest as far as need be."""
        self.pop(key)
        self._values[key] = value
        self._held += self._weigh(key, value)
        while self._held > self._bound and len(self._values) > 1:
            self.pop(next(iter(self._values)))

    def pop(self, key: str) -> None:
        """Let go of ``key``, if it is here."""
        value = self._values.pop(key, None)
        if value is not None:
            self._held -= self._weigh(key, value)

    def clear(self) -> None:
        """Let go of everything."""
        self._values.clear()
        self._held = 0

    def _weigh(self, key: str, value: V) -> int:
        return self._size(value) + len(key) + _ENTRY


_ENTRY = 200
"""Bytes that a small object and its place in a dict take beside its text."""
