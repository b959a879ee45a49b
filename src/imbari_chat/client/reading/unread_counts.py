"""Unread counts that are not the number of unread messages: found, and put right.

Our own writes keep the two equal. The website writes a message first and its session's count
afterwards, from what it last saw, so a count can drift there.
"""

import asyncio
from dataclasses import dataclass

from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.pager import MessagePager
from imbari_chat.errors import AccessDenied, Conflict, SessionNotFound
from imbari_chat.schema import paths, plans
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json, is_number, same
from imbari_chat.wire.pushid import is_push_id

__all__ = ["UnreadCountMismatch", "find_mismatch", "is_count", "mark_unread", "repair"]

_PAGE = 500
_RECENT = 100
"""Messages among which the customer's latest is looked for."""
_MOST_COUNTED = 1_000_000
"""The rules refuse a count above, and whatever would leave one there."""
_LOOKS = 4
_SWAPS = 5
_PAUSE = 0.3
"""Seconds that the website is given to count a message it has written."""


@dataclass(frozen=True, slots=True)
class UnreadCountMismatch:
    """An unread count that is wrong.

    Attributes:
        session_id: Whose.
        counted: What the session says; None if it says no whole number.
        unread: How many customer messages no admin has read.
    """

    session_id: SessionId
    counted: int | None
    unread: int


def is_count(stored: Json) -> bool:
    """Whether this can be counted up and down: a whole number, 0 or more, that the rules take."""
    return (
        isinstance(stored, int | float)
        and not isinstance(stored, bool)
        and 0 <= stored <= _MOST_COUNTED
        and stored == int(stored)
    )


async def find_mismatch(gateway: Gateway, session_id: SessionId) -> UnreadCountMismatch | None:
    """Count a conversation's unread messages, all of them; None if its session says as many.

    Raises:
        NotFound: There is no such conversation.
        Conflict: Somebody kept writing while it was counted.
        AccessDenied: Whoever is signed in is not an admin.
    """
    stored, unread = await _counted(gateway, session_id)
    return None if _is_right(stored, unread) else _mismatch(session_id, stored, unread)


async def repair(
    gateway: Gateway, session_id: SessionId, *, required: bool = False
) -> UnreadCountMismatch | None:
    """Put a wrong unread count right, without overwriting whatever lands in between.

    The count is replaced only if it is still the one that was found wrong; otherwise everything is
    counted again, as it is after the replacement.

    Args:
        gateway: An admin's.
        session_id: Whose.
        required: Also put one where there is none: the rules let nobody write to a session without.

    Returns:
        What was put right; None if nothing was wrong.

    Raises:
        NotFound: There is no such conversation.
        Conflict: Somebody kept writing while it was counted.
        AccessDenied: Whoever is signed in is not an admin.
        Unavailable: No answer; ``outcome_unknown`` says whether the count may have been replaced.
    """
    repaired: UnreadCountMismatch | None = None
    for _ in range(_SWAPS):
        stored, unread = await _counted(gateway, session_id)
        if _is_right(stored, unread) and not (required and stored is None):
            return repaired
        if await gateway.transport.compare_and_set(paths.unread_count(session_id), stored, unread):
            first = stored if repaired is None else repaired.counted
            repaired = _mismatch(session_id, first, unread)
    raise _busy(session_id)


async def mark_unread(gateway: Gateway, session_id: SessionId) -> bool:
    """Mark a conversation's latest customer message unread, unless one is, and count it.

    When a colleague marks at the same moment, the rules refuse one of the two, and that one looks
    again.

    Returns:
        Whether it was marked; False if something is unread already, or the customer wrote nothing.

    Raises:
        SessionNotFound: There is no such conversation.
        Conflict: Colleagues kept getting in between.
        AccessDenied: Whoever is signed in is not an admin.
        Unavailable: No answer; ``outcome_unknown`` says whether it may have been marked.
    """
    denied: AccessDenied | None = None
    for _ in range(_LOOKS):
        session, messages = await asyncio.gather(
            gateway.session(session_id), gateway.messages(session_id, _RECENT)
        )
        if session is None:
            raise SessionNotFound.named(session_id)
        # What is denied may be for an id that the rules do not take.
        theirs = [
            message
            for message in messages
            if message.sender == "customer" and (denied is None or is_push_id(message.id))
        ]
        if session.unread_count or not theirs or theirs[-1].is_unread:
            return False
        try:
            await gateway.commit(plans.mark_unread(session_id, theirs[-1].id))
        except AccessDenied as error:
            denied = error
        else:
            return True
    raise _busy(session_id) from denied


async def _counted(gateway: Gateway, session_id: SessionId) -> tuple[Json, int]:
    """What the session says, and how many unread messages there were at one and the same time.

    The session is the same before and after the messages are read: nobody has written one of them,
    because that moves the session's last message. A message later than its session's last is one
    that the website is about to count, unless it stays like that.
    """
    for look in range(1, _LOOKS + 1):
        before = await _session(gateway, session_id)
        unread, latest = await _messages(gateway, session_id)
        after = await _session(gateway, session_id)
        stored, moved = after.get("unreadCount"), after.get("lastMessageTime")
        is_late = isinstance(moved, int | float) and latest > moved
        if same(before, after) and (look == _LOOKS or not is_late or _is_right(stored, unread)):
            return stored, unread
        await asyncio.sleep(_PAUSE)
    raise _busy(session_id)


async def _session(gateway: Gateway, session_id: SessionId) -> dict[str, Json]:
    raw = await gateway.transport.get(paths.session(session_id))
    if not isinstance(raw, dict):
        raise SessionNotFound.named(session_id)
    return raw


async def _messages(gateway: Gateway, session_id: SessionId) -> tuple[int, int]:
    """How many are unread, and the latest time of any, ms."""
    pager = MessagePager(gateway, session_id, page_size=_PAGE)
    unread = latest = 0
    while True:
        page = await pager.older()
        unread += sum(message.is_unread for message in page)
        latest = max([latest, *(message.timestamp for message in page)])
        if len(page) < _PAGE:
            return unread, latest


def _is_right(stored: Json, unread: int) -> bool:
    return same(stored, unread) or (stored is None and not unread)


def _mismatch(session_id: SessionId, stored: Json, unread: int) -> UnreadCountMismatch:
    counted = stored if is_number(stored) and isinstance(stored, int) else None
    return UnreadCountMismatch(session_id, counted, unread)


def _busy(session_id: SessionId) -> Conflict:
    return Conflict(
        "this conversation was written to all the while its unread messages were counted",
        where=session_id,
        hint="Try again in a moment",
    )
