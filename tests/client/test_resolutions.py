"""What is resolved and reopened, heard apart from what moved."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat
from imbari_chat.client.events.resolutions import resolutions
from imbari_chat.emulator import Emulator
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import InvalidData
from imbari_chat.net.process import LoopGuard
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, SessionChanged
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.strangers import Relay, Stranger
from tests.view.records import NOW

DAY = 86_400_000


class Gateway:
    """An admin's, whose one listener is told what a test gives."""

    def __init__(self, *items: Any, latest: Json = NOW, now_are: Mapping[str, Json] = {}) -> None:
        self.items, self.now_are = items, now_are
        self.latest: Json = {"z": {"resolvedAt": latest}}
        self.transport = self.ids = self.patient = self
        self.place = LoopGuard()
        self.asked: list[str] = []

    def now(self) -> int:
        return NOW

    def listen(self, path: object, query: Any) -> "Gateway":
        self.asked.append(f"{path} {query.start}")
        return self

    async def __aenter__(self) -> "Gateway":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asked.append("closed")

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._all()

    async def _all(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item

    async def get(self, path: Path, query: Query | None = None) -> Json:
        return self.now_are[path[-1]] if query is None else self.latest


def _stored(*resolved: str) -> Changed:
    value: Json = {
        name: {
            "customerName": name, "customerEmail": f"{name}@example.com", "status": "resolved",
            "lastMessageTime": NOW, "resolvedAt": NOW,
        }
        for name in resolved
    }  # fmt: skip
    return Changed(value, None)


async def _told(gateway: Any) -> list[ChatEvent]:
    return [event async for event in resolutions(gateway)]


def _words(events: list[ChatEvent]) -> list[str]:
    return [
        f"{one.session.id}: {one.before.status} {one.session.status}"
        if isinstance(one, SessionChanged)
        else one.state
        for one in events
        if isinstance(one, SessionChanged | ConnectionChanged)
    ]


async def test_it_is_live_once_it_is_known_what_was_resolved_before() -> None:
    """Which is not told; what comes then is, and what goes if it is open again."""
    gateway = Gateway(
        StateChanged("connecting"),
        StateChanged("live"),
        _stored("a", "b", "c"),
        _stored("a", "b", "c", "d"),
        StateChanged("reconnecting", "cut", 1.0),
        StateChanged("live"),
        _stored("d"),
        now_are={"a": {"status": "active"}, "b": None, "c": {"status": "resolved"}},
    )
    events = await _told(gateway)
    assert _words(events) == [
        "connecting", "live", "d: active resolved", "reconnecting", "live", "a: resolved active",
    ]  # fmt: skip
    assert gateway.asked[-1] == "closed"
    assert gateway.asked[0].startswith("/chatSessions ")
    assert str(NOW - DAY) in gateway.asked[0]


async def test_only_what_is_resolved_is_told() -> None:
    """One that was reopened may say still when it was resolved; others fit no contract."""
    reopened: Json = {"customerName": "a", "status": "active", "resolvedAt": NOW}
    value: Json = {"a": reopened, "junk": "junk"}
    gateway = Gateway(_stored(), Changed(value, None), _stored())
    assert await _told(gateway) == []


@pytest.mark.parametrize(
    ("latest", "since"),
    [
        (NOW + DAY, NOW - DAY),
        (NOW - 5 * DAY, NOW - 6 * DAY),
        (NOW - 5 * DAY - 0.5, NOW - 6 * DAY - 1),
        (None, 0),
        ("yesterday", 0),
        (5, 0),
    ],
)
async def test_it_begins_a_day_before_now_by_either_clock(latest: Json, since: int) -> None:
    """This machine's may be days ahead of that which stamps."""
    gateway = Gateway(latest=latest)
    await _told(gateway)
    assert f"value={since}," in gateway.asked[0]


async def test_an_outage_while_it_looks_does_not_end_it(
    emulator: Emulator, flags: dict[str, Any], session: str
) -> None:
    """The service is away when it is asked whether what went was reopened."""
    with Relay(emulator.database_host) as relay:
        through = {**flags, "database_emulator": relay.address, "transport": "rest"}
        async with (
            AsyncAdminChat.from_env(**flags) as other,
            AsyncAdminChat.from_env(**through) as desk,
            aclosing(desk.resolutions()) as events,
            asyncio.timeout(60),
        ):
            await other.resolve(session)
            async for event in events:
                if event == ConnectionChanged("live"):
                    break
            relay.answer = Stranger("away", 503, {"content-type": "text/html"}, "<html>").raw
            reopened = asyncio.ensure_future(anext(events))
            await other.reopen(session)
            while not relay.answered:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.01)
            relay.answer = None
            event = await reopened
            assert isinstance(event, SessionChanged)
            assert not event.session.is_resolved


async def test_a_database_that_answers_nothing_without_an_index_says_what_to_do() -> None:
    """So does one that refuses the first look, before anybody listens."""

    class Refusing(Gateway):
        async def get(self, path: Path, query: Query | None = None) -> Json:
            raise InvalidData("there is no index", where=str(path))

    gateway = Refusing()
    with pytest.raises(InvalidData, match="no index") as caught:
        await _told(gateway)
    assert "rules" in (caught.value.hint or "")
    assert gateway.asked == []


async def test_without_its_index_it_is_refused() -> None:
    """The database would send all there is."""
    with pytest.raises(InvalidData, match="no index") as caught:
        await _told(Gateway(StateChanged("live", "there is no index")))
    assert caught.value.where == "/chatSessions"
    assert "rules deploy" in str(caught.value.hint)
