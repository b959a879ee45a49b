"""What the neutral server keeps: one tree of plain JSON, and who listens to which part of it.

As little as the official libraries and ours need of a database: a write is a few dictionaries, and
whoever listens is told what was written, or of a query which children it concerns. No rules, no
hashes, no priorities; a query may order by a child or the key and be limited.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

__all__ = ["Listener", "Place", "Store", "Window", "compact", "place"]

Place: TypeAlias = tuple[str, ...]
Tell: TypeAlias = Callable[["Listener", Place, str, Mapping[str, Any] | None], None]
"""Told of the listener, a place relative to its own, the data as JSON, and the children it sets if
it is a merge there."""

_NOW: Final = {".sv": "timestamp"}

compact: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def place(text: str) -> Place:
    """The keys of a path, with or without slashes around it."""
    return tuple(key for key in text.split("/") if key)


@dataclass(frozen=True, slots=True)
class Window:
    """A query: the first or last children by one of theirs, or by key.

    Attributes:
        index: Name of the child; ``.key`` for the key.
        limit: How many; None for all.
        last: The last ones.
    """

    index: str
    limit: int | None
    last: bool

    def order(self, key: str, child: Any) -> tuple[float, str]:
        """Where a child stands. Numbers are all that is ordered here."""
        value = child.get(self.index) if isinstance(child, dict) else None
        return (value if isinstance(value, int | float) else 0, key)

    def of(self, node: Any) -> dict[str, Any]:
        """The children that it shows."""
        if not isinstance(node, dict):
            return {}
        if self.limit is None or len(node) <= self.limit:
            return node
        keys = sorted(node, key=lambda key: self.order(key, node[key]), reverse=self.last)
        return {key: node[key] for key in keys[: self.limit]}


@dataclass(slots=True, eq=False)
class Listener:
    """Somebody who listens.

    Attributes:
        at: Where.
        window: To which children; None for all that is there.
        tell: Called with what changes.
        tag: What a socket calls it.
        shown: Of a query, where each child stands that was told.
    """

    at: Place
    window: Window | None
    tell: Tell
    tag: int | None = None
    shown: dict[str, tuple[float, str]] = field(default_factory=dict)


class Store:
    """The tree."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._listeners: dict[Place, list[Listener]] = {}
        self._above: Counter[Place] = Counter()
        self._written: dict[tuple[Place, Window | None], str] = {}

    def read(self, at: Place, window: Window | None = None) -> str:
        """What is there, as JSON, which is made once until something is written."""
        known = self._written.get((at, window))
        if known is None:
            node = self._node(at)
            known = compact(node if window is None else window.of(node) or None)
            self._written[at, window] = known
        return known

    def listen(self, listener: Listener) -> str:
        """Tell it from now on. Returns what is there now, as JSON."""
        self._listeners.setdefault(listener.at, []).append(listener)
        self._above.update(listener.at[:depth] for depth in range(len(listener.at)))
        if (window := listener.window) is not None:
            shown = window.of(self._node(listener.at))
            listener.shown = {key: window.order(key, child) for key, child in shown.items()}
        return self.read(listener.at, listener.window)

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        here = self._listeners[listener.at]
        here.remove(listener)
        if not here:
            del self._listeners[listener.at]
        self._above.subtract(listener.at[:depth] for depth in range(len(listener.at)))

    def write(self, changes: Iterable[tuple[Place, Any]]) -> None:
        """Put each value at its place, and tell whoever it concerns, each listener once."""
        self._written.clear()
        resolved = [(at, _resolved(value)) for at, value in changes]
        for at, value in resolved:
            self._put(at, value)
        concerned: dict[Listener, list[tuple[Place, Any]]] = {}
        for at, value in resolved:
            for depth in range(len(at) + 1):
                for one in self._listeners.get(at[:depth], ()):
                    concerned.setdefault(one, []).append((at[depth:], value))
            if self._above[at] > 0:
                for where, some in self._listeners.items():
                    if len(where) > len(at) and where[: len(at)] == at:
                        for one in some:
                            concerned.setdefault(one, []).append(((), self._node(where)))
        for one, news in concerned.items():
            self._tell(one, news)

    def _tell(self, one: Listener, news: list[tuple[Place, Any]]) -> None:
        if one.window is not None:
            if not all(at for at, _ in news):  # all of it is another
                shown = one.window.of(self._node(one.at))
                one.shown = {key: one.window.order(key, child) for key, child in shown.items()}
                one.tell(one, (), compact(shown or None), None)
                return
            news = [((key,), child) for key, child in self._moved(one, one.window, news).items()]
            if not news:
                return
        if len(news) == 1 and one.window is None:
            (at, value), *_ = news
            one.tell(one, at, compact(value), None)
        else:
            merged = {"/".join(at): value for at, value in news}
            one.tell(one, (), compact(merged), merged)

    def _moved(
        self, one: Listener, window: Window, news: list[tuple[Place, Any]]
    ) -> dict[str, Any]:
        """The children that a query is told, each whole; None for those that leave its window."""
        told: dict[str, Any] = {}
        node = self._node(one.at)
        for key in dict.fromkeys(at[0] for at, _ in news):
            child = node.get(key) if isinstance(node, dict) else None
            if child is not None:
                one.shown[key] = window.order(key, child)
                told[key] = child
            elif one.shown.pop(key, None) is not None:
                told[key] = None
        while window.limit is not None and len(one.shown) > window.limit:
            out = (min if window.last else max)(one.shown, key=lambda key: one.shown[key])
            del one.shown[out]
            told[out] = None
        return told

    def _node(self, at: Place) -> Any:
        node: Any = self._root
        for key in at:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    def _put(self, at: Place, value: Any) -> None:
        if not at:
            self._root = value or {}
            return
        node = self._root
        for key in at[:-1]:
            child = node.get(key)
            if not isinstance(child, dict):
                child = node[key] = {}
            node = child
        if value is None:
            node.pop(at[-1], None)
        else:
            node[at[-1]] = value


def _resolved(value: Any) -> Any:
    """A value as it is stored."""
    if value == _NOW:
        return time.time_ns() // 1_000_000
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items() if item is not None}
    return value
