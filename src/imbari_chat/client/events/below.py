"""What is new in a conversation and stands below the window that is listened to.

A browser whose clock is slow stamps its messages in the past. In a window that is full of later
ones they are never shown, but the session tells of each: of its text, and of its time. So once a
window is full its session is followed as well, where the client's inbox shows it or by a listener
of its own, and what it names is looked for where its time stands below.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.client.events.new_messages import last_of, named, stamped
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.effects import Changed
from imbari_chat.errors import ImbariError
from imbari_chat.logs import get_logger
from imbari_chat.net.background import in_background
from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import MessageAdded
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json

__all__ = ["BelowTheWindow"]

_FEW: Final = 10
_log = get_logger(__name__)


class BelowTheWindow:
    """Tells of each message that the session names and the window does not reach, once.

    Args:
        gateway: Where messages are read.
        session_id: The conversation's.
        diff: What the window shows.
        tell: Given these.
    """

    def __init__(
        self,
        gateway: Gateway,
        session_id: SessionId,
        diff: MessageDiff,
        tell: Callable[[MessageAdded], None],
    ) -> None:
        self._gateway = gateway
        self._session_id = session_id
        self._diff = diff
        self._tell = tell
        self._before: Json = None
        self._told: set[str] = set()
        self._listening: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Listen from now on, if there may be anything below."""
        if self._listening is None and self._diff.is_full:
            self._listening = in_background(self._listen(), "hearing what is below the window")

    def has_told(self, message: Message) -> bool:
        """Whether what the window gives now has been told from here."""
        return message.id in self._told

    async def close(self) -> None:
        """Stop."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def _listen(self) -> None:
        place = paths.session(self._session_id)
        try:
            async with aclosing(self._gateway.inbox.follow(self._session_id)) as shown:
                async for raw in shown:
                    await self._look(raw)
            async with self._gateway.transport.listen(place) as subscription:
                async for item in subscription:
                    if isinstance(item, Changed):
                        await self._look(item.value)
        except ImbariError as error:  # whoever listens for messages is told the same
            _log.debug("the session is not listened to any more: %s", error)

    async def _look(self, raw: Json) -> None:
        before = self._before
        if not isinstance(before, dict) or not isinstance(raw, dict):
            self._before = raw
            return
        # Nearly always it is a message that the window shows, and then no record need be made.
        time = raw.get("lastMessageTime")
        if isinstance(time, int | float) and not self._diff.may_miss(time):
            # A dashboard may write the text first, and then the time.
            if before.get("lastMessageTime") != time:
                self._before = raw
            return
        await self._look_below(before, raw)

    async def _look_below(self, stored_before: Json, raw: Json) -> None:
        before = decode.session(self._session_id, stored_before).record
        session = decode.session(self._session_id, raw).record
        if before is None or session is None:
            self._before = raw
            return
        if last_of(before) == last_of(session):
            return
        gateway = self._gateway
        newest = await gateway.newest(gateway.patient, self._session_id, _FEW, enough=_FEW)
        await newest.look_at(session.last_message_time, _FEW)
        messages = [*newest.lower, *newest.timely, *newest.ahead]
        new = named(session, messages) - named(before, messages)
        new |= stamped(session, messages) - stamped(before, messages)
        new -= self._told | self._diff.left.keys()
        self._before = raw
        for message in messages:
            if message.id in new and self._diff.is_below(message):
                self._told.add(message.id)
                self._tell(MessageAdded(self._session_id, message))
