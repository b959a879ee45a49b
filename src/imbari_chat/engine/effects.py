"""What a stream's core asks of its shell, and what it tells the consumer."""

from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.errors import ImbariError
from imbari_chat.states import ConnectionState
from imbari_chat.wire.json import Json

__all__ = [
    "Changed",
    "Connect",
    "Disconnect",
    "Effect",
    "Ended",
    "StateChanged",
]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection and report it: ``opened``, ``refused``, ``no_credential`` or ``lost``.

    Attributes:
        renew: The credential was refused or has ended: get a new one first.
    """

    renew: bool


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Drop the current connection, at once; nothing more is to be reported of it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The value listened to is now ``value``.

    Attributes:
        value: All of it, never to be mutated.
        touched: The children that may differ from before, or None if any may.
    """

    value: Json
    touched: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The connection's state, for people to see.

    Attributes:
        state: What it is now.
        reason: Why.
        retry_in: Seconds until the next attempt, when reconnecting.
    """

    state: ConnectionState
    reason: str | None = None
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over; ``error`` goes to the consumer."""

    error: ImbariError


Effect: TypeAlias = Connect | Disconnect | Changed | StateChanged | Ended
