"""What the inbox shows of conversations that are followed as well.

Each of many windows would have to listen to its session. A client that follows the inbox is sent
all these anyway: who listens once more to the same shares that listen of the server, and over REST
it is one connection instead of one for each.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from imbari_chat.engine.effects import Changed
from imbari_chat.engine.mirror import children
from imbari_chat.errors import ImbariError
from imbari_chat.logs import get_logger
from imbari_chat.net.background import in_background
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.transport import Transport
from imbari_chat.schema import paths
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.query import Query

__all__ = ["InboxSessions"]

_MOST_UNREAD: Final = 1_000
"""States of a session that are kept for who is busy with an earlier one; the oldest goes."""

_log = get_logger(__name__)


class InboxSessions:
    """The sessions that an inbox shows, each for who follows it.

    Attributes:
        window: What the client's inbox listens to; None as long as it has none, and then nothing is
            shown.
    """

    def __init__(self, transport: Transport) -> None:
        self.window: Query | None = None
        self._transport = transport
        self._shown: Mapping[str, Json] | None = None
        self._followers: set[_Follower] = set()
        self._listening: asyncio.Task[None] | None = None

    async def follow(self, session_id: SessionId) -> AsyncGenerator[Json, None]:
        """A session as it is, and whenever it may be another; ends when the inbox shows it no more.

        That may be at once: one that has not moved for long stands below the inbox's window.
        """
        if self.window is None:
            return
        follower = _Follower(session_id)
        self._followers.add(follower)
        if self._listening is None:
            work = self._listen(self.window)
            self._listening = in_background(work, "hearing of the inbox's sessions")
        elif self._shown is not None:
            follower.take(self._shown)
        try:
            while (raw := await follower.next()) is not None:
                yield raw
        finally:
            self._followers.remove(follower)
            if not self._followers:
                await self._stop()

    async def _listen(self, window: Query) -> None:
        try:
            async with self._transport.listen(paths.SESSIONS, window) as subscription:
                async for item in subscription:
                    if isinstance(item, Changed):
                        self._shown = children(item.value)
                        for one in self._followers:
                            if item.touched is None or one.session_id in item.touched:
                                one.take(self._shown)
        except ImbariError as error:  # whoever follows the inbox is told the same
            _log.debug("the inbox shows no sessions any more: %s", error)
        finally:
            if self._listening is asyncio.current_task():  # or else those are another's who follow
                self._listening = self._shown = None
                for one in self._followers:
                    one.take({})

    async def _stop(self) -> None:
        if self._listening is not None:
            listening, self._listening, self._shown = self._listening, None, None
            listening.cancel()
            await asyncio.wait({listening})


class _Follower:
    """Somebody who follows a session, and what it has not read of that yet."""

    __slots__ = ("_notifier", "_unread", "session_id")

    def __init__(self, session_id: SessionId) -> None:
        self.session_id = session_id
        self._unread: deque[Json] = deque(maxlen=_MOST_UNREAD)
        self._notifier = Notifier()

    def take(self, shown: Mapping[str, Json]) -> None:
        """This is what the inbox shows now."""
        self._unread.append(shown.get(self.session_id))
        self._notifier.notify()

    async def next(self) -> Json:
        """The session; None if it is not shown."""
        await self._notifier.until(lambda: self._unread)
        return self._unread.popleft()
