"""What others' signs say: listened to while somebody wants to know, and told as events.

An admin listens to the newest signs of all conversations at once, so that an inbox costs as much
as one conversation; a customer to who types in their own.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from imbari_chat.engine.effects import Changed
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData
from imbari_chat.logs import get_logger
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.transport import Subscription, Transport
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, MessageAdded
from imbari_chat.schema.models import Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot, Signs, changes
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

__all__ = ["WINDOW", "Watcher", "team_places"]

WINDOW: Final = 100
"""How many conversations with signs of a customer an admin is told of."""

_log = get_logger(__name__)

Hearer = Callable[[ChatEvent], None]


def team_places() -> Mapping[str, tuple[Path, Query | None]]:
    """Where an admin looks, by what stands there in :class:`~schema.presence.Signs`."""
    return {
        "customers": (paths.CUSTOMERS_PRESENT, paths.newest_records(WINDOW)),
        "typing": (paths.TYPING, paths.newest_records(WINDOW)),
        "admins": (paths.ADMINS_PRESENT, None),
    }


class Watcher:
    """Listens for one client.

    Args:
        transport: The way to the database.
        side: Whose client it is.
        now: The server's time, ms.
        refused: Called when the rules do not let it listen.

    Attributes:
        subscriptions: By what is heard on them.
    """

    def __init__(
        self,
        transport: Transport,
        side: Sender,
        now: Callable[[], int],
        refused: Callable[[ImbariError], None],
    ) -> None:
        self._transport = transport
        self._now = now
        self._refused = refused
        self._signs = Signs(side=side)
        self._snapshot = PresenceSnapshot()
        self._hearers: dict[Hearer, None] = {}
        self._places = team_places() if side == "admin" else {}
        self._session_id: SessionId | None = None
        self._tasks = BackgroundTasks("hearing of presence")
        self._timer: asyncio.TimerHandle | None = None
        self._behind: int | None = None
        self.subscriptions: dict[str, Subscription] = {}

    @property
    def snapshot(self) -> PresenceSnapshot:
        """What is known just now; of nobody while nobody is heard."""
        return self._snapshot

    @property
    def own(self) -> set[Path]:
        """Where one's own signs stand, or stood."""
        return self._signs.own

    def look_at(self, session_id: SessionId) -> None:
        """A customer's conversation is this one from now on."""
        places = {"typing": (paths.typing(session_id), None)}
        if places != self._places:
            self._places, self._session_id = places, session_id
            self._stop()
            self._begin()

    def add(self, hearer: Hearer) -> None:
        """Somebody wants to hear; they are told first what is known already. Twice is fine."""
        if hearer in self._hearers:
            return
        self._hearers[hearer] = None
        self._begin()
        for event in changes(PresenceSnapshot(), self._snapshot):
            hearer(event)

    def remove(self, hearer: Hearer) -> None:
        """Somebody has heard enough."""
        self._hearers.pop(hearer, None)
        if not self._hearers:
            self._stop()

    def heard(self, event: MessageAdded) -> None:
        """Somebody has said what they typed."""
        message = event.message
        self._signs.spoke(event.session_id, message.sender, message.timestamp)
        if (event.session_id, message.sender) in self._snapshot.typing:
            self.look()  # nothing else has changed, and looking costs what all signs do

    def typed(self, session_id: SessionId) -> None:
        """It is oneself who types."""
        self._signs.typed(session_id, self._server_time())

    def clock_was_set(self) -> None:
        """The server's time is known better than before."""
        self._behind = None
        self.look()

    def team_was_there(self, session_id: SessionId, at: Json) -> None:
        """When somebody of the team was there last."""
        self._signs.team = session_id, at
        self.look()

    def look(self) -> None:
        """Tell what is different now, and look again when the next sign ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._server_time()
        before, self._snapshot = self._snapshot, self._signs.snapshot(now)
        for event in changes(before, self._snapshot):
            for hearer in list(self._hearers):
                hearer(event)
        due = self._signs.next_change(now)
        if due is not None and self._hearers:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later((due - now) / 1000, self.look)

    def _server_time(self) -> int:
        """The server's time as others' signs tell it, where they do: ms."""
        return max(self._now() - (self._behind or 0), self._signs.newest())

    async def close(self) -> None:
        """Stop."""
        self._hearers.clear()
        tasks = self._tasks
        self._stop()
        await tasks.wait()

    def _begin(self) -> None:
        if self._tasks or not self._hearers:
            return
        for name, (path, query) in self._places.items():
            self._tasks.start(self._follow(name, path, query))

    def _stop(self) -> None:
        self._tasks.cancel()
        self._tasks = BackgroundTasks("hearing of presence")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._signs.customers = self._signs.admins = self._signs.typing = None
        self._snapshot = PresenceSnapshot()

    async def _follow(self, name: str, path: Path, query: Query | None) -> None:
        try:
            async with self._transport.listen(path, query) as subscription:
                self.subscriptions[name] = subscription
                async for item in subscription:
                    if isinstance(item, Changed):
                        self._take(name, item)
        except (AccessDenied, InvalidData) as error:  # refused, or without an index
            self._refused(error)
        except ImbariError as error:  # whoever listens for messages is told the same
            _log.debug("presence is not heard any more: %s", error)

    def _take(self, name: str, change: Changed) -> None:
        """A sign that comes as it is given tells the time: this machine's clock may be wrong."""
        before = self._signs.newest()
        value = change.value
        if self._session_id is not None:
            value = {self._session_id: value}
        setattr(self._signs, name, value)
        newest = self._signs.newest()
        if change.touched is not None and newest > before:
            late = self._now() - newest
            self._behind = late if self._behind is None else min(late, self._behind)
        self.look()
