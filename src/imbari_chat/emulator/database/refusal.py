"""A request the database turns down, and how it says so over HTTP."""

from imbari_chat.errors import ImbariError
from imbari_chat.wire.tree import Node

__all__ = ["Mismatch", "Refusal", "denied"]


class Refusal(ImbariError):
    """The request is answered with an error and nothing has changed.

    Attributes:
        status: The HTTP status.
        plain: The text is the whole body, and not the ``error`` of an object.
    """

    def __init__(self, status: int, text: str, *, plain: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.plain = plain


class Mismatch(ImbariError):
    """An ``if-match`` named another version than the current one.

    Attributes:
        current: What is there now; the answer carries it, so that a client can try again at once.
    """

    def __init__(self, current: Node) -> None:
        super().__init__("the data has changed since it was read")
        self.current = current


def denied() -> Refusal:
    """The rules say no: 401, also for a caller who is known."""
    return Refusal(401, "Permission denied")
