"""What a peer wants done with its socket and with whoever else is concerned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.emulator.database.audiences import Listener, PendingEvent
from imbari_chat.emulator.database.events import Event
from imbari_chat.wire.json import Json

__all__ = ["Attach", "Deliver", "Detach", "Effect", "End", "Say"]


@dataclass(frozen=True, slots=True)
class Say:
    """A message for this socket.

    Attributes:
        write: Gives its text. In a thread, if need be.
        weight: About as many bytes as it has.
    """

    write: Callable[[], str]
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Deliver:
    """Events for whoever they are owed to."""

    events: Sequence[PendingEvent]


@dataclass(frozen=True, slots=True)
class Attach:
    """From now on this socket is told what its listener is owed.

    Attributes:
        tag: What the client calls it.
        first: What there is to begin with, unless the client has it already.
    """

    listener: Listener
    tag: Json
    first: Event | None


@dataclass(frozen=True, slots=True)
class Detach:
    """This socket is told no more of it."""

    listener: Listener


@dataclass(frozen=True, slots=True)
class End:
    """Close, with this code and reason."""

    code: int
    reason: str


Effect: TypeAlias = Say | Deliver | Attach | Detach | End
