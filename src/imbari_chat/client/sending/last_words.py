"""What a program takes with it that ends without closing its clients."""

import atexit
from typing import Protocol

from imbari_chat.client.sending.entry import undelivered
from imbari_chat.logs import get_logger
from imbari_chat.schema.outgoing import OutgoingMessage

__all__ = ["WITH_MAIL", "HasMail"]

_log = get_logger(__name__)


class HasMail(Protocol):
    """What has messages on their way."""

    @property
    def left_behind(self) -> tuple[OutgoingMessage, ...]:
        """Those that are this process's own."""


WITH_MAIL: set[HasMail] = set()
"""Held here, so that none goes unmentioned because the client was forgotten."""


@atexit.register
def _last_words() -> None:
    """The program ends with an outbox that was never closed: say what goes with it."""
    for outbox in list(WITH_MAIL):
        if left := outbox.left_behind:
            _log.warning("the program ended with %s", undelivered(left))
