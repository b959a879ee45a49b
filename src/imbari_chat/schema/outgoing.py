"""A message on its way: what was written here, and what has become of it."""

from collections.abc import Iterable
from typing import Any

from pydantic import PrivateAttr

from imbari_chat.errors import ImbariError
from imbari_chat.schema.models import Message
from imbari_chat.states import Delivery

__all__ = ["OutgoingMessage", "Progress", "became", "progress_of", "was_stamped"]


class Progress:
    """How far a message has got; shared by the message and the outbox that moves it on.

    Attributes:
        delivery: Where it is.
        error: Why it failed, or what keeps it from going out.
    """

    __slots__ = ("delivery", "error")

    def __init__(self) -> None:
        self.delivery: Delivery = "queued"
        self.error: ImbariError | None = None


class OutgoingMessage(Message):
    """A message that was sent from here. Its :attr:`delivery` moves on by itself.

    Until a listener brings it back, its ``timestamp`` is that of its id, the server's time as far
    as it was known here; then it is the server's. It equals the message that a list or an event
    brings, whose times and marks are the server's.
    """

    _progress: Progress = PrivateAttr(default_factory=Progress)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.id, self.sender, self.text) == (
            other.id,
            other.sender,
            other.text,
        )

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        yield from super().__repr_args__()
        yield "delivery", self.delivery

    @property
    def delivery(self) -> Delivery:
        """Where it is now: ``queued``, ``sent``, ``held``, ``confirmed`` or ``failed``."""
        return self._progress.delivery

    @property
    def error(self) -> ImbariError | None:
        """Why it failed, or what keeps it from going out; None if nothing is known against it."""
        return self._progress.error


def progress_of(message: OutgoingMessage) -> Progress:
    """What moves a message on: for the outbox, and not for whoever sent it."""
    return message._progress  # noqa: SLF001  # it is made here


def became(message: OutgoingMessage, delivery: Delivery, error: ImbariError | None = None) -> None:
    """Note what the outbox found out."""
    progress = progress_of(message)
    progress.delivery, progress.error = delivery, error


def was_stamped(message: OutgoingMessage, timestamp: int) -> None:
    """A listener has brought a message back: take over the server's time, ms."""
    message.__dict__["timestamp"] = timestamp  # frozen for everybody else
