"""What is resolved and reopened, heard apart from what moved."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from imbari_chat.client.events.resolutions import resolutions
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import InvalidData
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, SessionChanged
from imbari_chat.schema.models import Session
from imbari_chat.wire.json import Json
from tests.view.records import NOW, session

DAY = 86_400_000


class Gateway:
    """An admin's, whose one listener is told what a test gives."""

    def __init__(self, *items: Any, now_are: dict[str, Session | None] | None = None) -> None:
        self.items, self.now_are = items, now_are or {}
        self.transport = self.ids = self
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

    async def session(self, session_id: str) -> Session | None:
        return self.now_are[session_id]


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
        now_are={"a": session("a"), "b": None, "c": session("c", status="resolved")},
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


async def test_without_its_index_it_is_refused() -> None:
    """The database would send all there is."""
    with pytest.raises(InvalidData, match="no index") as caught:
        await _told(Gateway(StateChanged("live", "there is no index")))
    assert caught.value.where == "/chatSessions"
    assert "rules deploy" in str(caught.value.hint)
