"""A message on its way: what was written here, and what has become of it."""

from typing import Literal, TypeAlias

from pydantic import PrivateAttr

from imbari_chat.errors import ImbariError
from imbari_chat.schema.models import Message

__all__ = ["Delivery", "OutgoingMessage"]

Delivery: TypeAlias = Literal["queued", "sent", "confirmed", "failed"]
"""``queued``: waits here and is certainly not there. ``sent``: under way, and perhaps there.
``confirmed``: there, once. ``failed``: not there, and not tried again."""


class OutgoingMessage(Message):
    """A message that was sent from here. Its :attr:`delivery` moves on by itself.

    Until a listener brings it back, its ``timestamp`` is this machine's time, not the server's.
    """

    _delivery: Delivery = PrivateAttr("queued")
    _error: ImbariError | None = PrivateAttr(None)

    @property
    def delivery(self) -> Delivery:
        """Where it is now: ``queued``, ``sent``, ``confirmed`` or ``failed``."""
        return self._delivery

    @property
    def error(self) -> ImbariError | None:
        """Why it failed, or what keeps it from going out; None if nothing is known against it."""
        return self._error

    def became(self, delivery: Delivery, error: ImbariError | None = None) -> None:
        """Note what the outbox found out. For the outbox alone."""
        self._delivery, self._error = delivery, error
