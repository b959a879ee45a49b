"""What a stream of events says instead of events: that there are none now, or not at once."""

from enum import Enum
from typing import TypeAlias

from imbari_chat.schema.events import ChatEvent

__all__ = ["Batch", "Pause"]


class Pause(Enum):
    """Why a stream that gives way has nothing to give."""

    QUIET = "nothing more has happened"
    """Its notifier tells when to ask again. Until then asking costs next to nothing."""
    READING = "what comes next is read first"
    """Whoever asks again waits for that, and may have something else to do meanwhile."""


Batch: TypeAlias = list[ChatEvent] | Pause
"""What happened together; or nothing, and why."""
