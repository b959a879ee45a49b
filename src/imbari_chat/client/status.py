"""What a client can say of itself: is it alive, since when, and what is queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from imbari_chat.client.reading.patient import Behind
from imbari_chat.net.transport import Subscription, Way
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.states import ConnectionState, TransportName

__all__ = ["ChatState", "ChatStatus", "PresenceState", "status_of"]

ChatState: TypeAlias = ConnectionState | Literal["idle"]
"""A connection's state, or ``idle`` when nothing is being listened to."""

PresenceState: TypeAlias = Literal["on", "off", "refused"]

_WORST_FIRST: tuple[ConnectionState, ...] = (
    "closed",
    "reconnecting",
    "stale",
    "connecting",
    "live",
)


@dataclass(frozen=True, slots=True)
class ChatStatus:
    """One moment of a client.

    Attributes:
        state: That of the listener that is worst off, ``stale`` if it is live and what was missed
            is still being read; ``idle`` if there is none; ``closed`` if the
            client is closed or its background listening has ended.
        since: When that listener got into this state; None when idle or closed.
        reason: Why, if there is anything to say.
        retry_in: Seconds until its next attempt, when reconnecting.
        last_heard: When the service last said anything to any listener.
        listeners: How many there are.
        outbox: Messages on their way, in the order they were written.
        transport: What the database is reached by; None before that is decided.
        transport_reason: Why by this one, if there is anything to say: what is wrong with the
            WebSocket.
        presence: Whether it is said and heard who is there; ``refused`` if the rules know nothing
            of it.
    """

    state: ChatState
    since: datetime | None
    reason: str | None
    retry_in: float | None
    last_heard: datetime | None
    listeners: int
    outbox: tuple[OutgoingMessage, ...]
    transport: TransportName | None
    transport_reason: str | None
    presence: PresenceState = "off"

    @property
    def alive(self) -> bool:
        """Whether all that is being listened to is live."""
        return self.state in ("live", "idle")

    @property
    def queued(self) -> int:
        """How many messages wait here and are certainly not there."""
        return sum(message.delivery == "queued" for message in self.outbox)

    @property
    def sent(self) -> int:
        """How many messages are under way and may be there."""
        return sum(message.delivery == "sent" for message in self.outbox)

    def __str__(self) -> str:
        parts = [self.state if self.since is None else f"{self.state} since {self.since:%H:%M:%S}Z"]
        if self.reason:
            parts.append(self.reason)
        if self.retry_in is not None:
            parts.append(f"trying again in {self.retry_in:.1f} s")
        parts.append(f"{self.listeners} listeners, {self.queued} queued, {self.sent} under way")
        parts.append(str(Way(self.transport, self.transport_reason)))
        if self.presence == "refused":
            parts.append("presence is refused by the rules")
        return "; ".join(parts)


def status_of(
    listeners: Sequence[Subscription],
    outbox: tuple[OutgoingMessage, ...],
    way: Way,
    *,
    behind: Behind | None = None,
    closed: bool,
    failure: BaseException | None,
    presence: PresenceState = "off",
) -> ChatStatus:
    """The status of a client with these listeners and this outbox, which goes this way.

    Connections that are live are called stale while what they missed is still being read.
    """
    worst = min(listeners, key=lambda one: _WORST_FIRST.index(one.state), default=None)
    heard = max((one.last_heard for one in listeners if one.last_heard is not None), default=None)
    over = closed or failure is not None
    state: ChatState = "closed" if over else "idle" if worst is None else worst.state
    reason = None if worst is None else worst.reason
    since = None if worst is None else worst.since
    if behind is not None and state == "live":
        state, reason, since = "stale", behind.reason, behind.since
    return ChatStatus(
        state=state,
        since=None if over or since is None else _moment(since),
        reason=str(failure) if failure is not None else reason,
        retry_in=None if over or worst is None else worst.retry_in,
        last_heard=None if heard is None else _moment(heard),
        listeners=len(listeners),
        outbox=outbox,
        transport=way.name,
        transport_reason=way.reason,
        presence=presence,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
