"""Presence of one client: what it says of itself, and what it is told of others.

Whatever goes wrong here concerns nothing else: what cannot be said is tried again at leisure, and
where the rules know nothing of presence it is off, which ``status`` says.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from imbari_chat.client.presence.announcer import Announcer, Pace
from imbari_chat.client.presence.watcher import Watcher, team_places
from imbari_chat.client.sending.ids import Ids
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData
from imbari_chat.logs import get_logger
from imbari_chat.net.background import BackgroundTasks
from imbari_chat.net.transport import Subscription, Transport
from imbari_chat.schema import paths
from imbari_chat.schema.events import ChatEvent, MessageAdded
from imbari_chat.schema.models import Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import (
    AdminSign,
    CustomerSign,
    PresenceSnapshot,
    Sign,
    Signs,
    types,
)
from imbari_chat.wire.json import Json, is_number
from imbari_chat.wire.paths import Path, illegal_in_key

__all__ = ["IDLE", "ClientPresence"]

IDLE: Final = 300.0
"""Seconds after which a customer who does nothing counts as away."""

_TYPING_INTERVAL: Final = 3.0
"""Seconds between two signs that somebody types: one that is late still comes before the first
ends."""

_log = get_logger(__name__)


class ClientPresence:
    """See the module.

    Args:
        transport: The way to the database.
        ids: Knows the server's time.
        side: Whose client it is.
        enabled: Whether anything is said or heard at all.
        name: What colleagues are to call an admin.
        pace: When signs are given.
        idle: Seconds after which a customer who does nothing is away.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Ids,
        side: Sender = "admin",
        *,
        enabled: bool = False,
        name: str | None = None,
        pace: Pace | None = None,
        idle: float = IDLE,
    ) -> None:
        self._transport = transport
        self._ids = ids
        self._side: Sender = side
        self._name = name
        self._idle = idle
        self._enabled = enabled
        self._refusal: ImbariError | None = None
        self._watcher = Watcher(transport, side, ids.now, self._refused)
        self._announcer = Announcer(
            transport,
            pace or Pace(),
            clock=ids.local,
            giving=self._watcher.own.add,
            given=self._given,
            refused=self._refused,
        )
        self._sign: Sign | None = None
        self._stamped: Path | None = None
        self._at_desk = False
        self._opened: list[SessionId] = []
        self._idle_timer: asyncio.TimerHandle | None = None
        self._typed_at: dict[SessionId, float] = {}
        self._tasks = BackgroundTasks("presence")

    @property
    def is_on(self) -> bool:
        """Whether anything is said and heard: switched on, and not refused by the rules."""
        return self._enabled and self._refusal is None

    @property
    def state(self) -> Literal["on", "off", "refused"]:
        """``refused`` if the rules know nothing of presence."""
        return "refused" if self._refusal is not None else "on" if self._enabled else "off"

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What is listened to for presence alone."""
        own = self._announcer.subscription
        return (*self._watcher.subscriptions.values(), *(() if own is None else (own,)))

    @property
    def snapshot(self) -> PresenceSnapshot:
        """Who is there, as far as anybody listens."""
        return self._watcher.snapshot

    def watch(self, hearer: Callable[[ChatEvent], None]) -> None:
        """Tell ``hearer`` of others from now on, beginning with what is known."""
        if self.is_on:
            self._watcher.add(hearer)

    def unwatch(self, hearer: Callable[[ChatEvent], None]) -> None:
        """``hearer`` has heard enough."""
        self._watcher.remove(hearer)

    def heard(self, event: MessageAdded) -> None:
        """A message came, which says more than that somebody typed."""
        if self.is_on:
            self._watcher.heard(event)

    async def read(self, session_id: SessionId | None = None) -> PresenceSnapshot:
        """Look once: at one conversation, or at all that have signs. Empty where that is refused.

        Raises:
            ImbariError: There is no answer.
        """
        if not self.is_on:
            return PresenceSnapshot()
        places = dict(team_places())
        if session_id is not None:
            places["customers"] = Path((*paths.CUSTOMERS_PRESENT, session_id)), None
            places["typing"] = paths.typing(session_id), None
        try:
            found = await asyncio.gather(
                *(self._transport.get(path, query) for path, query in places.values())
            )
        except (AccessDenied, InvalidData) as error:  # refused, or without an index
            self._refusal = error
            return PresenceSnapshot()
        by_name: dict[str, Json] = dict(zip(places, found, strict=True))
        if session_id is not None:
            for name in ("customers", "typing"):
                by_name[name] = {session_id: by_name[name]}
        signs = Signs(
            by_name["customers"], by_name["admins"], by_name["typing"], own=self._watcher.own
        )
        return signs.snapshot(max(self._ids.now(), signs.newest()))

    def shown(self, session_id: SessionId) -> None:
        """The customer has the conversation in front of them."""
        self._say_of_customer(CustomerSign(session_id, "online"))

    def hidden(self, session_id: SessionId) -> None:
        """The customer has minimised it."""
        self._say_of_customer(CustomerSign(session_id, "away"))

    def sat_down(self) -> None:
        """The admin is at the desk."""
        self._at_desk = True
        self._say_of_admin()

    def got_up(self) -> None:
        """The admin is not, though a conversation may be open."""
        self._at_desk = False
        self._say_of_admin()

    def opened(self, session_id: SessionId) -> None:
        """The admin has a conversation open."""
        self._opened.append(session_id)
        self._say_of_admin()

    def closed(self, session_id: SessionId) -> None:
        """Not any more."""
        if session_id in self._opened:
            self._opened.remove(session_id)
            self._say_of_admin()

    def spoke(self, session_id: SessionId) -> None:
        """A message is sent from here: what is typed next is something new."""
        self._typed_at.pop(session_id, None)
        self._touched()

    def types(self, session_id: SessionId) -> None:
        """Something is being typed here. Others are told every few seconds at most."""
        self._touched()
        loop = asyncio.get_running_loop()
        before = self._typed_at.get(session_id)
        if not self.is_on or (before is not None and loop.time() - before < _TYPING_INTERVAL):
            return
        self._typed_at[session_id] = loop.time()
        self._watcher.typed(session_id)
        self._tasks.start(self._write_typing(session_id))

    async def close(self) -> None:
        """Say that one is gone, and hear no more."""
        self._enabled = False
        await self._tasks.close()
        await self._end()

    async def _end(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        await self._watcher.close()
        await self._announcer.close()

    def _say_of_customer(self, sign: CustomerSign) -> None:
        if isinstance(self._sign, CustomerSign) and self._sign.session_id != sign.session_id:
            self._refusal = None  # that of a conversation that is gone says nothing of another
        if self.is_on:
            self._watcher.look_at(sign.session_id)
            self._say(sign)

    def _say_of_admin(self) -> None:
        if not self.is_on:
            return
        if not self._at_desk and not self._opened:
            self._say(None)
            return
        self._tasks.start(self._say_as_admin())

    async def _say_as_admin(self) -> None:
        """Under one's uid, which is known once it is known who is asking."""
        try:
            await self._transport.open()
        except ImbariError as error:
            _log.debug("nobody is there to be said to be: %s", error)
            return
        uid = self._transport.uid or "service"
        if illegal_in_key(uid) is None and (self._at_desk or self._opened):
            self._say(AdminSign(uid, self._name, self._opened[-1] if self._opened else None))

    def _say(self, sign: Sign | None) -> None:
        if not self.is_on:
            return
        self._sign = sign
        self._announcer.say(sign)
        self._touched()

    def _touched(self) -> None:
        """A customer does something: not idle, for a while."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self.is_on and isinstance(self._sign, CustomerSign) and self._sign.presence == "online":
            self._announcer.say(self._sign)
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._idle, self._idled, self._sign)

    def _idled(self, sign: CustomerSign) -> None:
        self._announcer.say(replace(sign, presence="away"))

    def _given(self, place: Path, made: int) -> None:
        """One's own sign stands: the server stamped it, which says what its clock shows."""
        is_new = place != self._stamped
        self._stamped = place
        self._tasks.start(self._look_back(place if is_new else None, made, self._sign))

    async def _look_back(self, place: Path | None, made: int, sign: Sign | None) -> None:
        try:
            if place is not None:
                stamp = await self._transport.get(place / "at")
                if is_number(stamp):
                    assert isinstance(stamp, int | float)
                    self._ids.stamped(int(stamp), made=made)
                    self._watcher.clock_was_set()
            if isinstance(sign, CustomerSign):
                at = await self._transport.get(paths.TEAM_PRESENT)
                self._watcher.team_was_there(sign.session_id, at)
        except ImbariError as error:
            _log.debug("presence was not looked at: %s", error)

    async def _write_typing(self, session_id: SessionId) -> None:
        try:
            await self._transport.update(types(session_id, self._side))
        except ImbariError as error:  # a colleague was faster, or there is no network
            _log.debug("nobody is told of typing: %s", error)

    def _refused(self, error: ImbariError) -> None:
        """The rules know nothing of presence, or not of this one's."""
        if self._refusal is None:
            self._refusal = error
            _log.warning("presence is off: the rules refuse it; deploy database.rules.json")
            self._tasks.start(self._end())
