"""What one listener is told: a window over what is known, compared with what it was told before.

Events of one change come in the order removed, added, moved, changed, value, as those of the
official SDKs do. Each but ``removed`` names the sibling before it as it stands after all of them.
So a list is kept by taking out what is removed or moved, and putting in what is added or moved,
each after its sibling once that is in. Pure; no I/O.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from imbari_chat.engine.mirror import at, children
from imbari_chat.engine.overlay import Known
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.keys import SortKey
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import from_json

__all__ = ["Kind", "Seen", "View"]


Kind: TypeAlias = Literal["removed", "added", "moved", "changed", "value"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a listener is told.

    Attributes:
        kind: What happened to a child; ``value`` once the whole is another, or known at last.
        value: The child, a removed one as it was; the whole for ``value``.
        key: The child's; None for ``value``.
        previous: The key of the child before it; None for the first, for ``removed`` and ``value``.
    """

    kind: Kind
    value: Json
    key: str | None = None
    previous: str | None = None


class View:
    """A listener's picture of one place.

    Args:
        query: Which children it sees, and in which order; None for all, with what the place itself
            holds.
    """

    def __init__(self, query: Query | None = None) -> None:
        self._query = query or Query.by_priority()
        self._sees_itself = query is None
        self._rows: list[tuple[SortKey, str]] = []
        self._children: dict[str, Json] = {}
        self._itself: Json = None
        self._is_whole = False

    @property
    def value(self) -> Json:
        """What it shows, its children in their order; a part of it while the rest is not known."""
        shown: dict[str, Json] = {key: self._children[key] for _, key in self._rows}
        if isinstance(self._itself, dict):
            shown |= self._itself
        return shown or self._itself

    def show(self, known: Known) -> list[Seen]:
        """What is known is ``known`` now; gives what differs from what was shown before."""
        rows, before, after = self._places(known), self._children, children(known.value)
        old, new = {key: place for place, key in self._rows}, {key: place for place, key in rows}
        events = [Seen("removed", before[key], key) for key in old if key not in new]
        added: list[Seen] = []
        moved: list[Seen] = []
        changed: list[Seen] = []
        previous = None
        for place, key in rows:
            if key not in old:
                added.append(Seen("added", after[key], key, previous))
            elif from_json(before[key]) != from_json(after[key]):
                if old[key] != place:
                    moved.append(Seen("moved", after[key], key, previous))
                changed.append(Seen("changed", after[key], key, previous))
            previous = key
        events += [*added, *moved, *changed]
        itself = _apart(known.value) if self._sees_itself else None
        differs = bool(events) or not same(itself, self._itself)
        became_whole = known.is_whole and not self._is_whole
        self._rows, self._itself, self._is_whole = rows, itself, known.is_whole
        self._children = {key: after[key] for key in new}
        if known.is_whole and (differs or became_whole):
            events.append(Seen("value", self.value))
        return events

    def window(self, value: Json) -> Known:
        """What is known by its query's part of ``value``: of the rest, nothing, if there is any."""
        held = children(value)
        shown: dict[str, Json] = {key: held[key] for _, key in self._places(Known(value))}
        keys = None if self._query.takes_all else frozenset(shown)
        return Known(shown or None, keys, is_whole=True)

    def _places(self, known: Known) -> list[tuple[SortKey, str]]:
        """Where each child that is seen sorts, in order."""
        index = self._query.order_by
        return self._query.cut(
            (index.sort_key(key, from_json(child)), key)
            for key, child in children(known.value).items()
        )


def _apart(value: Json) -> Json:
    """What a place holds apart from children: a leaf, or its priority."""
    if not children(value):
        return value
    priority = at(value, (".priority",))
    return None if priority is None else {".priority": priority}
