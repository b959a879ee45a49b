"""Listeners over what the server says and what was written here: the heart of local events.

Theory of operation. Facts come in: the server holds this value at this place, or these changes;
something was written here; the server took a write, or refused it. Each answers with what listeners
are to be told because of it, at once. Three things are kept:

    truth      whole values by place, as far as the server has told them without a query
    windows    what the server has shown of each query
    log        writes that are not settled (:mod:`imbari_chat.engine.overlay`)

What a listener sees is worked out from these: what is known of its place, with the log carried out
on it, through its query, compared with what it saw before. Nobody is told half of a child.

Knowledge may be partial. A listener that waits for its first value is shown the children that are
known all the same: another listener's, or written here. And what a settled write has shown stands,
although the server has not said so where the listener listens, until the server says something of
it; a refused write leaves nothing behind. A query whose place is known wholly, because somebody
listens there or above without one, is filled from that.
Pure; no I/O, no clock.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from imbari_chat.engine.mirror import assign, at
from imbari_chat.engine.overlay import NOTHING, Known, Overlay, Write
from imbari_chat.engine.views import Seen, View
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["Listen", "SyncTree", "Told"]

Listen: TypeAlias = tuple[Path, Query | None]
"""A place, and the query that it is listened to with; None for all that is there."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the listeners of one place and query are told."""

    listen: Listen
    what: Seen


@dataclass(slots=True)
class _Listener:
    view: View
    window: Known | None = None
    kept: Known = field(default=NOTHING)


class SyncTree:
    """The listeners of one database, and what they see."""

    def __init__(self) -> None:
        self._listeners: dict[Listen, _Listener] = {}
        self._truth: dict[Path, Json] = {}
        self._log = Overlay()

    def listen(self, path: Path, query: Query | None = None) -> list[Told]:
        """Somebody listens; gives what is known already. Twice the same tells nothing new."""
        listen = (path, query)
        if listen in self._listeners:
            return []
        self._listeners[listen] = _Listener(View(query))
        return self._look([listen])

    def unlisten(self, path: Path, query: Query | None = None) -> None:
        """Nobody listens any more. What only this listener was told of is forgotten.

        The server goes on telling listeners with a query of what that shows, and of nothing else.
        """
        self._listeners.pop((path, query), None)
        for (place, _), listener in self._listeners.items():
            known = self._known(place, listener)
            if listener.window is None and known.is_whole and not self._is_listened_to(place):
                listener.window = listener.view.window(known.value)
        self._forget()
        self._truth = {
            place: value for place, value in self._truth.items() if self._is_listened_to(place)
        }

    def value(self, path: Path, query: Query | None = None) -> Json:
        """What the listeners of this place and query see."""
        return self._listeners[path, query].view.value

    def server_value(self, path: Path, value: Json, within: Listen | None = None) -> list[Told]:
        """The server holds ``value`` at ``path``; null if there is nothing.

        Args:
            path: Where; it may end with ``.priority``.
            value: All that is there, or all that the query of ``within`` shows of it.
            within: The listen with a query that the server says this of; None if it speaks of the
                place itself.
        """
        if within is not None and within not in self._listeners:
            return []  # it was on its way when nobody listened any more
        if within is None or within[1] is None:
            self._learn(path, value)
        else:
            self._learn_window(within, {path: value})
        return self._look(self._concerned([path]))

    def server_merge(
        self, path: Path, changes: Mapping[Path, Json], within: Listen | None = None
    ) -> list[Told]:
        """The server has changed these places below ``path``; what it says of the unknown is lost.

        Args:
            path: Where.
            changes: Relative path to new value; null if there is nothing any more.
            within: As for :meth:`server_value`.
        """
        if within is not None and within not in self._listeners:
            return []
        facts = {Path((*path, *below)): value for below, value in changes.items()}
        if within is None or within[1] is None:
            for place, value in facts.items():
                if self._above(place) is not None or any(map(place.contains, self._truth)):
                    self._learn(place, value)
        else:
            self._learn_window(within, facts)
        return self._look(self._concerned(facts))

    def write(
        self, changes: Mapping[Path, Json], now: int, *, visible: bool = True
    ) -> tuple[int, list[Told]]:
        """Something was written here, all of it or nothing.

        Args:
            changes: Absolute path to new value, as it is sent; null deletes.
            now: The server's time, as far as it is known, ms since the epoch.
            visible: Whether it is shown before the server has taken it.

        Returns:
            The number of the write, and what is told because of it.

        Raises:
            InvalidData: A value is not allowed, or what is there does not take it.
        """
        write = Write.estimated(changes, now, self._seen, visible=visible)
        number = self._log.put(write)
        return number, self._look(self._concerned(changes))

    def settled(self, number: int) -> list[Told]:
        """The server has taken this write, and told before what listeners are to see of it.

        Raises:
            KeyError: There is no such write.
        """
        write = self._log.take(number)
        concerned = self._concerned(write.changes)
        for listen in concerned:
            listener = self._listeners[listen]
            if write.is_visible and not self._known(listen[0], listener).is_whole:
                listener.kept = write.over(listener.kept, listen[0])
        return self._look(concerned)

    def refused(self, number: int) -> list[Told]:
        """The server has not taken this write: nobody sees anything of it any more.

        Raises:
            KeyError: There is no such write.
        """
        return self._look(self._concerned(self._log.take(number).changes))

    def _seen(self, path: Path) -> Json:
        """What is at ``path``, as far as anybody who listens could be told; null if nobody."""
        above = self._above(path)
        if above is not None:
            known = Known.all_of(at(self._truth[above], path.relative_to(above)))
            return self._log.over(known, path).value
        for (place, _), listener in self._listeners.items():
            if place != path and place.contains(path):
                known = self._log.over(listener.window or listener.kept, place)
                below = path.relative_to(place)
                if known.knows(below):
                    return at(known.value, below)
        return self._log.over(NOTHING, path).value

    def _learn(self, path: Path, value: Json) -> None:
        """The server has told of a place without a query."""
        above = self._above(path)
        if above is not None:
            below = path.relative_to(above)
            self._truth[above] = assign(self._truth[above], below, value)
            return
        for place in [place for place in self._truth if path.contains(place)]:
            del self._truth[place]
        self._truth[path] = assign(None, (), value)
        for listen in self._listeners:
            if listen[0] == path.parent and path:
                self._learn_window(listen, {path: value})
        self._forget()

    def _learn_window(self, listen: Listen, facts: Mapping[Path, Json]) -> None:
        """The server has told of what a query shows."""
        listener = self._listeners[listen]
        known = listener.window
        for place, value in facts.items():
            below = place.relative_to(listen[0])
            if not below:
                known = Known.all_of(assign(None, (), value))
            elif known is not None:
                known = known.with_value(below, value)
        if known is not None:
            listener.window = listener.view.window(known.value)

    def _forget(self) -> None:
        """Keep of the truth what the server goes on telling of, since somebody listens to it."""
        kept = {}
        for place, value in self._truth.items():
            if any(_tells_of(listen, place) for listen in self._listeners):
                kept[place] = value
                continue
            for path, _ in self._listeners:
                if place.contains(path):
                    kept[path] = at(value, path.relative_to(place))
        self._truth = {
            place: value
            for place, value in kept.items()
            if not any(other != place and other.contains(place) for other in kept)
        }

    def _is_listened_to(self, path: Path) -> bool:
        """Whether somebody listens, without a query, to all that is there."""
        return any(query is None and place.contains(path) for place, query in self._listeners)

    def _above(self, path: Path) -> Path | None:
        """The place at or above ``path`` that is known wholly."""
        places = (Path(path[:depth]) for depth in range(len(path) + 1))
        return next((place for place in places if place in self._truth), None)

    def _concerned(self, places: Collection[Path]) -> list[Listen]:
        """Who sees something of these places, the deepest first, as the official SDKs tell them."""
        found = [
            listen
            for listen in self._listeners
            if any(one.contains(listen[0]) or listen[0].contains(one) for one in places)
        ]
        return sorted(found, key=lambda listen: -len(listen[0]))

    def _look(self, listens: Iterable[Listen]) -> list[Told]:
        told = []
        for listen in listens:
            path, listener = listen[0], self._listeners[listen]
            known = self._known(path, listener)
            if not known.is_whole:
                known = self._filled(listener.kept, path)
            shown = listener.view.show(self._log.over(known, path))
            told += [Told(listen, what) for what in shown]
        return told

    def _known(self, path: Path, listener: _Listener) -> Known:
        """What the server has told of a listener's place."""
        above = self._above(path)
        if above is not None:
            return Known.all_of(at(self._truth[above], path.relative_to(above)))
        return listener.window or NOTHING

    def _filled(self, known: Known, path: Path) -> Known:
        """The same with the children of ``path`` that are known."""
        for place, value in self._truth.items():
            if path.contains(place):
                known = known.with_value(place.relative_to(path), value)
        return known


def _tells_of(listen: Listen, place: Path) -> bool:
    """Whether the server goes on telling of a place because of this listener."""
    path, query = listen
    return path == place or (query is None and path.contains(place))
