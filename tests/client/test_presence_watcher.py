"""Who hears what of presence: from signs as they are stored, on a transport of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imbari_chat.client.presence.watcher import Watcher
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData, Unavailable
from imbari_chat.schema.events import ChatEvent, MessageAdded, PresenceChanged, TypingChanged
from imbari_chat.schema.models import Sender
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import EXPIRY, TYPING_EXPIRY
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.view.records import message

NOW = 1_800_000_000_000
AMINA, BRIAN = SessionId("amina"), SessionId("brian")


class Places:
    """A transport: what is listened to, and what a test says of it."""

    def __init__(self, refusal: ImbariError | None = None) -> None:
        self._refusal = refusal
        self.heard: dict[str, asyncio.Queue[Changed]] = {}
        self.asked: list[str] = []

    @asynccontextmanager
    async def listen(
        self, path: Path, query: Query | None = None
    ) -> AsyncIterator[AsyncIterator[Changed | StateChanged]]:
        if self._refusal is not None:
            raise self._refusal
        self.asked.append(str(path))
        queue = self.heard[str(path)] = asyncio.Queue()
        try:
            yield self._items(queue)
        finally:
            del self.heard[str(path)]

    async def _items(
        self, queue: "asyncio.Queue[Changed]"
    ) -> AsyncIterator[Changed | StateChanged]:
        yield StateChanged("live")
        while True:
            yield await queue.get()

    async def says(self, path: str, value: Json, touched: frozenset[str] | None = None) -> None:
        self.heard[path].put_nowait(Changed(value, touched))
        await turns()


async def turns() -> None:
    """Let everybody have their turn."""
    for _ in range(5):
        await asyncio.sleep(0)


class Watched:
    """A watcher, its clock, and what it was refused."""

    def __init__(self, side: Sender = "admin", refusal: ImbariError | None = None) -> None:
        self.now = NOW
        self.places = Places(refusal)
        self.refused: list[ImbariError] = []
        transport: Any = self.places
        self.watcher = Watcher(transport, side, lambda: self.now, self.refused.append)

    @property
    def rings_in(self) -> float | None:
        """Seconds until it looks again by itself."""
        timer = self.watcher._timer
        if timer is None:
            return None
        return timer.when() - asyncio.get_running_loop().time()


def _there(at: int, state: str = "online") -> Json:
    return {AMINA: {"at": at, "connections": {"aa": {"state": state, "at": at}}}}


async def test_as_long_as_somebody_hears_it_is_listened() -> None:
    """Whoever comes later is told what is known, once; after the last nothing is known any more."""
    watched, first, second = Watched(), list[ChatEvent](), list[ChatEvent]()
    hear_first, hear_second = first.append, second.append
    watched.watcher.add(hear_first)
    await turns()
    assert sorted(watched.places.heard) == [
        "/presence/admins", "/presence/customers", "/typing",
    ]  # fmt: skip
    await watched.places.says("/presence/customers", _there(NOW))
    watched.watcher.add(hear_second)
    watched.watcher.add(hear_second)  # whose connection was away
    came = PresenceChanged(AMINA, "customer", "online")
    assert first == second == [came]
    watched.watcher.remove(hear_first)
    await watched.places.says("/presence/customers", None)
    assert (first, second[1:]) == ([came], [PresenceChanged(AMINA, "customer", "gone")])
    await watched.places.says("/presence/customers", _there(NOW))
    assert [watched.rings_in] != [None]
    watched.watcher.remove(hear_second)
    watched.watcher.remove(hear_second)
    await turns()
    assert watched.places.heard == {}
    assert [watched.rings_in] == [None]
    watched.watcher.add(hear_first)
    await turns()
    assert len(watched.places.heard) == 3
    assert first == [came]
    await watched.watcher.close()


async def test_however_many_hear_each_place_is_listened_to_once() -> None:
    """And after the last one anew, without what was there before."""
    watched, told = Watched(), list[ChatEvent]()
    hearers = [lambda _: None, lambda _: None]
    for hearer in hearers:
        watched.watcher.add(hearer)
    await turns()
    assert len(watched.places.asked) == 3
    await watched.places.says("/presence/customers", _there(NOW))
    for hearer in hearers:
        watched.watcher.remove(hearer)
    await turns()
    watched.watcher.add(told.append)
    await turns()
    assert len(watched.places.asked) == 6
    await watched.places.says("/typing", None)
    assert told == []
    await watched.watcher.close()


async def test_it_looks_again_once_and_only_for_somebody() -> None:
    """Whatever was to come when it looked before, or when the last one left."""
    watched = Watched("customer")
    watched.watcher.look_at(AMINA)
    watched.watcher.team_was_there(AMINA, NOW)
    assert watched.rings_in is None
    told: list[ChatEvent] = []
    watched.watcher.add(told.append)
    watched.watcher.team_was_there(AMINA, NOW)
    before = watched.watcher._timer
    watched.watcher.look()
    after = watched.watcher._timer
    assert before is not None
    assert after is not None
    assert (before.cancelled(), after.cancelled()) == (True, False)
    await watched.watcher.close()
    assert after.cancelled()
    told.clear()
    watched.watcher.team_was_there(AMINA, NOW)
    assert (told, watched.rings_in) == ([], None)


async def test_a_sign_ends_by_itself_at_its_time() -> None:
    """By the server's clock, and nobody has to write for that."""
    watched, told = Watched(), list[ChatEvent]()
    watched.watcher.add(told.append)
    await turns()
    await watched.places.says("/presence/customers", _there(NOW - 1000))
    assert watched.rings_in == pytest.approx((EXPIRY - 1000) / 1000, abs=1)
    watched.now = NOW - 1000 + EXPIRY
    watched.watcher.look()
    assert told[1:] == [PresenceChanged(AMINA, "customer", "gone")]
    assert watched.rings_in is None
    await watched.watcher.close()


async def test_what_was_typed_is_over_with_the_message() -> None:
    """At once; a message of somebody who typed nothing is no reason to look."""
    watched, told = Watched(), list[ChatEvent]()
    watched.watcher.add(told.append)
    await turns()
    await watched.places.says("/typing", {AMINA: {"at": NOW, "customer": NOW}})
    assert told == [TypingChanged(AMINA, "customer", True)]
    assert watched.rings_in == pytest.approx(TYPING_EXPIRY / 1000, abs=1)
    watched.now += TYPING_EXPIRY
    watched.watcher.heard(MessageAdded(BRIAN, message("m1", "Hi", timestamp=NOW + 1)))
    assert len(told) == 1  # or it would be over by its time
    watched.now = NOW
    watched.watcher.heard(MessageAdded(AMINA, message("m2", "Hi", timestamp=NOW + 1)))
    assert told[1:] == [TypingChanged(AMINA, "customer", False)]
    await watched.watcher.close()


async def test_it_is_no_colleague_who_types_oneself() -> None:
    """For as long as one's own sign of it lasts, in that conversation."""
    watched, told = Watched(), list[ChatEvent]()
    watched.watcher.add(told.append)
    await turns()
    watched.watcher.typed(AMINA)
    watched.now += 1000
    sign: Json = {"at": watched.now, "team": watched.now}
    await watched.places.says("/typing", {AMINA: sign, BRIAN: sign}, frozenset({AMINA, BRIAN}))
    assert told == [TypingChanged(BRIAN, "admin", True)]
    watched.now = NOW + TYPING_EXPIRY
    watched.watcher.look()
    assert told[1:] == [TypingChanged(AMINA, "admin", True)]
    await watched.watcher.close()


async def test_a_sign_as_it_is_given_tells_the_time() -> None:
    """This machine's clock is an hour ahead; what was there before says nothing of it."""
    watched, told = Watched(), list[ChatEvent]()
    watched.now = NOW + 3_600_000
    watched.watcher.add(told.append)
    await turns()
    await watched.places.says("/presence/customers", _there(NOW))
    for at in (NOW, NOW - 1):  # what is no later may have been taken away, or another's
        await watched.places.says("/presence/customers", _there(at), frozenset({AMINA}))
    assert told == []
    await watched.places.says("/presence/customers", _there(NOW + 1), frozenset({AMINA}))
    assert told == [PresenceChanged(AMINA, "customer", "online")]
    watched.watcher.clock_was_set()
    assert told[1:] == [PresenceChanged(AMINA, "customer", "gone")]
    await watched.watcher.close()


async def test_a_customer_hears_of_their_own_conversation_alone() -> None:
    """Of another one once they look at that; the team is one."""
    watched, told = Watched("customer"), list[ChatEvent]()
    watched.watcher.add(told.append)
    await turns()
    assert watched.places.heard == {}
    watched.watcher.look_at(AMINA)
    await turns()
    await watched.places.says("/typing/amina", {"at": NOW, "team": NOW})
    watched.watcher.team_was_there(AMINA, NOW)
    came = [TypingChanged(AMINA, "admin", True), PresenceChanged(AMINA, "admin", "online")]
    assert told == came
    watched.watcher.look_at(AMINA)
    await turns()
    assert watched.watcher.snapshot.is_typing(AMINA, "admin")
    watched.watcher.look_at(BRIAN)
    await turns()
    assert list(watched.places.heard) == ["/typing/brian"]
    assert not watched.watcher.snapshot.is_typing(AMINA, "admin")
    await watched.watcher.close()
    assert watched.places.heard == {}


async def test_of_a_conversation_that_is_looked_at_nothing_is_asked_until_somebody_hears() -> None:
    """And nothing any more once nobody does."""
    watched, told = Watched("customer"), list[ChatEvent]()
    hear = told.append
    watched.watcher.look_at(AMINA)
    await turns()
    assert watched.places.heard == {}
    watched.watcher.add(hear)
    await turns()
    assert list(watched.places.heard) == ["/typing/amina"]
    watched.watcher.remove(hear)
    watched.watcher.look_at(BRIAN)
    await turns()
    assert watched.places.heard == {}
    await watched.watcher.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [(AccessDenied("no"), 3), (InvalidData("no index"), 3), (Unavailable("away"), 0)],
)
async def test_only_a_refusal_is_told(error: ImbariError, told: int) -> None:
    """Each time that somebody asks; of an outage those are told who listen for messages."""
    watched = Watched(refusal=error)
    watched.watcher.add(lambda _: None)
    await turns()
    assert watched.refused == [error] * told
    watched.watcher.add(lambda _: None)
    await turns()
    assert watched.refused == [error] * told * 2
    await watched.watcher.close()
