"""One's own sign of life: given, renewed, and taken away at the end, also by the service.

Each connection has a place of its own, so that the end of a former one, which the service may
notice late, takes nothing away from the next. Over a lasting connection the service is first asked
to remove the sign and told it only then; without one the sign ages out.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from imbari_chat.engine.effects import StateChanged
from imbari_chat.errors import AccessDenied, ImbariError
from imbari_chat.logs import get_logger
from imbari_chat.net.background import in_background
from imbari_chat.net.notifier import Notifier
from imbari_chat.net.transport import Subscription, Transport
from imbari_chat.schema.presence import MIN_INTERVAL, RENEWAL, Sign
from imbari_chat.wire.paths import Path

__all__ = ["Announcer", "Pace"]

_log = get_logger(__name__)

_PLACES = 256
"""How many connections the rules let one person have."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When a sign is given, in seconds.

    Attributes:
        interval: Between two signs, counted from the answer to the first.
        renewal: After which a sign is given again, though nothing changed.
        retry: After one that failed.
        refusals: So many in a row mean that the rules refuse for good. Fewer may come of another
            window of the same person that was faster.
        farewell: What taking it away may take when one leaves.
    """

    interval: float = MIN_INTERVAL
    renewal: float = RENEWAL
    retry: float = 3.0
    refusals: int = 3
    farewell: float = 0.3


class Announcer:
    """Gives the sign that was asked for last, for as long as one is.

    Args:
        transport: The way to the database.
        pace: When.
        clock: This machine's, ms.
        giving: Called before each sign, with its place: it may be heard before it is answered.
        given: Called after each sign that was taken, with its place and when it was sent.
        refused: Called once, when the rules refuse for good.

    Attributes:
        subscription: By which it is told when the connection is another.
    """

    def __init__(
        self,
        transport: Transport,
        pace: Pace,
        *,
        clock: Callable[[], int],
        giving: Callable[[Path], None],
        given: Callable[[Path, int], None],
        refused: Callable[[AccessDenied], None],
    ) -> None:
        self._transport = transport
        self.subscription: Subscription | None = None
        self._clock = clock
        self._pace = pace
        self._giving = giving
        self._given = given
        self._refused = refused
        self._wanted: Sign | None = None
        self._said: Sign | None = None
        self._place: Path | None = None
        self._connection = secrets.randbelow(_PLACES)
        self._is_armed = False
        self._is_offline = False
        self._failures = self._refusals = 0
        self._not_before = 0.0
        self._renew_at = 0.0
        self._notifier = Notifier()
        self._running: asyncio.Task[None] | None = None
        self._following: tuple[Path, asyncio.Task[None]] | None = None

    def say(self, sign: Sign | None) -> None:
        """From now on this; None takes away what was said."""
        self._wanted = sign
        if sign is not None and self._running is None:
            self._running = in_background(self._run(), "saying presence")
        self._notifier.notify()

    async def close(self) -> None:
        """Take away what was said, if that can be done quickly, and stop.

        What is said from now on begins anew, also while that is still being done.
        """
        running, self._running, self._wanted = self._running, None, None
        place, self._place, self._said = self._place, None, None
        self._failures = self._refusals = 0
        await self._unfollow()
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if place is not None and not self._is_offline:
            try:
                async with asyncio.timeout(self._pace.farewell):
                    await self._transport.update({place: None})
            except (ImbariError, TimeoutError) as error:
                _log.debug("a sign of presence is left to age out: %s", error)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._until_due(loop)
            try:
                await self._give(self._wanted)
            except ImbariError as error:
                _log.debug("a sign of presence was not given: %s", error)
                if isinstance(error, AccessDenied):
                    self._refusals += 1
                    if self._refusals >= self._pace.refusals:
                        self._refused(error)
                        return
                pause = max(self._pace.retry * 2**self._failures, error.retry_after or 0.0)
                self._failures = min(self._failures + 1, 10)
                self._not_before = loop.time() + min(pause, self._pace.renewal)
            else:
                self._failures = self._refusals = 0
                self._not_before = loop.time() + self._pace.interval
                self._renew_at = loop.time() + self._pace.renewal

    async def _until_due(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until there is something to say, and it may be said."""
        while True:
            await self._notifier.until(lambda: not self._is_offline)
            now = loop.time()
            if self._not_before > now:
                await asyncio.sleep(self._not_before - now)
            elif self._is_news or (self._said is not None and self._renew_at <= now):
                return
            else:
                left = None if self._said is None else self._renew_at - now
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._notifier.until(lambda: self._is_news)

    @property
    def _is_news(self) -> bool:
        """Whether something else is to be said, or what was said does not end with the connection
        of just now, though it could."""
        if self._wanted is None:
            return self._place is not None  # also if nobody knows whether it was given there
        can_end = self._transport.on_disconnect is not None
        return self._wanted != self._said or (can_end and not self._is_armed)

    async def _give(self, sign: Sign | None) -> None:
        former = self._place
        if sign is None:
            assert former is not None  # or it is no news
            await self._transport.update({former: None})
            self._place = self._said = None
            return
        await self._transport.open()
        at_the_end = self._transport.on_disconnect
        place = sign.place(self._key)
        if at_the_end is not None and (not self._is_armed or place != former):
            self._connection += 1
            place = sign.place(self._key)
            await self._follow(place.parent)
            self._is_armed = True  # until the connection is said to be lost
            await at_the_end.set(place, None)
        changes = sign.changes(self._key)
        if former is not None and former != place:
            changes[former] = None
        self._place, made = place, self._clock()
        self._giving(place)
        try:
            await self._transport.update(changes)
        except AccessDenied:
            # All or nothing; of a conversation that may be gone nothing can be taken away.
            if former is None or former.parent != place.parent:
                former = self._said = None
            self._place = former
            raise
        self._said = sign
        self._given(place, made)

    @property
    def _key(self) -> str:
        return f"{self._connection % _PLACES:02x}"

    async def _follow(self, place: Path) -> None:
        """Be told when the connection is another: by listening where one may."""
        if self._following is not None and self._following[0] == place:
            return
        await self._unfollow()
        task = in_background(self._hear(place), "hearing of presence")
        self._following = place, task

    async def _unfollow(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following[1].cancel()
            await asyncio.gather(following[1], return_exceptions=True)

    async def _hear(self, place: Path) -> None:
        try:
            async with self._transport.listen(place) as subscription:
                self.subscription = subscription
                async for item in subscription:
                    if isinstance(item, StateChanged) and item.state == "reconnecting":
                        self._is_armed, self._is_offline = False, True
                    elif isinstance(item, StateChanged) and item.state == "live":
                        self._is_offline = False
                        self._notifier.notify()
        except ImbariError as error:
            _log.debug("the connection of a sign of presence is not followed: %s", error)
            self._is_offline = False
            self._notifier.notify()
