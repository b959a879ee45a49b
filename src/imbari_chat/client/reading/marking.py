"""Marking a customer's messages read, beside colleagues who do so at the same moment."""

import asyncio
from typing import Final

from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.unread_counts import is_count, repair
from imbari_chat.errors import AccessDenied, Conflict, SessionNotFound, Unavailable
from imbari_chat.logs import get_logger
from imbari_chat.schema import plans
from imbari_chat.schema.models import Message, Session
from imbari_chat.schema.order import Place, message_place
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.pushid import is_push_id

__all__ = ["looked", "mark_on_entering", "mark_read"]

_SCAN = 100
_MOST_SCANNED = 10_000
_MARK_TRIES = 8

_WHOLE: Final = frozenset(
    {"customerName", "customerEmail", "lastMessage", "lastMessageTime", "unreadCount", "status"}
)
"""What the rules want of a session, whoever writes to it."""

_log = get_logger(__name__)


async def looked(gateway: Gateway, session_id: SessionId) -> Session:
    """Read a session that is to be there.

    Raises:
        SessionNotFound: It is not.
    """
    session = await gateway.session(session_id)
    if session is None:
        raise SessionNotFound.named(session_id)
    return session


async def mark_on_entering(gateway: Gateway, session_id: SessionId) -> Session:
    """The session; its messages are marked read, unless nobody may write to it as it is.

    Raises:
        ImbariError: As for :func:`mark_read`.
    """
    try:
        session, _ = await mark_read(gateway, session_id, None)
    except AccessDenied as error:
        found, stored = await gateway.session_as_stored(session_id)
        if found is None or _may_be_changed(session_id, stored):
            raise
        _log.warning("the messages of %s stay unread: it is malformed. %s", session_id, error)
        return found
    return session


async def mark_read(
    gateway: Gateway, session_id: SessionId, last: Place | None
) -> tuple[Session, int]:
    """Mark what is unread up to ``last``; where the rules refuse that, but for ids they never take.

    Returns:
        The session as it was, and how many were marked.

    Raises:
        SessionNotFound: There is no such conversation.
        Conflict: Colleagues kept getting in between.
        AccessDenied: Whoever is signed in is not an admin, or the session is malformed.
        Unavailable: No answer.
    """
    first: Session | None = None
    only_ours = False
    denied: AccessDenied | None = None
    seen: tuple[set[MessageId], int] | None = None
    unanswered: list[MessageId] = []
    for _ in range(_MARK_TRIES):
        session, messages = await _unread(gateway, session_id)
        first = first or session
        unread = [
            one.id
            for one in messages
            if (last is None or message_place(one) <= last)
            and (is_push_id(one.id) or not only_ours)
        ]
        if unanswered and not set(unanswered) & set(unread):
            return first, len(unanswered)  # the answer was lost, the update was not
        if not unread:
            return first, 0
        if denied is not None and seen == (set(unread), session.unread_count):
            # Nobody has marked or counted anything since: nobody got in between.
            if all(map(is_push_id, unread)):
                raise denied
            only_ours = True  # the rules take no other ids
            continue
        counted = await _counted(gateway, session, len(unread))
        try:
            await gateway.commit(plans.mark_read(session_id, unread, counted=counted))
        except AccessDenied as error:
            denied, seen = error, (set(unread), session.unread_count)
        except Unavailable as error:
            if unanswered or not error.outcome_unknown:
                raise
            unanswered, seen = unread, None
        else:
            return first, len(unread)
    raise Conflict(
        "colleagues are reading this conversation at the same moment", where=session_id
    ) from denied


async def _counted(gateway: Gateway, session: Session, unread: int) -> int:
    """How many of the unread messages to take off the count, which must not become negative.

    A count below the truth is one that the website let drift, or one that was read before the
    latest message came: that is told apart by another look.
    """
    count = session.unread_count
    if unread > count:
        count = (await looked(gateway, session.id)).unread_count
    return min(unread, count)


async def _unread(gateway: Gateway, session_id: SessionId) -> tuple[Session, list[Message]]:
    """The session, with a count that is one, and its unread customer messages.

    Those are as many as the session counts, and all the newest. Session and newest messages
    are asked for at once.
    """
    limit = _SCAN
    (session, stored), messages = await asyncio.gather(
        gateway.session_as_stored(session_id), gateway.messages(session_id, limit)
    )
    if isinstance(stored, dict) and not is_count(stored.get("unreadCount")):
        # What is no count cannot be counted down.
        await repair(gateway, session_id, required=True)
        session = await looked(gateway, session_id)
    if session is None:
        raise SessionNotFound.named(session_id)
    count = session.unread_count
    while True:
        unread = [message for message in messages if message.is_unread]
        if len(unread) >= count or len(messages) < limit or limit >= _MOST_SCANNED:
            return session, unread
        limit = max(limit * 4, 2 * count)
        messages = await gateway.messages(session_id, limit)


def _may_be_changed(session_id: SessionId, stored: Json) -> bool:
    """Whether the rules may let an admin write to a session as it is stored."""
    return is_push_id(session_id) and isinstance(stored, dict) and stored.keys() >= _WHOLE
