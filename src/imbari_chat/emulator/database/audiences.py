"""Who listens, and which of them a commit concerns.

Everyone who listens to one target is one audience, and is owed the same events. Of all audiences
a commit asks those alone that its changed places concern.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imbari_chat.emulator.database.by_place import ByPlace
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import Caller
from imbari_chat.emulator.database.events import Event
from imbari_chat.emulator.database.listeners import Target, View
from imbari_chat.emulator.database.windows import Windows
from imbari_chat.rules import Grounds
from imbari_chat.wire.paths import Path
from imbari_chat.wire.sse import Frame
from imbari_chat.wire.tree import Node

__all__ = ["Admissions", "Audiences", "Listener", "PendingEvent"]


@dataclass(slots=True, eq=False)
class Listener:
    """One open listen. Two of them are never the same, whatever they listen to.

    Attributes:
        caller: Who listens; another one after :meth:`Namespace.recast`.
    """

    target: Target
    caller: Caller


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event and everyone it is owed to.

    Attributes:
        last: They listen no more after it.
    """

    event: Event
    listeners: Sequence[Listener]
    last: bool = False

    @property
    def frame(self) -> Frame:
        """The event as a stream without priorities has it."""
        return self.event.frame()


@dataclass(slots=True)
class _Audience:
    view: View
    listeners: dict[Listener, None] = field(default_factory=dict)


class Audiences:
    """Everyone who listens to one database."""

    def __init__(self) -> None:
        self._audiences: dict[Target, _Audience] = {}
        self._by_place: ByPlace[Target] = ByPlace()

    def __bool__(self) -> bool:
        return bool(self._audiences)

    def __iter__(self) -> Iterator[Listener]:
        for audience in self._audiences.values():
            yield from audience.listeners

    def add(self, listener: Listener, root: Node, windows: Windows) -> View:
        """Owe ``listener`` what is committed from now on; gives what it looks through.

        Args:
            root: The whole tree now.
            windows: What the queries of this database see.
        """
        target = listener.target
        audience = self._audiences.get(target)
        if audience is None:
            audience = self._audiences[target] = _Audience(View(target, root, windows))
            self._by_place.add(target.path, target)
        audience.listeners[listener] = None
        return audience.view

    def discard(self, listener: Listener) -> None:
        """Owe ``listener`` nothing more. Doing so twice is fine."""
        audience = self._audiences.get(listener.target)
        if audience is None or listener not in audience.listeners:
            return
        del audience.listeners[listener]
        if not audience.listeners:
            del self._audiences[listener.target]
            self._by_place.discard(listener.target.path, listener.target)

    def committed(
        self, write: Write, changed: Sequence[Path], before: Node, after: Node
    ) -> Iterator[PendingEvent]:
        """The events owed for ``write``, in the order in which their targets were listened to.

        Every commit must pass through here, in order.

        Args:
            changed: The places of the write at which anything is different now.
        """
        for target, touched in self._by_place.meeting(changed).items():
            audience = self._audiences[target]
            event = audience.view.committed(write, touched, before, after)
            if event is not None:
                yield PendingEvent(event, tuple(audience.listeners))


class Admissions:
    """Who was let in for what is stored, or for the time it was, and would have to be asked again.

    A tree shares with the one before it whatever a write did not touch. What a rule has looked at
    is therefore another node now if a changed place is there, above it or below it, and otherwise
    the same, about which the rule says the same.
    """

    def __init__(self) -> None:
        self._grounds: dict[Listener, Grounds] = {}
        self._by_place: ByPlace[Listener] = ByPlace()
        self._in_time: dict[Listener, None] = {}

    def admit(self, listener: Listener, grounds: Grounds) -> None:
        """``listener`` may listen on these grounds, and on no others that were known before."""
        self.forget(listener)
        if grounds.places or grounds.time:
            self._grounds[listener] = grounds
        if grounds.time:
            self._in_time[listener] = None
        for place in grounds.places:
            self._by_place.add(place, listener)

    def forget(self, listener: Listener) -> None:
        """``listener`` is not asked again. Doing so twice is fine."""
        grounds = self._grounds.pop(listener, None)
        if grounds is None:
            return
        self._in_time.pop(listener, None)
        for place in grounds.places:
            self._by_place.discard(place, listener)

    def in_doubt(self, changed: Sequence[Path]) -> list[Listener]:
        """Those whose grounds may be gone, with a commit that has changed these places."""
        return [*{**self._in_time, **dict.fromkeys(self._by_place.meeting(changed))}]
