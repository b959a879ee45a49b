"""Who is there and who types, for commands that look once.

It is a courtesy: it is read beside what was asked for, waited for only briefly, and left out where
the service does not give it.
"""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, TypeVar

from imbari_chat.errors import ImbariError
from imbari_chat.schema.presence import PresenceSnapshot

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.wire.json import Json

__all__ = ["told", "with_presence"]

_PATIENCE: Final = 0.5
"""Seconds that it may take longer than what was asked for."""

T = TypeVar("T")


async def with_presence(
    chat: "AsyncAdminChat", work: Awaitable[T], session_id: str | None = None
) -> tuple[T, PresenceSnapshot]:
    """What ``work`` gives, and who is there.

    Args:
        chat: An admin's chat.
        work: What was asked for. Raises what it raises.
        session_id: In this conversation; by default in all with signs.
    """
    reading = asyncio.ensure_future(chat.read_presence(session_id))
    try:
        done = await work
        await asyncio.wait({reading}, timeout=_PATIENCE)
        try:
            return done, reading.result() if reading.done() else PresenceSnapshot()
        except ImbariError:
            return done, PresenceSnapshot()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def told(presence: PresenceSnapshot, session_id: str) -> "Json":
    """Who is in a conversation, as data."""
    return {
        "customer": presence.of(session_id),
        "customer_typing": presence.is_typing(session_id),
        "team_typing": presence.is_typing(session_id, "admin"),
        "colleagues": [
            {"uid": one.uid, "name": one.name} for one in presence.colleagues(session_id)
        ],
    }
