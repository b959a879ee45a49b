"""What the outbox asks for and tells, and how fast it may go."""

from dataclasses import dataclass, field
from typing import TypeAlias

from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.errors import ImbariError
from imbari_chat.states import Delivery

__all__ = ["Delivered", "Look", "OutboxEffect", "OutboxPolicy", "Send"]


@dataclass(frozen=True, slots=True)
class OutboxPolicy:
    """How fast messages may go, in seconds.

    Attributes:
        interval: From the end of one message to the start of the next in its lane.
        second_chances: How often a message that the rules refused, and that is not there, is tried
            once more after ``interval``: somebody else may have used it up.
        batch: How many messages may go out as one update. With an interval, one.
        most_under_way: How many updates may be under way at once.
        sign_in_tries: How often in a row a message goes out with a sign-in that the service does
            not take, before it fails: a service in trouble refuses good ones too.
        most: How many messages may wait.
        stale_after: How long ago a message may have been accepted to go out unasked, in seconds.
        backoff: The pauses while the service cannot be reached.
    """

    interval: float = 0.0
    second_chances: int = 0
    batch: int = 1
    most_under_way: int = 2
    sign_in_tries: int = 10
    most: int = 100_000
    stale_after: float = 24 * 60 * 60
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


@dataclass(frozen=True, slots=True)
class Send:
    """Try to commit these messages, all or none, and report ``committed``, ``refused`` or
    ``unreachable`` of each."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """See whether this message is stored, and report ``looked``, ``refused`` or ``unreachable``."""

    key: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message's delivery changed.

    Attributes:
        key: Which.
        delivery: To what.
        error: Why, when it failed.
    """

    key: str
    delivery: Delivery
    error: ImbariError | None = None


OutboxEffect: TypeAlias = Send | Look | Delivered
