"""Sessions whose last message has no time that counts: half a millisecond, a text, nothing."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Final

import pytest

from imbari_chat import AsyncAdminChat, ConnectionChanged, MessageAdded
from imbari_chat.wire.json import Json

Seed = Callable[[str, Any], None]

MALFORMED: Final[list[Json]] = [0, 12.5, "soon", {"a": 1}, True, None]
DAY: Final = 86_400_000


def _now() -> int:
    return time.time_ns() // 1_000_000


def _session(last: Json) -> dict[str, Json]:
    return {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "lastMessage": "Hello",
        "lastMessageTime": last,
        "unreadCount": 0,
        "status": "active",
    }


def _messages(count: int, last: int) -> dict[str, Json]:
    return {
        f"-M{last - n}": {"text": f"old {n}", "from": "customer", "timestamp": last - n}
        for n in range(count)
    }


async def _news(desk: AsyncAdminChat, seed: Seed, session_id: str, limit: int) -> list[str]:
    """What an inbox of so many calls new when the session moves, up to that."""
    heard: list[str] = []
    async with asyncio.timeout(60), aclosing(desk.events(limit=limit)) as events:
        async for event in events:
            if event == ConnectionChanged("live"):
                now = _now()
                new = {"text": "new", "from": "customer", "timestamp": now}
                seed(f"/messages/{session_id}/-N{now}", new)
                seed(f"/chatSessions/{session_id}", {**_session(now), "lastMessage": "new"})
            if isinstance(event, MessageAdded):
                heard.append(event.message.text)
                if event.message.text == "new":
                    return heard
    raise AssertionError("the stream has ended")


@pytest.mark.parametrize("last", MALFORMED, ids=repr)
async def test_a_session_without_a_time_does_not_make_its_past_new(
    desk: AsyncAdminChat, seed: Seed, last: Json
) -> None:
    """When the website gives it one, what came with that is news, and nothing before."""
    seed("/chatSessions/s", _session(last))
    seed("/messages/s", _messages(30, _now() - DAY))
    assert await _news(desk, seed, "s", limit=50) == ["new"]


async def test_half_a_millisecond_at_the_end_of_the_inbox_makes_no_past_new(
    desk: AsyncAdminChat, seed: Seed
) -> None:
    """What comes into a full window is new since the time at which the window ended."""
    now = _now()
    for n in range(3):
        seed(f"/chatSessions/s{n}", _session(now - n - 0.5))
    seed("/chatSessions/below", _session(now - DAY))
    seed("/messages/below", _messages(30, now - DAY))
    assert await _news(desk, seed, "below", limit=3) == ["new"]


@pytest.mark.parametrize("ahead", [0, 2])
async def test_the_list_hides_no_session_for_its_time(
    desk: AsyncAdminChat, seed: Seed, ahead: int
) -> None:
    """Nor does it fill up with those that stand first by a time that is none."""
    now = _now()
    for n, last in enumerate(MALFORMED):
        seed(f"/chatSessions/m{n}", _session(last))
    for n in range(ahead):
        seed(f"/chatSessions/ahead{n}", _session(now + DAY + n))
    for n in range(3):
        seed(f"/chatSessions/timely{n}", _session(now - n))
    everybody = len(MALFORMED) + ahead + 3
    for limit in (50, everybody):
        found = [one.id for one in await desk.sessions(limit=limit)]
        assert found == [one.id async for one in desk.browse()]
        assert len(found) == everybody
    for limit in range(1, everybody):
        shown = [one.id for one in await desk.sessions(limit=limit)]
        assert len(shown) == limit
        timely = [one for one in shown if one.startswith("timely")]
        assert timely == [f"timely{n}" for n in range(min(3, limit - limit // 2))]
