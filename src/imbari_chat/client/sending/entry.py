"""A message in the outbox, what it takes to send it, and what is said of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from imbari_chat.errors import AccessDenied, Conflict, ImbariError
from imbari_chat.net.transport import Transport
from imbari_chat.schema.outgoing import OutgoingMessage, Progress
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan

__all__ = ["OutboxEntry", "is_stored", "overtaken", "undelivered"]

_NAMED = 10


@dataclass(slots=True, eq=False)
class OutboxEntry:
    """A message in the outbox, with what it takes to send it.

    Attributes:
        message: What the writer holds.
        plan: What it writes.
        session_id: Its conversation.
        progress: How far it has got.
        awaited: Whether a call still waits for it, and so hears itself if it fails.
        trouble: Why the last try came to nothing.
        waiting: Futures to be woken when it is settled; used on the loop alone.
    """

    message: OutgoingMessage
    plan: Plan
    session_id: SessionId
    progress: Progress
    awaited: bool = True
    trouble: ImbariError | None = None
    waiting: "list[asyncio.Future[None]]" = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether its delivery is final."""
        return self.progress.delivery in ("confirmed", "failed")

    def release(self) -> None:
        """Wake whoever waits for it."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)


async def is_stored(transport: Transport, entry: OutboxEntry) -> bool:
    """Whether a entry's message is stored.

    Raises:
        Conflict: It is not, and what it answers is no longer the last word.
        Unavailable: Nobody can tell now.
    """
    plan = entry.plan
    assert plan.commit_marker is not None
    try:
        if plan.is_marked_by(await transport.get(plan.commit_marker)):
            return True
        if plan.expects is None:
            return False
        place, expected = plan.expects
        if await transport.get(place) == expected:
            return False
        # Something came in between; an earlier try of this very message, perhaps.
        if plan.is_marked_by(await transport.get(plan.commit_marker)):
            return True
    except AccessDenied:  # what one wrote oneself one may read
        return False
    raise overtaken(entry.session_id)


def overtaken(session_id: SessionId) -> Conflict:
    """The error for a reply that answers what is no longer the last message."""
    return Conflict(
        "another message came first",
        where=f"conversation {session_id}",
        hint="Read the conversation again; then send it again if it still fits",
    )


def undelivered(messages: Sequence[OutgoingMessage]) -> str:
    """A list of messages for people, without what they say."""
    named = [
        f"{one.id} ({'may have arrived' if one.delivery == 'sent' else 'not sent'})"
        for one in messages[:_NAMED]
    ]
    more = f" and {len(messages) - _NAMED} more" if len(messages) > _NAMED else ""
    return (
        f"{len(messages)} message{'' if len(messages) == 1 else 's'} undelivered:"
        f" {', '.join(named)}{more}"
    )
