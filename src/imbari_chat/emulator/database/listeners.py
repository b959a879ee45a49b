"""Which event a write owes to whoever listens.

A view is a location, perhaps seen through a query. Everyone listening to one view is owed the same
events, so they are worked out once:

    the write is at the location or above it      put "/" with everything, if it changed
    a put below it                                put at the relative path
    a patch at it or above it                     patch "/" with the keys below the location
    a patch below it                              patch at the relative path
    a window gains or loses children              patch "/": who comes in full, who leaves null

Applying the events to the first snapshot gives what a fresh read gives, whatever the writes were.
A write that changes nothing is silent. Events speak of values, not of how they were written:
server values are resolved and lists look as they do in a read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.events import Event
from imbari_chat.emulator.database.windows import Reading, Windows
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Branch, Node

__all__ = ["Target", "View"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is listened to.

    Attributes:
        path: The location; paths in events are relative to it.
        query: Which of its children are seen, or None for everything.
    """

    path: Path
    query: Query | None = None


class View:
    """One target as its listeners have been told it."""

    __slots__ = ("_window", "_windows", "target")

    def __init__(self, target: Target, root: Node, windows: Windows) -> None:
        self.target = target
        self._windows = windows
        self._window = self._read(root).seen

    def first(self, root: Node) -> Event:
        """The event that listening opens with: all there is."""
        reading = self._read(root)
        if reading.window is not None:
            reading = Reading(reading.node, self._window)  # the same for everyone who comes
        return self._event(ROOT, reading.seen, hollow=reading.hollow)

    def committed(
        self, write: Write, touched: Sequence[Path], before: Node, after: Node
    ) -> Event | None:
        """The event owed for ``write``, which turned ``before`` into ``after``; None for silence.

        Every commit that touches it must pass through here, in order: a query's window is
        remembered.

        Args:
            touched: The places of the write at which anything is different now, as far as they
                are at, above or below this target's; at least one.

        [unsure]: that the service is silent about a write that changes nothing.
        """
        here = self.target.path
        replaced = any(len(place) <= len(here) for place in touched)
        if self.target.query is not None:
            return self._moved(write, touched, after, replaced=replaced)
        if not replaced:
            return self._below(write, touched, after)
        new = after.at(here)
        return None if before.at(here) == new else self._event(ROOT, new)

    def _moved(
        self, write: Write, touched: Sequence[Path], after: Node, *, replaced: bool
    ) -> Event | None:
        """The event of a window, which may gain and lose children the write does not name.

        [unsure]: over WebSocket one merge tells who came and who left.
        """
        told, self._window = self._window, self._read(after).seen
        window = self._window
        if replaced:
            return None if told == window else self._event(ROOT, window)
        depth = len(self.target.path)
        keys = dict.fromkeys(place[depth] for place in touched)
        old, new = _children(told), _children(window)
        keys.update(dict.fromkeys(key for key in new if key not in old))
        keys.update(dict.fromkeys(key for key in old if key not in new))
        changed = [key for key in keys if told.child(key) != window.child(key)]
        if not changed:
            return None
        if all(told.child(key).exists and window.child(key).exists for key in changed):
            seen = [place for place in touched if place[depth] in changed]
            return self._below(write, seen, after)
        if len(changed) == 1:
            return self._event(Path(changed), window.child(changed[0]))
        return self._patch(ROOT, {Path((key,)): window.child(key) for key in changed})

    def _below(self, write: Write, touched: Sequence[Path], after: Node) -> Event:
        """Changes strictly below the target, told as they were asked for.

        [unsure] for an update of several paths: one patch, its keys relative to the stream, and
        only those that changed. Lists below the stream's location look as they do in a read.
        """
        here = self.target.path
        base = write.base if here.contains(write.base) else here
        if not write.merge or base in touched:
            # Not a merge, or one that changes the priority of its base: no key could say that.
            return self._put(base, after)
        nodes = {place.relative_to(base): after.at(place) for place in touched}
        return self._patch(base.relative_to(here), nodes)

    def _put(self, place: Path, after: Node) -> Event:
        return self._event(place.relative_to(self.target.path), after.at(place))

    def _read(self, root: Node) -> Reading:
        return self._windows.read(root, self.target.path, self.target.query)

    def _event(self, path: Path, node: Node, *, hollow: bool = False) -> Event:
        return Event("put", self.target.path, path, {ROOT: node}, hollow=hollow)

    def _patch(self, path: Path, nodes: Mapping[Path, Node]) -> Event:
        return Event("patch", self.target.path, path, nodes)


def _children(node: Node) -> Mapping[str, Node]:
    return node.children if isinstance(node, Branch) else {}
