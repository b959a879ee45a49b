"""A message in the outbox, what it takes to send it, and what is said of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from imbari_chat.errors import AccessDenied, Conflict, ImbariError, NotFound, SessionNotFound
from imbari_chat.net.transport import Transport
from imbari_chat.schema.outgoing import OutgoingMessage, Progress
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.plans import Plan

__all__ = ["OutboxEntry", "is_stored", "missing", "overtaken", "require_session", "undelivered"]

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
        kept: Whether it is on disk too, so that it outlives this program.
        tried: Whether the disk says that it may be there.
        created: When it was accepted, ms by this machine's clock; None if it may go however late.
        may_be_there: Whether a try may have reached the service: one is with it, or got no answer.
        over: Done when it is in the outbox no more; whoever waits for that makes it.
    """

    message: OutgoingMessage
    plan: Plan
    session_id: SessionId
    progress: Progress
    awaited: bool = True
    trouble: ImbariError | None = None
    kept: bool = False
    tried: bool = False
    created: int | None = None
    may_be_there: bool = False
    over: asyncio.Future[None] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether its delivery is final."""
        return self.progress.delivery in ("confirmed", "failed")


async def is_stored(transport: Transport, entry: OutboxEntry) -> bool:
    """Whether an entry's message is stored.

    Raises:
        AccessDenied: Nobody may look. Then it is not, unless the rules are others than they were:
            what one wrote oneself one may read.
        Conflict: It is not, and what it answers is no longer the last word.
        SessionNotFound: It is not, and neither is its conversation.
        Unavailable: Nobody can tell now.
    """
    plan = entry.plan
    assert plan.commit_marker is not None
    if plan.is_marked_by(await transport.get(plan.commit_marker)):
        return True
    try:
        await require_session(transport, plan, refused=True)
        if plan.expects is None:
            return False
        place, expected = plan.expects
        if await transport.get(place) == expected:
            return False
        # Something came in between; an earlier try of this very message, perhaps.
        if plan.is_marked_by(await transport.get(plan.commit_marker)):
            return True
    except AccessDenied:
        return False
    raise overtaken(entry.session_id)


async def require_session(transport: Transport, plan: Plan, *, refused: bool = False) -> None:
    """Refuse a plan that changes a session that is not there.

    Rules decide that as part of the write, so under them it is only looked for to explain a
    refusal. Above them a write to a deleted session would leave one without a name, so it is looked
    for before. What is deleted between the look and the write goes unnoticed: an update of several
    places has no condition.

    Args:
        transport: The way to the database.
        plan: What is to be written.
        refused: The rules have refused it.

    Raises:
        SessionNotFound: It is not there.
        Unavailable: Nobody can tell now; nothing has been written.
    """
    if plan.requires is None:
        return
    await transport.open()
    if transport.uid is not None and not refused:
        return
    try:
        if await transport.get(plan.requires) is None:
            raise SessionNotFound.named(plan.requires[-1])
    except AccessDenied:
        return


def missing(message_id: str) -> NotFound:
    """The error for a message that is not in the outbox, or not any more."""
    return NotFound(f"the outbox holds no message {message_id!r}", hint="See what it holds: outbox")


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
