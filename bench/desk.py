"""S22: the desk with ten thousand conversations and ten thousand messages open.

Drawn without a terminal: from a key to the rows that it leaves, at 140 by 40.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import replace
from typing import Any, Final, cast

from bench.row import Row, Target
from imbari_chat.desk.app import Desk
from imbari_chat.desk.transcript import Transcript
from imbari_chat.schema.events import ChatEvent, ConnectionChanged
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.teamwork import TeamSnapshot
from imbari_chat.view.inbox import Conversation, Inbox
from imbari_chat.view.listing import Listing

__all__ = ["rows"]

_MANY: Final = 10_000
_KEYS: Final = 20
_NOW: Final = 1_790_000_000_000


def rows() -> Iterator[Row]:
    """S22: a key in the list, a character in the reply, a page of the history; the first paint."""
    for what, took, limit in asyncio.run(_measured()):
        yield Row("S22", what, "ms", took, None, "a bound", Target("<=", limit, of="ours"))


class _Silent:
    """A chat, and its team, that say nothing."""

    uid = None
    account = None

    @property
    def team(self) -> "_Silent":
        return self

    def open(self, _session_id: str, **_options: bool) -> "_Silent":
        return self

    def browse(self, **_options: int) -> "_Silent":
        return self

    async def older(self) -> list[Session]:
        return []

    async def history(self, **_options: int) -> list[Message]:
        return []

    async def follow(self) -> AsyncGenerator[TeamSnapshot, None]:
        yield TeamSnapshot()
        await asyncio.Event().wait()

    async def session_ids(self) -> frozenset[str]:
        return frozenset(f"s{number:05}" for number in range(_MANY))

    async def drop(self, _message_id: str) -> None:
        """Nothing waits."""

    async def show(self) -> None:
        """Nobody is there to see it."""

    async def resolutions(self) -> AsyncGenerator[ChatEvent, None]:
        yield ConnectionChanged("live")

    async def events(self, **_options: int) -> AsyncGenerator[ChatEvent, None]:
        yield ConnectionChanged("live")
        await asyncio.Event().wait()


async def _measured() -> list[tuple[str, float, float]]:
    begin = time.perf_counter()
    app = Desk(cast("Any", _Silent()), Listing(shown="all"))
    sessions = {one.id: one for one in map(_session, range(_MANY))}
    app.store.change(lambda _: Inbox(sessions=sessions))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        first = ("desk: first paint, imports apart", (time.perf_counter() - begin) * 1000, 600.0)
        in_list = await _key_to_screen(app, "down", lambda: app.store.listing.selected)
        said = tuple(map(_message, range(_MANY)))
        opened = Conversation(_session(0), messages=said, connection=ConnectionChanged("live"))
        app.store.change(lambda state: replace(state, conversation=opened))
        app.action_other_pane()
        await pilot.pause()
        in_reply = await _key_to_screen(app, "a", lambda: app.store.state.draft)
        transcript = app.query_one(Transcript)
        in_history = await _key_to_screen(app, "pageup", lambda: transcript.below)
    keys = {"list": in_list, "reply": in_reply, "history": in_history}
    return [first, *((f"desk: a key in the {place}", took, 50.0) for place, took in keys.items())]


async def _key_to_screen(app: Desk, key: str, effect: Callable[[], object]) -> float:
    """Median milliseconds from a key until its effect has been drawn."""
    times = []
    for _ in range(_KEYS):
        before, start = effect(), time.perf_counter()
        app.simulate_key(key)
        async with asyncio.timeout(10):
            while effect() == before:  # noqa: ASYNC110  # what is measured gives no signal
                await asyncio.sleep(0)
            drawn = asyncio.Event()
            app.call_after_refresh(drawn.set)
            await drawn.wait()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _session(number: int) -> Session:
    raw = {ID_FIELD: f"s{number:05}", "customerName": f"Customer {number}",
           "lastMessage": "Is it open?", "lastMessageTime": _NOW - number}  # fmt: skip
    return Session.model_validate(raw)


def _message(number: int) -> Message:
    raw = {ID_FIELD: f"m{number:05}", "text": f"Message {number} " * 5, "from": "customer",
           "timestamp": _NOW + number * 1000, "read": True}  # fmt: skip
    return Message.model_validate(raw)
